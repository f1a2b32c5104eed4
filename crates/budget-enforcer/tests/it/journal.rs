//! State is a fold over events: a fresh engine on the same journal is the same engine. And what a journal that fails leaves behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use budget_enforcer::{
    Amounts, BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetJournal,
    CallOptions, Charge, Dimension, Event, Floor, IdempotencyKey, Limits, ManualClock,
    MemoryJournal, Period, Reservation, ReservationId, Revision, Snapshot, StoreError,
    TransactionFilter, TransactionId,
};
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::stage::{DAY, HOUR, MINUTE, START, budget, calls, charge, session, usd, used};

fn config() -> BudgetEnforcerConfig {
    BudgetEnforcerConfig::per_session().calls(10).tokens(100)
}

fn open<J: BudgetJournal + Clone>(
    journal: &J,
    clock: &ManualClock,
) -> (BudgetEnforcer, BudgetAdmin) {
    BudgetEnforcer::builder()
        .config(config())
        .clock(clock.clone())
        .journal(journal.clone())
        .build()
        .unwrap()
}

/// All that can be seen of an engine.
fn seen(budget: &BudgetEnforcer) -> String {
    let sessions: Vec<_> = ["s", "t"]
        .iter()
        .map(|id| budget.utilization(&session(id)).ok())
        .collect();
    let rows = budget.transactions(&TransactionFilter::default());
    format!("{:#?}\n{sessions:#?}\n{rows:#?}", budget.summary().unwrap())
}

/// The first line in which two engines differ.
fn difference(a: &BudgetEnforcer, b: &BudgetEnforcer) -> Option<String> {
    let (a, b) = (seen(a), seen(b));
    let lines = a
        .lines()
        .map(Some)
        .chain([None])
        .zip(b.lines().map(Some).chain([None]));
    lines
        .filter(|(a, b)| a != b)
        .map(|(a, b)| format!("{a:?} {b:?}"))
        .next()
}

