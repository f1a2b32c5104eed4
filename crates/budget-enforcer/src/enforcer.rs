//! The handle that enforces: it asks, holds, spends and looks, and can change no limit.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::alert::Alerts;
use crate::amounts::{Amounts, Limits};
use crate::booking::Locked;
use crate::builder::Builder;
use crate::charge::{Charge, Envelope};
use crate::claims::Answer;
use crate::decision::{BudgetDecision, BudgetDenied, Code};
use crate::engine::{Done, Engine};
use crate::error::BudgetError;
use crate::event::{Act, Request};
use crate::hold::Stage;
use crate::id::SessionId;
use crate::journal::Revision;
use crate::judge::{self, Question};
use crate::lane;
use crate::lines::Lines;
use crate::moment::Moment;
use crate::options::CallOptions;
use crate::path::{BudgetPath, Path, Resolved};
use crate::quick;
use crate::reservation::{Floor, Reservation};
use crate::running::Running;
use crate::ticket::Ticket;
use crate::transaction::{TransactionFilter, Transactions};
use crate::utilization::{self, Summary, Utilization};

/// Enforces budgets. Clones share them; none can change a limit.
///
/// Every call is synchronous. Calls on the same tree of budgets, or on the same session, wait for each other for the length of a
/// few additions, and of the journal's `append` where there is a journal; others do not. With a journal that stores later, every call that changes
/// something waits until it is stored. Calls with an idempotency key wait for each other.
///
/// ```
/// use budget_enforcer::{Amounts, BudgetEnforcer, BudgetEnforcerConfig, Charge, Floor, SessionId};
///
/// let config = BudgetEnforcerConfig::per_session().tokens(10_000).calls(100);
/// let (budget, _admin) = BudgetEnforcer::builder().config(config).build()?;
/// let session: SessionId = "s-1".parse()?;
/// let hold = budget.reserve(&Charge::session(&session).calls(1).tokens(500))?;
/// let running = hold.start(Floor::Hold)?;
/// running.settle(Amounts::NONE.tokens(420))?;
/// assert_eq!(budget.check_budget(&session).available().map(|left| left.units()), Some(9_580));
/// # Ok::<(), budget_enforcer::BudgetError>(())
/// ```
///
/// Limits are changed through [`BudgetAdmin`](crate::BudgetAdmin) alone:
/// ```compile_fail,E0599
/// # use budget_enforcer::{BudgetEnforcer, BudgetId, Limits};
/// fn raise(budget: &BudgetEnforcer, id: &BudgetId) {
///     budget.update_limit(id, Limits::NONE);
/// }
/// ```
#[derive(Debug, Clone)]
pub struct BudgetEnforcer {
    pub(crate) engine: Arc<Engine>,
}

impl BudgetEnforcer {
    /// Starts building one.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) const fn over(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Whether sessions have budgets: made on first use from the template in force.
    #[must_use]
    pub fn has_session_template(&self) -> bool {
        self.session_limits().is_some()
    }

    /// The template in force: the limits of every session that is opened from now on. The configured one, until an operator
    /// [sets another](crate::BudgetAdmin::set_session_limits).
    #[must_use]
    pub fn session_limits(&self) -> Option<Limits> {
        self.engine.template.load().limits()
    }

    /// Whether `charge` would be admitted now. Advisory, and without side effect: nothing is held, opened or reset.
    pub fn check(&self, charge: &Charge) -> BudgetDecision {
        self.check_reading(charge, self.engine.reading(None))
    }

    /// [`check`](Self::check) at a wall time that the caller has read already.
    pub fn check_at(&self, charge: &Charge, wall: OffsetDateTime) -> BudgetDecision {
        self.check_reading(charge, self.engine.reading(Some(wall)))
    }

    /// Whether anything is left in this session: in every dimension that it limits, less was used and held than its limit.
    /// A session that was never used is judged by the template. Without side effect.
    pub fn check_budget(&self, session: &SessionId) -> BudgetDecision {
        self.check_session(session, None)
    }

    /// [`check_budget`](Self::check_budget) at a wall time that the caller has read already.
    pub fn check_budget_at(&self, session: &SessionId, wall: OffsetDateTime) -> BudgetDecision {
        self.check_session(session, Some(wall))
    }

    /// Looks up the envelopes of `charge` once, so that reserving on them hashes nothing. Opens sessions that do not exist yet.
    ///
    /// # Errors
    /// [`BudgetDenied`] with `no_budget`, `session_limit`, `too_many_envelopes`, or `unavailable`. Sessions named before the one that was refused may be open.
    pub fn resolve(&self, charge: &Charge) -> Result<BudgetPath, BudgetDenied> {
        let path = self.engine.open(charge, self.engine.reading(None))?;
        Ok(BudgetPath::new(path, Lines::of(charge)))
    }

