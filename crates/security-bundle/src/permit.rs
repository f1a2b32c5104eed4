//! The permission to run one action, and the money held for it, until somebody says how it ended.

use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use budget_enforcer::{Amounts, BudgetError, Floor, Reservation, Running, Settlement};
use uuid::Uuid;

use crate::action::Action;
use crate::core::Core;
use crate::decision::{Decision, Denied, Fate};
use crate::entries;
use crate::recorder::{RecordError, Recorded};

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
    core: Arc<Core>,
    action: Action,
    decision: Decision,
    hold: Hold,
}

enum Hold {
    /// The intent is not stored yet, so the tool cannot have run.
    Waiting(Option<Reservation>),
    /// The tool may be running.
    Started(Option<Running>),
    /// Somebody has said how it ended.
    Ended,
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
    /// The outcome could not be recorded; the loss is counted. The budget is booked.
    #[error("the action ended and its budget is settled, but its outcome is not in the log")]
    Record(#[source] RecordError),
}

impl Permit {
    pub(crate) fn new(
        core: Arc<Core>,
        action: Action,
        decision: Decision,
        hold: Option<Reservation>,
    ) -> Self {
        Self {
            core,
            action,
            decision,
            hold: Hold::Waiting(hold),
        }
    }

    /// Lets the action begin, now that the intent is stored, or takes everything back.
    pub(crate) fn start(mut self, not_stored: Option<&RecordError>) -> Result<Self, Denied> {
        let Hold::Waiting(reservation) = mem::replace(&mut self.hold, Hold::Ended) else {
            return Ok(self);
        };
        if not_stored.is_some() {
            self.core.unrecorded(&mut self.decision);
            if !self.decision.allowed() {
                return Err(Denied::new(self.decision.clone()));
            }
        }
        if !self.core.still_stands(&self.action, &mut self.decision) {
            drop(reservation);
            self.refused("revoked");
            return Err(Denied::new(self.decision.clone()));
        }
        let started = reservation.map(|hold| hold.start(Floor::Hold)).transpose();
        let Ok(running) = started else {
            self.decision.fate = Fate::Expired;
            self.refused("expired");
            return Err(Denied::new(self.decision.clone()));
        };
        self.hold = Hold::Started(running);
        Ok(self)
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
        self.end("settled", None, Spent::Exactly(usage))
            .acknowledged()
    }

    /// [`settle`](Self::settle) for callers without a runtime.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn settle_blocking(self, usage: Usage) -> Result<Settled, SettleError> {
        self.end("settled", None, Spent::Exactly(usage)).wait()
    }

    /// [`settle`](Self::settle) where the usage comes from the governed side itself, which can only raise what was held.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn settle_at_least(
        self,
        usage: Usage,
    ) -> impl Future<Output = Result<Settled, SettleError>> + Send + use<> {
        self.end("settled", None, Spent::AtLeast(usage))
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
        self.end("failed", Some(&error), Spent::Exactly(usage))
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
        self.end("failed", Some(&error), Spent::Exactly(usage))
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
        self.end("failed", Some(&error), Spent::AtLeast(usage))
            .acknowledged()
    }

    /// Gives everything back, for an action that was never started.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn cancel(self) -> impl Future<Output = Result<Settled, SettleError>> + Send + use<> {
        self.end("cancelled", None, Spent::Nothing).acknowledged()
    }

    /// [`cancel`](Self::cancel) for callers without a runtime.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn cancel_blocking(self) -> Result<Settled, SettleError> {
        self.end("cancelled", None, Spent::Nothing).wait()
    }

    fn end(mut self, ending: &'static str, why: Option<&dyn fmt::Display>, spent: Spent) -> Ending {
        let booked = match mem::replace(&mut self.hold, Hold::Ended) {
            Hold::Started(Some(running)) => spent.book(running),
            Hold::Started(None) | Hold::Waiting(_) | Hold::Ended => Ok(None),
        };
        let told = if booked.is_ok() {
            spent
        } else {
            Spent::Nothing
        };
        Ending {
            recorded: self.record(ending, why, told),
            core: Arc::clone(&self.core),
            record_id: self.decision.record_id,
            booked,
        }
    }

    fn refused(&self, ending: &'static str) {
        // The caller learns of the denial either way, and a loss is counted.
        drop(self.record(ending, Some(&self.decision.reason()), Spent::Nothing));
    }

    /// Writes the outcome entry. An intent that is not in the log has no outcome there either.
    fn record(
        &self,
        ending: &'static str,
        why: Option<&dyn fmt::Display>,
        spent: Spent,
    ) -> Result<Option<Recorded>, RecordError> {
        let Some(record) = self.decision.record_id else {
            return Ok(None);
        };
        let why = why.map(ToString::to_string);
        let mut entry = entries::outcome(record, ending, &self.action, spent);
        if let Some(why) = &why {
            entry = entry.reason_lossy(why);
        }
        self.core
            .record(entry)
            .inspect_err(|_| self.core.count_loss())
            .map(Some)
    }
}

