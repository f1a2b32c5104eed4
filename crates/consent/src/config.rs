//! What an operator can set.

use serde::{Deserialize, Serialize};

/// The configuration of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ConsentConfig {
    /// Whether what no record permits is denied; `true` unless set. With `false` the gate is *permissive*: it allows
    /// whatever was never refused or withdrawn, and flags each decision that it makes so.
    pub default_deny: bool,
}

impl Default for ConsentConfig {
    fn default() -> Self {
        Self { default_deny: true }
    }
}
