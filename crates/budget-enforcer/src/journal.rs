//! Where events go and come back from. State is a fold over them, so that whoever keeps the events keeps the budgets.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::snapshot::Snapshot;

/// How many events there are: the number of the newest one, from 1. Zero: none.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(u64);

impl Revision {
    /// Before the first event.
    pub const ZERO: Self = Self(0);

    /// The one of this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An append-only store of events.
///
/// Without one an enforcer keeps its state in memory alone, and pays nothing for events that nobody keeps.
pub trait BudgetJournal: Send + Sync + 'static {
    /// Whether acts of spending (holds, settlements, sessions that open) are handed over too. A journal that says no gets the
    /// operators' acts only, and nothing that was spent can be replayed from it.
    fn keeps_spending(&self) -> bool {
        true
    }

    /// Takes `events` after `expected`, all of them or none. Called with the trees that they change locked, so it should be
    /// quick and must not call the enforcer. It may return before they are stored, where [`sync`](Self::sync) waits for that.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the journal is at another revision, any other where it cannot store. Nothing was taken.
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError>;

    /// Returns once everything up to `revision` is stored for good. Called with nothing locked, before anything is
    /// acknowledged; many callers wait at once, so that one write can serve them all. Only where an operator widens something the trees that it
    /// changes are locked, for that is in force once it is stored and not before: it must not call the enforcer. The default: whatever `append` took is.
    ///
    /// # Errors
    /// Whatever keeps it from storing. From then on it must take nothing more, for what it has taken is in force in memory.
    #[expect(
        unused_variables,
        reason = "the names are for those who write their own"
    )]
    fn sync(&self, revision: Revision) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether so much has come since the newest snapshot that another one should be made. Asked after each `sync`. The default: never.
    fn wants_snapshot(&self) -> bool {
        false
    }

    /// Keeps a snapshot of the state after the event of its revision. Opening starts from the newest one; events before it stay. The default keeps none.
    ///
    /// # Errors
    /// Where it cannot store. Nothing depends on it.
    #[expect(
        unused_variables,
        reason = "the names are for those who write their own"
    )]
    fn keep_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        Ok(())
    }

    /// The newest snapshot that was kept.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        Ok(None)
    }

    /// Hands over the events after `from`, in order.
    ///
    /// # Errors
    /// What reading meets, or what `each` returned.
    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
}

/// What a journal met.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else has written to it.
    #[error("the journal is at revision {actual}, and {expected} was expected")]
    Conflict {
        /// What the writer expected.
        expected: Revision,
        /// Where the journal is.
        actual: Revision,
    },
    /// It cannot store or read.
    #[error("the journal failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// A failure, with what caused it.
    pub fn failed(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(source.into())
    }
}

/// A journal in memory, shared by its clones: what a test or a restart within one process needs. It grows with every event.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal(Arc<Mutex<Vec<Event>>>);

impl MemoryJournal {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The events so far.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where a panic elsewhere poisoned it.
    pub fn events(&self) -> Result<Vec<Event>, StoreError> {
        Ok(self.0.lock().map_err(|_| poisoned())?.clone())
    }
}

impl BudgetJournal for MemoryJournal {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        let mut stored = self.0.lock().map_err(|_| poisoned())?;
        let actual = stored.last().map_or(Revision::ZERO, |event| event.revision);
        if actual != expected {
            return Err(StoreError::Conflict { expected, actual });
        }
        stored.extend_from_slice(events);
        Ok(())
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // Not under the lock: `each` is somebody else's code.
        self.events()?
            .into_iter()
            .filter(|event| event.revision > from)
            .try_for_each(each)
    }
}

fn poisoned() -> StoreError {
    StoreError::failed(crate::error::Poisoned)
}
