//! The books of budgets: what they come to now and, where a journal keeps them, everything that ever happened to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use audit_trail::AuditReader;
use budget_enforcer::{
    BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetJournal, Clock, Envelope,
    EnvelopeState, Event, ReservationId, Revision, StoreError, SystemClock, Utilization,
};

use super::figures::{EnvelopeNow, HoldNow, Line, SetUp};
use super::history::{History, Hold};
use crate::journal::BudgetReading;
use crate::operator::OperatorError;

/// What questions about budgets are answered from. Nothing can be written through it.
#[derive(Debug)]
pub struct Books {
    pub(super) enforcer: BudgetEnforcer,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Everything that ever happened.
    Journal(Box<History>),
    /// What is in memory now.
    Memory(BudgetAdmin),
}

impl Books {
    /// Reads a journal from its first event on, and keeps all of it in memory. What time it is the system's clock says.
    ///
    /// # Errors
    /// The journal cannot be read, or does not replay.
    pub fn read(journal: impl BudgetJournal) -> Result<Self, BudgetError> {
        Self::read_by(journal, SystemClock)
    }

    /// The same by another clock.
    ///
    /// # Errors
    /// The same.
    pub fn read_by(journal: impl BudgetJournal, clock: impl Clock) -> Result<Self, BudgetError> {
        let history = Arc::new(Mutex::new(History::default()));
        let config = BudgetEnforcerConfig {
            max_transactions: usize::MAX,
            ..BudgetEnforcerConfig::default()
        };
        let (enforcer, _) = BudgetEnforcer::builder()
            .config(config)
            .clock(clock)
            .journal(ToRead {
                journal,
                history: Arc::clone(&history),
            })
            .build()?;
        let history = std::mem::take(&mut *history.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Self {
            enforcer,
            source: Source::Journal(Box::new(history)),
        })
    }

    /// Of a stack's data directory, from its log: beside the process that owns it, or where none does. Takes no lock and writes
    /// nothing. Blocks while the whole log is read.
    ///
    /// # Errors
    /// There is no log, or it cannot be read or does not replay.
    pub fn of_data_dir(directory: impl AsRef<Path>) -> Result<Self, OperatorError> {
        Self::of_log(AuditReader::open(directory, None)?, SystemClock)
    }

    /// Of a stack whose log is its journal.
    pub(crate) fn of_log(reader: AuditReader, clock: impl Clock) -> Result<Self, OperatorError> {
        let journal = BudgetReading {
            reader,
            part: 0..u64::MAX,
            snapshot: None,
        };
        Ok(Self::read_by(journal, clock)?)
    }

    /// Of running budgets: the figures of now alone.
    #[must_use]
    pub fn running(admin: &BudgetAdmin) -> Self {
        Self {
            enforcer: admin.enforcer(),
            source: Source::Memory(admin.clone()),
        }
    }

    /// The figures of all budgets and sessions.
    pub(crate) fn all(&self) -> Result<Vec<EnvelopeNow>, OperatorError> {
        self.list(true)
    }

    /// The holds that nobody has ended and whose time is not up, where a journal tells.
    pub(crate) fn open_holds(&self) -> Vec<HoldNow> {
        let now = self.enforcer.now();
        let holds = match &self.source {
            Source::Journal(history) => history.holds.iter(),
            Source::Memory(_) => return Vec::new(),
        };
        let open = holds.filter(|(_, hold)| hold.expires_at > now);
        open.map(|(id, hold)| hold_now(*id, hold)).collect()
    }

    /// What happened, where it was kept.
    pub(super) fn history(&self) -> Result<&History, OperatorError> {
        match &self.source {
            Source::Journal(history) => Ok(history),
            Source::Memory(_) => Err(OperatorError::NoJournal),
        }
    }