#[test]
fn the_form_of_events() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock);
    let ops = admin.acting_as("ops@example.com".parse().unwrap());
    ops.create_budget(calls("a", 10).cost(usd("1.5")).period(Period::Daily))
        .unwrap();
    let asked = charge(&budget("a"), 4).and(Charge::session(&session("s")).tokens(5));
    let key: IdempotencyKey = "01a20320-a200-7000-8000-000000000001".parse().unwrap();
    let mut running = enforcer
        .reserve_with(&asked, &CallOptions::new().note("why").key(key))
        .unwrap()
        .start(Floor::Hold)
        .unwrap();
    running.draw(used(1)).unwrap();
    running.renew(HOUR).unwrap();
    running.settle(used(3)).unwrap();
    let row = enforcer.record_spending(&session("s"), 7).unwrap();
    enforcer.refund(row.id, Amounts::NONE.tokens(7)).unwrap();
    enforcer
        .reserve(&charge(&budget("a"), 1))
        .unwrap()
        .start(Floor::Hold)
        .unwrap()
        .settle_at_least(used(0))
        .unwrap();
    enforcer
        .reserve(&charge(&budget("a"), 1))
        .unwrap()
        .release()
        .unwrap();
    ops.update_limit(&budget("a"), Limits::NONE.calls(20))
        .unwrap();
    ops.suspend(&session("s")).unwrap();
    ops.resume(&session("s")).unwrap();
    ops.close(&budget("a")).unwrap();
    ops.accept_clock("ops@example.com".parse().unwrap(), "checked")
        .unwrap();
    let key: IdempotencyKey = "01a20320-a200-7000-8000-000000000002".parse().unwrap();
    enforcer
        .record_with(&charge(&budget("a"), 1), &CallOptions::new().key(key))
        .unwrap_err();
    let lines: Vec<_> = journal
        .events()
        .unwrap()
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    assert_snapshot!(lines.join("\n"));
    for (line, event) in lines.iter().zip(journal.events().unwrap()) {
        assert_eq!(serde_json::from_str::<Event>(line).unwrap(), event);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Reserve(u8, u64),
    Leave(u8, u64),
    Start(usize),
    Settle(usize, u64),
    Drop(usize),
    Detach(usize),
    Record(u8, u64, bool),
    Spend(bool, u64),
    Refund(usize, u64),
    Limit(u64),
    Template(Option<u64>),
    Suspend(bool),
    AcceptClock,
    Clock(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = 0_usize..4;
    prop::collection::vec(
        prop_oneof![
            4 => (0_u8..4, 0_u64..7).prop_map(|(what, amount)| Step::Reserve(what, amount)),
            2 => (0_u8..4, 0_u64..7).prop_map(|(what, amount)| Step::Leave(what, amount)),
            3 => which.clone().prop_map(Step::Start),
            2 => (which.clone(), 0_u64..12).prop_map(|(which, actual)| Step::Settle(which, actual)),
            1 => which.clone().prop_map(Step::Drop),
            1 => which.clone().prop_map(Step::Detach),
            2 => (0_u8..4, 0_u64..7, any::<bool>()).prop_map(|(what, amount, keyed)| Step::Record(what, amount, keyed)),
            1 => (any::<bool>(), 0_u64..60).prop_map(|(first, tokens)| Step::Spend(first, tokens)),
            1 => (which, 0_u64..5).prop_map(|(which, amount)| Step::Refund(which, amount)),
            1 => (1_u64..30).prop_map(Step::Limit),
            1 => prop::option::of(1_u64..12).prop_map(Step::Template),
            1 => any::<bool>().prop_map(Step::Suspend),
            1 => Just(Step::AcceptClock),
            3 => prop_oneof![Just(60), Just(300), Just(3600), Just(86_400), Just(-4000)].prop_map(Step::Clock),
        ],
        1..60,
    )
}

fn asked(what: u8, amount: u64) -> Charge {
    match what {
        0 => charge(&budget("org"), amount),
        1 => charge(&budget("team"), amount),
        2 => charge(&budget("team"), amount).and(charge(&budget("side"), amount)),
        _ => Charge::session(&session("s"))
            .calls(amount)
            .and(charge(&budget("side"), amount)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_fresh_engine_replays_to_the_same_state(steps in steps(), every in prop::option::of(1_usize..9)) {
        let (journal, clock) = (Snapshotting::every(every), ManualClock::new(START));
        let (enforcer, admin) = open(&journal, &clock);
        admin.create_budget(calls("org", 12).period(Period::Hourly).rollover(true)).unwrap();
        admin.create_budget(calls("team", 20).period(Period::Daily).parent(budget("org"))).unwrap();
        admin.create_budget(calls("side", 9).period("every 2h".parse().unwrap()).overdraft(true)).unwrap();
        let (mut held, mut running) = (Vec::new(), Vec::new());
        let mut detached: Vec<ReservationId> = Vec::new();
        let mut keyed: Vec<(Charge, CallOptions, Result<TransactionId, &'static str>)> = Vec::new();
        for step in steps {
            match step {
                Step::Reserve(what, amount) => held.extend(enforcer.reserve(&asked(what, amount))),
                Step::Leave(what, amount) => {
                    running.extend(enforcer.resolve(&asked(what, amount)).and_then(|path| {
                        let left = enforcer.reserve_path_and_start_explained_at(&path, now(&clock), Floor::Hold);
                        left.map(|(running, _)| running)
                    }));
                }
                Step::Template(limit) => {
                    let limits = limit.map(|limit| Limits::NONE.calls(limit).tokens(40));
                    admin.set_session_limits(limits).unwrap();
                }
                Step::Start(which) if which < held.len() => {
                    running.extend(held.remove(which).start(Floor::Hold));
                }
                Step::Settle(which, actual) if which < running.len() => {
                    running.remove(which).settle(used(actual)).unwrap();
                }
                Step::Drop(which) if which < held.len() => drop(held.remove(which)),
                Step::Detach(which) if which < held.len() => detached.push(held.remove(which).detach()),
                Step::Record(what, amount, false) => drop(enforcer.record(&asked(what, amount))),
                Step::Record(what, amount, true) => {
                    let key = IdempotencyKey::at(enforcer.now());
                    let options = CallOptions::new().key(key);
                    let answer = short(enforcer.record_with(&asked(what, amount), &options));
                    keyed.push((asked(what, amount), options, answer));
                }
                Step::Spend(first, tokens) => {
                    let spent = enforcer.record_spending(&session(if first { "s" } else { "t" }), tokens);
                    // Without a template no session is opened.
                    prop_assert!(spent.is_ok() || !enforcer.has_session_template());
                }
                Step::Refund(which, amount) => {
                    let rows = enforcer.transactions(&TransactionFilter::default()).rows;
                    if let Some(row) = rows.iter().rev().nth(which) {
                        drop(enforcer.refund(row.id, used(amount)));
                    }
                }
                Step::Limit(limit) => drop(admin.update_limit(&budget("team"), Limits::NONE.calls(limit)).unwrap()),
                Step::Suspend(true) => drop(admin.suspend(&budget("side")).unwrap()),
                Step::Suspend(false) => drop(admin.resume(&budget("side")).unwrap()),
                Step::AcceptClock => {
                    admin.accept_clock("ops@example.com".parse().unwrap(), "checked").unwrap();
                }
                Step::Clock(seconds) => clock.set(now(&clock) + time::Duration::seconds(seconds)),
                _ => {}
            }
        }
        let (again, _) = open(&journal, &clock);
        prop_assert_eq!(difference(&again, &enforcer), None);
        // What was answered is answered again, and nothing is done for it.
        for (charge, options, answer) in keyed {
            let (first, second) = (short(enforcer.record_with(&charge, &options)), short(again.record_with(&charge, &options)));
            prop_assert_eq!(&first, &second);
            prop_assert!(first == answer || matches!(first, Err("too old" | "too new")), "{:?} {:?}", first, answer);
        }
        prop_assert_eq!(difference(&again, &enforcer), None);
        // In time to come, too.
        for wait in [MINUTE * 6, DAY] {
            clock.advance(wait);
            prop_assert_eq!(difference(&again, &enforcer), None);
        }
        // And what was detached can be ended there as here.
        let without = |enforcer: &BudgetEnforcer, id| enforcer.release_id(id).map_err(|error| error.to_string());
        for id in detached {
            let here = without(&enforcer, id);
            let (again, _) = open(&journal, &clock);
            prop_assert_eq!(difference(&again, &enforcer), None);
            prop_assert!(here.is_err() || without(&again, id).is_err(), "ended once");
        }
    }
}

/// A journal that keeps a snapshot now and then, as text.
#[derive(Clone)]
struct Snapshotting {
    events: MemoryJournal,
    every: Option<usize>,
    kept: Arc<Mutex<(usize, Option<String>)>>,
}

impl Snapshotting {
    fn every(every: Option<usize>) -> Self {
        Self {
            events: MemoryJournal::new(),
            every,
            kept: Arc::default(),
        }
    }
}

impl BudgetJournal for Snapshotting {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.events.append(expected, events)?;
        self.kept.lock().unwrap().0 += 1;
        Ok(())
    }

    fn wants_snapshot(&self) -> bool {
        let mut kept = self.kept.lock().unwrap();
        let is_time = self.every.is_some_and(|every| kept.0 >= every);
        if is_time {
            kept.0 = 0;
        }
        is_time
    }

    fn keep_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.kept.lock().unwrap().1 = Some(serde_json::to_string(snapshot).unwrap());
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        let kept = self.kept.lock().unwrap();
        Ok(kept
            .1
            .as_ref()
            .map(|text| serde_json::from_str(text).unwrap()))
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.events.replay(from, each)
    }
}

fn now(clock: &ManualClock) -> time::OffsetDateTime {
    budget_enforcer::Clock::now(clock)
}

fn short(
    answer: Result<budget_enforcer::Transaction, BudgetError>,
) -> Result<TransactionId, &'static str> {
    match answer {
        Ok(row) => Ok(row.id),
        Err(BudgetError::Denied(denied)) => Err(denied.code()),
        Err(BudgetError::KeyTooOld) => Err("too old"),
        Err(BudgetError::KeyTooNew) => Err("too new"),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn holds_survive_a_restart_and_resolve_by_their_time_to_live() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock);
    admin.create_budget(calls("a", 10)).unwrap();
    let id = budget("a");
    let held = enforcer.reserve(&charge(&id, 2)).unwrap();
    let running = enforcer
        .reserve(&charge(&id, 3))
        .unwrap()
        .start(Floor::Hold)
        .unwrap();
    let settled = enforcer
        .reserve(&charge(&id, 4))
        .unwrap()
        .start(Floor::Hold)
        .unwrap();
    // As if the process died here.
    let (again, _) = open(&journal, &clock);
    let calls = |enforcer: &BudgetEnforcer| {
        let usage = *enforcer.utilization(&id).unwrap().usage(Dimension::Calls);
        (usage.spent.units(), usage.reserved.units())
    };
    assert_eq!(calls(&again), (0, 9));
    again.settle_id(settled.id(), used(1)).unwrap();
    clock.advance(5 * MINUTE);
    assert_eq!(
        calls(&again),
        (1 + 3, 0),
        "the one that had left is spent, the one that had not is back"
    );
    std::mem::forget((held, running, settled));
}

#[test]
fn reservations_of_two_lives_do_not_share_a_name() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock);
    admin.create_budget(calls("a", 10)).unwrap();
    let first = enforcer.reserve(&charge(&budget("a"), 1)).unwrap().detach();
    let (again, _) = open(&journal, &clock);
    assert_ne!(again.reserve(&charge(&budget("a"), 1)).unwrap().id(), first);
}

