//! The stack's answer: the three gates' decisions and the recording of them, as one.

mod denied;
mod made;
mod told;
mod vocabulary;

use std::fmt;

use budget_enforcer::BudgetDecision;
use consent::ConsentDecision;
use time::OffsetDateTime;
use trust_gate::{ApprovalId, TrustDecision};
use uuid::Uuid;

pub use self::denied::Denied;
pub(crate) use self::made::{Asked, Fate, Made};
pub(crate) use self::told::Told;
pub use self::vocabulary::{Obligation, Outcome, Stage};

/// One decision about one action. Texts are written only when they are read.
#[derive(Debug, Clone)]
#[must_use = "a decision that nobody looks at guards nothing"]
pub struct Decision(Inner);

#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one, and a box for it would cost every decision"
)]
enum Inner {
    Made(Made),
    Told(Box<Told>),
}

impl From<Made> for Decision {
    fn from(made: Made) -> Self {
        Self(Inner::Made(made))
    }
}

impl From<Told> for Decision {
    fn from(told: Told) -> Self {
        Self(Inner::Told(Box::new(told)))
    }
}

impl Decision {
    /// Whether the action may run.
    #[must_use]
    pub fn allowed(&self) -> bool {
        match &self.0 {
            Inner::Made(made) => made.allowed(),
            Inner::Told(told) => told.outcome != Outcome::Deny,
        }
    }

    /// Allow, deny, or allow with obligations.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match &self.0 {
            Inner::Made(made) => made.outcome(),
            Inner::Told(told) => told.outcome,
        }
    }

    /// The first gate, in the order trust, budget, consent, audit, that closed; `None` where none did. In shadow mode the action may run
    /// all the same.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        match &self.0 {
            Inner::Made(made) => made.closed_at(),
            Inner::Told(told) => told.stage,
        }
    }

    /// A stable code in snake case: the closing gate's own, `approval_denied`, `audit_unavailable`, `revoked`, `would_deny`, or
    /// `allowed`.
    #[must_use]
    pub fn code(&self) -> &str {
        match &self.0 {
            Inner::Made(made) => made.code(),
            Inner::Told(told) => &told.code,
        }
    }

    /// The code with which the action would have been denied, where the stack only watches.
    #[must_use]
    pub fn would_deny(&self) -> Option<&str> {
        match &self.0 {
            Inner::Made(made) => made.would_deny().then(|| made.verdict()),
            Inner::Told(told) => told.would_deny.as_deref(),
        }
    }

    /// The gates' reasons in the order trust, budget, consent, up to the first that closed.
    pub fn reasons(&self) -> impl Iterator<Item = Reason<'_>> {
        let (made, told) = match &self.0 {
            Inner::Made(made) => (Some(made), None),
            Inner::Told(told) => (None, Some(told)),
        };
        let made = made.into_iter().flat_map(|made| {
            made.stages().map(move |stage| Reason {
                stage,
                words: Words::Made(made),
            })
        });
        let told = told.into_iter().flat_map(|told| {
            told.reasons.iter().map(|(stage, text)| Reason {
                stage: *stage,
                words: Words::Told(text),
            })
        });
        made.chain(told)
    }

    /// The reasons as one line.
    #[must_use]
    pub fn reason(&self) -> impl fmt::Display + '_ {
        OneLine(self)
    }

    /// What must still be done about it; empty for a denial.
    pub fn obligations(&self) -> impl Iterator<Item = Obligation> {
        let (made, told) = match &self.0 {
            Inner::Made(made) => (Some(made.obligations()), None),
            Inner::Told(told) => (None, Some(told.obligations.iter().copied())),
        };
        made.into_iter().flatten().chain(told.into_iter().flatten())
    }

    /// The approval that operators have yet to give: the same call with the same arguments, made again, uses it.
    #[must_use]
    pub fn approval(&self) -> Option<ApprovalId> {
        match &self.0 {
            Inner::Made(made) => made.pending(),
            Inner::Told(told) => told.approval,
        }
    }

    /// When the budget that denied may have room again, where that is known.
    #[must_use]
    pub fn retry_at(&self) -> Option<OffsetDateTime> {
        match &self.0 {
            Inner::Made(made) => made.retry_at(),
            Inner::Told(told) => told.retry_at,
        }
    }

    /// Whether the agent may know that there is such a tool: everything but a denial by trust.
    #[must_use]
    pub fn visible(&self) -> bool {
        match &self.0 {
            Inner::Made(made) => made.visible(),
            Inner::Told(told) => told.visible,
        }
    }

    /// The id of the audit entry; `None` where the decision could not be recorded.
    #[must_use]
    pub fn record_id(&self) -> Option<Uuid> {
        match &self.0 {
            Inner::Made(made) => made.record_id,
            Inner::Told(told) => told.record_id,
        }
    }

    /// The one time stamp at which every gate was asked.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        match &self.0 {
            Inner::Made(made) => made.at,
            Inner::Told(told) => told.at,
        }
    }

    /// What the trust gate said, where it was asked in this process.
    #[must_use]
    pub fn trust(&self) -> Option<&TrustDecision> {
        self.made()?.trust.said()
    }

    /// What the budget said, where it was asked in this process.
    #[must_use]
    pub fn budget(&self) -> Option<&BudgetDecision> {
        self.made()?.budget.said()
    }

    /// What consent said, where it was asked in this process: the first refusal, or the last permission.
    #[must_use]
    pub fn consent(&self) -> Option<&ConsentDecision> {
        self.made()?.consent.said()
    }

    /// For `?`: an error unless the action may run.
    ///
    /// # Errors
    /// [`Denied`], which carries this decision.
    pub fn require(self) -> Result<(), Denied> {
        if self.allowed() {
            Ok(())
        } else {
            Err(Denied::new(self))
        }
    }

    pub(crate) fn made_mut(&mut self) -> Option<&mut Made> {
        match &mut self.0 {
            Inner::Made(made) => Some(made),
            Inner::Told(_) => None,
        }
    }

    fn made(&self) -> Option<&Made> {
        match &self.0 {
            Inner::Made(made) => Some(made),
            Inner::Told(_) => None,
        }
    }
}

struct OneLine<'a>(&'a Decision);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = match &self.0.0 {
            Inner::Told(told) => return f.write_str(&told.reason),
            Inner::Made(made) => made,
        };
        let (preamble, is_all) = made.preamble();
        f.write_str(preamble)?;
        if is_all {
            return Ok(());
        }
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
    stage: Stage,
    words: Words<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Words<'a> {
    Made(&'a Made),
    Told(&'a str),
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
        match self.words {
            Words::Made(made) => made.write_reason(self.stage, f),
            Words::Told(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use budget_enforcer::{BudgetEnforcer, BudgetEnforcerConfig};
    use consent::{ConsentGate, ConsentQuery};
    use time::macros::datetime;
    use trust_gate::{Scope, TrustGate, TrustLevel};

    use super::*;
    use crate::gate::Gate;

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
                        let decision = Decision::from(Made {
                            trust: trust.clone(),
                            budget: budget.clone(),
                            consent: consent.clone(),
                            fate,
                            record_id: None,
                            asked: Asked::Nobody,
                            shadow: false,
                            epoch: 0,
                            at: datetime!(2026-11-22 12:00 UTC),
                        });
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
