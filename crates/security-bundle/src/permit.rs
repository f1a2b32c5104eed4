//! The permission to run one action, and the money held for it, until somebody says how it ended.

mod ending;

use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use budget_enforcer::{Amounts, BudgetError, Running, Settlement};
use uuid::Uuid;

pub(crate) use self::ending::Spent;
use self::ending::{Ending, EndingHere};
use crate::action::Action;
use crate::core::{Core, Stored};
use crate::decision::{Decision, Denied, Fate, Made, Told};
use crate::entries;
use crate::far::{Ended, Far, Question, Reply};
use crate::journal::under_way::{self, Step};
use crate::observer::Watch;
use crate::recorder::RecordError;

/// What an action really used. A dimension that is not named is unknown and settles at what was held; zero is not unknown.
pub type Usage = Amounts;

/// The permission to run one action. Say how it ended with [`settle`](Self::settle), [`fail`](Self::fail) or, where it never
/// started, [`cancel`](Self::cancel).
///
/// Dropping it settles the whole hold and records the action as `abandoned`, for the tool may have run
/// (design: security-bundle, Two ways in).
///
/// ```
/// # use security_bundle::{SecurityStackConfig, TrustLevel, Usage, create_security_stack};
/// # let stack = create_security_stack(SecurityStackConfig::default())?;
/// # let guard = stack.guard();
/// let action = guard.action("my-agent").required_level(TrustLevel::Observer).build()?;
/// let permit = guard.authorize_blocking(&action)?;
/// // … the tool runs …
/// permit.settle_blocking(Usage::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping a permit settles its whole hold; call `settle`, `fail` or `cancel`"]
pub struct Permit {
    action: Action,
    decision: Decision,
    hold: Hold,
    pub(crate) watch: Watch,
}

enum Hold {
    /// The state is in this process.
    Here(Here),
    /// It is, or was when this began, in another one.
    There(There),
    /// Somebody has said how it ended.
    Ended,
}

struct Here {
    core: Arc<Core>,
    running: Option<Running>,
    /// Whether the tool may be running. Before the intent is stored it cannot have run.
    is_started: bool,
}

/// What is needed to tell whoever holds the state how it ended.
struct There {
    far: Arc<dyn Far>,
    record: Uuid,
}

/// How an action ended, and what was booked for it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settled {
    /// What the budget booked; `None` where the action charged nothing or never started.
    pub settlement: Option<Settlement>,
    /// The id that the intent and the outcome share in the log.
    pub record_id: Option<Uuid>,
}

