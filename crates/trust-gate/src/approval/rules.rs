//! What bounds the queue of approvals, as an operator writes it down.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::span;

/// How long an approval is good for, and how many may wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain configuration")]
pub struct ApprovalRules {
    /// From the request on, how long it may be approved and used; then it is denied. Default 5 minutes.
    #[serde(with = "span")]
    pub ttl: Duration,
    /// How many requests of one agent may be pending, or approved and not used, or taken back by its own side within their
    /// time. Default 16.
    pub max_pending_per_agent: NonZeroUsize,
    /// The same for all agents together. Default 1024.
    pub max_pending: NonZeroUsize,
}

impl Default for ApprovalRules {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(300),
            max_pending_per_agent: NonZeroUsize::MIN.saturating_add(15),
            max_pending: NonZeroUsize::MIN.saturating_add(1023),
        }
    }
}