/// What an action used, as far as somebody said so.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spent {
    /// It never ran.
    Nothing,
    /// This; what is not named, as it was held.
    Exactly(Usage),
    /// The larger of this and what was held.
    AtLeast(Usage),
}

impl Spent {
    fn book(self, running: Running) -> Result<Option<Settlement>, BudgetError> {
        match self {
            Self::Nothing => running.cancel().map(|()| None),
            Self::Exactly(usage) => running.settle(usage).map(Some),
            Self::AtLeast(usage) => running.settle_at_least(usage).map(Some),
        }
    }

    /// What is booked on an envelope of which this was held; `None` where nothing is.
    pub(crate) fn of(self, held: &Amounts) -> Option<Amounts> {
        let (usage, floor) = match self {
            Self::Nothing => return None,
            Self::Exactly(usage) => (usage, None),
            Self::AtLeast(usage) => (usage, Some(held)),
        };
        Some(Amounts {
            tokens: usage
                .tokens
                .max(floor.and_then(|held| held.tokens))
                .or(held.tokens),
            calls: usage
                .calls
                .max(floor.and_then(|held| held.calls))
                .or(held.calls),
            cost: usage
                .cost
                .max(floor.and_then(|held| held.cost))
                .or(held.cost),
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // May run while a panic unwinds, so nothing in here may panic.
        let ended = catch_unwind(AssertUnwindSafe(|| {
            match mem::replace(&mut self.hold, Hold::Ended) {
                Hold::Ended => {}
                Hold::Waiting(reservation) => {
                    drop(reservation);
                    self.refused("cancelled");
                }
                Hold::Started(running) => {
                    // Its own drop settles the whole hold.
                    drop(running);
                    drop(self.record("abandoned", None, Spent::Exactly(Usage::default())));
                }
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

/// An action whose end is booked and handed to the log, and that only waits for the log's acknowledgement.
struct Ending {
    core: Arc<Core>,
    record_id: Option<Uuid>,
    booked: Result<Option<Settlement>, BudgetError>,
    recorded: Result<Option<Recorded>, RecordError>,
}

impl Ending {
    async fn acknowledged(mut self) -> Result<Settled, SettleError> {
        if let Ok(Some(entry)) = &self.recorded
            && !entry.stored
            && let Err(error) = self.core.recorder.acknowledged(entry).await
        {
            self.lost(error);
        }
        self.result()
    }

    fn wait(mut self) -> Result<Settled, SettleError> {
        if let Ok(Some(entry)) = &self.recorded
            && !entry.stored
            && let Err(error) = self.core.recorder.wait(entry)
        {
            self.lost(error);
        }
        self.result()
    }

    fn lost(&mut self, error: RecordError) {
        self.core.count_loss();
        self.recorded = Err(error);
    }

    fn result(self) -> Result<Settled, SettleError> {
        let settlement = self.booked.map_err(SettleError::Budget)?;
        match self.recorded {
            Err(error) if self.core.audit_required => Err(SettleError::Record(error)),
            _ => Ok(Settled {
                settlement,
                record_id: self.record_id,
            }),
        }
    }
}
