//! A journal in memory that keeps snapshots as text, as a store would.

use std::sync::{Arc, Mutex};

use budget_enforcer::{BudgetJournal, Event, MemoryJournal, Revision, Snapshot, StoreError};

/// Its clones share what they keep, so that it outlives an enforcer.
#[derive(Clone)]
pub(crate) struct Keeping {
    pub(crate) events: MemoryJournal,
    /// A snapshot is made after so many events. `None`: never.
    every: Option<u64>,
    kept: Arc<Mutex<Option<(u64, String)>>>,
}

impl Keeping {
    pub(crate) fn every(every: Option<u64>) -> Self {
        Self {
            events: MemoryJournal::new(),
            every,
            kept: Arc::default(),
        }
    }

    /// The newest snapshot.
    pub(crate) fn text(&self) -> Option<String> {
        self.kept
            .lock()
            .unwrap()
            .as_ref()
            .map(|(_, text)| text.clone())
    }
}

impl BudgetJournal for Keeping {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.events.append(expected, events)
    }

    fn wants_snapshot(&self) -> bool {
        let newest = self.events.events().unwrap().len() as u64;
        let kept = self
            .kept
            .lock()
            .unwrap()
            .as_ref()
            .map_or(0, |(revision, _)| *revision);
        self.every.is_some_and(|every| newest >= kept + every)
    }

    fn keep_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let text = serde_json::to_string(snapshot).unwrap();
        *self.kept.lock().unwrap() = Some((snapshot.revision().number(), text));
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.text().map(|text| serde_json::from_str(&text).unwrap()))
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.events.replay(from, each)
    }
}