    /// Takes a hold on every envelope and dimension of `charge`, in one step or not at all.
    ///
    /// # Errors
    /// [`BudgetDenied`]; nothing was changed. Its code is `unavailable` where nobody could judge: a poisoned lock, or a journal that cannot store.
    pub fn reserve(&self, charge: &Charge) -> Result<Reservation, BudgetDenied> {
        self.reserve_charge(charge, &CallOptions::default())
    }

    /// [`reserve`](Self::reserve) at a wall time that the caller has read already.
    ///
    /// # Errors
    /// As for [`reserve`](Self::reserve).
    pub fn reserve_at(
        &self,
        charge: &Charge,
        wall: OffsetDateTime,
    ) -> Result<Reservation, BudgetDenied> {
        self.reserve_charge(charge, &CallOptions::new().wall(wall))
    }

    /// [`reserve`](Self::reserve) with options. A repeated request gets the same reservation, whatever has become of it.
    ///
    /// # Errors
    /// [`BudgetError::Denied`] as for [`reserve`](Self::reserve); [`BudgetError::InvalidTtl`], [`BudgetError::NoteTooLong`];
    /// [`BudgetError::KeyConflict`], [`BudgetError::KeyTooOld`], [`BudgetError::KeyTooNew`]. Nothing was changed.
    pub fn reserve_with(
        &self,
        charge: &Charge,
        options: &CallOptions,
    ) -> Result<Reservation, BudgetError> {
        options.validate(self.engine.config.max_ttl)?;
        if options.key.is_none() {
            return Ok(self.reserve_charge(charge, options)?);
        }
        let wall = self.engine.reading(options.wall);
        let mut fresh = None;
        let request = || Request::Reserve {
            charge: charge.clone(),
        };
        let (answer, is_repeat) = self.engine.once(options.key, wall, request, || {
            let (ticket, written) = self.reserve_ticket(charge, wall, options)?;
            let Ticket {
                id, path, at, due, ..
            } = fresh.insert(Reservation::new(ticket, false)).ticket()?;
            let answer = Answer::Reserved {
                id: *id,
                path: path.clone(),
                at: *at,
                due: *due,
            };
            Ok(Done::written(answer, Ok(written)))
        })?;
        match (answer, fresh) {
            (_, Some(reservation)) => Ok(reservation),
            (Answer::Reserved { id, path, at, due }, None) => {
                let lane = lane::own();
                let ticket = Ticket {
                    path,
                    lane,
                    id,
                    at,
                    due,
                };
                Ok(Reservation::new(ticket, is_repeat))
            }
            (Answer::Refused(decision), None) => Err(BudgetDenied::from(decision).into()),
            (Answer::Booked(_), None) => Err(BudgetError::KeyConflict { field: "operation" }),
        }
    }

    /// [`reserve`](Self::reserve) on envelopes that were looked up before, with the amounts of the charge that was resolved.
    ///
    /// # Errors
    /// As for [`reserve`](Self::reserve).
    pub fn reserve_path(&self, path: &BudgetPath) -> Result<Reservation, BudgetDenied> {
        let here = self.here(path)?;
        self.reserve_lines(&here.path, &here.lines, None)
    }

    /// [`reserve_path`](Self::reserve_path) and [`Reservation::start`] in one step, for a call that leaves at once: one lock less, and one event.
    ///
    /// # Errors
    /// [`BudgetError::Denied`] as for [`reserve`](Self::reserve); with a journal that cannot store, `unavailable`, and the hold is given back where
    /// the journal takes word of that.
    pub fn reserve_path_and_start(
        &self,
        path: &BudgetPath,
        floor: Floor,
    ) -> Result<Running, BudgetError> {
        let Resolved { path, lines } = self.here(path)?;
        let ttl = self.engine.config.default_ttl;
        if let Some(ticket) = self.reserve_quickly(path, lines, None, ttl, Stage::Started) {
            return Ok(Running::new(ticket, lines.least(), floor));
        }
        let wall = self.engine.reading(None);
        Ok(self.start_slowly(path, lines, wall, floor, |_, _| {})?)
    }