/// What went wrong at the end of an action. In each case the action has ended and must not be ended again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The budget could not book it. The outcome is in the log.
    #[error("the action ended, but its budget could not be settled")]
    Budget(#[source] BudgetError),
    /// The process that holds the state did not say that it took note. Where it did not, the hold settles in full when it expires.
    #[error("the action ended, and the owner of the data directory did not confirm it: {0}")]
    Unconfirmed(String),
    /// The outcome could not be recorded; the loss is counted. The budget is booked.
    #[error("the action ended and its budget is settled, but its outcome is not in the log")]
    Record(#[source] RecordError),
}

impl Permit {
    pub(crate) fn here(
        core: Arc<Core>,
        action: Action,
        made: Made,
        running: Option<Running>,
    ) -> Self {
        Self {
            action,
            decision: made.into(),
            hold: Hold::Here(Here {
                core,
                running,
                is_started: false,
            }),
            watch: Watch::off(),
        }
    }

    pub(crate) fn there(far: Arc<dyn Far>, record: Uuid, action: Action, told: Told) -> Self {
        Self {
            action,
            decision: told.into(),
            hold: Hold::There(There { far, record }),
            watch: Watch::off(),
        }
    }

    /// Lets the action begin, now that the intent is stored, or takes everything back.
    pub(crate) fn start(mut self, stored: Stored) -> Result<Self, Denied> {
        let mut here = match mem::replace(&mut self.hold, Hold::Ended) {
            Hold::Here(here) => here,
            other => {
                self.hold = other;
                return Ok(self);
            }
        };
        let Some(refusal) = self.decision.made_mut().map(|made| {
            if stored == Stored::Not {
                here.core.unrecorded(made);
                if !made.allowed() {
                    return Some("unrecorded");
                }
            }
            if !here.core.still_stands(&self.action, made) {
                return Some(if made.fate == Fate::Overtaken {
                    "overtaken"
                } else {
                    "revoked"
                });
            }
            // The hold ran out while the log was waited for: the action must not start on it.
            let has_waited = stored != Stored::AtOnce;
            let is_over = has_waited && here.running.as_ref().is_some_and(Running::is_over);
            is_over.then(|| {
                made.fate = Fate::Expired;
                "expired"
            })
        }) else {
            return Ok(self);
        };
        let Some(ending) = refusal else {
            here.is_started = true;
            self.hold = Hold::Here(here);
            return Ok(self);
        };
        let why = self.decision.reason().to_string();
        // The caller learns of the denial either way, and a loss is counted.
        drop(here.end(&self, ending, Some(&why), Spent::Nothing));
        Err(Denied::new(self.decision.clone()))
    }

    /// The decision that permitted the action.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// What is permitted.
    #[must_use]
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Ends the action with what it used. Booking and recording are done when this is called, before anything is waited
    /// for: dropping the future loses nothing.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn settle(
        self,
        usage: Usage,
    ) -> impl Future<Output = Result<Settled, SettleError>> + Send + use<> {
        self.end(Ended::Settled, None, Spent::Exactly(usage))
            .acknowledged()
    }

    /// [`settle`](Self::settle) for callers without a runtime.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn settle_blocking(self, usage: Usage) -> Result<Settled, SettleError> {
        self.end(Ended::Settled, None, Spent::Exactly(usage)).wait()
    }

    /// [`settle`](Self::settle) where the usage comes from the governed side itself, which can only raise what was held.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn settle_at_least(
        self,
        usage: Usage,
    ) -> impl Future<Output = Result<Settled, SettleError>> + Send + use<> {
        self.end(Ended::Settled, None, Spent::AtLeast(usage))
            .acknowledged()
    }

    /// Ends an action that failed, with why it failed and what it used nevertheless.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn fail<E: fmt::Display>(
        self,
        error: E,
        usage: Usage,
    ) -> impl Future<Output = Result<Settled, SettleError>> + Send + use<E> {
        self.end(Ended::Failed, Some(&error), Spent::Exactly(usage))
            .acknowledged()
    }

    /// [`fail`](Self::fail) for callers without a runtime.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn fail_blocking(
        self,
        error: impl fmt::Display,
        usage: Usage,
    ) -> Result<Settled, SettleError> {
        self.end(Ended::Failed, Some(&error), Spent::Exactly(usage))
            .wait()
    }

    /// [`fail`](Self::fail) where the usage comes from the governed side itself, which can only raise what was held.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn fail_at_least<E: fmt::Display>(
        self,
        error: E,
        usage: Usage,
    ) -> impl Future<Output = Result<Settled, SettleError>> + Send + use<E> {
        self.end(Ended::Failed, Some(&error), Spent::AtLeast(usage))
            .acknowledged()
    }

    /// Gives everything back, for an action that was never started.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn cancel(self) -> impl Future<Output = Result<Settled, SettleError>> + Send + use<> {
        self.end(Ended::Cancelled, None, Spent::Nothing)
            .acknowledged()
    }

    /// [`cancel`](Self::cancel) for callers without a runtime.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn cancel_blocking(self) -> Result<Settled, SettleError> {
        self.end(Ended::Cancelled, None, Spent::Nothing).wait()
    }

    /// Lets go of it without an end: whoever runs the action will say how it ended, to the next owner of the directory.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn disown(mut self) {
        if let Hold::Here(Here { running, .. }) = mem::replace(&mut self.hold, Hold::Ended)
            && let Some(running) = running
        {
            // Its id stands in the intent.
            let _id = running.detach();
        }
    }

    /// Ends it as another process said that it ended.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn end_as(
        self,
        ending: Ended,
        why: Option<&dyn fmt::Display>,
        spent: Spent,
    ) -> impl Future<Output = Result<Settled, SettleError>> + Send + use<> {
        self.end(ending, why, spent).acknowledged()
    }

    fn end(mut self, ending: Ended, why: Option<&dyn fmt::Display>, spent: Spent) -> Ending {
        let why = why.map(ToString::to_string);
        match mem::replace(&mut self.hold, Hold::Ended) {
            Hold::Here(here) => {
                Ending::Here(here.end(&self, ending.as_str(), why.as_deref(), spent))
            }
            Hold::There(there) => {
                self.watch.ended(&self.decision, ending.as_str(), &Ok(None));
                Ending::There {
                    record: there.record,
                    told: there.tell(&self.action, ending, spent, why),
                }
            }
            Hold::Ended => Ending::Before(self.decision.record_id()),
        }
    }
}

