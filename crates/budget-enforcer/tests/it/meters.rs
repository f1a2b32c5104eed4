//! A meter admits what `record` would admit, to the last unit, whatever else happens in its tree.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use budget_enforcer::{
    BudgetEnforcer, Charge, Dimension, Floor, Limits, MemoryJournal, NotAdmitted, Period,
    TransactionFilter, TransactionKind,
};
use proptest::prelude::*;

use crate::stage::{DAY, Stage, budget, calls, charge, session, stage, used};

#[test]
fn it_spends_to_the_last_unit_and_not_beyond() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let meter = stage.budget.meter(&charge(&id, 3)).unwrap();
    assert_eq!(meter.spend(2), Ok(()));
    assert_eq!(meter.spend(2), Err(NotAdmitted), "six of ten are gone");
    assert_eq!(meter.spend(1), Ok(()));
    assert_eq!(meter.spend(1), Err(NotAdmitted));
    assert_eq!(stage.calls(&id), [9, 0, 0, 1]);
    assert_eq!(meter.spend(0), Ok(()), "nothing can be spent of nothing");
    assert_eq!(meter.spend(u64::MAX), Err(NotAdmitted));
    assert_eq!(meter.check(1).code(), "exceeds_budget");
}

#[test]
fn one_row_stands_for_what_was_spent_between_two_looks() {
    let stage = stage();
    let id = stage.create(calls("a", 1_000));
    let meter = stage.budget.meter(&charge(&id, 2)).unwrap();
    for _ in 0..10 {
        meter.spend(3).unwrap();
    }
    assert_eq!(stage.calls(&id), [60, 0, 0, 940]);
    let rows = stage
        .budget
        .transactions(&TransactionFilter::default())
        .rows;
    let spent: u64 = rows
        .iter()
        .filter(|row| row.kind == TransactionKind::Record)
        .map(|row| row.charge.lines().next().unwrap().1.calls.unwrap())
        .sum();
    assert_eq!((spent, rows.len()), (60, 1));
    stage.budget.refund(rows[0].id, used(60)).unwrap();
    assert_eq!(stage.calls(&id), [0, 0, 0, 1_000]);
}

#[test]
fn what_is_set_aside_is_there_for_others() {
    let stage = stage();
    let id = stage.create(calls("a", 100));
    let meters = [1, 1, 7].map(|unit| stage.budget.meter(&charge(&id, unit)).unwrap());
    for meter in &meters {
        meter.spend(1).unwrap();
    }
    let hold = stage.reserve(&charge(&id, 91));
    for meter in &meters {
        assert_eq!(meter.spend(1), Err(NotAdmitted));
    }
    hold.release().unwrap();
    for meter in &meters {
        assert_eq!(meter.spend(1), Ok(()), "the hold gave it back");
    }
    drop(meters);
    assert_eq!(stage.calls(&id), [18, 0, 0, 82]);
}

#[test]
fn every_way_in_which_something_comes_back_is_seen() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    let meter = stage.budget.meter(&charge(&id, 1)).unwrap();
    let is_exhausted = || {
        while meter.spend(1).is_ok() {}
        assert_eq!(meter.spend(1), Err(NotAdmitted));
    };
    let running = stage.start(&charge(&id, 4));
    is_exhausted();
    running.settle(used(3)).unwrap();
    assert_eq!(meter.spend(1), Ok(()), "settled for less");
    is_exhausted();
    stage
        .admin
        .update_limit(&id, Limits::NONE.calls(12))
        .unwrap();
    assert_eq!(meter.spend(2), Ok(()), "a higher limit");
    is_exhausted();
    let row = stage
        .budget
        .transactions(&TransactionFilter::default())
        .rows;
    let row = row
        .iter()
        .rev()
        .find(|row| row.kind == TransactionKind::Settle);
    stage.budget.refund(row.unwrap().id, used(2)).unwrap();
    assert_eq!(meter.spend(2), Ok(()), "a refund");
    is_exhausted();
    stage.clock.advance(DAY);
    assert_eq!(meter.spend(9), Ok(()), "a new day");
    stage.admin.suspend(&id).unwrap();
    assert_eq!(meter.spend(1), Err(NotAdmitted), "suspended");
    stage.admin.resume(&id).unwrap();
    assert_eq!(meter.spend(1), Ok(()), "resumed");
    is_exhausted();
    stage.clock.advance(DAY);
    let hold = stage.reserve(&charge(&id, 5)).detach();
    is_exhausted();
    stage.clock.advance(Duration::from_secs(301));
    assert_eq!(
        meter.spend(5),
        Ok(()),
        "hold {hold} ran out, and nobody came by"
    );
}

