//! A decision as the process tells it that made it, for one that joined its data directory.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use trust_gate::ApprovalId;
use uuid::Uuid;

use super::{Decision, Obligation, Outcome, Stage};

/// All of a decision that another process needs: its words instead of the gates' own answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    pub(crate) outcome: Outcome,
    pub(crate) code: String,
    pub(crate) stage: Option<Stage>,
    pub(crate) reasons: Vec<(Stage, String)>,
    pub(crate) reason: String,
    pub(crate) obligations: Vec<Obligation>,
    pub(crate) record_id: Option<Uuid>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) retry_at: Option<OffsetDateTime>,
    pub(crate) approval: Option<ApprovalId>,
    pub(crate) would_deny: Option<String>,
    pub(crate) visible: bool,
}

impl From<&Decision> for Told {
    fn from(decision: &Decision) -> Self {
        Self {
            outcome: decision.outcome(),
            code: decision.code().to_owned(),
            stage: decision.stage(),
            reasons: decision
                .reasons()
                .map(|reason| (reason.stage(), reason.to_string()))
                .collect(),
            reason: decision.reason().to_string(),
            obligations: decision.obligations().collect(),
            record_id: decision.record_id(),
            at: decision.at(),
            retry_at: decision.retry_at(),
            approval: decision.approval(),
            would_deny: decision.would_deny().map(str::to_owned),
            visible: decision.visible(),
        }
    }
}

impl Told {
    /// A denial by the side that asks, where the process that decides could not be asked.
    pub(crate) fn unreachable(code: &str, reason: &str, at: OffsetDateTime) -> Self {
        Self {
            outcome: Outcome::Deny,
            code: code.to_owned(),
            stage: None,
            reasons: Vec::new(),
            reason: reason.to_owned(),
            obligations: Vec::new(),
            record_id: None,
            at,
            retry_at: None,
            approval: None,
            would_deny: None,
            visible: true,
        }
    }
}