impl There {
    /// Under way at once, whether or not somebody waits for the answer.
    fn tell(
        &self,
        action: &Action,
        ending: Ended,
        spent: Spent,
        why: Option<String>,
    ) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
        self.far.tell(Question::End {
            record: self.record,
            action: Box::new(action.0.described.clone()),
            ending,
            spent,
            why,
        })
    }
}

impl Here {
    /// Books and hands the outcome to the log: in one entry where the log is the budgets' journal, else one after the other.
    /// An intent that is not in the log has no outcome there either.
    fn end(
        mut self,
        permit: &Permit,
        ending: &'static str,
        why: Option<&str>,
        spent: Spent,
    ) -> EndingHere {
        let record_id = permit.decision.record_id();
        let running = self.running.take();
        let mut recorded = None;
        let booked = match (running, record_id) {
            (None, _) => Ok(None),
            (Some(running), Some(record)) if self.core.is_journal => {
                let step = Step::Outcome {
                    record,
                    ending,
                    action: permit.action.clone(),
                    spent,
                    why: why.map(str::to_owned),
                };
                let (booked, written) = under_way::during(step, || spent.book(running));
                recorded = written;
                booked
            }
            (Some(running), _) => spent.book(running),
        };
        let recorded = match (recorded, record_id) {
            (Some(written), _) => written.map(Some),
            (None, None) => Ok(None),
            (None, Some(record)) => {
                let told = if booked.is_ok() {
                    spent
                } else {
                    Spent::Nothing
                };
                let mut entry = entries::outcome(record, ending, &permit.action, told);
                if let Some(why) = why {
                    entry = entry.reason_lossy(why);
                }
                self.core.record(entry).map(Some)
            }
        };
        if recorded.is_err() {
            self.core.count_loss();
        }
        permit.watch.ended(&permit.decision, ending, &booked);
        EndingHere {
            core: self.core,
            record_id,
            booked,
            recorded,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // The whole hold: the tool may have run.
        const ABANDONED: Spent = Spent::Exactly(Usage::NONE);
        // May run while a panic unwinds, so nothing in here may panic.
        let ended = catch_unwind(AssertUnwindSafe(|| {
            match mem::replace(&mut self.hold, Hold::Ended) {
                Hold::Here(here) if here.is_started => {
                    drop(here.end(self, Ended::Abandoned.as_str(), None, ABANDONED));
                }
                Hold::Here(here) => {
                    drop(here.end(self, Ended::Cancelled.as_str(), None, Spent::Nothing));
                }
                Hold::There(there) => {
                    drop(there.tell(&self.action, Ended::Abandoned, ABANDONED, None));
                }
                Hold::Ended => {}
            }
        }));
        drop(ended);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("action", &self.action)
            .field("decision", &self.decision)
            .finish_non_exhaustive()
    }
}
