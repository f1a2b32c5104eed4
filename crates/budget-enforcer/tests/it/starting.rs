//! A hold that is taken and started in one step is like one that was started in a step of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use budget_enforcer::{
    Act, Amounts, BudgetAdmin, BudgetDecision, BudgetDenied, BudgetEnforcer, BudgetEnforcerConfig,
    BudgetError, BudgetJournal, BudgetPath, Charge, Dimension, Event, Floor, Limits, ManualClock,
    MemoryJournal, Meter, Period, Revision, Running, StoreError, TransactionFilter,
};
use insta::assert_snapshot;
use proptest::prelude::*;
use time::OffsetDateTime;

use crate::stage::{DAY, HOUR, MINUTE, START, budget, calls, charge, session, usd, used};

fn one_step(enforcer: &BudgetEnforcer, path: &BudgetPath) -> Result<Running, BudgetError> {
    enforcer.reserve_path_and_start(path, Floor::Known(Amounts::NONE.calls(1)))
}

fn two_steps(enforcer: &BudgetEnforcer, path: &BudgetPath) -> Result<Running, BudgetError> {
    let floor = Floor::Known(Amounts::NONE.calls(1));
    enforcer.reserve_path(path)?.start(floor)
}

fn open(journal: Option<&MemoryJournal>) -> (BudgetEnforcer, BudgetAdmin, BudgetPath, ManualClock) {
    let config = BudgetEnforcerConfig {
        lanes: crate::LANES,
        ..BudgetEnforcerConfig::default()
    };
    let clock = ManualClock::new(START);
    let builder = BudgetEnforcer::builder()
        .config(config)
        .clock(clock.clone());
    let builder = match journal {
        Some(journal) => builder.journal(journal.clone()),
        None => builder,
    };
    let (enforcer, admin) = builder.build().unwrap();
    admin.create_budget(calls("org", 10)).unwrap();
    let path = enforcer
        .resolve(&Charge::budget(&budget("org")).calls(4))
        .unwrap();
    (enforcer, admin, path, clock)
}

#[test]
fn one_step_does_what_two_do() {
    let ways = [one_step, two_steps].map(|take| {
        let journal = MemoryJournal::new();
        [None, Some(&journal)].map(|journal| {
            let (enforcer, _admin, path, clock) = open(journal);
            let settled = take(&enforcer, &path).unwrap();
            let dropped = take(&enforcer, &path).unwrap();
            let ids = (settled.id(), dropped.id());
            let third = take(&enforcer, &path);
            assert!(matches!(third, Err(BudgetError::Denied(_))), "{third:?}");
            settled.settle(Amounts::NONE.calls(3)).unwrap();
            // It had left: its floor is spent, and not given back.
            drop(dropped);
            // It has left, too: what nobody settles is spent once it expires.
            let _id = take(&enforcer, &path).unwrap().detach();
            clock.advance(HOUR);
            let utilization = enforcer.utilization(&budget("org")).unwrap();
            let usage = utilization.usage(Dimension::Calls);
            assert_eq!((usage.spent.units(), usage.reserved.units()), (8, 0));
            let rows = enforcer.transactions(&TransactionFilter::default()).rows;
            (ids, rows)
        })
    });
    assert_eq!(ways[0], ways[1]);
}

// ---- explained: beside the same in two steps

type Explained = Result<(Running, BudgetDecision), BudgetDenied>;

fn explained_at_once(
    enforcer: &BudgetEnforcer,
    path: &BudgetPath,
    wall: OffsetDateTime,
) -> Explained {
    enforcer.reserve_path_and_start_explained_at(path, wall, Floor::Hold)
}

fn explained_by_and_by(
    enforcer: &BudgetEnforcer,
    path: &BudgetPath,
    wall: OffsetDateTime,
) -> Explained {
    let (held, told) = enforcer.reserve_path_explained_at(path, wall)?;
    Ok((held.start(Floor::Hold).unwrap(), told))
}

/// One of two enforcers that are done the same to.
struct Side {
    take: fn(&BudgetEnforcer, &BudgetPath, OffsetDateTime) -> Explained,
    enforcer: BudgetEnforcer,
    admin: BudgetAdmin,
    meter: Meter,
    paths: Vec<BudgetPath>,
    running: Vec<Running>,
}

