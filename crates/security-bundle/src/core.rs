//! The pipeline: in which order the gates are asked, what is held, and what is recorded (design: security-bundle, Order and rules).

mod epoch;
mod hold;
mod judge;
#[cfg(all(unix, feature = "control"))]
mod orphan;
mod record;

#[cfg(all(unix, feature = "control"))]
use std::collections::HashSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
#[cfg(all(unix, feature = "control"))]
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwap;
use budget_enforcer::BudgetEnforcer;
use consent::ConsentGate;
use time::OffsetDateTime;
use trust_gate::TrustGate;
#[cfg(all(unix, feature = "control"))]
use uuid::Uuid;

use crate::action::Action;
use crate::decision::{Asked, Fate, Made};
use crate::gate::Gate;
use crate::observer::Observers;
use crate::recorder::Recorder;
use crate::rules::Rules;

pub(crate) use self::epoch::Epoch;
pub(crate) use self::hold::Stored;
#[cfg(all(unix, feature = "control"))]
pub(crate) use self::orphan::{Known, permits};

pub(crate) type WallClock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

pub(crate) struct Core {
    pub(crate) rules: ArcSwap<Rules>,
    pub(crate) epoch: Epoch,
    pub(crate) trust: TrustGate,
    pub(crate) budget: BudgetEnforcer,
    pub(crate) consent: ConsentGate,
    pub(crate) recorder: Arc<dyn Recorder>,
    /// Whether the log is the journal from which the state comes back.
    pub(crate) is_journal: bool,
    pub(crate) clock: WallClock,
    pub(crate) losses: AtomicU64,
    pub(crate) observers: Arc<Observers>,
    #[cfg(all(unix, feature = "control"))]
    /// Calls of processes that are gone which this one has ended.
    pub(crate) ended_orphans: Mutex<HashSet<Uuid>>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("trust", &self.trust)
            .field("is_journal", &self.is_journal)
            .field("losses", &self.losses)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// Asks the gates without holding anything. Neither records nor changes anything. Gives the action as it was judged, too.
    pub(crate) fn look(&self, action: &Action) -> (Action, Made) {
        loop {
            let epoch = self.epoch.now();
            let (action, at) = match self.taken_up(action) {
                Ok(taken) => taken,
                Err(refused) => return (action.clone(), *refused),
            };
            let mut made = self.judge(&action, at);
            made.budget = if made.trust.open() || made.shadow {
                self.check_budget(&action, at)
            } else {
                Gate::Unasked
            };
            if self.epoch.is(epoch) {
                return (action, made);
            }
        }
    }

    /// The action under the rules that are in force, and the time of its decision; or the denial of what cannot be judged.
    fn taken_up(&self, action: &Action) -> Result<(Action, OffsetDateTime), Box<Made>> {
        let Some(at) = self.now() else {
            // The epoch marks the decision as one that no clock dated.
            let at = OffsetDateTime::UNIX_EPOCH;
            return Err(Box::new(Made {
                trust: Gate::Broken,
                ..unasked(at)
            }));
        };
        let rules = self.rules.load();
        if Arc::ptr_eq(&rules, &action.0.rules) {
            return Ok((action.clone(), at));
        }
        // The rules changed since the action was described, or are another stack's.
        let under = rules
            .are_kin(&action.0.rules)
            .then(|| action.under(&rules).ok())
            .flatten();
        under.map(|action| (action, at)).ok_or_else(|| {
            Box::new(Made {
                fate: Fate::Foreign,
                ..unasked(at)
            })
        })
    }

    fn now(&self) -> Option<OffsetDateTime> {
        catch_unwind(AssertUnwindSafe(|| (self.clock)())).ok()
    }
}

/// A decision for which no gate was asked yet.
fn unasked(at: OffsetDateTime) -> Made {
    Made {
        trust: Gate::Unasked,
        budget: Gate::Unasked,
        consent: Gate::Unasked,
        asked: Asked::Nobody,
        fate: Fate::Stands,
        shadow: false,
        epoch: 0,
        record_id: None,
        at,
    }
}
