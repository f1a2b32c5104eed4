//! The words in which the stack answers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the stack decided (design: security-bundle, rule 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "enforcers match on it: a new outcome must break their build"
)]
pub enum Outcome {
    /// The action may run.
    Allow,
    /// The action must not run.
    Deny,
    /// The action may run, with obligations to fulfil: see [`Decision::obligations`](crate::Decision::obligations).
    AllowWithCaveat,
}

impl Outcome {
    /// `allow`, `deny` or `allow_with_caveat`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::AllowWithCaveat => "allow_with_caveat",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<str> for Outcome {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Outcome {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

/// The gates in the order in which decisions are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Did an operator give the agent this level?
    Trust,
    /// Is enough left?
    Budget,
    /// Did somebody entitled agree?
    Consent,
    /// Could the decision be recorded?
    Audit,
}

impl Stage {
    /// `trust`, `budget`, `consent` or `audit`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Budget => "budget",
            Self::Consent => "consent",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What must still be done about an action that may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Obligation {
    /// Report to the operator afterwards what was done (level L4).
    Report,
    /// Nothing more: an operator's approval of exactly this call was used up for it.
    ApprovalUsed,
    /// Nothing more: the stack only watches ([`Mode::Shadow`](crate::Mode::Shadow)), and would have denied.
    WouldDeny,
}

impl Obligation {
    /// `report`, `approval_used` or `would_deny`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::ApprovalUsed => "approval_used",
            Self::WouldDeny => "would_deny",
        }
    }
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
