//! Takes the budget last, when all others have agreed, and records the intent: a denial leaves no debit.

use std::sync::Arc;

use budget_enforcer::{BudgetDecision, BudgetDenied, Floor, Running};
use uuid::Uuid;

use super::Core;
use crate::action::Action;
use crate::decision::{Decision, Denied, Fate, Made};
use crate::gate::Gate;
use crate::journal::under_way::{self, Step};
use crate::permit::Permit;
use crate::recorder::{RecordError, Recorded};

/// An authorization whose entry is on its way into the log.
pub(crate) enum Begun {
    Permit(Box<Permit>),
    Denied(Box<Made>),
}

/// Whether the intent is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It was when it was recorded.
    AtOnce,
    /// It had to be waited for.
    Later,
    /// It is not.
    Not,
}

impl From<Result<(), RecordError>> for Stored {
    fn from(waited: Result<(), RecordError>) -> Self {
        match waited {
            Ok(()) => Self::Later,
            Err(_) => Self::Not,
        }
    }
}

/// What came of asking the budgets for a hold.
struct Reserved {
    budget: Gate<BudgetDecision>,
    running: Option<Running>,
    /// What became of the intent's entry, where the budgets' journal wrote it.
    written: Option<Result<Recorded, RecordError>>,
}

impl Reserved {
    fn none(budget: Gate<BudgetDecision>) -> Self {
        Self {
            budget,
            running: None,
            written: None,
        }
    }
}

impl Core {
    /// Judges, holds and hands the intent to the log. Where that says that it is not stored yet, it has to be waited for.
    /// The record's id may be given, by which another process knows the call.
    pub(crate) fn begin(
        self: &Arc<Self>,
        action: &Action,
        record: Option<Uuid>,
    ) -> (Begun, Option<Recorded>) {
        let epoch = self.epoch.now();
        let (action, at) = match self.taken_up(action) {
            Ok(taken) => taken,
            Err(mut refused) => {
                let entry = self.record_decision(action, &mut refused, None);
                return (Begun::Denied(refused), entry);
            }
        };
        let mut made = self.judge(&action, at);
        made.record_id = record;
        made.epoch = epoch;
        self.ask_operators(&action, &mut made);
        let agreed = made.trust.open() && made.consent.open();
        let reserved = if agreed || made.shadow {
            self.reserve(&action, &made)
        } else {
            // Only for the report: were the budget short as well, it would come first in the order in which failures are told.
            Reserved::none(if made.trust.open() {
                self.check_budget(&action, at)
            } else {
                Gate::Unasked
            })
        };
        let Reserved {
            budget,
            running,
            written,
        } = reserved;
        made.budget = budget;
        let entry = match written {
            Some(Ok(recorded)) => {
                made.record_id = Some(recorded.id);
                Some(recorded)
            }
            Some(Err(_)) => {
                // The log is the journal: what is not in it was not held.
                self.count_loss();
                made.fate = Fate::Unrecorded;
                None
            }
            None => self.record_decision(&action, &mut made, running.as_ref()),
        };
        if !made.allowed() {
            if let Some(running) = running {
                // Where that fails it settles at its hold when it expires: never too little.
                drop(Gate::ask(|| running.cancel()));
            }
            return (Begun::Denied(Box::new(made)), entry);
        }
        let permit = Permit::here(Arc::clone(self), action, made, running);
        (Begun::Permit(Box::new(permit)), entry)
    }

    /// Takes the hold, started at once: from the intent on, the tool may have run.
    fn reserve(&self, action: &Action, made: &Made) -> Reserved {
        let Some(charge) = action.charge() else {
            return Reserved::none(Gate::unnamed(action.0.rules.mandatory.budget));
        };
        let take = || -> Result<(Running, BudgetDecision), BudgetDenied> {
            if let Some(refusal) = self.used_up(action, made.at) {
                refusal.require()?;
            }
            let path = if let Some(path) = action.0.path.get() {
                path
            } else {
                let path = self.budget.resolve(charge)?;
                action.0.path.get_or_init(|| path)
            };
            self.budget
                .reserve_path_and_start_explained_at(path, made.at, Floor::Hold)
        };
        let (taken, written) = if self.is_journal {
            let step = Step::Intent {
                action: action.clone(),
                decided: Box::new(made.clone()),
            };
            under_way::during(step, || Gate::ask(take))
        } else {
            (Gate::ask(take), None)
        };
        match taken {
            Gate::Said(Ok((running, told))) => Reserved {
                budget: Gate::Said(told),
                running: Some(running),
                written,
            },
            // Refused by the log, and not by a budget.
            Gate::Said(Err(_)) if matches!(written, Some(Err(_))) => Reserved {
                written,
                ..Reserved::none(Gate::Unasked)
            },
            // Then the log has no word of it either: a hold is one event, which is all that is appended, and while this thread decides
            // nothing is waited for. Whether it is stored the pipeline asks by itself, and gives the hold back where it is not.
            Gate::Said(Err(denied)) => Reserved::none(Gate::Said(denied.decision().clone())),
            _ => Reserved {
                written,
                ..Reserved::none(Gate::Broken)
            },
        }
    }
}

impl Begun {
    /// The permit, once the intent is stored.
    pub(crate) async fn acknowledged(
        self,
        core: &Core,
        entry: Option<Recorded>,
    ) -> Result<Permit, Denied> {
        let stored = match entry.filter(|entry| !entry.stored) {
            None => Stored::AtOnce,
            Some(entry) => core.recorder.acknowledged(&entry).await.into(),
        };
        self.finish(core, stored)
    }

    /// The same, blocking the thread.
    pub(crate) fn wait(self, core: &Core, entry: Option<Recorded>) -> Result<Permit, Denied> {
        let stored = match entry.filter(|entry| !entry.stored) {
            None => Stored::AtOnce,
            Some(entry) => core.recorder.wait(&entry).into(),
        };
        self.finish(core, stored)
    }

    fn finish(self, core: &Core, stored: Stored) -> Result<Permit, Denied> {
        match self {
            Self::Permit(permit) => permit.start(stored),
            Self::Denied(mut made) => {
                if stored == Stored::Not {
                    core.unrecorded(&mut made);
                }
                Err(Denied::new(Decision::from(*made)))
            }
        }
    }
}