#[test]
fn a_window_that_is_over_is_not_spent_from() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Hourly));
    let meter = stage.budget.meter(&charge(&id, 1)).unwrap();
    for hour in 0..5 {
        for _ in 0..10 {
            assert_eq!(meter.spend(1), Ok(()), "hour {hour}");
        }
        assert_eq!(meter.spend(1), Err(NotAdmitted));
        stage.clock.advance(Duration::from_secs(3_599));
        assert_eq!(meter.spend(1), Err(NotAdmitted), "a second too early");
        stage.clock.advance(Duration::from_secs(1));
    }
}

#[test]
fn overspending_and_overdraft_are_as_for_record() {
    let stage = stage();
    let id = stage.create(calls("a", 5).overdraft(true));
    let meter = stage.budget.meter(&charge(&id, 2)).unwrap();
    for _ in 0..4 {
        meter.spend(1).unwrap();
    }
    assert_eq!(stage.calls(&id), [5, 3, 0, 0]);
    let strict = stage.create(calls("b", 5));
    stage.start(&charge(&strict, 5)).settle(used(8)).unwrap();
    let meter = stage.budget.meter(&charge(&strict, 1)).unwrap();
    assert_eq!(meter.spend(1), Err(NotAdmitted));
}

#[test]
fn it_needs_one_tree_and_amounts() {
    let stage = stage();
    let (a, b) = (stage.create(calls("a", 5)), stage.create(calls("b", 5)));
    let code = |charge: &Charge| stage.budget.meter(charge).unwrap_err().code();
    assert_eq!(
        code(&charge(&a, 1).and(charge(&b, 1))),
        "too_many_envelopes"
    );
    assert_eq!(code(&Charge::budget(&a)), "amount_missing");
    assert_eq!(code(&Charge::budget(&a).tokens(1)), "amount_missing");
    assert_eq!(code(&charge(&budget("c"), 1)), "no_budget");
    let meter = stage
        .budget
        .meter(&Charge::session(&session("s")).calls(1).tokens(10));
    let meter = meter.unwrap();
    assert_eq!((0..11).filter(|_| meter.spend(1).is_ok()).count(), 10);
}

#[test]
fn a_limit_that_moves_to_another_dimension_is_not_passed_by() {
    let stage = stage();
    let id = stage.create(calls("a", 100));
    let meter = stage.budget.meter(&charge(&id, 1)).unwrap();
    meter.spend(1).unwrap();
    let tokens = Limits::NONE.tokens(5);
    stage.admin.update_limit(&id, tokens).unwrap();
    assert_eq!(meter.spend(1), Err(NotAdmitted));
    assert_eq!(meter.check(1).code(), "amount_missing");
}

#[test]
fn a_clock_that_is_set_back_leaves_nothing_refused_that_came_back() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let hour = stage.create(calls("hour", 3).period(Period::Hourly));
    let [small, large] = [1, 100].map(|unit| stage.budget.meter(&charge(&id, unit)).unwrap());
    let [small_hour, large_hour] =
        [1, 100].map(|unit| stage.budget.meter(&charge(&hour, unit)).unwrap());
    let _held = stage.reserve(&charge(&id, 10)).detach();
    small_hour.spend(3).unwrap();
    for meter in [&small, &small_hour] {
        assert_eq!(meter.spend(1), Err(NotAdmitted));
    }
    stage.clock.advance(Duration::from_secs(3_700));
    for meter in [&large, &large_hour] {
        assert_eq!(meter.spend(1), Err(NotAdmitted));
    }
    stage.clock.set(crate::stage::START);
    for (meter, id) in [(&small, &id), (&small_hour, &hour)] {
        assert!(stage.budget.check(&charge(id, 1)).allowed());
        assert_eq!(meter.spend(1), Ok(()));
    }
}

#[test]
fn with_a_journal_every_spend_is_an_event() {
    let journal = MemoryJournal::new();
    let (budget, admin) = BudgetEnforcer::builder()
        .journal(journal.clone())
        .build()
        .unwrap();
    admin.create_budget(calls("a", 5)).unwrap();
    let meter = budget.meter(&charge(&"a".parse().unwrap(), 1)).unwrap();
    assert_eq!((0..9).filter(|_| meter.spend(1).is_ok()).count(), 5);
    assert_eq!(journal.events().unwrap().len(), 6);
}

