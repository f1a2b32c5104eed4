//! What an enforcer writes down and takes up again: events, snapshots, rows.

use std::sync::LazyLock;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use super::read;
use crate::durable::row::{Row, fingerprint};
use crate::{
    Amounts, BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetId, BudgetJournal,
    BudgetSpec, CallOptions, Charge, Envelope, Event, Floor, IdempotencyKey, Limits, ManualClock,
    MemoryJournal, Period, Reservation, Revision, SessionId, Snapshot, StoreError,
    TransactionFilter,
};

pub(super) const START: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
const DAY: Duration = Duration::from_secs(86_400);

/// Events, one a line; what is none is left out. Replayed as they are, and with their numbers put in order.
pub fn event(bytes: &[u8]) {
    let events = || bytes.split(|byte| *byte == b'\n').filter_map(read::<Event>);
    replay(None, events().collect());
    let numbered = events().scan(Revision::ZERO, |last, event| {
        *last = last.next();
        Some(Event {
            revision: *last,
            ..event
        })
    });
    replay(None, numbered.collect());
}

/// Snapshots, and what an enforcer does that is restored from one.
pub fn snapshot(bytes: &[u8]) {
    if let Some(snapshot) = read::<Snapshot>(bytes) {
        replay(Some(snapshot), Vec::new());
    }
}

/// Rows of a durable journal: their revision in eight bytes, and the row. The fingerprint is made to hold, too, for no fuzzer guesses one.
pub fn row(bytes: &[u8]) {
    let Some((revision, row)) = bytes.split_first_chunk() else {
        return;
    };
    let revision = u64::from_le_bytes(*revision);
    let json = row.get(17..).unwrap_or_default();
    let prefix = format!("{:016x} ", fingerprint(revision, json));
    let sealed = Row::read(&[prefix.as_bytes(), json].concat());
    if let Ok(event) = sealed.parse::<Event>(revision) {
        assert_eq!(read::<Event>(json).as_ref(), Some(&event));
        let again = Row::of(revision, &event).and_then(|row| row.parse::<Event>(revision));
        assert_eq!(
            again.ok(),
            Some(event),
            "a row is read otherwise than it was written"
        );
        assert!(
            sealed.parse::<Event>(revision.wrapping_add(1)).is_err(),
            "a row is of one revision"
        );
    }
    let row = Row::read(row);
    if row.parse::<Event>(revision).is_ok() || row.parse::<Snapshot>(revision).is_ok() {
        assert_eq!(row, sealed, "a row that is not whole is read");
    }
    drop(sealed.parse::<Snapshot>(revision));
}

/// A journal that says what it is told to.
struct Told {
    snapshot: Option<Snapshot>,
    events: Vec<Event>,
}

impl BudgetJournal for Told {
    fn append(&self, _: Revision, _: &[Event]) -> Result<(), StoreError> {
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.snapshot.clone())
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let events = self.events.iter().filter(|event| event.revision > from);
        events.cloned().try_for_each(each)
    }
}

/// Replays, which fits or is an error; and of what fits, a snapshot comes to the same state.
fn replay(snapshot: Option<Snapshot>, events: Vec<Event>) {
    let Some((budget, admin, clock)) = opened(Told { snapshot, events }) else {
        return;
    };
    if let Ok(state) = budget.engine.capture() {
        let json = serde_json::to_vec(&state).ok();
        let reads = json.and_then(|json| read::<Snapshot>(&json));
        assert_eq!(reads.as_ref(), Some(&state), "a snapshot does not read");
        let again = opened(Told {
            snapshot: reads,
            events: Vec::new(),
        });
        let again = again.and_then(|(budget, ..)| budget.engine.capture().ok());
        assert_eq!(again, Some(state), "a snapshot is of another state");
    }
    probe(&budget, &admin, &clock);
}

fn opened(journal: impl BudgetJournal) -> Option<(BudgetEnforcer, BudgetAdmin, ManualClock)> {
    let clock = ManualClock::new(START);
    let mut config = BudgetEnforcerConfig::per_session().tokens(1000).calls(10);
    config.max_transactions = 1000;
    let builder = BudgetEnforcer::builder()
        .config(config)
        .clock(clock.clone())
        .journal(journal);
    let (budget, admin) = builder.build().ok()?;
    Some((budget, admin, clock))
}

