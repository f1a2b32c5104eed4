//! Clocks that are wrong: set back they re-open nothing, and a jump forward hands out nothing new.

use std::time::Duration;

use budget_enforcer::{BudgetError, Floor, OperatorId, Period};

use crate::stage::{DAY, HOUR, MINUTE, START, Stage, calls, charge, code, stage, used};

fn ops() -> OperatorId {
    "ops@example.com".parse().unwrap()
}

/// With a clock that knows how much time has passed.
fn steady() -> Stage {
    let clock = budget_enforcer::ManualClock::new(START);
    clock.set_elapsed(Some(Duration::from_secs(100)));
    let (budget, admin) = budget_enforcer::BudgetEnforcer::builder()
        .clock(clock.clone())
        .build()
        .unwrap();
    Stage {
        budget,
        admin,
        clock,
    }
}

#[test]
fn a_clock_set_back_reopens_nothing() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage.clock.set(START + DAY);
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    for back in [HOUR, DAY, 400 * DAY] {
        stage.clock.set(START + DAY - back);
        assert_eq!(
            code(stage.budget.reserve(&charge(&id, 1))),
            "exceeds_budget",
            "{back:?}"
        );
        assert_eq!(stage.calls(&id), [10, 0, 0, 0]);
    }
    assert_eq!(
        code(stage.budget.reserve_at(&charge(&id, 1), START)),
        "exceeds_budget"
    );
    assert!(!stage.budget.check_at(&charge(&id, 1), START).allowed());
}

#[test]
fn a_clock_set_back_revives_no_expired_hold() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let hold = stage.reserve(&charge(&id, 4));
    stage.clock.set(START + HOUR);
    stage.reserve(&charge(&id, 1)).release().unwrap();
    stage.clock.set(START);
    assert!(matches!(
        hold.start(Floor::Hold),
        Err(BudgetError::Expired { .. })
    ));
    assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
}

#[test]
fn a_jump_forward_opens_no_new_window() {
    let stage = steady();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage.clock.set(START + 3 * DAY);
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "exceeds_budget"
    );
    assert!(
        !stage
            .budget
            .check_at(&charge(&id, 1), START + 3 * DAY)
            .allowed()
    );
    stage
        .clock
        .set_elapsed(Some(Duration::from_secs(100) + 12 * HOUR));
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "ok",
        "twelve hours have really passed"
    );
}

#[test]
fn a_jump_forward_expires_no_hold() {
    let stage = steady();
    let id = stage.create(calls("a", 10));
    let hold = stage.reserve(&charge(&id, 4));
    stage.clock.set(START + 3 * DAY);
    assert_eq!(stage.calls(&id), [0, 0, 4, 6]);
    hold.start(Floor::Hold).unwrap().settle(used(4)).unwrap();
}

#[test]
fn an_operator_accepts_a_clock_by_name() {
    let stage = steady();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage.clock.set(START + 3 * DAY);
    let before = stage.admin.revision().unwrap();
    let revision = stage
        .admin
        .accept_clock(ops(), "the machine slept")
        .unwrap();
    assert!(revision > before);
    assert_eq!(code(stage.budget.reserve(&charge(&id, 1))), "ok");
    assert_eq!(stage.budget.now(), START + 3 * DAY);
}

#[test]
fn accepting_a_clock_that_was_set_back_keeps_holds_and_reenters_no_window() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.clock.set(START + 10 * DAY);
    let hold = stage.reserve(&charge(&id, 4));
    stage.clock.set(START);
    stage
        .admin
        .accept_clock(ops(), "the year was wrong")
        .unwrap();
    assert_eq!(stage.calls(&id), [0, 0, 4, 6]);
    stage.clock.advance(5 * MINUTE - Duration::from_micros(1));
    assert_eq!(stage.calls(&id), [0, 0, 4, 6]);
    stage.clock.advance(Duration::from_micros(1));
    assert_eq!(
        stage.calls(&id),
        [0, 0, 0, 10],
        "it had five minutes left, and has them by the accepted clock"
    );
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage.clock.set(START + 9 * DAY);
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "exceeds_budget",
        "the window that was entered lasts"
    );
    stage.clock.set(START + 11 * DAY);
    assert_eq!(code(stage.budget.reserve(&charge(&id, 1))), "ok");
    drop(hold);
}

#[test]
fn clocks_at_the_end_of_time_are_survived() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Monthly));
    for wall in [
        time::Date::MAX.midnight().assume_utc(),
        time::Date::MIN.midnight().assume_utc(),
        START,
    ] {
        stage.clock.set(wall);
        drop(stage.budget.check(&charge(&id, 1)));
        drop(stage.budget.reserve(&charge(&id, 1)));
    }
}
