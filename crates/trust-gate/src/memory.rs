//! The store that lasts as long as its last clone.

use std::sync::{Arc, Mutex, MutexGuard};

use arc_swap::ArcSwapOption;

use crate::event::{Event, Revision};
use crate::store::{ClockMark, StoreError, TrustStore};

/// A journal in memory. Clones share it, so a gate opened on a clone finds what another one did.
///
/// ```
/// # use trust_gate::{MemoryStore, Scope, TrustGate};
/// let store = MemoryStore::default();
/// let (_, admin) = TrustGate::builder().store(store.clone()).build()?;
/// admin.quarantine(&"rogue".parse()?, &Scope::root(), &"ops@example.com".parse()?, "acting up")?;
///
/// let (gate, _) = TrustGate::builder().store(store).build()?;
/// assert!(gate.level(&"rogue".parse()?, &Scope::root()).quarantined);
/// # Ok::<(), trust_gate::TrustError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    events: Mutex<Vec<Event>>,
    /// Not behind the lock: decisions come by here.
    mark: ArcSwapOption<ClockMark>,
}

impl MemoryStore {
    fn events(&self) -> Result<MutexGuard<'_, Vec<Event>>, StoreError> {
        self.0
            .events
            .lock()
            .map_err(|_| StoreError::failed("an earlier act panicked in the memory store"))
    }

    /// At most so many events after a revision, so that the lock is not held while they are looked at.
    fn page(&self, after: Revision) -> Result<Vec<Event>, StoreError> {
        const PAGE: usize = 1024;
        let events = self.events()?;
        let start = events.partition_point(|event| event.revision <= after);
        Ok(events.iter().skip(start).take(PAGE).cloned().collect())
    }
}

impl TrustStore for MemoryStore {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        let mut kept = self.events()?;
        let actual = kept.last().map_or(Revision::ZERO, |event| event.revision);
        if actual != expected {
            return Err(StoreError::Conflict { expected, actual });
        }
        kept.extend_from_slice(events);
        Ok(())
    }

    fn replay(
        &self,
        after: Revision,
        visit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = after;
        loop {
            let page = self.page(after)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.revision;
            page.into_iter().try_for_each(&mut *visit)?;
        }
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        let mark = Arc::new(mark);
        self.0.mark.rcu(|kept| match kept {
            Some(kept) if **kept >= *mark => Some(Arc::clone(kept)),
            _ => Some(Arc::clone(&mark)),
        });
        Ok(())
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        Ok(self.0.mark.load().as_deref().copied())
    }
}