#[test]
fn a_restart_under_an_older_clock_reopens_nothing() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock);
    admin
        .create_budget(calls("a", 10).period(Period::Daily))
        .unwrap();
    enforcer.record(&charge(&budget("a"), 10)).unwrap();
    clock.set(START - 3 * DAY);
    let (again, _) = open(&journal, &clock);
    assert!(!again.check(&charge(&budget("a"), 1)).allowed());
    assert!(again.record(&charge(&budget("a"), 1)).is_err());
}

#[test]
fn a_journal_that_does_not_fit_together_is_refused() {
    struct Fixed(Vec<Event>);
    impl BudgetJournal for Fixed {
        fn append(&self, _: Revision, _: &[Event]) -> Result<(), StoreError> {
            Ok(())
        }
        fn replay(
            &self,
            _: Revision,
            each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
        ) -> Result<(), StoreError> {
            self.0.iter().cloned().try_for_each(each)
        }
    }
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock);
    admin.create_budget(calls("a", 10)).unwrap();
    enforcer.record(&charge(&budget("a"), 1)).unwrap();
    enforcer.record(&charge(&budget("a"), 2)).unwrap();
    let events = journal.events().unwrap();
    let build = |events: Vec<Event>| {
        BudgetEnforcer::builder()
            .clock(clock.clone())
            .journal(Fixed(events))
            .build()
    };
    assert!(build(events.clone()).is_ok());
    let missing = build(vec![events[0].clone(), events[2].clone()]);
    assert!(
        matches!(missing, Err(BudgetError::Replay { revision: 3, .. })),
        "{missing:?}"
    );
    let headless = build(events[1..].to_vec());
    assert!(
        matches!(headless, Err(BudgetError::Replay { revision: 2, .. })),
        "{headless:?}"
    );
    let hold = enforcer.reserve(&charge(&budget("a"), 1)).unwrap();
    let mut twice = journal.events().unwrap();
    let again = twice.last().unwrap().clone();
    let text = serde_json::to_string(&again).unwrap();
    let text = text.replace(r#""revision":4"#, r#""revision":5"#);
    twice.push(serde_json::from_str(&text).unwrap());
    let twice = build(twice);
    assert!(
        matches!(twice, Err(BudgetError::Replay { revision: 5, .. })),
        "{twice:?}"
    );
    drop(hold);
    let mut unknown = events;
    unknown.remove(0);
    unknown.insert(0, serde_json::from_str(r#"{"revision":1,"at":"2026-11-22T12:00:00Z","act":{"settled":{"reservation":"r-0-0","actual":{}}}}"#).unwrap());
    assert!(matches!(
        build(unknown),
        Err(BudgetError::Replay { revision: 1, .. })
    ));
}

/// Fails while the switch is on.
#[derive(Clone)]
struct Broken(MemoryJournal, Arc<AtomicBool>);

impl BudgetJournal for Broken {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        if self.1.load(Ordering::Relaxed) {
            Err(StoreError::failed("disk full"))
        } else {
            self.0.append(expected, events)
        }
    }
    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(from, each)
    }
}

