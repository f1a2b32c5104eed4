//! The whole state at one revision, so that opening need not replay every event that ever was.

use serde::{Deserialize, Serialize};

use crate::journal::Revision;

/// The state after the event of its revision. What is inside is for an enforcer of the same version to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub(crate) revision: Revision,
    pub(crate) state: State,
}

impl Snapshot {
    /// The revision of the newest event that it contains.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {}