    /// [`reserve_path`](Self::reserve_path) at a wall time that the caller has read already.
    ///
    /// # Errors
    /// As for [`reserve`](Self::reserve).
    pub fn reserve_path_at(
        &self,
        path: &BudgetPath,
        wall: OffsetDateTime,
    ) -> Result<Reservation, BudgetDenied> {
        let here = self.here(path)?;
        self.reserve_lines(&here.path, &here.lines, Some(wall))
    }

    /// [`reserve_path_at`](Self::reserve_path_at), with the decision that admitted it: the figures before the hold was taken.
    ///
    /// # Errors
    /// As for [`reserve`](Self::reserve).
    pub fn reserve_path_explained_at(
        &self,
        path: &BudgetPath,
        wall: OffsetDateTime,
    ) -> Result<(Reservation, BudgetDecision), BudgetDenied> {
        let mut told = BudgetDecision::bare(Code::WithinBudget, None);
        let wall = self.engine.reading(Some(wall));
        let here = self.here(path)?;
        let taken = self.take_hold(
            &here.path,
            &here.lines,
            wall,
            &CallOptions::default(),
            Stage::Held,
            |locked, lines| {
                told = locked.admission(lines);
            },
        )?;
        Ok((self.stored_hold(taken)?, told))
    }

    /// [`reserve_path_and_start`](Self::reserve_path_and_start) at a wall time that the caller has read already, with the decision that admitted it:
    /// the figures before the hold was taken. Exact, so that slices which lanes have are taken back first. Allocates nothing for the decision.
    ///
    /// # Errors
    /// As for [`reserve`](Self::reserve); with a journal that cannot store, `unavailable`, and the hold is given back where the journal takes word of that.
    ///
    /// # Examples
    /// ```
    /// # use budget_enforcer::{Amounts, BudgetEnforcer, BudgetId, BudgetSpec, Charge, Floor};
    /// # let (budget, admin) = BudgetEnforcer::builder().build()?;
    /// let id: BudgetId = "searches".parse()?;
    /// admin.create_budget(BudgetSpec::new(id.clone()).calls(10))?;
    /// let path = budget.resolve(&Charge::budget(&id).calls(1))?;
    /// let (running, told) = budget.reserve_path_and_start_explained_at(&path, budget.now(), Floor::Hold)?;
    /// assert_eq!(told.available().map(|left| left.units()), Some(10));
    /// running.settle(Amounts::NONE.calls(1))?;
    /// # Ok::<(), budget_enforcer::BudgetError>(())
    /// ```
    pub fn reserve_path_and_start_explained_at(
        &self,
        path: &BudgetPath,
        wall: OffsetDateTime,
        floor: Floor,
    ) -> Result<(Running, BudgetDecision), BudgetDenied> {
        let core = &self.engine.core;
        let wall = self.engine.reading(Some(wall));
        let Resolved { path, lines } = self.here(path)?;
        let mut told = BudgetDecision::bare(Code::WithinBudget, None);
        let ttl = self.engine.config.default_ttl;
        let take = |told| {
            quick::reserve_explained(&core.books, path, lines, wall, ttl, Stage::Started, told)
        };
        if !core.writer.keeps_spending()
            && let Some((id, at, due)) = take(&mut told)
        {
            let ticket = Ticket {
                path: path.clone(),
                lane: lane::own(),
                id,
                at,
                due,
            };
            return Ok((Running::new(ticket, lines.least(), floor), told));
        }
        let running = self.start_slowly(path, lines, wall, floor, |locked, lines| {
            told = locked.admission(lines);
        })?;
        Ok((running, told))
    }

    /// [`reserve_path`](Self::reserve_path) with `amounts` from each envelope named, in place of the resolved ones.
    ///
    /// # Errors
    /// As for [`reserve`](Self::reserve).
    pub fn reserve_path_amounts(
        &self,
        path: &BudgetPath,
        amounts: Amounts,
    ) -> Result<Reservation, BudgetDenied> {
        let here = self.here(path)?;
        self.reserve_lines(&here.path, &here.lines.map(|_| amounts), None)
    }

    /// The figures of one envelope now. Without side effect.
    ///
    /// # Errors
    /// [`BudgetError::Unknown`] where there is none; a session exists once it was used.
    pub fn utilization(&self, envelope: impl Into<Envelope>) -> Result<Utilization, BudgetError> {
        let envelope = envelope.into();
        let path = self
            .engine
            .envelope(&envelope)
            .ok_or(BudgetError::Unknown(envelope))?;
        utilization::of(&path, self.engine.reading(None))
    }

