//! Approvals: a call that an operator must agree to first, from the request to its single use (design: trust-gate, Approvals).

mod arguments;
mod bell;
mod board;
mod desk;
mod error;
mod queue;
mod record;
mod rules;
mod wait;

pub use arguments::Arguments;
pub(crate) use bell::Bell;
pub(crate) use board::Board;
pub use desk::{Answer, Approvals};
pub use error::ApprovalError;
pub use queue::{ApprovalFilter, ApprovalQueue};
pub use record::{Approval, ApprovalId, ApprovalState, ApprovalStep};
pub use rules::ApprovalRules;
pub use wait::ApprovalWait;
