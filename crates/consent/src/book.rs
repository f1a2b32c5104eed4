//! What the ledger knows under its lock: every act so far, and how many of them the store has.
//!
//! The book changes only in [`Book::push`] and by counting what was stored, neither of which can panic half-way; the
//! caller's clock and store are asked before and after. So a lock that their panic poisoned still guards a whole book.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::current::CurrentNotices;
use crate::event::{Event, NoticePublished};
use crate::extent::Extent;
use crate::history::RecordFilter;
use crate::id::{AgentId, RecordId, Revision, SubjectId};
use crate::notice::Notice;
use crate::record::{ConsentRecord, RecordKind};
use crate::state::{Fate, RecordState};
use crate::store::{ConsentStore, StoreError};

#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    /// The act of revision *n* stands at *n* − 1.
    events: Vec<Event>,
    given: BTreeMap<AgentId, GivenTo>,
    notices: CurrentNotices,
    stored: Revision,
}

/// The consents that one agent was given. Filed by subject, for most acts are about one, and there may be very many.
#[derive(Debug, Clone, Default)]
struct GivenTo {
    about_everyone: Vec<Given>,
    about_one: BTreeMap<SubjectId, Vec<Given>>,
}

/// A consent that was given at some time.
#[derive(Debug, Clone)]
struct Given {
    record: Arc<ConsentRecord>,
    fate: Fate,
}

impl Book {
    /// The book of a journal.
    pub(crate) fn new(events: Vec<Event>) -> Self {
        let mut book = Self::default();
        for event in events {
            book.push(event);
        }
        book.all_stored()
    }

    /// This book, all of which came from the store.
    pub(crate) fn all_stored(self) -> Self {
        Self {
            stored: self.revision(),
            ..self
        }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.events.last().map_or(Revision::ZERO, Event::revision)
    }

    pub(crate) fn push(&mut self, event: Event) {
        match &event {
            Event::Recorded(record) => self.file(record),
            Event::NoticePublished(published) => {
                for given in self.given.values_mut().flat_map(|to| to.about_mut(None)) {
                    given.fate.publish(&given.record, published);
                }
            }
            Event::ClockAccepted(_) => {}
        }
        self.notices.fold(&event);
        self.events.push(event);
    }

    fn file(&mut self, record: &Arc<ConsentRecord>) {
        match (record.kind, &record.extent.agent) {
            (RecordKind::Given, Some(agent)) => {
                let given = Given {
                    record: Arc::clone(record),
                    fate: Fate::default(),
                };
                let to = self.given.entry(agent.clone()).or_default();
                to.file(record.extent.subject.as_ref()).push(given);
            }
            (_, agent) => {
                let subject = record.extent.subject.as_ref();
                let range = self.given.range_mut(one_or_all(agent.as_ref()));
                for given in range.flat_map(|(_, to)| to.about_mut(subject)) {
                    given.fate.take(&given.record, record);
                }
            }
        }
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

    /// The book as it was before an act.
    pub(crate) fn before(&self, revision: Revision) -> Self {
        let earlier = self.events.iter();
        Self::new(
            earlier
                .take_while(|event| event.revision() < revision)
                .cloned()
                .collect(),
        )
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
            .filter(|given| given.fate.leaves_something())
            .map(|given| &given.record)
            .filter(move |record| !record.has_ended(now))
    }

    /// What withdrawing this is called: a refusal where none of it was ever given.
    pub(crate) fn kind_of_withdrawal(&self, extent: &Extent) -> RecordKind {
        if self.given(extent).next().is_some() {
            RecordKind::Withdrawn
        } else {
            RecordKind::Refused
        }
    }

    /// The consents that this publication ends.
    pub(crate) fn superseded_by(
        &self,
        published: &NoticePublished,
        now: OffsetDateTime,
    ) -> Vec<Arc<ConsentRecord>> {
        let everything = Extent::default();
        let mut superseded: Vec<_> = self
            .standing(&everything, now)
            .filter(|record| published.supersedes(record))
            .cloned()
            .collect();
        superseded.sort_by_key(|record| record.revision);
        superseded
    }

    /// Whether consent may be given under this notice.
    pub(crate) fn accepts(&self, notice: &Notice) -> bool {
        self.notices.accept(notice)
    }

    pub(crate) fn record(&self, id: RecordId) -> Option<&Arc<ConsentRecord>> {
        let mut records = self.events.iter().filter_map(Event::record);
        records.find(|record| record.record_id == id)
    }

    /// Whether nothing was taken of the consent of this id since it was given. `None`: none of this id was given to this extent.
    pub(crate) fn is_whole(&self, id: RecordId, extent: &Extent) -> Option<bool> {
        self.given(extent)
            .find(|given| given.record.record_id == id && given.record.extent == *extent)
            .map(|given| given.fate.leaves_all())
    }

    /// What has become of a record.
    pub(crate) fn state(&self, record: &ConsentRecord, now: OffsetDateTime) -> RecordState {
        let mut given = self.given(&record.extent);
        match given.find(|given| given.record.record_id == record.record_id) {
            Some(given) => given.fate.at(&given.record, now),
            None if record.kind == RecordKind::Withdrawn => RecordState::Withdrawn,
            None => RecordState::Refused,
        }
    }

    /// Every record with what has become of it; consents first, by agent.
    pub(crate) fn states(
        &self,
        now: OffsetDateTime,
    ) -> impl Iterator<Item = (&Arc<ConsentRecord>, RecordState)> {
        let given = self.given.values().flat_map(|to| to.about(None));
        let given = given.map(move |given| (&given.record, given.fate.at(&given.record, now)));
        let records = self.events.iter().filter_map(Event::record);
        let taking = records.filter_map(|record| match record.kind {
            RecordKind::Given => None,
            RecordKind::Refused => Some((record, RecordState::Refused)),
            RecordKind::Withdrawn => Some((record, RecordState::Withdrawn)),
        });
        given.chain(taking)
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
            let recorded = self.events.iter().filter_map(Event::record);
            recorded
                .filter(|record| filter.lets_through(record))
                .cloned()
                .collect()
        }
    }

