//! The handle that administers: it creates budgets and changes limits, which nothing else can.

use std::sync::Arc;

use crate::amounts::Limits;
use crate::charge::Envelope;
use crate::enforcer::BudgetEnforcer;
use crate::engine::Engine;
use crate::error::{BudgetError, Poisoned};
use crate::event::Act;
use crate::id::{BudgetId, OperatorId};
use crate::journal::Revision;
use crate::node::State;
use crate::options::CallOptions;
use crate::period::Period;
use crate::snapshot::Snapshot;
use crate::spec::BudgetSpec;
use crate::utilization::{self, OpenHold};
use crate::writer::Meta;

/// Administers budgets. Keep it from whoever is limited by them.
///
/// Acts that widen (create, raise, resume, accept the clock) are stored first and done then, or not at all. Acts that narrow
/// (lower, suspend, close) are in force in memory at once, even where they cannot be stored, and say so.
///
/// ```
/// # use budget_enforcer::{BudgetEnforcer, BudgetId, BudgetSpec, Charge, Period};
/// let (budget, admin) = BudgetEnforcer::builder().build()?;
/// let ops = admin.acting_as("ops@example.com".parse()?);
/// let id: BudgetId = "llm-calls".parse()?;
/// ops.create_budget(BudgetSpec::new(id.clone()).cost("100.00".parse()?).period(Period::Monthly))?;
/// let decision = budget.check(&Charge::budget(&id).cost("1.50".parse()?));
/// assert_eq!(decision.reason().to_string(), "Category 'llm-calls': 1.5000 requested, 100.0000 available (0.0000 of 100.0000 spent).");
/// # Ok::<(), budget_enforcer::BudgetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BudgetAdmin {
    engine: Arc<Engine>,
    by: Option<OperatorId>,
    reason: Option<Arc<str>>,
}

