//! Numbers events and hands them to the journal, in the order in which they take effect.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::error::Poisoned;
use crate::event::{Act, Event};
use crate::id::OperatorId;
use crate::journal::{BudgetJournal, Revision, StoreError};
use crate::key::IdempotencyKey;
use crate::moment::Moment;

pub(crate) struct Writer {
    journal: Option<Box<dyn BudgetJournal>>,
    keeps_spending: bool,
    /// With a journal, that of its newest event; without one, the number of administrative acts.
    revision: Mutex<Revision>,
    /// Something is in force that the journal has no word of.
    is_behind: AtomicBool,
}

/// What goes with an act into its event.
#[derive(Debug, Default)]
pub(crate) struct Meta {
    pub(crate) by: Option<OperatorId>,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) note: Option<Arc<str>>,
}

impl Writer {
    pub(crate) fn new(journal: Option<Box<dyn BudgetJournal>>) -> Self {
        Self {
            keeps_spending: journal
                .as_ref()
                .is_some_and(|journal| journal.keeps_spending()),
            journal,
            revision: Mutex::new(Revision::ZERO),
            is_behind: AtomicBool::new(false),
        }
    }

    pub(crate) fn journal(&self) -> Option<&dyn BudgetJournal> {
        self.journal.as_deref()
    }

    pub(crate) fn revision(&self) -> Result<Revision, Poisoned> {
        self.revision
            .lock()
            .map(|revision| *revision)
            .map_err(|_| Poisoned)
    }

    pub(crate) fn set_revision(&self, to: Revision) -> Result<(), Poisoned> {
        *self.revision.lock().map_err(|_| Poisoned)? = to;
        Ok(())
    }

    /// Writes what an enforcer does. Returns the revision to [`sync`](Self::sync) once nothing is locked any more, before anything is acknowledged.
    /// Without a journal this costs nothing, and `meta` and `act` are not even made.
    pub(crate) fn write(
        &self,
        at: Moment,
        meta: impl FnOnce() -> Meta,
        act: impl FnOnce() -> Act,
    ) -> Result<Revision, StoreError> {
        if self.keeps_spending {
            self.write_always(at, meta(), act())
        } else {
            Ok(Revision::ZERO)
        }
    }

    /// Whether spending is written, and not only administrative acts.
    pub(crate) const fn keeps_spending(&self) -> bool {
        self.keeps_spending
    }

    /// Waits until everything up to `revision` is stored. Not with a lock held, but for [`write_stored`](Self::write_stored): others that wait are
    /// served by the same write.
    pub(crate) fn sync(&self, revision: Revision) -> Result<(), StoreError> {
        match &self.journal {
            Some(journal) if revision > Revision::ZERO => journal.sync(revision),
            _ => Ok(()),
        }
    }

    /// Something was done that could not be written.
    pub(crate) fn fall_behind(&self) {
        self.is_behind.store(true, Ordering::Relaxed);
    }

    /// Waits until everything so far is stored, for whoever is told of what others did. Never with a lock held.
    pub(crate) fn sync_all(&self) -> Result<(), StoreError> {
        if self.is_behind.load(Ordering::Relaxed) {
            let why = "something that is in force in memory could not be stored before";
            return Err(StoreError::failed(why));
        }
        self.sync(self.revision().map_err(StoreError::failed)?)
    }

    /// Writes what an operator widens, and waits until it is stored: it is in force only then. The one wait with a lock held, for nothing may be
    /// decided in between; it is rare.
    pub(crate) fn write_stored(
        &self,
        at: Moment,
        meta: Meta,
        act: Act,
    ) -> Result<Revision, StoreError> {
        let revision = self.write_always(at, meta, act)?;
        self.sync(revision)?;
        Ok(revision)
    }

    /// Writes what an operator does, which has a revision in any case.
    pub(crate) fn write_always(
        &self,
        at: Moment,
        meta: Meta,
        act: Act,
    ) -> Result<Revision, StoreError> {
        let mut revision = self
            .revision
            .lock()
            .map_err(|_| StoreError::failed(Poisoned))?;
        let next = revision.next();
        if let Some(journal) = &self.journal {
            let Meta { by, key, note } = meta;
            let note = note.map(|note| note.as_ref().to_owned());
            let event = Event {
                revision: next,
                at: at.to_time(),
                by,
                key,
                note,
                act,
            };
            journal.append(*revision, &[event])?;
        }
        *revision = next;
        Ok(next)
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
