//! Looking back: which records there are, and what was permitted at a past instant.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::book::Book;
use crate::config::ConsentConfig;
use crate::decide::decide;
use crate::decision::{ConsentDecision, ConsentOutcome};
use crate::event::Event;
use crate::extent::Extent;
use crate::id::{RecordId, Revision, SubjectId};
use crate::index::Index;
use crate::mark::nanos;
use crate::query::ConsentQuery;
use crate::record::{ConsentRecord, RecordKind};
use crate::state::RecordState;
use crate::usage::Usage;

/// Which records to list. The default lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Only records that bear on this: their extent overlaps it.
    pub extent: Extent,
    /// Only records of this kind.
    pub kind: Option<RecordKind>,
    /// Only consents that are in force now, of which something has not been withdrawn, and that were not superseded.
    pub in_force: bool,
    /// Only records made at this instant or later.
    pub since: Option<OffsetDateTime>,
    /// Only records made before this instant.
    pub until: Option<OffsetDateTime>,
}

impl RecordFilter {
    pub(crate) fn lets_through(&self, record: &ConsentRecord) -> bool {
        self.extent.overlaps(&record.extent)
            && self.kind.is_none_or(|kind| kind == record.kind)
            && self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
    }
}

/// What a ledger permitted at a past instant, from
/// [`ConsentLedger::as_of`](crate::ConsentLedger::as_of).
///
/// It holds what had been recorded by then and nothing that was recorded since, and judges at that instant. Whether the
/// gate is permissive is taken from the present configuration.
#[derive(Debug, Clone)]
pub struct AsOf {
    book: Book,
    index: Index,
    at: OffsetDateTime,
    config: ConsentConfig,
}

impl AsOf {
    pub(crate) fn new(events: Vec<Event>, at: OffsetDateTime, config: ConsentConfig) -> Self {
        let mut index = Index::new();
        for event in &events {
            index.fold(event);
        }
        Self {
            book: Book::new(events),
            index,
            at,
            config,
        }
    }

    /// The answer that a gate would have given.
    pub fn check(&self, query: &ConsentQuery) -> ConsentDecision {
        decide(&self.index, self.config, query, nanos(self.at)).0
    }

    /// Who might use data so then, as [`ConsentLedger::who_may`](crate::ConsentLedger::who_may) says it of now.
    #[must_use]
    pub fn who_may(&self, usage: &Usage) -> Vec<ConsentDecision> {
        who_may(&self.index, self.config, usage, nanos(self.at))
    }

    /// The records that had been made by then and that the filter lets through; what was in force is judged at that
    /// instant.
    #[must_use]
    pub fn records(&self, filter: &RecordFilter) -> Vec<Arc<ConsentRecord>> {
        self.book.records(filter, self.at)
    }

    /// What this subject had agreed to, or others for it: the consents that name the subject and were in force then.
    #[must_use]
    pub fn agreed(&self, subject: &SubjectId) -> Vec<Arc<ConsentRecord>> {
        let mut records = self.records(&RecordFilter {
            extent: Extent::of_subject(subject.clone()),
            in_force: true,
            ..RecordFilter::default()
        });
        records.retain(|record| record.extent.subject.as_ref() == Some(subject));
        records
    }

    /// What had become of a record by then.
    #[must_use]
    pub fn state_of(&self, id: RecordId) -> Option<RecordState> {
        let record = self.book.record(id)?;
        Some(self.book.state(record, self.at))
    }

    /// The instant.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        self.at
    }

    /// The revision of the latest act by then.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.index.revision
    }
}

/// The permissions of all agents that have consent for this on record.
pub(crate) fn who_may(
    index: &Index,
    config: ConsentConfig,
    usage: &Usage,
    now: i64,
) -> Vec<ConsentDecision> {
    let agents = index.agents().into_iter();
    agents
        .map(|agent| decide(index, config, &usage.asked_by(agent.clone()), now).0)
        .filter(|decision| decision.outcome() == ConsentOutcome::Permit)
        .collect()
}