#[test]
fn many_threads_spend_exactly_the_limit() {
    // A fiftieth of 64 × 10⁶ on 40 × 10⁶, on two levels and with somebody who looks.
    let stage = stage();
    let parent = stage.create(calls("parent", 800_000));
    let id = stage.create(calls("a", u64::MAX).parent(parent.clone()));
    let meter = stage.budget.meter(&charge(&id, 1)).unwrap();
    let (accepted, barrier) = (AtomicU64::new(0), Barrier::new(64));
    thread::scope(|scope| {
        for number in 0..64 {
            let (meter, accepted, barrier) = (meter.clone(), &accepted, &barrier);
            let (stage, parent) = (&stage, &parent);
            scope.spawn(move || {
                barrier.wait();
                let mut own = 0;
                for spend in 0..20_000 {
                    own += u64::from(meter.spend(1).is_ok());
                    if number == 0 && spend % 1_000 == 0 {
                        let [spent, _, reserved, available] = stage.calls(parent);
                        assert_eq!(spent + reserved + available, 800_000);
                    }
                }
                accepted.fetch_add(own, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(accepted.into_inner(), 800_000);
    assert_eq!(stage.calls(&parent), [800_000, 0, 0, 0]);
}

#[derive(Debug, Clone)]
enum Step {
    Meter(usize, u64),
    Hold(u64),
    Release,
    Settle(u64),
    Refund,
    Limit(u64),
    Wait(u64),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_usize..2, 1_u64..6).prop_map(|(meter, times)| Step::Meter(meter, times)),
        2 => (1_u64..9).prop_map(Step::Hold),
        1 => Just(Step::Release),
        2 => (0_u64..12).prop_map(Step::Settle),
        1 => Just(Step::Refund),
        1 => (5_u64..40).prop_map(Step::Limit),
        1 => (1_u64..4_000).prop_map(Step::Wait),
        1 => Just(Step::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Two enforcers play the same game; one spends through meters, the other records. Nobody can tell which is which.
    #[test]
    fn a_meter_admits_what_record_would(steps in prop::collection::vec(step(), 1..60)) {
        let stages = [stage(), stage()];
        let parent = stages.each_ref().map(|stage| stage.create(calls("p", 30).period(Period::Hourly)));
        let id = stages.each_ref().map(|stage| stage.create(calls("a", 25).parent(parent[0].clone())));
        let (parent, id) = (&parent[0], &id[0]);
        let units = [1, 3];
        let meters = units.map(|unit| stages[0].budget.meter(&charge(id, unit)).unwrap());
        let mut held = [Vec::new(), Vec::new()];
        let both = |f: &mut dyn FnMut(usize, &Stage) -> bool| [f(0, &stages[0]), f(1, &stages[1])];
        for step in steps {
            let [by_meter, by_record] = match step {
                Step::Meter(which, times) => {
                    let asked = charge(id, units[which] * times);
                    [meters[which].spend(times).is_ok(), stages[1].budget.record(&asked).is_ok()]
                }
                Step::Hold(amount) => both(&mut |which, stage| {
                    let hold = stage.budget.reserve(&charge(id, amount));
                    let is_ok = hold.is_ok();
                    held[which].extend(hold);
                    is_ok
                }),
                Step::Release => both(&mut |which, _| held[which].pop().is_some_and(|hold| hold.release().is_ok())),
                Step::Settle(actual) => both(&mut |which, _| {
                    let running = held[which].pop().and_then(|hold| hold.start(Floor::Hold).ok());
                    running.is_some_and(|running| running.settle(used(actual)).unwrap().overspent.is_none())
                }),
                Step::Refund => both(&mut |_, stage| {
                    let rows = stage.budget.transactions(&TransactionFilter {
                        kind: Some(TransactionKind::Settle),
                        ..Default::default()
                    });
                    rows.rows.last().is_some_and(|row| stage.budget.refund(row.id, used(1)).is_ok())
                }),
                Step::Limit(limit) => both(&mut |_, stage| {
                    stage.admin.update_limit(parent, Limits::NONE.calls(limit)).is_ok()
                }),
                Step::Wait(seconds) => both(&mut |_, stage| {
                    stage.clock.advance(Duration::from_secs(seconds));
                    true
                }),
                Step::Look => [true, true],
            };
            prop_assert_eq!(by_meter, by_record, "{:?}", step);
            if matches!(step, Step::Look) {
                for id in [id, parent] {
                    prop_assert_eq!(stages[0].calls(id), stages[1].calls(id));
                }
            }
        }
        drop(meters);
        for id in [id, parent] {
            let usage = |stage: &Stage| stage.usage(id, Dimension::Calls);
            prop_assert_eq!(usage(&stages[0]), usage(&stages[1]));
        }
    }
}

#[test]
fn its_row_has_the_time_at_which_it_took_what_it_spent() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let meter = stage.budget.meter(&charge(&id, 1)).unwrap();
    stage.clock.advance(DAY);
    meter.spend(1).unwrap();
    assert_eq!(stage.calls(&id), [1, 0, 0, 9]);
    let rows = stage
        .budget
        .transactions(&TransactionFilter::default())
        .rows;
    assert_eq!(rows[0].at, crate::stage::START + DAY);
}
