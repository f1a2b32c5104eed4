//! Looking back: which records there are, and what was permitted at a past instant.

use time::OffsetDateTime;

use crate::config::ConsentConfig;
use crate::decide::decide;
use crate::decision::ConsentDecision;
use crate::event::Event;
use crate::extent::Extent;
use crate::id::Revision;
use crate::index::Index;
use crate::mark::nanos;
use crate::query::ConsentQuery;
use crate::record::{ConsentRecord, RecordKind};

/// Which records to list. The default lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Only records that bear on this: their extent overlaps it.
    pub extent: Extent,
    /// Only records of this kind.
    pub kind: Option<RecordKind>,
    /// Only consents that are in force now, and of which something has not been withdrawn.
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
    index: Index,
    at: OffsetDateTime,
    config: ConsentConfig,
}

impl AsOf {
    pub(crate) fn new(events: &[Event], at: OffsetDateTime, config: ConsentConfig) -> Self {
        let mut index = Index::new();
        for event in events {
            index.fold(event);
        }
        Self { index, at, config }
    }

    /// The answer that a gate would have given.
    pub fn check(&self, query: &ConsentQuery) -> ConsentDecision {
        decide(&self.index, self.config, query, nanos(self.at)).0
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