    /// The consents ever given to any part of `extent`.
    fn given(&self, extent: &Extent) -> impl Iterator<Item = &Given> {
        let range = self.given.range(one_or_all(extent.agent.as_ref()));
        range
            .flat_map(|(_, to)| to.about(extent.subject.as_ref()))
            .filter(move |given| given.record.extent.overlaps(extent))
    }
}

impl GivenTo {
    fn file(&mut self, subject: Option<&SubjectId>) -> &mut Vec<Given> {
        match subject {
            Some(subject) => self.about_one.entry(subject.clone()).or_default(),
            None => &mut self.about_everyone,
        }
    }

    /// Those that can meet an extent about this subject, or about everyone.
    fn about(&self, subject: Option<&SubjectId>) -> impl Iterator<Item = &Given> {
        let one = self.about_one.range(one_or_all(subject));
        self.about_everyone
            .iter()
            .chain(one.flat_map(|(_, given)| given))
    }

    fn about_mut(&mut self, subject: Option<&SubjectId>) -> impl Iterator<Item = &mut Given> {
        let one = self.about_one.range_mut(one_or_all(subject));
        self.about_everyone
            .iter_mut()
            .chain(one.flat_map(|(_, given)| given))
    }
}

/// This one, or all.
fn one_or_all<T>(one: Option<&T>) -> (Bound<&T>, Bound<&T>) {
    one.map_or((Bound::Unbounded, Bound::Unbounded), |one| {
        (Bound::Included(one), Bound::Included(one))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::ConsentGate;
    use crate::grant::Grant;

    #[test]
    fn what_is_about_one_subject_looks_at_no_other() {
        let (_, ledger) = ConsentGate::builder().build().unwrap();
        let agent: AgentId = "bot".parse().unwrap();
        let grant = || {
            let (data, by) = ("user".parse().unwrap(), "ops".parse().unwrap());
            Grant::blanket(agent.clone(), data, by)
        };
        ledger.record(grant()).unwrap();
        for subject in ["ada", "bob", "eve"] {
            let subject = subject.parse().unwrap();
            ledger.record(grant().subject(subject)).unwrap();
        }
        let looked_at = |subject: Option<&str>| {
            let subject = subject.map(|subject| subject.parse().unwrap());
            let mut book = ledger.book();
            let to = book.given.get_mut(&agent).unwrap();
            let count = to.about_mut(subject.as_ref()).count();
            assert_eq!(to.about(subject.as_ref()).count(), count);
            count
        };
        assert_eq!(
            [Some("bob"), Some("dan"), None].map(looked_at),
            [2, 1, 4],
            "their own, besides the one about everyone"
        );
    }
}