    /// The figures of all named budgets at one instant, and the number of sessions. Without side effect; locks all budgets for as long as it takes to copy them.
    ///
    /// # Errors
    /// [`BudgetError::Poisoned`].
    pub fn summary(&self) -> Result<Summary, BudgetError> {
        utilization::summary(&self.engine, self.engine.reading(None))
    }

    /// The rows of the ledger that match, as they were at one instant. Locks the ledger for as long as it takes to copy them.
    #[must_use]
    pub fn transactions(&self, filter: &TransactionFilter) -> Transactions {
        self.engine.core.books.ledger.list(filter)
    }

    /// How many alerts found their channel full or closed.
    #[must_use]
    pub fn alerts_lost(&self) -> u64 {
        let alerts = self.engine.core.books.alerts.as_ref();
        alerts.map_or(0, Alerts::lost)
    }

    /// What the enforcer takes for now: the clock's wall time, made safe.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.engine.core.time.now().to_time()
    }

    fn check_reading(&self, charge: &Charge, wall: Moment) -> BudgetDecision {
        let found = match self.engine.find(charge, wall) {
            Ok(found) => found,
            Err(denied) => return denied.into_decision(),
        };
        let lines = Lines::of(charge);
        let decided = self.engine.core.with(&found.path, wall, |locked| {
            locked
                .refusal(&lines, Question::Charge)
                .unwrap_or_else(|| locked.admission(&lines))
        });
        decided.unwrap_or_else(|_| BudgetDecision::bare(Code::Unavailable, None))
    }

    fn check_session(&self, session: &SessionId, wall: Option<OffsetDateTime>) -> BudgetDecision {
        let path = match self.engine.session(session) {
            Some(path) => path,
            None => match self
                .engine
                .imagined_session(session, self.engine.reading(wall))
            {
                Ok(path) => path,
                Err(denied) => return denied.into_decision(),
            },
        };
        let unavailable = || BudgetDecision::bare(Code::Unavailable, Some(session.into()));
        let Some(group) = path.only_group() else {
            return unavailable();
        };
        match group.tree.lock() {
            // Most sessions have no open holds: then there is no need to read the clock.
            Ok(tree) if tree.is_timeless() => {
                return judge::anything_left(group, &tree, tree.mark());
            }
            Ok(_) => {}
            Err(_) => return unavailable(),
        }
        let wall = self.engine.reading(wall);
        group.tree.lock().map_or_else(
            |_| unavailable(),
            |tree| judge::anything_left(group, &tree, tree.time(wall)),
        )
    }

    /// What a thread in the current lane uses of a path, which must be one of this enforcer's: another's envelopes are none here.
    fn here<'p>(&self, path: &'p BudgetPath) -> Result<&'p Resolved, BudgetDenied> {
        let here = path.here();
        let core = here.path.core();
        if core.is_some_and(|core| std::ptr::eq(core, Arc::as_ptr(&self.engine.core))) {
            return Ok(here);
        }
        let named = here.path.named().first_envelope().clone();
        Err(BudgetDecision::bare(Code::NoBudget, Some(named)).into())
    }

    fn reserve_lines(
        &self,
        path: &Path,
        lines: &Lines,
        wall: Option<OffsetDateTime>,
    ) -> Result<Reservation, BudgetDenied> {
        let ttl = self.engine.config.default_ttl;
        if let Some(ticket) = self.reserve_quickly(path, lines, wall, ttl, Stage::Held) {
            return Ok(Reservation::new(ticket, false));
        }
        self.reserve_slowly(path, lines, wall)
    }

    fn reserve_slowly(
        &self,
        path: &Path,
        lines: &Lines,
        wall: Option<OffsetDateTime>,
    ) -> Result<Reservation, BudgetDenied> {
        let options = CallOptions::default();
        let wall = self.engine.reading(wall);
        let taken = self.take_hold(path, lines, wall, &options, Stage::Held, |_, _| {})?;
        self.stored_hold(taken)
    }

    /// A hold whose call leaves in the same step.
    fn start_slowly(
        &self,
        path: &Path,
        lines: &Lines,
        wall: Moment,
        floor: Floor,
        admitted: impl FnOnce(&Locked<'_, '_>, &Lines),
    ) -> Result<Running, BudgetDenied> {
        let options = CallOptions::default();
        let (ticket, written) =
            self.take_hold(path, lines, wall, &options, Stage::Started, admitted)?;
        let running = Running::new(ticket, lines.least(), floor);
        if let Err(error) = self.engine.core.writer.sync(written) {
            // The caller is told no, so that the call never leaves. Where the journal takes no word of that, it settles at its hold.
            drop(running.cancel());
            return Err(BudgetDenied::unavailable(error));
        }
        self.engine.offer_snapshot();
        Ok(running)
    }

    /// A hold that meets nothing special, and has not to be written down.
    fn reserve_quickly(
        &self,
        path: &Path,
        lines: &Lines,
        wall: Option<OffsetDateTime>,
        ttl: Duration,
        stage: Stage,
    ) -> Option<Ticket> {
        let core = &self.engine.core;
        if core.writer.keeps_spending() {
            return None;
        }
        let wall = self.engine.cheap_reading(wall);
        let lane = lane::own();
        let (id, at, due) = quick::reserve(&core.books, path, lines, lane, wall, ttl, stage)?;
        Some(Ticket {
            path: path.clone(),
            lane,
            id,
            at,
            due,
        })
    }

    fn reserve_charge(
        &self,
        charge: &Charge,
        options: &CallOptions,
    ) -> Result<Reservation, BudgetDenied> {
        let cheap = self.engine.cheap_reading(options.wall);
        let ttl = options.ttl.unwrap_or(self.engine.config.default_ttl);
        // With a journal there is no quick way: then nothing is looked up for it.
        if options.note.is_none()
            && !self.engine.core.writer.keeps_spending()
            && let Ok(found) = self.engine.find(charge, cheap)
            && !found.is_fresh
            && let Some(ticket) = self.reserve_quickly(
                &found.path,
                &Lines::of(charge),
                options.wall,
                ttl,
                Stage::Held,
            )
        {
            return Ok(Reservation::new(ticket, false));
        }
        let wall = self.engine.reading(options.wall);
        self.stored_hold(self.reserve_ticket(charge, wall, options)?)
    }

    fn reserve_ticket(
        &self,
        charge: &Charge,
        wall: Moment,
        options: &CallOptions,
    ) -> Result<(Ticket, Revision), BudgetDenied> {
        let lines = Lines::of(charge);
        let path = self.open_if_it_fits(charge, &lines, wall, Question::Charge)?;
        self.take_hold(&path, &lines, wall, options, Stage::Held, |_, _| {})
    }

    /// The path of `charge`. A refusal opens no session.
    pub(crate) fn open_if_it_fits(
        &self,
        charge: &Charge,
        lines: &Lines,
        wall: Moment,
        question: Question,
    ) -> Result<Path, BudgetDenied> {
        let found = self.engine.find(charge, wall)?;
        if !found.is_fresh {
            return Ok(found.path);
        }
        match self
            .engine
            .core
            .with(&found.path, wall, |locked| locked.refusal(lines, question))?
        {
            Some(refusal) => Err(refusal.into()),
            None => self.engine.open(charge, wall),
        }
    }

    fn take_hold(
        &self,
        path: &Path,
        lines: &Lines,
        wall: Moment,
        options: &CallOptions,
        stage: Stage,
        admitted: impl FnOnce(&Locked<'_, '_>, &Lines),
    ) -> Result<(Ticket, Revision), BudgetDenied> {
        let ttl = options.ttl.unwrap_or(self.engine.config.default_ttl);
        let (id, at, due, written) = self.engine.core.with(path, wall, |locked| {
            if let Some(refusal) = locked.refusal(lines, Question::Charge) {
                return Err(BudgetDenied::from(refusal));
            }
            let (id, due) = (locked.next_hold(), locked.at().plus(ttl));
            let act = || Act::Reserved {
                reservation: id,
                charge: path.charge(lines),
                expires_at: due.to_time(),
                started: stage == Stage::Started,
            };
            let written = self
                .engine
                .core
                .writer
                .write(locked.at(), || options.meta(), act);
            let written = written.map_err(BudgetDenied::unavailable)?;
            admitted(locked, lines);
            locked.reserve(id, lines, due, stage, options.note.clone());
            Ok((id, locked.at(), due, written))
        })??;
        let ticket = Ticket {
            path: path.clone(),
            lane: lane::own(),
            id,
            at,
            due,
        };
        Ok((ticket, written))
    }

    /// The guard of a hold, once that is stored. Where it cannot be, the hold runs out by itself: a journal that failed takes no word of its end, and
    /// admits nothing more.
    fn stored_hold(
        &self,
        (ticket, written): (Ticket, Revision),
    ) -> Result<Reservation, BudgetDenied> {
        let reservation = Reservation::new(ticket, false);
        self.engine
            .core
            .writer
            .sync(written)
            .map_err(BudgetDenied::unavailable)?;
        self.engine.offer_snapshot();
        Ok(reservation)
    }
}
