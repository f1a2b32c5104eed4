//! What monitoring systems call a record: its class, a title for people, and its severity, each from a fixed table. Nothing is scored.

use crate::kind::{Kind, Outcome};
use crate::record::Record;

/// How much a record stands out, by its kind and outcome alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Permitted, ended, happened.
    Informational,
    /// Permitted with obligations, or an operator's act.
    Notice,
    /// Denied.
    Warning,
    /// The log itself was damaged or has a gap.
    Error,
}

impl Severity {
    pub(crate) fn of(record: &Record) -> Self {
        match (record.kind(), record.outcome()) {
            (Kind::Gap | Kind::Recovery, _) => Self::Error,
            (_, Some(Outcome::Deny)) => Self::Warning,
            (_, Some(Outcome::AllowWithCaveat))
            | (
                Kind::TrustChange
                | Kind::BudgetChange
                | Kind::ConsentChange
                | Kind::PolicyChange
                | Kind::KeyRotation
                | Kind::Erasure,
                _,
            ) => Self::Notice,
            (Kind::Decision | Kind::Outcome | Kind::Event | Kind::Heartbeat | Kind::Genesis, _) => {
                Self::Informational
            }
        }
    }
}

/// What people read first.
pub(crate) fn title(record: &Record) -> &'static str {
    match (record.kind(), record.outcome()) {
        (_, Some(Outcome::Allow)) => "action permitted",
        (_, Some(Outcome::Deny)) => "action denied",
        (_, Some(Outcome::AllowWithCaveat)) => "action permitted with obligations",
        (Kind::Decision, None) => "decision",
        (Kind::Outcome, None) => "action ended",
        (Kind::Event, None) => "event",
        (Kind::TrustChange, None) => "trust changed",
        (Kind::BudgetChange, None) => "budget changed",
        (Kind::ConsentChange, None) => "consent changed",
        (Kind::PolicyChange, None) => "policy changed",
        (Kind::KeyRotation, None) => "signing key changed",
        (Kind::Erasure, None) => "personal data erased",
        (Kind::Recovery, None) => "log opened after damage",
        (Kind::Gap, None) => "entries missing",
        (Kind::Heartbeat, None) => "log alive",
        (Kind::Genesis, None) => "log begun",
    }
}
