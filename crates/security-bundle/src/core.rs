//! The pipeline: in which order the gates are asked, what is held, and what is recorded (design: security-bundle, Order and rules).

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use audit_trail::Entry;
use budget_enforcer::{BudgetDecision, BudgetDenied, BudgetEnforcer, Reservation};
use consent::{ConsentDecision, ConsentGate, ConsentQuery};
use time::OffsetDateTime;
use trust_gate::{TrustDecision, TrustGate};

use crate::action::{Action, TrustQuestion};
use crate::config::Mandatory;
use crate::decision::{Decision, Fate};
use crate::entries;
use crate::gate::Gate;
use crate::recorder::{RecordError, Recorded, Recorder};
use crate::rules::Rules;

pub(crate) type WallClock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// How often consent is asked again because somebody changed it meanwhile; then the gate is closed.
const CONSISTENT_VIEW_TRIES: usize = 16;

pub(crate) struct Core {
    pub(crate) rules: Arc<Rules>,
    pub(crate) trust: TrustGate,
    pub(crate) budget: BudgetEnforcer,
    pub(crate) consent: ConsentGate,
    pub(crate) recorder: Arc<dyn Recorder>,
    pub(crate) clock: WallClock,
    pub(crate) mandatory: Mandatory,
    pub(crate) audit_required: bool,
    pub(crate) policy: String,
    pub(crate) losses: AtomicU64,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("trust", &self.trust)
            .field("mandatory", &self.mandatory)
            .field("audit_required", &self.audit_required)
            .field("losses", &self.losses)
            .finish_non_exhaustive()
    }
}

/// What the gates said and, where they all agreed, what is held for it.
pub(crate) struct Judged {
    pub(crate) decision: Decision,
    pub(crate) hold: Option<Reservation>,
}

impl Core {
    /// Asks the gates without holding anything. Neither records nor changes anything.
    pub(crate) fn look(&self, action: &Action) -> Decision {
        let Some(at) = self.now() else {
            return broken_clock();
        };
        if self.is_foreign(action) {
            return foreign(at);
        }
        let (trust, consent) = self.judge(action, at);
        let budget = if trust.open() {
            self.check_budget(action, at)
        } else {
            Gate::Unasked
        };
        decision(trust, budget, consent, at)
    }

    /// Asks the gates, and takes the budget last, when the others have agreed: a denial leaves no debit.
    pub(crate) fn hold(&self, action: &Action) -> Judged {
        let Some(at) = self.now() else {
            return Judged {
                decision: broken_clock(),
                hold: None,
            };
        };
        if self.is_foreign(action) {
            return Judged {
                decision: foreign(at),
                hold: None,
            };
        }
        let (trust, consent) = self.judge(action, at);
        if !trust.open() || !consent.open() {
            // Only for the report: were the budget short as well, it would come first in the order in which failures are told.
            let budget = if trust.open() {
                self.check_budget(action, at)
            } else {
                Gate::Unasked
            };
            return Judged {
                decision: decision(trust, budget, consent, at),
                hold: None,
            };
        }
        let (budget, hold) = self.reserve(action, at);
        Judged {
            decision: decision(trust, budget, consent, at),
            hold,
        }
    }

    /// Looks at trust and consent again where either has changed since the decision (design: security-bundle, rule 4).
    pub(crate) fn still_stands(&self, action: &Action, decided: &mut Decision) -> bool {
        let trust_same = decided
            .trust()
            .is_none_or(|trust| trust.revision() == self.trust.revision());
        let consent_same = decided
            .consent()
            .is_none_or(|consent| consent.revision() == self.consent.revision());
        if trust_same && consent_same {
            return true;
        }
        let Some(at) = self.now() else {
            decided.fate = Fate::Revoked;
            return false;
        };
        let (trust, consent) = self.judge(action, at);
        let stands = trust.open() && consent.open();
        // The new answers count, obligations included.
        decided.trust = trust;
        decided.consent = consent;
        if !stands {
            decided.fate = Fate::Revoked;
        }
        stands
    }

    /// Records the intent. A decision that was not recorded is a denial, unless the configuration says otherwise by name.
    pub(crate) fn record_decision(
        &self,
        action: &Action,
        decided: &mut Decision,
        hold: Option<&Reservation>,
    ) -> Option<Recorded> {
        let hold = hold.map(|hold| hold.id().to_string());
        let recorded = self.record(entries::decision(
            action,
            decided,
            hold.as_deref(),
            &self.policy,
        ));
        let Ok(recorded) = recorded else {
            self.unrecorded(decided);
            return None;
        };
        decided.record_id = Some(recorded.id);
        Some(recorded)
    }

    /// Notes that a decision is not in the log.
    pub(crate) fn unrecorded(&self, decided: &mut Decision) {
        self.count_loss();
        decided.record_id = None;
        if self.audit_required {
            decided.fate = Fate::Unrecorded;
        }
    }

