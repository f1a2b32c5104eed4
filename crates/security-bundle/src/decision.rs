//! The stack's answer: the three gates' decisions and the recording of them, as one.

use std::fmt;

use budget_enforcer::BudgetDecision;
use consent::ConsentDecision;
use time::OffsetDateTime;
use trust_gate::{TrustDecision, TrustOutcome};
use uuid::Uuid;

use crate::gate::{Answer, Gate};

/// What the stack decided (design: security-bundle, rule 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "enforcers match on it: a new outcome must break their build"
)]
pub enum Outcome {
    /// The action may run.
    Allow,
    /// The action must not run.
    Deny,
    /// The action may run, with obligations to fulfil: see [`Decision::obligations`].
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Obligation {
    /// Report to the operator afterwards what was done (level L4).
    Report,
}

/// One decision about one action. Texts are written only when they are read.
#[derive(Debug, Clone)]
#[must_use = "a decision that nobody looks at guards nothing"]
pub struct Decision {
    pub(crate) trust: Gate<TrustDecision>,
    pub(crate) budget: Gate<BudgetDecision>,
    pub(crate) consent: Gate<ConsentDecision>,
    /// What became of it after the gates had answered.
    pub(crate) fate: Fate,
    pub(crate) record_id: Option<Uuid>,
    pub(crate) at: OffsetDateTime,
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
    /// The hold ran out before the action could start.
    Expired,
    /// The action was described by another stack, whose rules are not this one's.
    Foreign,
}

impl Decision {
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

    /// Whether the action may run.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.fate == Fate::Stands && self.closed_at().is_none()
    }

    /// Allow, deny, or allow with obligations.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match (self.allowed(), self.obligations().next()) {
            (false, _) => Outcome::Deny,
            (true, None) => Outcome::Allow,
            (true, Some(_)) => Outcome::AllowWithCaveat,
        }
    }

    /// The first gate, in the order trust, budget, consent, audit, that closed; `None` where the action may run.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        self.closed_at()
    }

    /// A stable code in snake case: the closing gate's own, `audit_unavailable`, `revoked`, or `allowed`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match (self.fate, self.closed_at()) {
            (Fate::Revoked, _) => "revoked",
            (Fate::Expired, _) => "hold_expired",
            (Fate::Foreign, _) => "foreign_action",
            (_, Some(Stage::Trust)) => self.trust.code(Stage::Trust).unwrap_or("internal_error"),
            (_, Some(Stage::Budget)) => self.budget.code(Stage::Budget).unwrap_or("internal_error"),
            (_, Some(Stage::Consent)) => self
                .consent
                .code(Stage::Consent)
                .unwrap_or("internal_error"),
            (_, Some(Stage::Audit)) => "audit_unavailable",
            (Fate::Stands | Fate::Unrecorded, None) => "allowed",
        }
    }

    /// The gates' reasons in the order trust, budget, consent, up to the first that closed.
    pub fn reasons(&self) -> impl Iterator<Item = Reason<'_>> {
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
            .map(|stage| Reason {
                decision: self,
                stage,
            })
    }

    /// The reasons as one line.
    #[must_use]
    pub fn reason(&self) -> impl fmt::Display + '_ {
        OneLine(self)
    }

    /// What must still be done about it; empty for a denial.
    pub fn obligations(&self) -> impl Iterator<Item = Obligation> {
        let report = self.trust.said().is_some_and(|trust| {
            matches!(trust.outcome(), TrustOutcome::Permit { obligations } if obligations.report())
        });
        (report && self.allowed())
            .then_some(Obligation::Report)
            .into_iter()
    }

    /// The id of the audit entry; `None` where the decision could not be recorded.
    #[must_use]
    pub fn record_id(&self) -> Option<Uuid> {
        self.record_id
    }

    /// The one time stamp at which every gate was asked.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        self.at
    }

    /// What the trust gate said, where it was asked.
    #[must_use]
    pub fn trust(&self) -> Option<&TrustDecision> {
        self.trust.said()
    }

    /// What the budget said, where it was asked.
    #[must_use]
    pub fn budget(&self) -> Option<&BudgetDecision> {
        self.budget.said()
    }

    /// What consent said, where it was asked: the first refusal, or the last permission.
    #[must_use]
    pub fn consent(&self) -> Option<&ConsentDecision> {
        self.consent.said()
    }

    /// For `?`: an error unless the action may run.
    ///
    /// # Errors
    /// [`Denied`], which carries this decision.
    pub fn require(self) -> Result<(), Denied> {
        if self.allowed() {
            Ok(())
        } else {
            Err(Denied(Box::new(self)))
        }
    }
}

