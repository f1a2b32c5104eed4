//! A ledger on a journal that says what it is told to, and everything that can be asked of it and done to it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use super::reread;
use super::sample::{KEY, controller_of};
use crate::receipt::{Controller, ReceiptIssuer, SigningKey};
use crate::{
    AuthorityClaim, ClockMark, ConsentError, ConsentGate, ConsentLedger, ConsentQuery,
    ConsentStore, Event, Extent, Grant, ManualClock, NotEntitled, NoticePublication, RecordFilter,
    RecordId, Renewal, ReportOptions, Revision, StoreError, Usage,
};

pub(super) const START: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
const DAY: Duration = Duration::from_secs(86_400);

/// A journal in memory that sees whether events are read as they are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    events: Vec<Event>,
    mark: Option<ClockMark>,
}

impl Journal {
    /// What has the number zero is left out: no replay hands it over.
    pub(super) fn of(mut events: Vec<Event>) -> Self {
        events.retain(|event| event.revision() > Revision::ZERO);
        Self(Arc::new(Mutex::new(Kept { events, mark: None })))
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.with(|kept| kept.events.clone())
    }

    fn with<T>(&self, f: impl FnOnce(&mut Kept) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ConsentStore for Journal {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        for event in events {
            assert_eq!(reread(event).as_ref(), Some(event), "it cannot be read");
        }
        self.with(|kept| {
            let last = kept.events.last().map(Event::revision);
            assert_eq!(last.unwrap_or_default(), expected, "a gap in the journal");
            kept.events.extend_from_slice(events);
        });
        Ok(())
    }

    fn replay(
        &self,
        after: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let events = self.events().into_iter();
        events
            .filter(|event| event.revision() > after)
            .try_for_each(each)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        assert_eq!(reread(&mark), Some(mark), "the mark cannot be read");
        self.with(|kept| kept.mark = kept.mark.max(Some(mark)));
        Ok(())
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        Ok(self.with(|kept| kept.mark))
    }
}

pub(super) struct Stage {
    pub(super) gate: ConsentGate,
    pub(super) ledger: ConsentLedger,
    pub(super) clock: ManualClock,
    pub(super) journal: Journal,
}

impl Stage {
    pub(super) fn open(journal: Journal) -> Result<Self, ConsentError> {
        Self::open_at(journal, ManualClock::new(START))
    }

    fn open_at(journal: Journal, clock: ManualClock) -> Result<Self, ConsentError> {
        let anyone = |_: &AuthorityClaim<'_>| Ok::<(), NotEntitled>(());
        let builder = ConsentGate::builder().authority_check(anyone);
        let builder = builder.clock(clock.clone()).store(journal.clone());
        let (gate, ledger) = builder.build()?;
        Ok(Self {
            gate,
            ledger,
            clock,
            journal,
        })
    }

    /// Asks and does everything now and later: whatever state this is, each is answered or an error, and another ledger finds the same state.
    pub(super) fn probe(&self) {
        self.survives();
        for span in [Duration::ZERO, DAY, DAY.saturating_mul(4_000_000)] {
            self.clock.advance(span);
            self.ask();
            drop(self.act());
            self.survives();
        }
    }

    /// A ledger that is opened on the same journal at the same time is in the same state.
    fn survives(&self) {
        match Self::open_at(self.journal.clone(), self.clock.clone()) {
            Ok(again) => assert_eq!(self.state(), again.state(), "a restart changes something"),
            Err(error) => assert_eq!(Some(error.to_string()), None, "it does not open"),
        }
    }

    fn state(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let records = self.ledger.records(&RecordFilter::default());
        let states: Vec<_> = records
            .iter()
            .take(16)
            .map(|record| self.ledger.state_of(record.record_id()))
            .collect();
        let answers: Vec<_> = self
            .queries()
            .map(|query| self.gate.check(&query).code())
            .collect();
        let revision = self.ledger.revision();
        (revision, self.ledger.counts(), states, answers, records)
    }

