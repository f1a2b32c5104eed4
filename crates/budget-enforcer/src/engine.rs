//! What both handles stand on: where envelopes are found, what time it is, where bookings and events go.
//!
//! Locks are taken in one order: keys, registry, trees by number, ledger, journal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};

use arc_swap::ArcSwap;
use time::OffsetDateTime;

use crate::alert::Alerts;
use crate::charge::{Charge, Envelope};
use crate::claims::{Answer, Claims};
use crate::clock::Clock;
use crate::config::{BudgetEnforcerConfig, Lanes};
use crate::core::Core;
use crate::decision::{BudgetDecision, BudgetDenied, Code};
use crate::error::{BudgetError, Poisoned};
use crate::event::{Act, Request};
use crate::hold::ReservationId;
use crate::id::{BudgetId, SessionId};
use crate::journal::{BudgetJournal, Revision, StoreError};
use crate::key::IdempotencyKey;
use crate::lane::LaneSet;
use crate::moment::Moment;
use crate::path::{MAX_LINES, Path};
use crate::sessions::Sessions;
use crate::template::Template;
use crate::tree::{Home, Tree};
use crate::writer::Meta;

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) config: BudgetEnforcerConfig,
    pub(crate) core: Arc<Core>,
    pub(crate) claims: Mutex<Claims>,
    pub(crate) sessions: Sessions,
    /// What all sessions stand on, and what limits them.
    pub(crate) session_home: Arc<Home>,
    pub(crate) template: ArcSwap<Template>,
    pub(crate) budgets: ArcSwap<HashMap<BudgetId, Path>>,
    /// All trees by number. Whoever makes one holds the lock for as long as it takes.
    pub(crate) registry: RwLock<Vec<Arc<Tree>>>,
}

/// The envelopes of a charge as they were found.
pub(crate) struct Found {
    pub(crate) path: Path,
    /// Some are sessions that do not exist yet, and are on the path as they would be.
    pub(crate) is_fresh: bool,
}

impl Engine {
    pub(crate) fn new(
        config: BudgetEnforcerConfig,
        clock: Box<dyn Clock>,
        journal: Option<Box<dyn BudgetJournal>>,
        alerts: Option<Alerts>,
    ) -> Self {
        // A replay needs every row that it comes across: then the ledger is bounded afterwards.
        let rows = if journal.is_some() {
            usize::MAX
        } else {
            config.max_transactions
        };
        let core = Core::new(
            clock,
            journal,
            rows,
            config.late_settle_window,
            config.max_ttl,
            alerts,
        );
        let core = Arc::new(core);
        let session_home = Home {
            core: Arc::clone(&core),
            lanes: None,
        };
        let claims = Claims::new(config.idempotency_window, config.max_idempotency_keys);
        Self {
            core,
            session_home: Arc::new(session_home),
            template: ArcSwap::from_pointee(Template::configured(config.session)),
            claims: Mutex::new(claims),
            sessions: Sessions::default(),
            budgets: ArcSwap::default(),
            registry: RwLock::default(),
            config,
        }
    }

    /// The safe reading of `wall`, or of the clock.
    pub(crate) fn reading(&self, wall: Option<OffsetDateTime>) -> Moment {
        wall.map_or_else(
            || self.core.time.now(),
            |wall| self.core.time.safe(Moment::from(wall)),
        )
    }

    /// The same, a little behind where it is the clock's.
    pub(crate) fn cheap_reading(&self, wall: Option<OffsetDateTime>) -> Moment {
        match wall {
            Some(_) => self.reading(wall),
            None => self.core.time.coarse(),
        }
    }

    pub(crate) fn session(&self, id: &SessionId) -> Option<Path> {
        self.sessions.find(id).map(Path::Lone)
    }

    pub(crate) fn budget(&self, id: &BudgetId) -> Option<Path> {
        self.budgets.load().get(id).cloned()
    }

    pub(crate) fn envelope(&self, envelope: &Envelope) -> Option<Path> {
        match envelope {
            Envelope::Session(id) => self.session(id),
            Envelope::Budget(id) => self.budget(id),
        }
    }

    pub(crate) fn budgets(&self) -> Arc<HashMap<BudgetId, Path>> {
        self.budgets.load_full()
    }

    pub(crate) fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Looks up the envelopes of `charge` and opens nothing.
    pub(crate) fn find(&self, charge: &Charge, wall: Moment) -> Result<Found, BudgetDenied> {
        if let Some((envelope, _)) = charge.single()
            && let Some(path) = self.envelope(envelope)
        {
            return Ok(Found {
                path,
                is_fresh: false,
            });
        }
        if charge.lines().nth(MAX_LINES).is_some() {
            return Err(BudgetDecision::bare(Code::TooManyEnvelopes, None).into());
        }
        let mut fresh: Vec<(SessionId, Path)> = Vec::new();
        let mut parts = Vec::new();
        for (envelope, _) in charge.lines() {
            let part = match (self.envelope(envelope), envelope) {
                (Some(path), _) => path,
                (None, Envelope::Budget(_)) => {
                    return Err(BudgetDecision::bare(Code::NoBudget, Some(envelope.clone())).into());
                }
                (None, Envelope::Session(id)) => {
                    if let Some((_, path)) = fresh.iter().find(|(known, _)| known == id) {
                        path.clone()
                    } else {
                        let limits = self.room_for(id, fresh.len())?;
                        // A number that no registered tree has: only the order among the locks matters.
                        let number = u64::MAX.saturating_sub(number_of(&fresh));
                        let path = Path::Lone(self.session_tree(id, limits, number, wall));
                        fresh.push((id.clone(), path.clone()));
                        path
                    }
                }
            };
            parts.push(part);
        }
        let path = match (&*parts, charge.single()) {
            ([only], Some(_)) => only.clone(),
            _ => Path::join(charge, &parts),
        };
        Ok(Found {
            path,
            is_fresh: !fresh.is_empty(),
        })
    }

