//! Answers to the calls that wait for an operator.

use serde::{Deserialize, Serialize};
use trust_gate::{
    AgentId, Approval, ApprovalError, ApprovalFilter, ApprovalId, OperatorId, TrustAdmin,
    TrustError,
};

use super::OperatorError;

/// What is asked about approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ApprovalsRequest {
    /// Those that wait, the oldest first.
    List {
        /// Of this agent alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        /// Those too that no longer wait.
        #[serde(default)]
        all: bool,
    },
    /// One of them.
    Show {
        /// Its number.
        id: ApprovalId,
    },
    /// Agree: once as many operators have as the rule asks for, the call may be made once.
    Approve(ApprovalAct),
    /// Say no.
    Deny(ApprovalAct),
    /// Take a request back, or an approval that was not used.
    Cancel(ApprovalAct),
}

/// One answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalAct {
    /// The number of the request.
    pub id: ApprovalId,
    /// On whose word.
    pub by: OperatorId,
    /// Why, in at most 4096 bytes.
    pub reason: String,
}

/// What is told about approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ApprovalsAnswer {
    /// Those that were asked for.
    Listed(Vec<Approval>),
    /// One, as it is now.
    One(Box<Approval>),
}

impl ApprovalsRequest {
    /// Does it on a gate. Blocks until an answer is stored.
    ///
    /// # Errors
    /// What the queue refused, and requests that there are not.
    pub fn perform(&self, admin: &TrustAdmin) -> Result<ApprovalsAnswer, OperatorError> {
        let queue = admin.approvals();
        let done = match self {
            Self::List { agent, all } => {
                let filter = ApprovalFilter {
                    agent: agent.clone(),
                    all: *all,
                };
                return Ok(ApprovalsAnswer::Listed(queue.list(&filter)));
            }
            Self::Show { id } => queue
                .get(*id)
                .ok_or(TrustError::from(ApprovalError::NotFound(*id)))?,
            Self::Approve(act) => queue.approve(act.id, &act.by, &act.reason)?,
            Self::Deny(act) => queue.deny(act.id, &act.by, &act.reason)?,
            Self::Cancel(act) => queue.cancel(act.id, &act.by, &act.reason)?,
        };
        Ok(ApprovalsAnswer::One(Box::new(done)))
    }

    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::List { .. } => "approvals.list",
            Self::Show { .. } => "approvals.show",
            Self::Approve(_) => "approvals.approve",
            Self::Deny(_) => "approvals.deny",
            Self::Cancel(_) => "approvals.cancel",
        }
    }

    pub(super) fn by(&self) -> Option<&str> {
        match self {
            Self::Approve(act) | Self::Deny(act) | Self::Cancel(act) => Some(act.by.as_str()),
            Self::List { .. } | Self::Show { .. } => None,
        }
    }

    pub(super) fn is_act(&self) -> bool {
        self.by().is_some()
    }
}
