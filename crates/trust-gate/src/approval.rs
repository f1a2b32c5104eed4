//! Approvals: a call that an operator must agree to first, from the request to its single use (design: trust-gate, Approvals).

mod rules;

pub use rules::ApprovalRules;