struct Failing {
    enforcer: BudgetEnforcer,
    admin: BudgetAdmin,
    clock: ManualClock,
    broken: Arc<AtomicBool>,
}

fn failing() -> Failing {
    let (clock, broken) = (ManualClock::new(START), Arc::new(AtomicBool::new(false)));
    let journal = Broken(MemoryJournal::new(), Arc::clone(&broken));
    let (enforcer, admin) = BudgetEnforcer::builder()
        .config(config())
        .clock(clock.clone())
        .journal(journal)
        .build()
        .unwrap();
    admin.create_budget(calls("a", 10)).unwrap();
    Failing {
        enforcer,
        admin,
        clock,
        broken,
    }
}

impl Failing {
    fn breaks(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }

    fn calls(&self) -> (u64, u64, u64) {
        let usage = *self
            .enforcer
            .utilization(&budget("a"))
            .unwrap()
            .usage(Dimension::Calls);
        (
            usage.spent.units(),
            usage.reserved.units(),
            usage.available.unwrap().units(),
        )
    }

    fn hold(&self) -> Reservation {
        self.enforcer.reserve(&charge(&budget("a"), 4)).unwrap()
    }
}

#[test]
fn what_widens_and_cannot_be_stored_is_not_done() {
    let f = failing();
    let id = budget("a");
    let row = f.enforcer.record(&charge(&id, 1)).unwrap();
    f.admin.suspend(&session("none")).unwrap_err();
    f.breaks(true);
    let denied = f.enforcer.reserve(&charge(&id, 4)).unwrap_err();
    assert_eq!(denied.code(), "unavailable");
    let source = std::error::Error::source(&denied).unwrap();
    assert_eq!(source.to_string(), "the journal failed");
    assert!(matches!(
        f.enforcer.record(&charge(&id, 1)),
        Err(BudgetError::Store(_))
    ));
    assert!(matches!(
        f.enforcer.refund(row.id, used(1)),
        Err(BudgetError::Store(_))
    ));
    assert!(matches!(
        f.admin.create_budget(calls("b", 1)),
        Err(BudgetError::Store(_))
    ));
    assert!(matches!(
        f.admin.update_limit(&id, Limits::NONE.calls(11)),
        Err(BudgetError::Store(_))
    ));
    assert!(matches!(
        f.admin.accept_clock("ops@example.com".parse().unwrap(), ""),
        Err(BudgetError::Store(_))
    ));
    assert!(
        matches!(
            f.enforcer.record_spending(&session("new"), 1),
            Err(BudgetError::Denied(_))
        ),
        "no session is opened"
    );
    assert_eq!(f.calls(), (1, 0, 9));
    assert_eq!(
        f.enforcer.check(&charge(&budget("b"), 1)).code(),
        "no_budget"
    );
    assert_eq!(f.enforcer.summary().unwrap().sessions, 0);
    f.breaks(false);
    f.admin.create_budget(calls("b", 1)).unwrap();
}

