//! A decision as the process made it that holds the state: each gate's own answer, and what became of it afterwards.

use std::fmt;

use budget_enforcer::{BudgetDecision, Retry};
use consent::ConsentDecision;
use time::OffsetDateTime;
use trust_gate::{ApprovalId, TrustDecision, TrustOutcome};
use uuid::Uuid;

use super::{Obligation, Outcome, Stage};
use crate::gate::{Answer, Gate};

#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) trust: Gate<TrustDecision>,
    pub(crate) budget: Gate<BudgetDecision>,
    pub(crate) consent: Gate<ConsentDecision>,
    /// What operators were asked, and what they said.
    pub(crate) asked: Asked,
    /// What became of it after the gates had answered.
    pub(crate) fate: Fate,
    /// Whether the stack only watches.
    pub(crate) shadow: bool,
    /// Which rules it was made by.
    pub(crate) epoch: u64,
    pub(crate) record_id: Option<Uuid>,
    pub(crate) at: OffsetDateTime,
}

/// What became of a call that needs an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It needs none, or nobody was asked.
    Nobody,
    /// Operators have yet to answer.
    Pending(ApprovalId),
    /// They said no.
    Refused(ApprovalId),
    /// They said yes, and that is used up.
    Used(ApprovalId),
    /// They could not be asked: the queue is full, or it could not be stored.
    Failed,
}

/// What can still happen to a decision once the gates have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The gates' answer stands.
    Stands,
    /// It could not be recorded, so it is a denial.
    Unrecorded,
    /// Trust or consent was narrowed before the action could start (design: security-bundle, rule 4).
    Revoked,
    /// The rules were changed before the action could start.
    Overtaken,
    /// The hold ran out before the action could start.
    Expired,
    /// The action was described by another stack, whose rules are not this one's.
    Foreign,
}

impl Made {
    /// The first gate, in the order in which failures are told, that closed.
    pub(crate) fn closed_at(&self) -> Option<Stage> {
        if !self.trust.open() {
            Some(Stage::Trust)
        } else if !self.budget.open() {
            Some(Stage::Budget)
        } else if !self.consent.open() {
            Some(Stage::Consent)
        } else if self.fate == Fate::Unrecorded {
            Some(Stage::Audit)
        } else {
            None
        }
    }

    /// Whether the gates, had they been asked to, would have denied what is let through.
    pub(crate) fn would_deny(&self) -> bool {
        self.shadow
            && self.fate == Fate::Stands
            && self.closed_at().is_some_and(|stage| stage != Stage::Audit)
    }

    pub(crate) fn allowed(&self) -> bool {
        self.fate == Fate::Stands && (self.closed_at().is_none() || self.would_deny())
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match (self.allowed(), self.obligations().next()) {
            (false, _) => Outcome::Deny,
            (true, None) => Outcome::Allow,
            (true, Some(_)) => Outcome::AllowWithCaveat,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        if self.would_deny() {
            return "would_deny";
        }
        self.verdict()
    }

    /// The code as if nobody only watched.
    pub(crate) fn verdict(&self) -> &'static str {
        const BROKEN: &str = "internal_error";
        match (self.fate, self.closed_at()) {
            (Fate::Revoked, _) => "revoked",
            (Fate::Overtaken, _) => "rules_changed",
            (Fate::Expired, _) => "hold_expired",
            (Fate::Foreign, _) => "foreign_action",
            (_, Some(Stage::Trust)) => match self.asked {
                Asked::Refused(_) => "approval_denied",
                Asked::Failed => "approval_unavailable",
                _ => self.trust.code(Stage::Trust).unwrap_or(BROKEN),
            },
            (_, Some(Stage::Budget)) => self.budget.code(Stage::Budget).unwrap_or(BROKEN),
            (_, Some(Stage::Consent)) => self.consent.code(Stage::Consent).unwrap_or(BROKEN),
            (_, Some(Stage::Audit)) => "audit_unavailable",
            (Fate::Stands | Fate::Unrecorded, None) => "allowed",
        }
    }

