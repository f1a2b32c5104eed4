//! The journal that lasts as long as its last clone.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;

use crate::event::Event;
use crate::id::Revision;
use crate::store::{ClockMark, ConsentStore, StoreError};

/// A journal in memory. Clones share it, so a ledger opened on a clone goes on where another one stopped.
///
/// ```
/// # use consent::{ConsentGate, Extent, MemoryStore};
/// let store = MemoryStore::default();
/// let (_, ledger) = ConsentGate::builder().store(store.clone()).build()?;
/// ledger.withdraw_agent("bot".parse()?, None)?;
///
/// let (gate, _) = ConsentGate::builder().store(store).build()?;
/// assert_eq!(gate.revision(), ledger.revision());
/// # Ok::<(), consent::ConsentError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Memory>);

#[derive(Debug, Default)]
struct Memory {
    journal: Mutex<Vec<Event>>,
    /// Not behind the lock, for checks come by here.
    mark: ArcSwapOption<ClockMark>,
}

impl MemoryStore {
    fn with<T>(
        &self,
        f: impl FnOnce(&mut Vec<Event>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let poisoned =
            || StoreError::failed("an earlier panic left the journal in memory unusable");
        f(&mut *self.0.journal.lock().map_err(|_| poisoned())?)
    }
}

impl ConsentStore for MemoryStore {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.with(|journal| {
            let actual = journal.last().map_or(Revision::ZERO, Event::revision);
            if actual != expected {
                return Err(StoreError::Conflict { expected, actual });
            }
            journal.extend_from_slice(events);
            Ok(())
        })
    }

    fn replay(
        &self,
        after: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let journal = self.with(|journal| Ok(journal.clone()))?;
        journal
            .into_iter()
            .filter(|event| event.revision() > after)
            .try_for_each(each)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        self.0.mark.rcu(|kept| {
            let later = kept.as_deref().copied().map_or(mark, |kept| kept.max(mark));
            Some(Arc::new(later))
        });
        Ok(())
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        Ok(self.0.mark.load().as_deref().copied())
    }
}