    /// Budgets in the order of their tree, each before those under it; then the sessions.
    pub(super) fn list(&self, sessions: bool) -> Result<Vec<EnvelopeNow>, OperatorError> {
        let mut under: BTreeMap<Option<Envelope>, Vec<Utilization>> = BTreeMap::new();
        // The next to list is the last; the summary is by name.
        for usage in self.enforcer.summary()?.budgets.into_iter().rev() {
            let parent = self.parent(&usage.envelope);
            under.entry(parent).or_default().push(usage);
        }
        let mut listed = Vec::new();
        let mut open = under.remove(&None).unwrap_or_default();
        while let Some(usage) = open.pop() {
            listed.push(self.told(&usage));
            open.extend(under.remove(&Some(usage.envelope)).unwrap_or_default());
        }
        if sessions {
            for id in self.history()?.sessions.keys() {
                listed.push(self.now(&id.into())?);
            }
        }
        Ok(listed)
    }

    /// An envelope with its figures and how it was set up.
    pub(super) fn now(&self, envelope: &Envelope) -> Result<EnvelopeNow, BudgetError> {
        Ok(self.told(&self.enforcer.utilization(envelope.clone())?))
    }

    fn told(&self, usage: &Utilization) -> EnvelopeNow {
        let mut now = EnvelopeNow::of(usage);
        if let Source::Journal(history) = &self.source {
            match &usage.envelope {
                Envelope::Session(id) => now.opened_at = history.sessions.get(id).copied(),
                Envelope::Budget(id) => {
                    now.set_up = history.budgets.get(id).map(|created| SetUp {
                        parent: created.spec.parent.clone(),
                        zone: created.spec.zone.clone(),
                        rollover: created.spec.rollover,
                        overdraft: created.spec.overdraft,
                        created_at: created.at,
                        created_by: created.by.clone(),
                    });
                }
            }
        }
        now
    }

    /// The nearest budget above that admits nothing.
    pub(super) fn blocked(&self, envelope: &Envelope) -> Result<Option<Envelope>, BudgetError> {
        let Source::Journal(history) = &self.source else {
            return Ok(None);
        };
        for above in history.and_above(envelope).skip(1) {
            if self.enforcer.utilization(above.clone())?.state != EnvelopeState::Active {
                return Ok(Some(above));
            }
        }
        Ok(None)
    }

    /// The open holds that touch an envelope, the oldest first.
    pub(super) fn holds(&self, envelope: &Envelope) -> Result<Vec<HoldNow>, BudgetError> {
        let history = match &self.source {
            Source::Journal(history) => history,
            Source::Memory(admin) => {
                let open = admin.open_holds(envelope.clone())?.into_iter();
                return Ok(open.map(|hold| HoldNow::of(&hold)).collect());
            }
        };
        let now = self.enforcer.now();
        let touches = |line: &Line| {
            let mut above = history.and_above(&line.envelope);
            above.any(|above| above == *envelope)
        };
        let on_it = |hold: &Hold| hold.expires_at > now && hold.lines.iter().any(touches);
        let open = history.holds.iter().filter(|(_, hold)| on_it(hold));
        let mut open: Vec<_> = open.map(|(id, hold)| hold_now(*id, hold)).collect();
        open.sort_by_key(|hold| (hold.at, hold.reservation));
        Ok(open)
    }

    fn parent(&self, envelope: &Envelope) -> Option<Envelope> {
        match &self.source {
            Source::Journal(history) => history.and_above(envelope).nth(1),
            Source::Memory(_) => None,
        }
    }
}

fn hold_now(id: ReservationId, hold: &Hold) -> HoldNow {
    HoldNow {
        reservation: id,
        at: Some(hold.at),
        expires_at: hold.expires_at,
        started: hold.started,
        charge: hold.lines.clone(),
    }
}

/// A journal that tells all that ever happened, from its first event on, and takes nothing.
struct ToRead<J> {
    journal: J,
    history: Arc<Mutex<History>>,
}

impl<J: BudgetJournal> BudgetJournal for ToRead<J> {
    fn append(&self, _: Revision, _: &[Event]) -> Result<(), StoreError> {
        Err(StoreError::failed("it was opened to be read"))
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        self.journal.replay(from, &mut |event| {
            history.note(&event);
            each(event)
        })
    }
}