    /// Counts an entry that the log did not take.
    pub(crate) fn count_loss(&self) {
        self.losses.fetch_add(1, Ordering::Relaxed);
    }

    /// Hands an entry to the recorder and survives its panic.
    pub(crate) fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
        catch_unwind(AssertUnwindSafe(|| self.recorder.record(entry)))
            .unwrap_or_else(|_| Err(RecordError("the recorder panicked".into())))
    }

    /// An action carries the rules of the stack that described it; another stack's would leave this one's out.
    fn is_foreign(&self, action: &Action) -> bool {
        !Arc::ptr_eq(&self.rules, &action.0.rules)
    }

    fn now(&self) -> Option<OffsetDateTime> {
        catch_unwind(AssertUnwindSafe(|| (self.clock)())).ok()
    }

    /// Trust first, then consent; consent is not asked where trust has refused.
    fn judge(
        &self,
        action: &Action,
        at: OffsetDateTime,
    ) -> (Gate<TrustDecision>, Gate<ConsentDecision>) {
        let parts = &*action.0;
        let trust = match &parts.trust {
            TrustQuestion::Nothing => Gate::unnamed(self.mandatory.trust),
            TrustQuestion::Level(level) => Gate::ask(|| {
                self.trust
                    .check_level_at(&parts.agent, &parts.scope, *level, at)
            }),
            TrustQuestion::Tool(request) => Gate::ask(|| self.trust.check_at(request, at)),
        };
        if !trust.open() {
            return (trust, Gate::Unasked);
        }
        let consent = self.ask_consent(&parts.consent, at);
        (trust, consent)
    }

    /// Every query on one and the same revision: a withdrawal between two of them must not go unseen.
    fn ask_consent(&self, queries: &[ConsentQuery], at: OffsetDateTime) -> Gate<ConsentDecision> {
        for _ in 0..CONSISTENT_VIEW_TRIES {
            let mut told = Gate::unnamed(self.mandatory.consent);
            let mut revision = None;
            let mut consistent = true;
            for query in queries {
                told = Gate::ask(|| self.consent.check_at(query, at));
                let seen = told.said().map(ConsentDecision::revision);
                consistent = seen.is_some() && *revision.get_or_insert(seen) == seen;
                if !consistent || !told.open() {
                    break;
                }
            }
            if consistent || !told.open() {
                return told;
            }
        }
        Gate::Broken
    }

    fn check_budget(&self, action: &Action, at: OffsetDateTime) -> Gate<BudgetDecision> {
        match action.charge() {
            None => Gate::unnamed(self.mandatory.budget),
            Some(charge) => Gate::ask(|| {
                self.used_up(action, at)
                    .unwrap_or_else(|| self.budget.check_at(charge, at))
            }),
        }
    }

    /// A session in which nothing is left of something that it limits is over, also for calls that name no amount of it: what
    /// they use is known only afterwards.
    fn used_up(&self, action: &Action, at: OffsetDateTime) -> Option<BudgetDecision> {
        let session = action.session()?;
        if !self.budget.has_session_template() {
            return None;
        }
        let left = self.budget.check_budget_at(session, at);
        (!left.allowed()).then_some(left)
    }

    fn reserve(
        &self,
        action: &Action,
        at: OffsetDateTime,
    ) -> (Gate<BudgetDecision>, Option<Reservation>) {
        let Some(charge) = action.charge() else {
            return (Gate::unnamed(self.mandatory.budget), None);
        };
        let taken = Gate::ask(|| -> Result<_, BudgetDenied> {
            if let Some(refusal) = self.used_up(action, at) {
                refusal.require()?;
            }
            let path = if let Some(path) = action.0.path.get() {
                path
            } else {
                let path = self.budget.resolve(charge)?;
                action.0.path.get_or_init(|| path)
            };
            self.budget.reserve_path_explained_at(path, at)
        });
        match taken {
            Gate::Said(Ok((hold, told))) => (Gate::Said(told), Some(hold)),
            Gate::Said(Err(denied)) => (Gate::Said(denied.decision().clone()), None),
            _ => (Gate::Broken, None),
        }
    }
}

fn decision(
    trust: Gate<TrustDecision>,
    budget: Gate<BudgetDecision>,
    consent: Gate<ConsentDecision>,
    at: OffsetDateTime,
) -> Decision {
    Decision {
        trust,
        budget,
        consent,
        fate: Fate::Stands,
        record_id: None,
        at,
    }
}

/// Without a time nothing can be judged; the epoch marks the decision as one that no clock dated.
fn broken_clock() -> Decision {
    decision(
        Gate::Broken,
        Gate::Unasked,
        Gate::Unasked,
        OffsetDateTime::UNIX_EPOCH,
    )
}

fn foreign(at: OffsetDateTime) -> Decision {
    Decision {
        fate: Fate::Foreign,
        ..decision(Gate::Unasked, Gate::Unasked, Gate::Unasked, at)
    }
}
