//! What can be asked of the ledger: which records there are, who may do what, what ends soon, and how much of it all.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use crate::book::Book;
use crate::decision::ConsentDecision;
use crate::event::Event;
use crate::extent::Extent;
use crate::history::{AsOf, RecordFilter, who_may};
use crate::id::{Purpose, RecordId, Revision, SubjectId};
use crate::ledger::ConsentLedger;
use crate::mark::instant;
use crate::record::{ConsentRecord, RecordKind};
use crate::state::RecordState;
use crate::usage::Usage;

/// How many consents have come to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Consents in force as they were given.
    pub in_force: u64,
    /// Consents in force, less what was withdrawn or refused since.
    pub narrowed: u64,
    /// Consents that do not yet begin.
    pub not_yet_valid: u64,
    /// Consents that are over.
    pub expired: u64,
    /// Consents that a later version of their notice ended.
    pub superseded: u64,
    /// Consents that were wholly taken back, by a withdrawal or a refusal.
    pub withdrawn: u64,
    /// Records of a refusal.
    pub refusals: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, record: &ConsentRecord, state: RecordState) {
        let count = match (record.kind, state) {
            (RecordKind::Refused, _) => &mut self.refusals,
            (RecordKind::Withdrawn, _) => return, // counted where it took something back
            (RecordKind::Given, RecordState::InForce) => &mut self.in_force,
            (RecordKind::Given, RecordState::Narrowed) => &mut self.narrowed,
            (RecordKind::Given, RecordState::NotYetValid) => &mut self.not_yet_valid,
            (RecordKind::Given, RecordState::Expired) => &mut self.expired,
            (RecordKind::Given, RecordState::Superseded) => &mut self.superseded,
            (RecordKind::Given, RecordState::Refused | RecordState::Withdrawn) => {
                &mut self.withdrawn
            }
        };
        *count = count.saturating_add(1);
    }
}

/// Looking things up. All of it waits for a running act, reads the whole history, and hands out what it copied.
impl ConsentLedger {
    /// The records that the filter lets through, in the order of their revisions.
    #[must_use]
    pub fn records(&self, filter: &RecordFilter) -> Vec<Arc<ConsentRecord>> {
        let now = self.now();
        self.book().records(filter, now)
    }

    /// Every record that names this subject, whatever became of it, in the order of their revisions. Records about
    /// everyone are not among them.
    #[must_use]
    pub fn records_of(&self, subject: &SubjectId) -> Vec<Arc<ConsentRecord>> {
        let filter = RecordFilter {
            extent: Extent::of_subject(subject.clone()),
            ..RecordFilter::default()
        };
        let mut records = self.records(&filter);
        records.retain(|record| record.extent.subject.as_ref() == Some(subject));
        records
    }

    /// The record of this id.
    #[must_use]
    pub fn record_by_id(&self, id: RecordId) -> Option<Arc<ConsentRecord>> {
        self.book().record(id).cloned()
    }

    /// What has become of this record by now.
    #[must_use]
    pub fn state_of(&self, id: RecordId) -> Option<RecordState> {
        let now = self.now();
        let book = self.book();
        let record = book.record(id)?;
        Some(book.state(record, now))
    }

    /// Every act after a revision, in order. [`Revision::ZERO`]: all of them.
    #[must_use]
    pub fn history(&self, after: Revision) -> Vec<Event> {
        self.book().after(after).to_vec()
    }

    /// What the ledger permitted at a past instant, for asking. An instant to come is answered by what is known now.
    ///
    /// It reads the whole history up to then; keep the view for several questions about one instant.
    #[must_use]
    pub fn as_of(&self, at: OffsetDateTime) -> AsOf {
        let events = self.book().until(at).to_vec();
        AsOf::new(events, at, self.shared.config)
    }

    /// Who may use data so, now: the permissions of all agents that have consent for it on record, in the order of their
    /// names. What permissive mode would allow besides is left out.
    ///
    /// ```
    /// # use consent::{ConsentGate, Grant, Usage};
    /// # let (_, ledger) = ConsentGate::builder().build()?;
    /// ledger.record(Grant::new("bot".parse()?, "user".parse()?, "support".parse()?, "ada".parse()?))?;
    /// let agents = ledger.who_may(&Usage::new("user.contact".parse()?).purpose("support".parse()?));
    /// assert_eq!(agents[0].query().agent_id().as_str(), "bot");
    /// # Ok::<(), consent::ConsentError>(())
    /// ```
    #[must_use]
    pub fn who_may(&self, usage: &Usage) -> Vec<ConsentDecision> {
        let now = self.shared.read();
        let published = self.shared.published.load();
        who_may(&published.index, self.shared.config, usage, now)
    }

    /// The consents that end within this time from now, the earliest end first. Those that have ended, of which nothing
    /// is left, or that were renewed are left out.
    #[must_use]
    pub fn expiring(&self, within: Duration) -> Vec<Arc<ConsentRecord>> {
        let now = self.now();
        expiring(&self.book(), now, within)
    }

    /// How many consents there are for each purpose, now. `None` stands for blanket consent.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Option<Purpose>, Counts> {
        let now = self.now();
        let mut counts: BTreeMap<Option<Purpose>, Counts> = BTreeMap::new();
        for (record, state) in self.book().states(now) {
            if record.kind != RecordKind::Withdrawn {
                let purpose = record.extent.purpose.clone();
                counts.entry(purpose).or_default().add(record, state);
            }
        }
        counts
    }

    /// The safe reading of the clock.
    pub(crate) fn now(&self) -> OffsetDateTime {
        instant(self.shared.read())
    }
}

/// The consents that end within this time from `now`.
pub(crate) fn expiring(
    book: &Book,
    now: OffsetDateTime,
    within: Duration,
) -> Vec<Arc<ConsentRecord>> {
    let last = time::Duration::try_from(within)
        .ok()
        .and_then(|within| now.checked_add(within));
    let everything = Extent::default();
    let standing: Vec<_> = book.standing(&everything, now).collect();
    let renewed: HashSet<RecordId> = standing.iter().filter_map(|r| r.renews).collect();
    let mut ending: Vec<_> = standing
        .into_iter()
        .filter_map(|record| Some((record.expires_at?, record)))
        .filter(|(end, record)| {
            last.is_none_or(|last| *end <= last) && !renewed.contains(&record.record_id)
        })
        .collect();
    ending.sort_by_key(|(end, record)| (*end, record.revision));
    ending
        .into_iter()
        .map(|(_, record)| Arc::clone(record))
        .collect()
}