    /// One for each of the first consents: just what it names.
    fn queries(&self) -> impl Iterator<Item = ConsentQuery> + use<> {
        let records = self.ledger.records(&RecordFilter::default()).into_iter();
        records.take(4).filter_map(|record| {
            let extent = record.extent().clone();
            let mut query = ConsentQuery::new(extent.agent?, extent.data_type?);
            if let Some(purpose) = extent.purpose {
                query = query.purpose(purpose);
            }
            if let Some(subject) = extent.subject {
                query = query.subject(subject);
            }
            if let Some(operation) = extent.operation {
                query = query.operation(operation);
            }
            Some(query)
        })
    }

    fn ask(&self) {
        for query in self.queries() {
            let decision = self.gate.check(&query);
            let explanation = self.gate.explain(&query);
            assert!(!decision.reason().to_string().is_empty());
            assert!(!explanation.to_string().is_empty());
            let now = self.ledger.as_of(self.gate.now()).check(&query);
            drop((now, self.ledger.as_of(START).check(&query)));
            for data_type in query.data_types() {
                drop(self.ledger.who_may(&Usage::new(data_type.clone())));
            }
        }
        let report = self.ledger.report(&ReportOptions::default());
        assert!(serde_json::to_vec(&report).is_ok());
        assert!(!report.to_markdown().is_empty());
        drop(self.ledger.expiring(Duration::MAX));
        assert_eq!(self.ledger.history(Revision::ZERO), self.journal.events());
        let mut ids = self.ids();
        ids.truncate(2);
        let issuer = controller_of().map(|it| ReceiptIssuer::new(it, SigningKey::from_seed(&KEY)));
        for id in ids {
            assert!(self.ledger.prove(id).is_some(), "a record has no proof");
            if let Some(issuer) = &issuer {
                let refused = issuer.issue(&self.ledger, id).err();
                assert_eq!(refused.map(|error| error.to_string()), None);
            }
        }
    }

    /// Whether a receipt can be issued in the name of that controller.
    pub(super) fn issues(&self, controller: Controller) -> bool {
        drop(self.act());
        let issuer = ReceiptIssuer::new(controller, SigningKey::from_seed(&KEY));
        let mut ids = self.ids().into_iter();
        ids.all(|id| issuer.issue(&self.ledger, id).is_ok())
    }

    pub(super) fn ids(&self) -> Vec<RecordId> {
        let records = self.ledger.records(&RecordFilter::default());
        records.iter().map(|record| record.record_id()).collect()
    }

    /// One of everything. What is refused is refused; what is accepted the journal looks at.
    fn act(&self) -> Result<(), ConsentError> {
        let ledger = &self.ledger;
        for id in self.ids().into_iter().take(4) {
            drop(ledger.renew(Renewal::new(id, "ada".parse()?)));
        }
        let extents = ledger.records(&RecordFilter::default()).into_iter().take(3);
        for extent in extents.map(|record| record.extent().clone()) {
            drop(ledger.withdraw(extent.clone(), None));
            for query in self.queries() {
                let mut named = Extent::new(query.agent_id().clone(), "x".parse()?);
                named.data_type = query.data_types().next().cloned();
                named.purpose = query.purpose_asked().cloned();
                named.subject = query.subject_asked().cloned();
                named.operation = query.operation_asked().cloned();
                let permits = self.gate.check(&query).allowed();
                assert!(
                    !permits || !extent.covers(&named),
                    "withdrawn, and permitted"
                );
            }
        }
        let given = Grant::new(
            "bot".parse()?,
            "user.contact".parse()?,
            "help".parse()?,
            "ada".parse()?,
        );
        let record = ledger.record(given)?;
        ledger.refuse(
            Extent::of_agent("bot".parse()?).operation("sell".parse()?),
            None,
        )?;
        let version = NoticePublication::new("privacy".parse()?, "probe".parse()?, [3; 32].into());
        ledger.publish_notice(version, "ops@example.com".parse()?, "probe")?;
        ledger.accept_clock("ops@example.com".parse()?, "probe")?;
        ledger.renew(Renewal::new(record.record_id(), "ada".parse()?))?;
        ledger.flush()
    }
}