#[test]
fn what_narrows_or_books_is_in_force_even_if_it_cannot_be_stored() {
    let f = failing();
    let id = budget("a");
    f.enforcer.record_spending(&session("s"), 1).unwrap();
    let running = f.hold().start(Floor::Hold).unwrap();
    f.breaks(true);
    assert!(matches!(
        running.settle(used(3)),
        Err(BudgetError::NotStored(_))
    ));
    assert_eq!(f.calls(), (3, 0, 7));
    assert!(matches!(
        f.enforcer.record_spending(&session("s"), 5),
        Err(BudgetError::NotStored(_))
    ));
    let tokens = *f
        .enforcer
        .utilization(&session("s"))
        .unwrap()
        .usage(Dimension::Tokens);
    assert_eq!(tokens.spent.units(), 6);
    assert!(matches!(
        f.admin.update_limit(&id, Limits::NONE.calls(8).tokens(5)),
        Err(BudgetError::NotStored(_))
    ));
    assert_eq!(f.calls(), (3, 0, 5));
    assert!(matches!(
        f.admin.suspend(&id),
        Err(BudgetError::NotStored(_))
    ));
    assert_eq!(f.enforcer.check(&charge(&id, 1)).code(), "suspended");
    assert!(matches!(f.admin.resume(&id), Err(BudgetError::Store(_))));
    assert_eq!(f.enforcer.check(&charge(&id, 1)).code(), "suspended");
    assert!(matches!(f.admin.close(&id), Err(BudgetError::NotStored(_))));
    assert_eq!(f.enforcer.check(&charge(&id, 1)).code(), "closed");
}