/// Asks and does everything once, now and later: whatever state this is, each is answered or an error.
pub(super) fn probe(budget: &BudgetEnforcer, admin: &BudgetAdmin, clock: &ManualClock) {
    let session = "s".parse::<SessionId>().ok();
    let known = budget.summary().map(|summary| summary.budgets);
    let envelopes: Vec<Envelope> = known
        .into_iter()
        .flatten()
        .map(|budget| budget.envelope)
        .chain(session.as_ref().map(Envelope::from))
        .take(4)
        .collect();
    for days in [0, 1, 40, 400, 4_000_000] {
        clock.advance(DAY.saturating_mul(days));
        for envelope in &envelopes {
            let charge = match envelope {
                Envelope::Session(id) => Charge::session(id),
                Envelope::Budget(id) => Charge::budget(id),
            };
            for charge in [
                charge.clone().calls(1),
                charge
                    .clone()
                    .tokens(2)
                    .calls(1)
                    .cost(crate::Usd::from_nanos(u64::MAX)),
            ] {
                use_up(budget, &charge);
            }
            drop(budget.utilization(envelope.clone()));
            drop((
                admin.suspend(envelope.clone()),
                admin.resume(envelope.clone()),
            ));
            if let Envelope::Budget(id) = envelope {
                drop(admin.update_limit(id, Limits::NONE.calls(u64::MAX).tokens(0)));
            }
        }
        if let Some(session) = &session {
            drop(budget.record_spending(session, u64::MAX));
        }
        drop(budget.summary());
    }
    let ledger = budget.transactions(&TransactionFilter::default());
    for row in ledger.rows.iter().rev().take(4) {
        drop(budget.refund(row.id, Amounts::NONE.calls(1)));
    }
    for id in ledger.rows.iter().filter_map(|row| row.reservation).take(4) {
        drop(budget.settle_id(id, Amounts::NONE.calls(u64::MAX)));
        drop(budget.cancel_id(id));
        drop(budget.release_id(id));
    }
    drop(admin.set_session_limits(Some(Limits::NONE.calls(1))));
    drop((admin.open_holds_all(), admin.snapshot()));
    for envelope in envelopes {
        drop(admin.close(envelope));
    }
}

fn use_up(budget: &BudgetEnforcer, charge: &Charge) {
    assert!(!budget.check(charge).reason().to_string().is_empty());
    let held = budget.reserve(charge).ok();
    if let Some(Ok(running)) = held.map(|held| held.start(Floor::Hold)) {
        drop(running.settle(Amounts::NONE.calls(3)));
    }
    drop(budget.reserve(charge).map(Reservation::detach));
    drop(budget.record(charge));
}

pub(super) struct Sample {
    pub(super) events: Vec<u8>,
    pub(super) snapshot: Vec<u8>,
    pub(super) rows: Vec<Vec<u8>>,
}

/// One history with an act of nearly every kind.
pub(super) static SAMPLE: LazyLock<Sample> =
    LazyLock::new(|| sample().unwrap_or_else(|_| std::process::abort()));

fn sample() -> Result<Sample, Box<dyn std::error::Error>> {
    let journal = MemoryJournal::new();
    let (budget, admin, clock) = opened(journal.clone()).ok_or("it does not open")?;
    let admin = admin.acting_as("ops@example.com".parse()?);
    let (a, b): (BudgetId, BudgetId) = ("a".parse()?, "b".parse()?);
    let s: SessionId = "s".parse()?;
    admin.create_budget(
        BudgetSpec::new(a.clone())
            .calls(10)
            .cost("1.50".parse()?)
            .period(Period::Daily)
            .rollover(true),
    )?;
    let spec = BudgetSpec::new(b.clone())
        .tokens(100)
        .parent(a.clone())
        .overdraft(true)
        .also("every 36h".parse()?, Limits::NONE.calls(5));
    admin.create_budget(spec)?;
    let asked = Charge::budget(&b)
        .calls(2)
        .tokens(5)
        .cost("0.01".parse()?)
        .and(Charge::session(&s).tokens(5));
    let key: IdempotencyKey = "01a20320-a200-7000-8000-000000000001".parse()?;
    let options = CallOptions::new().note("why").key(key);
    let mut running = budget.reserve_with(&asked, &options)?.start(Floor::Hold)?;
    running.draw(Amounts::NONE.calls(1))?;
    running.renew(DAY)?;
    running.settle(Amounts::NONE.calls(3))?;
    let spent = budget.record_spending(&s, 7)?;
    budget.refund(spent.id, Amounts::NONE.tokens(3))?;
    clock.advance(DAY);
    admin.accept_clock("ops@example.com".parse()?, "checked")?;
    let running = budget
        .reserve(&Charge::budget(&a).calls(1))?
        .start(Floor::Hold)?;
    let _ = running.detach();
    budget.reserve(&Charge::budget(&a).calls(1))?.release()?;
    budget.record(
        &Charge::budget(&b)
            .tokens(200)
            .calls(1)
            .cost("0.10".parse()?),
    )?;
    let refused = Charge::budget(&a).calls(100).cost("1".parse()?);
    let key: IdempotencyKey = "01a20846-fe00-7000-8000-000000000002".parse()?;
    drop(budget.record_with(&refused, &CallOptions::new().key(key)));
    admin.update_limit(&a, Limits::NONE.calls(20).cost("2".parse()?))?;
    admin.suspend(&s)?;
    admin.resume(&s)?;
    let path = budget.resolve(&Charge::budget(&a).calls(1))?;
    let _ = budget.reserve_path_and_start(&path, Floor::Hold)?.detach();
    admin.set_session_limits(Some(Limits::NONE.calls(8)))?;
    let snapshot = budget.engine.capture()?;
    let events = journal.events()?;
    let lines = events
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<Vec<_>, _>>()?;
    let rows = events.iter().map(|event| {
        let revision = event.revision.number();
        Ok([&revision.to_le_bytes(), Row::of(revision, event)?.bytes()].concat())
    });
    Ok(Sample {
        rows: rows.collect::<Result<_, Box<dyn std::error::Error>>>()?,
        events: lines.join("\n").into_bytes(),
        snapshot: serde_json::to_vec(&snapshot)?,
    })
}