    /// Has the journal keep a snapshot, where it wants one.
    pub(crate) fn offer_snapshot(&self) {
        if let Some(journal) = self.core.writer.journal()
            && journal.wants_snapshot()
            && let Ok(snapshot) = self.capture()
        {
            // Nothing depends on it: the events stay.
            let _kept = journal.keep_snapshot(&snapshot);
        }
    }

    /// What a new tree of budgets stands on.
    pub(crate) fn tree_home(&self) -> Arc<Home> {
        // A journal's order is the order of all: then lanes would only be in the way.
        let lanes = if self.core.writer.keeps_spending() {
            Lanes::Never
        } else {
            self.config.lanes
        };
        Arc::new(Home {
            core: Arc::clone(&self.core),
            lanes: LaneSet::new(lanes),
        })
    }

    /// All trees, in the order of locking. No tree can be made until `f` returns.
    pub(crate) fn with_trees<R>(&self, f: impl FnOnce(&[Arc<Tree>]) -> R) -> Result<R, Poisoned> {
        Ok(f(&self.registry.read().map_err(|_| Poisoned)?))
    }

    /// The path of a reservation that somebody names by its id.
    pub(crate) fn reservation(&self, id: ReservationId) -> Result<Path, BudgetError> {
        let unknown = || BudgetError::UnknownReservation { id };
        let tree = self.tree(id)?.ok_or_else(unknown)?;
        let state = tree.lock()?;
        Ok(state.hold(id).ok_or_else(unknown)?.path.clone())
    }

    /// The tree that numbers a reservation.
    pub(crate) fn tree(&self, id: ReservationId) -> Result<Option<Arc<Tree>>, Poisoned> {
        let index = usize::try_from(id.tree()).unwrap_or(usize::MAX);
        self.with_trees(|trees| trees.get(index).cloned())
    }

    /// Runs `run` once for each key: claim and effect are one step, for the keys stay locked meanwhile.
    /// An answer that was given before says so.
    pub(crate) fn once(
        &self,
        key: Option<IdempotencyKey>,
        wall: Moment,
        request: impl FnOnce() -> Request,
        run: impl FnOnce() -> Result<Done, BudgetError>,
    ) -> Result<(Answer, IsRepeat), BudgetError> {
        let Some(key) = key else {
            return Ok((run()?.acknowledge(self)?, false));
        };
        let request = request();
        let mut claims = self.claims.lock().map_err(|_| Poisoned)?;
        if let Some((answer, revision)) = claims.answer(key, &request, wall)? {
            drop(claims);
            self.core
                .writer
                .sync(revision)
                .map_err(BudgetError::NotStored)?;
            return Ok((answer, true));
        }
        let done = match run() {
            Err(BudgetError::Denied(denied)) if denied.is_verdict() => {
                let decision = denied.decision().clone();
                let meta = || Meta {
                    key: Some(key),
                    ..Meta::default()
                };
                let act = || Act::Refused {
                    request: request.clone(),
                    decision: decision.clone(),
                };
                let written = self.core.writer.write(wall, meta, act)?;
                Done::written(Answer::Refused(decision), Ok(written))
            }
            done => done?,
        };
        // Remembered even where it could not be stored: it was done, and must not be done again.
        let at = done.answer.at().unwrap_or(wall);
        let revision = *done.written.as_ref().unwrap_or(&Revision::ZERO);
        claims.remember(key, request, done.answer.clone(), revision, at);
        drop(claims);
        Ok((done.acknowledge(self)?, false))
    }
}

pub(crate) type IsRepeat = bool;

/// Something that was done, whether or not it could be stored.
pub(crate) struct Done {
    answer: Answer,
    written: Result<Revision, StoreError>,
}

impl Done {
    pub(crate) const fn written(answer: Answer, written: Result<Revision, StoreError>) -> Self {
        Self { answer, written }
    }

    fn acknowledge(self, engine: &Engine) -> Result<Answer, BudgetError> {
        self.written
            .and_then(|revision| engine.core.writer.sync(revision))
            .map_err(BudgetError::NotStored)?;
        engine.offer_snapshot();
        Ok(self.answer)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Rows and holds refer to trees, and trees to both: they would keep each other alive. What a guard still holds on
        // to stays, for it can be settled without the engine.
        self.core.books.ledger.close();
        if let Ok(registry) = self.registry.get_mut() {
            for tree in registry {
                if let Ok(mut tree) = tree.lock() {
                    tree.clear_detached();
                }
            }
        }
    }
}

/// The number that the next of them gets.
pub(crate) fn number_of<T>(all: &[T]) -> u64 {
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}
