//! What the ledger knows under its lock: every act so far, and how many of them the store has.
//!
//! The book changes only in [`Book::push`] and by counting what was stored, neither of which can panic half-way; the
//! caller's clock and store are asked before and after. So a lock that their panic poisoned still guards a whole book.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::event::Event;
use crate::extent::Extent;
use crate::history::RecordFilter;
use crate::id::{AgentId, Revision};
use crate::record::{ConsentRecord, RecordKind};
use crate::store::{ConsentStore, StoreError};

#[derive(Debug)]
pub(crate) struct Book {
    /// The act of revision *n* stands at *n* − 1.
    events: Vec<Event>,
    given: BTreeMap<AgentId, Vec<Given>>,
    stored: Revision,
}

/// A consent that was given at some time.
#[derive(Debug)]
struct Given {
    record: Arc<ConsentRecord>,
    /// Something of it has not been withdrawn, whether it has lapsed or not.
    is_left: bool,
}

impl Book {
    /// The book of a journal.
    pub(crate) fn new(events: Vec<Event>) -> Self {
        let mut book = Self {
            events: Vec::with_capacity(events.len()),
            given: BTreeMap::new(),
            stored: Revision::ZERO,
        };
        for event in events {
            book.push(event);
        }
        book.stored = book.revision();
        book
    }

    pub(crate) fn revision(&self) -> Revision {
        self.events.last().map_or(Revision::ZERO, Event::revision)
    }

    pub(crate) fn push(&mut self, event: Event) {
        if let Event::Recorded(record) = &event {
            match (record.kind, &record.extent.agent) {
                (RecordKind::Given, Some(agent)) => {
                    let given = Given {
                        record: Arc::clone(record),
                        is_left: true,
                    };
                    self.given.entry(agent.clone()).or_default().push(given);
                }
                (_, agent) => {
                    let range = self.given.range_mut(agents(agent.as_ref()));
                    for given in range.flat_map(|(_, given)| given) {
                        given.is_left &= !record.extent.covers(&given.record.extent);
                    }
                }
            }
        }
        self.events.push(event);
    }

    /// Stores what is not stored yet, and `event` with it, which the book does not hold yet.
    pub(crate) fn store_with(
        &mut self,
        store: &dyn ConsentStore,
        event: &Event,
    ) -> Result<(), StoreError> {
        let mut batch = self.after(self.stored).to_vec();
        batch.push(event.clone());
        store.append(self.stored, &batch)?;
        self.stored = event.revision();
        Ok(())
    }

    /// Stores what is not stored yet.
    pub(crate) fn store(&mut self, store: &dyn ConsentStore) -> Result<(), StoreError> {
        let unstored = self.after(self.stored);
        if !unstored.is_empty() {
            store.append(self.stored, unstored)?;
            self.stored = self.revision();
        }
        Ok(())
    }

    pub(crate) fn after(&self, revision: Revision) -> &[Event] {
        let from = usize::try_from(revision.as_u64()).unwrap_or(usize::MAX);
        self.events.get(from..).unwrap_or_default()
    }

    /// The acts up to the last that was made at `at` or before. An earlier act made at a later reading is among them:
    /// since then a wrong clock was found out.
    pub(crate) fn until(&self, at: OffsetDateTime) -> &[Event] {
        let last = self.events.iter().rposition(|event| event.at() <= at);
        self.events
            .get(..last.map_or(0, |last| last.saturating_add(1)))
            .unwrap_or_default()
    }

    /// The consents to any part of `extent` that are in force or will be, and of which something is left.
    pub(crate) fn standing(
        &self,
        extent: &Extent,
        now: OffsetDateTime,
    ) -> impl Iterator<Item = &Arc<ConsentRecord>> {
        self.given(extent)
            .filter(|given| given.is_left)
            .map(|given| &given.record)
            .filter(move |record| record.expires_at.is_none_or(|until| now < until))
    }

    pub(crate) fn was_ever_given(&self, extent: &Extent) -> bool {
        self.given(extent).next().is_some()
    }

    pub(crate) fn records(
        &self,
        filter: &RecordFilter,
        now: OffsetDateTime,
    ) -> Vec<Arc<ConsentRecord>> {
        if filter.in_force {
            let begun =
                |record: &Arc<ConsentRecord>| record.valid_from.is_none_or(|from| from <= now);
            let standing = self.standing(&filter.extent, now);
            let mut records: Vec<_> = standing
                .filter(|record| begun(record) && filter.lets_through(record))
                .cloned()
                .collect();
            records.sort_by_key(|record| record.revision);
            records
        } else {
            let recorded = self.events.iter().filter_map(|event| match event {
                Event::Recorded(record) => Some(record),
                Event::ClockAccepted(_) => None,
            });
            recorded
                .filter(|record| filter.lets_through(record))
                .cloned()
                .collect()
        }
    }

    /// The consents ever given to any part of `extent`.
    fn given(&self, extent: &Extent) -> impl Iterator<Item = &Given> {
        let range = self.given.range(agents(extent.agent.as_ref()));
        range
            .flat_map(|(_, given)| given)
            .filter(move |given| given.record.extent.overlaps(extent))
    }
}

/// One agent, or all.
fn agents(agent: Option<&AgentId>) -> (Bound<&AgentId>, Bound<&AgentId>) {
    agent.map_or((Bound::Unbounded, Bound::Unbounded), |agent| {
        (Bound::Included(agent), Bound::Included(agent))
    })
}
