//! Why something about an approval was refused.

use crate::approval::{ApprovalId, ApprovalState};

/// Why something about an approval was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// A text that is no approval's id.
    #[error("`{value}` is not the number of an approval; write digits")]
    InvalidId {
        /// The value, escaped and shortened.
        value: String,
    },
    /// No such approval, or one that ended too long ago to be kept in memory.
    #[error("there is no approval {0} in the queue; look into the history for it")]
    NotFound(ApprovalId),
    /// It is past the state in which this can be done.
    #[error("approval {id} is {state}; only one that is {wanted} can be {verb}")]
    WrongState {
        /// Which approval.
        id: ApprovalId,
        /// Its state.
        state: ApprovalState,
        /// The states in which it could be done.
        wanted: &'static str,
        /// What was to be done, as a participle.
        verb: &'static str,
    },
    /// The rules have changed since it was asked for.
    #[error("approval {0} was asked for under other rules; the call has to be asked for again")]
    OtherRules(ApprovalId),
    /// The requesting agent cannot answer for itself.
    #[error("`{agent}` asked for approval {id} and cannot approve it; another operator must")]
    OwnRequest {
        /// Which approval.
        id: ApprovalId,
        /// The agent.
        agent: String,
    },
    /// One operator counts once.
    #[error("`{operator}` has approved {id} already; a second operator must")]
    SameOperator {
        /// Which approval.
        id: ApprovalId,
        /// The operator.
        operator: String,
    },
    /// The queue holds as many of them as it may.
    #[error(
        "{open} approvals of {whose} wait or are not used, which is the most; let them be answered, used or cancelled first"
    )]
    QueueFull {
        /// `agent x`, or `all agents`.
        whose: String,
        /// How many.
        open: usize,
    },
    /// The call is not one that an approval would let run.
    #[error("this call is not one for approval: its decision is `{code}`")]
    NotNeeded {
        /// The decision's code.
        code: &'static str,
    },
    /// Nothing that was approved and not used is there for exactly this call.
    #[error(
        "no approval that is approved and not used is there for exactly this call; ask for one"
    )]
    NotApproved,
    /// The thread that would notice the time running out could not be started.
    #[error("no thread could be started to wait with: {0}; wait in a thread of your own")]
    NoTimer(String),
}