#[test]
fn a_booking_that_was_not_stored_is_not_booked_again() {
    let f = failing();
    f.enforcer.record_spending(&session("s"), 1).unwrap();
    let options = CallOptions::new().key(IdempotencyKey::at(START));
    f.breaks(true);
    let first = f.enforcer.record_spending_with(&session("s"), 5, &options);
    assert!(matches!(first, Err(BudgetError::NotStored(_))));
    f.breaks(false);
    f.enforcer
        .record_spending_with(&session("s"), 5, &options)
        .unwrap();
    let tokens = *f
        .enforcer
        .utilization(&session("s"))
        .unwrap()
        .usage(Dimension::Tokens);
    assert_eq!(tokens.spent.units(), 6);
}

#[test]
fn an_outage_is_no_verdict_and_is_not_repeated() {
    let f = failing();
    let options = CallOptions::new().key(IdempotencyKey::at(START));
    f.breaks(true);
    assert!(
        f.enforcer
            .record_with(&charge(&budget("a"), 1), &options)
            .is_err()
    );
    assert!(
        f.enforcer
            .reserve_with(&charge(&budget("a"), 1), &options)
            .is_err()
    );
    f.breaks(false);
    assert!(
        f.enforcer
            .record_with(&charge(&budget("a"), 1), &options)
            .is_ok()
    );
}

#[test]
fn a_hold_that_cannot_be_ended_runs_out() {
    let f = failing();
    let (held, started) = (f.hold(), f.hold().start(Floor::Hold).unwrap());
    f.breaks(true);
    assert!(matches!(held.release(), Err(BudgetError::Store(_))));
    assert!(matches!(started.cancel(), Err(BudgetError::Store(_))));
    assert_eq!(f.calls(), (0, 8, 2));
    f.clock.advance(Duration::from_secs(300));
    assert_eq!(f.calls(), (4, 0, 6));
}

#[test]
fn a_start_that_cannot_be_stored_does_not_start() {
    let f = failing();
    let held = f.hold();
    f.breaks(true);
    assert!(matches!(
        held.start(Floor::Hold),
        Err(BudgetError::Store(_))
    ));
    assert_eq!(f.calls(), (0, 4, 6), "giving back cannot be stored either");
    f.clock.advance(Duration::from_secs(300));
    assert_eq!(f.calls(), (0, 0, 10));
}

#[test]
fn another_writer_is_noticed() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (first, admin) = open(&journal, &clock);
    admin.create_budget(calls("a", 10)).unwrap();
    let (second, _) = open(&journal, &clock);
    first.record(&charge(&budget("a"), 1)).unwrap();
    let error = second.record(&charge(&budget("a"), 1)).unwrap_err();
    assert!(
        matches!(error, BudgetError::Store(StoreError::Conflict { .. })),
        "{error:?}"
    );
}