    /// Whose reasons are told: those of the gates that were asked, up to the first that closed.
    pub(crate) fn stages(&self) -> impl Iterator<Item = Stage> {
        let closed = self.closed_at();
        let mut ended = false;
        [Stage::Trust, Stage::Budget, Stage::Consent, Stage::Audit]
            .into_iter()
            .take_while(move |stage| {
                let goes_on = !ended;
                ended = Some(*stage) == closed;
                goes_on
            })
            .filter(|stage| match stage {
                Stage::Trust => !matches!(self.trust, Gate::Unasked),
                Stage::Budget => !matches!(self.budget, Gate::Unasked),
                Stage::Consent => !matches!(self.consent, Gate::Unasked),
                Stage::Audit => self.fate == Fate::Unrecorded,
            })
    }

    pub(crate) fn write_reason(&self, stage: Stage, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn write<T: Answer>(
            gate: &Gate<T>,
            stage: Stage,
            f: &mut fmt::Formatter<'_>,
        ) -> fmt::Result {
            gate.write_reason(stage, f)
        }
        match stage {
            Stage::Trust => {
                write(&self.trust, stage, f)?;
                match self.asked {
                    Asked::Nobody => Ok(()),
                    Asked::Pending(id) => write!(
                        f,
                        " Operators were asked (approval `{id}`): make the same call again once they have answered."
                    ),
                    Asked::Refused(id) => write!(f, " An operator said no (approval `{id}`)."),
                    Asked::Used(id) => write!(f, " An operator approved it (approval `{id}`)."),
                    Asked::Failed => f.write_str(" Operators could not be asked: try again later."),
                }
            }
            Stage::Budget => write(&self.budget, stage, f),
            Stage::Consent => write(&self.consent, stage, f),
            Stage::Audit => {
                f.write_str("The decision could not be recorded, so the action is denied.")
            }
        }
    }

    /// What comes before the gates' reasons, and whether it is all there is to say.
    pub(crate) fn preamble(&self) -> (&'static str, bool) {
        match self.fate {
            Fate::Foreign => (
                "The action was described by another stack; describe it by this one's guard.",
                true,
            ),
            Fate::Revoked => ("Withdrawn before the action could start: ", false),
            Fate::Overtaken => (
                "The rules changed before the action could start; ask again.",
                true,
            ),
            Fate::Expired => ("The hold ran out before the action could start: ", false),
            Fate::Stands if self.would_deny() => {
                ("Let through, for the stack only watches: ", false)
            }
            Fate::Stands | Fate::Unrecorded => ("", false),
        }
    }

    pub(crate) fn obligations(&self) -> impl Iterator<Item = Obligation> {
        let report = self.trust.said().is_some_and(|trust| {
            matches!(trust.outcome(), TrustOutcome::Permit { obligations } if obligations.report())
        });
        let due = [
            (report, Obligation::Report),
            (
                matches!(self.asked, Asked::Used(_)),
                Obligation::ApprovalUsed,
            ),
            (self.would_deny(), Obligation::WouldDeny),
        ];
        let allowed = self.allowed();
        due.into_iter()
            .filter(move |(is_due, _)| *is_due && allowed)
            .map(|(_, obligation)| obligation)
    }

    /// The approval that operators have yet to give.
    pub(crate) fn pending(&self) -> Option<ApprovalId> {
        match self.asked {
            Asked::Pending(id) => Some(id),
            Asked::Nobody | Asked::Refused(_) | Asked::Used(_) | Asked::Failed => None,
        }
    }

    pub(crate) fn retry_at(&self) -> Option<OffsetDateTime> {
        if self.closed_at() != Some(Stage::Budget) {
            return None;
        }
        match self.budget.said()?.retry() {
            Retry::AfterHoldsExpire(at) | Retry::AfterReset(at) => Some(at),
            Retry::Now | Retry::Never => None,
        }
    }

    pub(crate) fn visible(&self) -> bool {
        self.shadow
            || match &self.trust {
                Gate::Said(trust) => trust.visible(),
                Gate::Unasked => true,
                Gate::Missing | Gate::Beyond | Gate::Broken => false,
            }
    }
}