#[derive(Clone, Debug)]
enum Step {
    Take(usize),
    Settle(usize, u64),
    Cancel(usize),
    Drop(usize),
    Detach(usize),
    Meter(u64),
    Limit(u64),
    Suspend(bool),
    Clock(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = 0_usize..4;
    prop::collection::vec(
        prop_oneof![
            8 => (0_usize..7).prop_map(Step::Take),
            3 => (which.clone(), 0_u64..6).prop_map(|(which, actual)| Step::Settle(which, actual)),
            1 => which.clone().prop_map(Step::Cancel),
            1 => which.clone().prop_map(Step::Drop),
            1 => which.prop_map(Step::Detach),
            1 => (1_u64..3).prop_map(Step::Meter),
            1 => (1_u64..20).prop_map(Step::Limit),
            1 => any::<bool>().prop_map(Step::Suspend),
            2 => prop_oneof![Just(60), Just(300), Just(3600), Just(-600), Just(86_400)].prop_map(Step::Clock),
        ],
        1..60,
    )
}

fn config() -> BudgetEnforcerConfig {
    BudgetEnforcerConfig {
        lanes: crate::LANES,
        ..BudgetEnforcerConfig::per_session().calls(9).tokens(50)
    }
}

impl Side {
    fn new(
        take: fn(&BudgetEnforcer, &BudgetPath, OffsetDateTime) -> Explained,
        clock: &ManualClock,
        journal: Option<&MemoryJournal>,
    ) -> Self {
        let builder = BudgetEnforcer::builder()
            .config(config())
            .clock(clock.clone());
        let builder = match journal {
            Some(journal) => builder.journal(journal.clone()),
            None => builder,
        };
        let (enforcer, admin) = builder.build().unwrap();
        for spec in [
            calls("org", 12).period(Period::Hourly).rollover(true),
            calls("team", 20)
                .cost(usd("0.5"))
                .also(Period::Daily, Limits::NONE.calls(15))
                .parent(budget("org")),
            calls("side", 9),
            calls("third", 30).period(Period::Daily),
        ] {
            admin.create_budget(spec).unwrap();
        }
        let team = || Charge::budget(&budget("team"));
        let s = || Charge::session(&session("s"));
        let charges = [
            charge(&budget("org"), 2),
            team().calls(1).cost(usd("0.1")),
            // In a dimension that is not limited first.
            team().tokens(7).cost(usd("0.1")),
            s().tokens(6).calls(1),
            charge(&budget("side"), 1).and(s().calls(1)),
            s().calls(1).and(team().calls(3)),
            charge(&budget("third"), 2)
                .and(charge(&budget("side"), 1))
                .and(charge(&budget("org"), 1)),
        ];
        let paths = charges.map(|charge| enforcer.resolve(&charge).unwrap());
        let meter = enforcer.meter(&charge(&budget("side"), 1)).unwrap();
        Self {
            take,
            enforcer,
            admin,
            meter,
            paths: paths.into(),
            running: Vec::new(),
        }
    }

    /// What the step came to, as text.
    fn step(&mut self, step: &Step, wall: OffsetDateTime) -> String {
        match *step {
            Step::Take(which) => match (self.take)(&self.enforcer, &self.paths[which], wall) {
                Ok((running, told)) => {
                    let id = running.id();
                    self.running.push(running);
                    format!("{id} {told:?}")
                }
                Err(denied) => format!("{:?}", denied.decision()),
            },
            Step::Settle(which, actual) if which < self.running.len() => {
                let running = self.running.swap_remove(which);
                format!("{:?}", running.settle(used(actual)).unwrap())
            }
            Step::Cancel(which) if which < self.running.len() => {
                format!("{:?}", self.running.swap_remove(which).cancel())
            }
            Step::Drop(which) if which < self.running.len() => {
                drop(self.running.swap_remove(which));
                String::new()
            }
            Step::Detach(which) if which < self.running.len() => {
                self.running.swap_remove(which).detach().to_string()
            }
            Step::Meter(times) => format!("{:?}", self.meter.spend(times)),
            Step::Limit(limit) => {
                let limits = Limits::NONE.calls(limit);
                let updated = self.admin.update_limit(&budget("side"), limits);
                updated.unwrap();
                String::new()
            }
            Step::Suspend(true) => {
                format!("{:?}", self.admin.suspend(&budget("third")).map(|_| ()))
            }
            Step::Suspend(false) => {
                format!("{:?}", self.admin.resume(&budget("third")).map(|_| ()))
            }
            _ => String::new(),
        }
    }