struct OneLine<'a>(&'a Decision);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.fate {
            Fate::Foreign => {
                return f.write_str(
                    "The action was described by another stack; describe it by this one's guard.",
                );
            }
            Fate::Stands | Fate::Unrecorded => "",
            Fate::Revoked => "Withdrawn before the action could start: ",
            Fate::Expired => "The hold ran out before the action could start: ",
        })?;
        let mut written = false;
        for reason in self.0.reasons() {
            if written {
                f.write_str(" ")?;
            }
            write!(f, "{reason}")?;
            written = true;
        }
        if written {
            return Ok(());
        }
        f.write_str("The action names nothing that a gate would judge.")
    }
}

/// Why one gate said what it said.
#[derive(Debug, Clone, Copy)]
pub struct Reason<'a> {
    decision: &'a Decision,
    stage: Stage,
}

impl Reason<'_> {
    /// Whose reason it is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn write<T: Answer>(
            gate: &Gate<T>,
            stage: Stage,
            f: &mut fmt::Formatter<'_>,
        ) -> fmt::Result {
            gate.write_reason(stage, f)
        }
        match self.stage {
            Stage::Trust => write(&self.decision.trust, self.stage, f),
            Stage::Budget => write(&self.decision.budget, self.stage, f),
            Stage::Consent => write(&self.decision.consent, self.stage, f),
            Stage::Audit => {
                f.write_str("The decision could not be recorded, so the action is denied.")
            }
        }
    }
}

/// A denial as an error.
#[derive(Debug, Clone)]
pub struct Denied(Box<Decision>);

impl Denied {
    pub(crate) fn new(decision: Decision) -> Self {
        Self(Box::new(decision))
    }

    /// The decision that denied.
    pub fn decision(&self) -> &Decision {
        &self.0
    }

    /// The decision's stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code()
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.reason(), f)
    }
}

impl std::error::Error for Denied {}

#[cfg(test)]
mod tests {
    use budget_enforcer::{BudgetEnforcer, BudgetEnforcerConfig};
    use consent::{ConsentGate, ConsentQuery};
    use time::macros::datetime;
    use trust_gate::{Scope, TrustGate, TrustLevel};

    use super::*;

    fn gates<T>(allow: T, deny: T) -> Vec<(Gate<T>, bool)> {
        vec![
            (Gate::Unasked, true),
            (Gate::Said(allow), true),
            (Gate::Said(deny), false),
            (Gate::Missing, false),
            (Gate::Broken, false),
        ]
    }

    #[test]
    fn every_combination_of_gates_allows_only_where_each_is_open_and_tells_the_first_that_is_not() {
        let (trust, _admin) = TrustGate::builder().build().unwrap();
        let level = |level| trust.check_level(&"a".parse().unwrap(), &Scope::root(), level);
        let trusts = gates(level(TrustLevel::Observer), level(TrustLevel::Autonomous));

        let config = BudgetEnforcerConfig::per_session().calls(1);
        let (budget, _admin) = BudgetEnforcer::builder().config(config).build().unwrap();
        let calls = |calls| {
            let session = "s".parse().unwrap();
            budget.check(&budget_enforcer::Charge::session(&session).calls(calls))
        };
        let budgets = gates(calls(1), calls(2));

        let asked = |default_deny| {
            let mut config = consent::ConsentConfig::default();
            config.default_deny = default_deny;
            let (gate, _ledger) = ConsentGate::builder().config(config).build().unwrap();
            gate.check(&ConsentQuery::new(
                "a".parse().unwrap(),
                "d".parse().unwrap(),
            ))
        };
        let consents = gates(asked(false), asked(true));

        let mut allowed = 0;
        for (trust, trust_open) in &trusts {
            for (budget, budget_open) in &budgets {
                for (consent, consent_open) in &consents {
                    for fate in [
                        Fate::Stands,
                        Fate::Unrecorded,
                        Fate::Revoked,
                        Fate::Expired,
                        Fate::Foreign,
                    ] {
                        let decision = Decision {
                            trust: trust.clone(),
                            budget: budget.clone(),
                            consent: consent.clone(),
                            fate,
                            record_id: None,
                            at: datetime!(2026-11-22 12:00 UTC),
                        };
                        let open = *trust_open && *budget_open && *consent_open;
                        assert_eq!(decision.allowed(), open && fate == Fate::Stands);
                        assert_eq!(
                            decision.code() == "allowed",
                            decision.allowed(),
                            "{decision:?}"
                        );
                        allowed += usize::from(decision.allowed());
                        let first = [
                            (Stage::Trust, *trust_open),
                            (Stage::Budget, *budget_open),
                            (Stage::Consent, *consent_open),
                            (Stage::Audit, fate != Fate::Unrecorded),
                        ]
                        .into_iter()
                        .find(|(_, open)| !open)
                        .map(|(stage, _)| stage);
                        assert_eq!(decision.stage(), first);
                        if let (Some(first), false) = (first, fate == Fate::Revoked) {
                            assert_eq!(decision.reasons().last().unwrap().stage(), first);
                        }
                    }
                }
            }
        }
        assert_eq!(allowed, 8);
    }
}