impl BudgetAdmin {
    pub(crate) const fn over(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            by: None,
            reason: None,
        }
    }

    /// The same handle in an operator's name, which goes into the events of what it does.
    #[must_use]
    pub fn acting_as(&self, by: OperatorId) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            by: Some(by),
            reason: self.reason.clone(),
        }
    }

    /// The same handle with a reason, which goes into the events of what it does.
    ///
    /// # Errors
    /// [`BudgetError::NoteTooLong`] above 1024 bytes.
    pub fn because(&self, reason: &str) -> Result<Self, BudgetError> {
        CallOptions::new()
            .note(reason)
            .validate(self.engine.config.max_ttl)?;
        Ok(Self {
            engine: Arc::clone(&self.engine),
            by: self.by.clone(),
            reason: Some(reason.into()),
        })
    }

    /// An enforcing handle on the same budgets.
    #[must_use]
    pub fn enforcer(&self) -> BudgetEnforcer {
        BudgetEnforcer::over(Arc::clone(&self.engine))
    }

    /// With a journal, the revision of its newest event; without one, the number of administrative acts so far.
    ///
    /// # Errors
    /// [`BudgetError::Poisoned`].
    pub fn revision(&self) -> Result<Revision, BudgetError> {
        Ok(self.engine.core.writer.revision()?)
    }

    /// What is held on an envelope now, by any charge that touches it, in the order of taking. Each can be settled or released by its id. Locks the
    /// envelope's tree for as long as it takes to copy them.
    ///
    /// # Errors
    /// [`BudgetError::Unknown`], [`BudgetError::Poisoned`].
    pub fn open_holds(&self, envelope: impl Into<Envelope>) -> Result<Vec<OpenHold>, BudgetError> {
        let envelope = envelope.into();
        let path = self.engine.envelope(&envelope);
        let path = path.ok_or_else(|| BudgetError::Unknown(envelope.clone()))?;
        utilization::open_holds(&path, &envelope, self.engine.core.time.now())
    }

    /// [`open_holds`](Self::open_holds) on all envelopes, each hold once, in the order of trees and of taking. After a replay nobody holds on to
    /// one: those that have started may have been used, and whoever takes over asks, and ends them by their ids. Locks one tree after the other.
    ///
    /// # Errors
    /// [`BudgetError::Poisoned`].
    pub fn open_holds_all(&self) -> Result<Vec<OpenHold>, BudgetError> {
        utilization::all_open_holds(&self.engine, self.engine.core.time.now())
    }

    /// The whole state now, for a store that closes or hands over: opening starts from it and replays only what comes after. Locks everything for as long
    /// as it takes to copy it, and waits until every event that it contains is stored.
    ///
    /// # Errors
    /// [`BudgetError::NotStored`] where the journal does not store all that is in force; [`BudgetError::Poisoned`].
    pub fn snapshot(&self) -> Result<Snapshot, BudgetError> {
        let snapshot = self.engine.capture()?;
        let stored = self.engine.core.writer.sync_all();
        stored.map_err(BudgetError::NotStored)?;
        Ok(snapshot)
    }

    /// Creates a budget. Its first window is that of now, and fixed lengths count from now.
    ///
    /// # Errors
    /// [`BudgetError::NoLimit`]; [`BudgetError::InvalidWindow`]; [`BudgetError::TooDeep`]; [`BudgetError::AlreadyExists`], of closed budgets too; [`BudgetError::Unknown`] or [`BudgetError::Closed`]
    /// of the parent or one above it; [`BudgetError::Store`]. Nothing was changed.
    pub fn create_budget(&self, mut spec: BudgetSpec) -> Result<Revision, BudgetError> {
        let config = &self.engine.config;
        spec.rollover = Some(spec.rollover.unwrap_or(config.rollover_on_reset));
        spec.overdraft = Some(spec.overdraft.unwrap_or(config.allow_overdraft));
        let created = self
            .engine
            .create_budget(&spec, self.engine.core.time.now(), |at, tree| {
                let act = Act::BudgetCreated {
                    spec: spec.clone(),
                    tree,
                };
                Ok(self.engine.core.writer.write_stored(at, self.meta(), act)?)
            });
        self.done(created)
    }

    /// Sets the limits of a budget, all of them. What was spent stays spent, and holds stay; overspending that has room now is covered.
    ///
    /// # Errors
    /// [`BudgetError::NoLimit`]; [`BudgetError::Unknown`], [`BudgetError::Closed`]; nothing was changed.
    /// Where it cannot be stored, [`BudgetError::Store`] if nothing was changed, or [`BudgetError::NotStored`] if some limits were to be lower:
    /// those are in force in memory.
    pub fn update_limit(&self, budget: &BudgetId, limits: Limits) -> Result<Revision, BudgetError> {
        self.set_limits(budget, None, limits)
    }

    /// [`update_limit`](Self::update_limit) of the window of `period`, where a budget has several.
    ///
    /// # Errors
    /// As for [`update_limit`](Self::update_limit); [`BudgetError::NoWindow`].
    pub fn update_window(
        &self,
        budget: &BudgetId,
        period: Period,
        limits: Limits,
    ) -> Result<Revision, BudgetError> {
        self.set_limits(budget, Some(period), limits)
    }

    fn set_limits(
        &self,
        budget: &BudgetId,
        period: Option<Period>,
        limits: Limits,
    ) -> Result<Revision, BudgetError> {
        if limits.is_none() {
            return Err(BudgetError::NoLimit {
                what: format!("budget `{budget}`"),
            });
        }
        let unknown = || BudgetError::Unknown(budget.into());
        let path = self.engine.budget(budget).ok_or_else(unknown)?;
        let updated = self
            .engine
            .core
            .with(&path, self.engine.core.time.now(), |locked| {
                let no_window = || match period {
                    Some(period) => BudgetError::NoWindow {
                        id: budget.clone(),
                        period,
                    },
                    None => unknown(),
                };
                let (old, state) = locked.named(period).ok_or_else(no_window)?;
                if state == State::Closed {
                    return Err(BudgetError::Closed(budget.into()));
                }
                let act = Act::LimitsUpdated {
                    budget: budget.clone(),
                    period,
                    limits,
                };
                let narrowed = old.tighter(&limits);
                let writer = &self.engine.core.writer;
                let only_narrows = narrowed == limits;
                let written = if only_narrows {
                    writer.write_always(locked.at(), self.meta(), act)
                } else {
                    writer.write_stored(locked.at(), self.meta(), act)
                };
                match written {
                    Ok(revision) => {
                        locked.set_limits(period, limits);
                        Ok((revision, only_narrows))
                    }
                    Err(error) => {
                        if narrowed == old {
                            return Err(BudgetError::Store(error));
                        }
                        locked.set_limits(period, narrowed);
                        Err(BudgetError::NotStored(error))
                    }
                }
            })?;
        self.acknowledge(updated)
    }

    /// Sets the template of the sessions that are opened from now on, and lowers the limits of open ones where they are above it; it raises none. `None`:
    /// no session is opened any more, and those that are open stay as they are. What was spent stays spent, and holds stay.
    ///
    /// With a journal it counts from now on whatever [`BudgetEnforcerConfig::session`](crate::BudgetEnforcerConfig::session) says, after a restart too: compare
    /// [`session_limits`](BudgetEnforcer::session_limits) with the configuration then. It shows in no ledger row.
    ///
    /// # Errors
    /// [`BudgetError::NoLimit`] for limits without any; nothing was changed. Where it cannot be stored, [`BudgetError::Store`] if nothing was changed, or
    /// [`BudgetError::NotStored`] if some limits were to be lower: those are in force in memory.
    ///
    /// # Concurrency
    /// Locks all sessions for as long as it takes to look at each, some milliseconds for a hundred thousand of them. Once it returns, none admits
    /// anything beyond the new limits.
    ///
    /// # Examples
    /// ```
    /// # use budget_enforcer::{BudgetEnforcer, BudgetEnforcerConfig, Charge, Limits, SessionId};
    /// let config = BudgetEnforcerConfig::per_session().calls(100);
    /// let (budget, admin) = BudgetEnforcer::builder().config(config).build()?;
    /// let session: SessionId = "s-1".parse()?;
    /// budget.record(&Charge::session(&session).calls(20))?;
    /// admin.set_session_limits(Some(Limits::NONE.calls(30)))?;
    /// assert!(budget.check(&Charge::session(&session).calls(10)).allowed());
    /// assert!(!budget.check(&Charge::session(&session).calls(11)).allowed());
    /// # Ok::<(), budget_enforcer::BudgetError>(())
    /// ```
    pub fn set_session_limits(&self, limits: Option<Limits>) -> Result<Revision, BudgetError> {
        let now = self.engine.core.time.now();
        let set = self.engine.set_template(limits, now, || {
            let act = Act::SessionTemplateSet { limits };
            self.engine.core.writer.write_stored(now, self.meta(), act)
        });
        self.done(set)
    }

    /// Refuses everything on an envelope and what is under it, until it is resumed. Holds that were taken before can still be settled.
    ///
    /// # Errors
    /// [`BudgetError::Unknown`], [`BudgetError::Closed`]; nothing was changed. [`BudgetError::NotStored`]: in force, but only in memory.
    pub fn suspend(&self, envelope: impl Into<Envelope>) -> Result<Revision, BudgetError> {
        let envelope = envelope.into();
        self.set_state(
            &envelope.clone(),
            State::Suspended,
            Act::Suspended { envelope },
        )
    }

    /// Ends a suspension.
    ///
    /// # Errors
    /// [`BudgetError::Unknown`], [`BudgetError::Closed`], [`BudgetError::Store`]; nothing was changed.
    pub fn resume(&self, envelope: impl Into<Envelope>) -> Result<Revision, BudgetError> {
        let envelope = envelope.into();
        self.set_state(&envelope.clone(), State::Active, Act::Resumed { envelope })
    }

    /// Refuses everything on an envelope and what is under it, for good: its id cannot be used again.
    ///
    /// # Errors
    /// [`BudgetError::Unknown`], [`BudgetError::Closed`]; nothing was changed. [`BudgetError::NotStored`]: in force, but only in memory.
    pub fn close(&self, envelope: impl Into<Envelope>) -> Result<Revision, BudgetError> {
        let envelope = envelope.into();
        self.set_state(&envelope.clone(), State::Closed, Act::Closed { envelope })
    }

    /// Takes what the clock shows for true, after a jump that was not believed or after it was set back. Holds keep the time that they
    /// had left. No window that was left is entered again.
    ///
    /// # Errors
    /// [`BudgetError::Store`]; nothing was changed.
    pub fn accept_clock(&self, by: OperatorId, reason: &str) -> Result<Revision, BudgetError> {
        // A clock is somebody else's code: never with trees locked.
        let shown = self.engine.core.time.wall();
        let accepted = self.engine.with_trees(|trees| {
            let mut trees = trees
                .iter()
                .map(|tree| tree.lock())
                .collect::<Result<Vec<_>, Poisoned>>()?;
            let meta = Meta {
                by: Some(by),
                key: None,
                note: Some(reason.into()),
            };
            let revision =
                self.engine
                    .core
                    .writer
                    .write_stored(shown, meta, Act::ClockAccepted {})?;
            self.engine.core.time.accept(shown);
            for tree in &mut trees {
                tree.accept_clock(shown);
            }
            Ok(revision)
        })?;
        self.done(accepted)
    }

    /// Acknowledges an act that is in force: one that only narrows once it is stored, any other is stored already.
    fn acknowledge(
        &self,
        act: Result<(Revision, bool), BudgetError>,
    ) -> Result<Revision, BudgetError> {
        let (revision, only_narrows) = act?;
        if only_narrows {
            let stored = self.engine.core.writer.sync(revision);
            stored.map_err(BudgetError::NotStored)?;
        }
        self.done(Ok(revision))
    }

    fn done(&self, act: Result<Revision, BudgetError>) -> Result<Revision, BudgetError> {
        let revision = act?;
        self.engine.offer_snapshot();
        Ok(revision)
    }

    fn set_state(
        &self,
        envelope: &Envelope,
        state: State,
        act: Act,
    ) -> Result<Revision, BudgetError> {
        let unknown = || BudgetError::Unknown(envelope.clone());
        let path = self.engine.envelope(envelope).ok_or_else(unknown)?;
        let set = self
            .engine
            .core
            .with(&path, self.engine.core.time.now(), |locked| {
                let (_, old) = locked.named(None).ok_or_else(unknown)?;
                if old == State::Closed {
                    return Err(BudgetError::Closed(envelope.clone()));
                }
                let is_narrower = state != State::Active;
                let writer = &self.engine.core.writer;
                let stored = if is_narrower {
                    writer.write_always(locked.at(), self.meta(), act)
                } else {
                    writer.write_stored(locked.at(), self.meta(), act)
                };
                if stored.is_ok() || is_narrower {
                    locked.set_state(state);
                }
                let stored = stored.map(|revision| (revision, is_narrower));
                stored.map_err(if is_narrower {
                    BudgetError::NotStored
                } else {
                    BudgetError::Store
                })
            })?;
        self.acknowledge(set)
    }

    fn meta(&self) -> Meta {
        Meta {
            by: self.by.clone(),
            key: None,
            note: self.reason.clone(),
        }
    }
}