    fn seen(&self) -> String {
        seen(&self.enforcer)
    }
}

fn seen(enforcer: &BudgetEnforcer) -> String {
    let rows = enforcer.transactions(&TransactionFilter::default());
    let s = enforcer.utilization(&session("s"));
    format!("{:?}\n{s:?}\n{rows:?}", enforcer.summary().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn one_step_explained_does_and_tells_what_two_do(steps in steps(), journaled in any::<bool>()) {
        let clock = ManualClock::new(START);
        let journals = [MemoryJournal::new(), MemoryJournal::new()];
        let journal = |number: usize| journaled.then_some(&journals[number]);
        let mut one = Side::new(explained_at_once, &clock, journal(0));
        let mut two = Side::new(explained_by_and_by, &clock, journal(1));
        for step in &steps {
            if let Step::Clock(seconds) = step {
                clock.set(budget_enforcer::Clock::now(&clock) + time::Duration::seconds(*seconds));
            }
            let wall = budget_enforcer::Clock::now(&clock);
            prop_assert_eq!(one.step(step, wall), two.step(step, wall), "{:?}", step);
        }
        prop_assert_eq!(one.seen(), two.seen());
        let events = journals[0].events().unwrap();
        prop_assert!(!events.iter().any(|event| matches!(event.act, Act::Started { .. })), "one event, not two");
        if journaled {
            let again = Side::again(&clock, &journals[0]);
            for wait in [MINUTE, HOUR, DAY] {
                prop_assert_eq!(seen(&again), one.seen());
                clock.advance(wait);
            }
        }
    }
}

impl Side {
    fn again(clock: &ManualClock, journal: &MemoryJournal) -> BudgetEnforcer {
        let builder = BudgetEnforcer::builder()
            .config(config())
            .clock(clock.clone());
        builder.journal(journal.clone()).build().unwrap().0
    }
}

// ---- in a journal

#[test]
fn a_hold_that_is_started_in_one_step_is_one_event() {
    let journal = MemoryJournal::new();
    let (enforcer, _admin, path, _clock) = open(Some(&journal));
    let before = journal.events().unwrap().len();
    let running = one_step(&enforcer, &path).unwrap();
    let held = enforcer.reserve_path(&path).unwrap();
    let events = journal.events().unwrap().split_off(before);
    let lines: Vec<_> = events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    assert_snapshot!(lines.join("\n"), @r#"
    {"revision":2,"at":"2026-11-22T12:00:00Z","act":{"reserved":{"reservation":"r-0-0","charge":[{"envelope":{"budget":"org"},"amounts":{"calls":4}}],"expires_at":"2026-11-22T12:05:00Z","started":true}}}
    {"revision":3,"at":"2026-11-22T12:00:00Z","act":{"reserved":{"reservation":"r-0-1","charge":[{"envelope":{"budget":"org"},"amounts":{"calls":4}}],"expires_at":"2026-11-22T12:05:00Z"}}}
    "#);
    for (line, event) in lines.iter().zip(&events) {
        assert_eq!(&serde_json::from_str::<Event>(line).unwrap(), event);
    }
    drop((running, held));
}

#[test]
fn after_a_crash_a_hold_that_was_started_in_one_step_is_spent_when_it_expires() {
    let journal = MemoryJournal::new();
    let (enforcer, admin, path, clock) = open(Some(&journal));
    let crashed = one_step(&enforcer, &path).unwrap();
    let id = crashed.id();
    std::mem::forget(crashed);
    drop((enforcer, admin));
    let again = Side::again(&clock, &journal);
    let usage = |enforcer: &BudgetEnforcer| {
        let utilization = enforcer.utilization(&budget("org")).unwrap();
        let usage = utilization.usage(Dimension::Calls);
        (usage.spent.units(), usage.reserved.units())
    };
    assert_eq!(usage(&again), (0, 4));
    clock.advance(HOUR);
    assert_eq!(usage(&again), (4, 0));
    // Its owner may still say what it really used.
    assert!(again.settle_id(id, used(1)).unwrap().late);
    assert_eq!(usage(&again), (1, 0));
}

/// A journal that takes events, and can be told that it does not store them.
#[derive(Clone, Default)]
struct Unsynced(MemoryJournal, Arc<AtomicBool>);

impl BudgetJournal for Unsynced {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.0.append(expected, events)
    }
    fn sync(&self, _: Revision) -> Result<(), StoreError> {
        if self.1.load(Ordering::Relaxed) {
            return Err(StoreError::failed("disk full"));
        }
        Ok(())
    }
    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(from, each)
    }
}

#[test]
fn a_start_in_one_step_that_is_not_stored_is_refused_and_given_back() {
    let journal = Unsynced::default();
    let clock = ManualClock::new(START);
    let builder = BudgetEnforcer::builder()
        .clock(clock.clone())
        .journal(journal.clone());
    let (enforcer, admin) = builder.build().unwrap();
    admin.create_budget(calls("org", 10)).unwrap();
    let path = enforcer.resolve(&charge(&budget("org"), 4)).unwrap();
    journal.1.store(true, Ordering::Relaxed);
    let refused = [
        one_step(&enforcer, &path).map(drop),
        explained_at_once(&enforcer, &path, START)
            .map(drop)
            .map_err(BudgetError::from),
    ];
    for refused in refused {
        let Err(BudgetError::Denied(denied)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(denied.code(), "unavailable");
    }
    for enforcer in [&enforcer, &Side::again(&clock, &journal.0)] {
        let utilization = enforcer.utilization(&budget("org")).unwrap();
        let usage = utilization.usage(Dimension::Calls);
        assert_eq!((usage.spent.units(), usage.reserved.units()), (0, 0));
    }
}
