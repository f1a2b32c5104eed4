//! What a journal holds: the ledger's acts, of which its state is the fold.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::{OperatorId, Revision};
use crate::record::ConsentRecord;

/// One act on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// Consent was given, refused or withdrawn.
    Recorded(#[serde(with = "shared")] Arc<ConsentRecord>),
    /// An operator declared the clock's reading right, so that time may go back to it.
    ClockAccepted(ClockAccepted),
}

/// An operator's confirmation of the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClockAccepted {
    /// Its place among the ledger's acts.
    pub revision: Revision,
    /// The reading that was accepted, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Who accepted it.
    pub by: OperatorId,
    /// Why.
    pub reason: String,
}

impl Event {
    /// Its place among the ledger's acts.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Recorded(record) => record.revision,
            Self::ClockAccepted(accepted) => accepted.revision,
        }
    }

    /// When it happened, by the ledger's reading of its clock.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        match self {
            Self::Recorded(record) => record.at,
            Self::ClockAccepted(accepted) => accepted.at,
        }
    }
}

/// A shared record is written like an unshared one.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}
