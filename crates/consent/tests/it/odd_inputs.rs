//! Whatever the ledger takes, however odd, must be readable again: an act that no restart gets past would be the last.

use std::time::Duration;

use consent::{
    ClockMark, ConsentGate, ConsentLedger, ConsentStore, Event, Extent, Grant, ManualClock,
    MemoryStore, RecordFilter, RecordKind, Renewal, ReportOptions, Revision, StoreError,
};
use proptest::prelude::*;
use proptest::sample::select;
use time::macros::{datetime, offset};
use time::{Date, OffsetDateTime, Time, UtcOffset};

use crate::support::{START, ask_for, by, id, notice, ops, publication};

/// A journal that goes through text, as one on a disk does.
#[derive(Debug, Clone, Default)]
struct AsText(MemoryStore);

impl ConsentStore for AsText {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        let text = serde_json::to_string(events).unwrap();
        let events: Vec<Event> = serde_json::from_str(&text).unwrap();
        self.0.append(expected, &events)
    }

    fn replay(
        &self,
        after: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(after, each)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        let text = serde_json::to_string(&mark).unwrap();
        self.0.keep_mark(serde_json::from_str(&text).unwrap())
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        self.0.mark()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Set(OffsetDateTime),
    Advance(Duration),
    Elapsed(Option<Duration>),
    Give(Grant),
    Withdraw(Extent),
    RenewLast(Option<OffsetDateTime>, Option<&'static str>),
    Publish(&'static str, bool, String),
    AcceptClock(String),
}

/// The ends of what a date can say, what a journal can write and what a check can tell apart, and some in between.
fn instant() -> impl Strategy<Value = OffsetDateTime> {
    let (first, last) = (Date::MIN.midnight(), Date::MAX.with_time(Time::MAX));
    select(vec![
        first.assume_utc(),
        first.assume_offset(offset!(+23:59:59)),
        last.assume_utc(),
        last.assume_offset(offset!(-23:59:59)),
        datetime!(0000-01-01 0:00 UTC),
        datetime!(0000-01-01 0:00 +1),
        datetime!(9999-12-31 23:59:59.999_999_999 -1),
        datetime!(1600-01-01 0:00 UTC),
        datetime!(1969-12-31 23:59:59.5 UTC),
        datetime!(2262-04-11 23:47:16.854_775_807 UTC),
        datetime!(2262-04-11 23:47:16.854_775_808 UTC),
        START,
        START.to_offset(UtcOffset::from_hms(5, 30, 15).unwrap()),
        START + Duration::from_nanos(1),
        START + Duration::from_secs(60),
    ])
}

fn reason() -> impl Strategy<Value = String> {
    let odd = ["", "why", "\u{202e}|\"\\\u{2028}<b>", "two\nlines"];
    prop_oneof![
        select(odd.map(str::to_owned).to_vec()),
        (1023..1026_usize).prop_map(|bytes| "x".repeat(bytes)),
    ]
}

fn name() -> impl Strategy<Value = String> {
    let odd = ["bot", "Bot", "a:b|c*`<\"\\", "\u{5d0}\u{5d1}"].map(str::to_owned);
    select([&odd[..], &["x".repeat(256)]].concat())
}

fn grant() -> impl Strategy<Value = Grant> {
    let time = || proptest::option::weighted(0.3, instant());
    let version = proptest::option::weighted(0.3, select(vec!["v1", "v2"]));
    (name(), name(), time(), time(), version).prop_map(|(agent, subject, from, end, version)| {
        let grant = Grant::new(id(&agent), id("user"), id("support"), by());
        let grant = match subject.as_str() {
            "bot" => grant,
            subject => grant.subject(id(subject)),
        };
        let grant = from.into_iter().fold(grant, Grant::valid_from);
        let grant = end.into_iter().fold(grant, Grant::expires_at);
        version.map(notice).into_iter().fold(grant, Grant::notice)
    })
}

fn extent() -> impl Strategy<Value = Extent> {
    prop_oneof![
        Just(Extent::default()),
        name().prop_map(|agent| Extent::of_agent(id(&agent))),
        name().prop_map(|subject| Extent::of_subject(id(&subject))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let spans = [1, 1_000_000_000, u64::MAX].map(Duration::from_nanos);
    let spans = [&spans[..], &[Duration::MAX, Duration::ZERO]].concat();
    let version = || select(vec!["v1", "v2"]);
    let time = || proptest::option::of(instant());
    prop_oneof![
        1 => instant().prop_map(Step::Set),
        1 => select(spans.clone()).prop_map(Step::Advance),
        1 => proptest::option::of(select(spans)).prop_map(Step::Elapsed),
        6 => grant().prop_map(Step::Give),
        2 => extent().prop_map(Step::Withdraw),
        2 => (time(), proptest::option::of(version())).prop_map(|(end, version)| Step::RenewLast(end, version)),
        1 => (version(), any::<bool>(), reason()).prop_map(|(v, stay, why)| Step::Publish(v, stay, why)),
        1 => reason().prop_map(Step::AcceptClock),
    ]
}

/// Takes the step, where the ledger does.
fn take(ledger: &ConsentLedger, clock: &ManualClock, step: Step) {
    match step {
        Step::Set(at) => clock.set(at),
        Step::Advance(span) => clock.advance(span),
        Step::Elapsed(elapsed) => clock.set_elapsed(elapsed),
        Step::Give(grant) => drop(ledger.record(grant)),
        Step::Withdraw(extent) => drop(ledger.withdraw(extent, None)),
        Step::RenewLast(end, version) => {
            let given = RecordFilter {
                kind: Some(RecordKind::Given),
                ..RecordFilter::default()
            };
            if let Some(last) = ledger.records(&given).last() {
                let renewal = Renewal::new(last.record_id(), by());
                let renewal = end.into_iter().fold(renewal, Renewal::expires_at);
                let shown = version.map(notice).into_iter();
                drop(ledger.renew(shown.fold(renewal, Renewal::notice)));
            }
        }
        Step::Publish(version, stay, why) => {
            let publication = match publication(version) {
                publication if stay => publication.earlier_consents_stay_good(),
                publication => publication,
            };
            drop(ledger.publish_notice(publication, ops(), &why));
        }
        Step::AcceptClock(why) => drop(ledger.accept_clock(ops(), &why)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_taken_is_read_again_and_answers_alike(steps in prop::collection::vec(step(), 1..40)) {
        let (clock, store) = (ManualClock::new(START), AsText::default());
        let open = || ConsentGate::builder().clock(clock.clone()).store(store.clone()).build().unwrap();
        let (gate, ledger) = open();
        for step in steps {
            take(&ledger, &clock, step);
        }
        let (again, reopened) = open();
        prop_assert_eq!(ledger.history(Revision::ZERO), reopened.history(Revision::ZERO));
        let at = gate.now().max(again.now());
        let query = ask_for("user", "support");
        for query in [query.clone(), query.subject(id("Bot"))] {
            let (before, after) = (gate.check_at(&query, at), again.check_at(&query, at));
            prop_assert_eq!((before.code(), before.record_id()), (after.code(), after.record_id()));
            prop_assert_eq!(again.explain_at(&query, at).code, after.code());
        }
        let report = reopened.report(&ReportOptions::default());
        prop_assert!(serde_json::to_string(&report).is_ok());
        for record in reopened.records(&RecordFilter::default()) {
            prop_assert!(reopened.prove(record.record_id()).is_some());
        }
    }
}