#[test]
fn a_panic_in_a_journal_poisons_with_a_typed_error() {
    struct Panics;
    impl BudgetJournal for Panics {
        fn append(&self, _: Revision, events: &[Event]) -> Result<(), StoreError> {
            assert!(events[0].revision.number() < 2, "planted");
            Ok(())
        }
        fn replay(
            &self,
            _: Revision,
            _: &mut dyn FnMut(Event) -> Result<(), StoreError>,
        ) -> Result<(), StoreError> {
            Ok(())
        }
    }
    let (enforcer, admin) = BudgetEnforcer::builder()
        .clock(ManualClock::new(START))
        .journal(Panics)
        .build()
        .unwrap();
    admin.create_budget(calls("a", 10)).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        enforcer.record(&charge(&budget("a"), 1))
    }));
    assert!(panicked.is_err());
    assert_eq!(
        enforcer.check(&charge(&budget("a"), 1)).code(),
        "unavailable"
    );
    assert_eq!(
        enforcer
            .reserve(&charge(&budget("a"), 1))
            .unwrap_err()
            .code(),
        "unavailable"
    );
    assert!(matches!(
        enforcer.record(&charge(&budget("a"), 1)),
        Err(BudgetError::Poisoned)
    ));
    assert!(matches!(
        enforcer.utilization(&budget("a")),
        Err(BudgetError::Poisoned)
    ));
    assert!(matches!(
        admin.suspend(&budget("a")),
        Err(BudgetError::Poisoned)
    ));
}

#[test]
fn the_ledger_is_bounded_after_a_restart_too() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock);
    admin.create_budget(calls("a", 100)).unwrap();
    let rows: Vec<_> = (0..10)
        .map(|_| enforcer.record(&charge(&budget("a"), 1)).unwrap())
        .collect();
    enforcer.refund(rows[0].id, used(1)).unwrap();
    let config = BudgetEnforcerConfig {
        max_transactions: 32,
        ..config()
    };
    let builder = BudgetEnforcer::builder()
        .config(config)
        .clock(clock)
        .journal(journal);
    let (again, _) = builder.build().unwrap();
    let shown = again.transactions(&TransactionFilter::default());
    assert_eq!((shown.rows.len(), shown.dropped), (2, 9));
    again.record(&charge(&budget("a"), 1)).unwrap();
    assert_eq!(
        again.transactions(&TransactionFilter::default()).rows.len(),
        2
    );
}

#[test]
fn a_guard_that_outlives_the_handles_is_still_settled_and_stored() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock);
    admin.create_budget(calls("a", 10)).unwrap();
    let running = enforcer
        .reserve(&charge(&budget("a"), 4))
        .unwrap()
        .start(Floor::Hold)
        .unwrap();
    drop((enforcer, admin));
    running.settle(used(3)).unwrap();
    let (again, _) = open(&journal, &clock);
    let usage = *again
        .utilization(&budget("a"))
        .unwrap()
        .usage(Dimension::Calls);
    assert_eq!((usage.spent.units(), usage.reserved.units()), (3, 0));
}

#[test]
fn an_enforcer_that_is_dropped_leaves_nothing_in_memory() {
    let kept = Arc::new(());
    let witness = Arc::clone(&kept);
    let clock = move || {
        assert!(Arc::strong_count(&witness) > 0);
        START
    };
    let (enforcer, admin) = BudgetEnforcer::builder()
        .config(config())
        .clock(clock)
        .build()
        .unwrap();
    admin.create_budget(calls("a", 10)).unwrap();
    let asked = charge(&budget("a"), 1).and(Charge::session(&session("s")).calls(1));
    let _ = enforcer.reserve(&asked).unwrap().detach();
    let running = enforcer
        .reserve(&asked)
        .unwrap()
        .start(Floor::Hold)
        .unwrap();
    enforcer.record(&asked).unwrap();
    drop((enforcer, admin));
    running.settle(used(1)).unwrap();
    assert_eq!(
        Arc::strong_count(&kept),
        1,
        "the clock is gone, and what had it"
    );
}
