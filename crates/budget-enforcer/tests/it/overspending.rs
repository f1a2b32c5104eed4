//! What was really spent is booked, also beyond a limit: it blocks further admission and is carried as debt.

use budget_enforcer::{
    Amounts, BudgetEnforcerConfig, BudgetError, Charge, Dimension, Limits, Period,
};

use crate::stage::{DAY, Stage, budget, calls, charge, code, session, stage, stage_with, used};

fn debt(stage: &Stage, id: &budget_enforcer::BudgetId) -> u64 {
    stage.usage(id, Dimension::Calls).debt.units()
}

#[test]
fn settling_above_the_hold_takes_what_is_available_first() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let settled = stage.start(&charge(&id, 4)).settle(used(7)).unwrap();
    assert!(settled.overspent.is_none());
    assert_eq!(stage.calls(&id), [7, 0, 0, 3]);
    let settled = stage.start(&charge(&id, 1)).settle(used(9)).unwrap();
    assert_eq!(settled.overspent, used(6));
    assert_eq!(stage.calls(&id), [10, 6, 0, 0]);
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "exceeds_budget"
    );
}

#[test]
fn settling_never_takes_what_others_hold() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let (first, second) = (stage.start(&charge(&id, 5)), stage.reserve(&charge(&id, 5)));
    assert_eq!(first.settle(used(8)).unwrap().overspent, used(3));
    assert_eq!(stage.calls(&id), [5, 3, 5, 0]);
    second.release().unwrap();
    assert_eq!(
        stage.calls(&id),
        [8, 0, 0, 2],
        "room that appears covers what was overspent"
    );
}

#[test]
fn debt_is_carried_over_windows_until_it_is_paid() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.start(&charge(&id, 10)).settle(used(35)).unwrap();
    assert_eq!(stage.calls(&id), [10, 25, 0, 0]);
    for (owed, available) in [(25, 0), (15, 0), (5, 5), (0, 10)] {
        stage.clock.advance(DAY);
        assert_eq!((debt(&stage, &id), stage.calls(&id)[3]), (owed, available));
    }
}

#[test]
fn debt_is_carried_over_windows_that_nobody_looked_at() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily).rollover(true));
    stage.start(&charge(&id, 10)).settle(used(35)).unwrap();
    stage.clock.advance(3 * DAY);
    assert_eq!((debt(&stage, &id), stage.calls(&id)[3]), (5, 5));
    stage.clock.advance(DAY);
    assert_eq!(
        stage.calls(&id)[3],
        15,
        "half a limit was left, and rolls over"
    );
    stage.clock.advance(1000 * DAY);
    assert_eq!(stage.calls(&id)[3], 20);
}

#[test]
fn record_is_refused_beyond_the_limit_unless_overdraft_is_allowed() {
    let stage = stage();
    let strict = stage.create(calls("strict", 10).period(Period::Daily));
    let lax = stage.create(calls("lax", 10).period(Period::Daily).overdraft(true));
    stage.budget.record(&charge(&strict, 10)).unwrap();
    assert!(matches!(
        stage.budget.record(&charge(&strict, 1)),
        Err(BudgetError::Denied(_))
    ));
    let booked = stage.budget.record(&charge(&lax, 13)).unwrap();
    assert_eq!(booked.overspent, used(3));
    assert_eq!(stage.calls(&lax), [10, 3, 0, 0]);
    assert_eq!(
        code(stage.budget.reserve(&charge(&lax, 1))),
        "exceeds_budget",
        "overdraft is for records alone"
    );
    stage.clock.advance(DAY);
    assert_eq!(stage.calls(&lax), [0, 0, 0, 7]);
    let both = charge(&lax, 50).and(charge(&strict, 50));
    assert!(
        matches!(stage.budget.record(&both), Err(BudgetError::Denied(_))),
        "every envelope in the way must allow it"
    );
    assert_eq!(stage.calls(&lax), [0, 0, 0, 7]);
}

#[test]
fn overdraft_can_be_configured_for_all_budgets() {
    let stage = stage_with(BudgetEnforcerConfig {
        allow_overdraft: true,
        rollover_on_reset: true,
        ..Default::default()
    });
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.clock.advance(DAY);
    assert_eq!(stage.calls(&id)[3], 20);
    stage.budget.record(&charge(&id, 25)).unwrap();
    assert_eq!(stage.calls(&id), [20, 5, 0, 0]);
}

#[test]
fn record_spending_is_always_booked() {
    let stage = stage();
    let id = session("s");
    stage.budget.record_spending(&id, 1500).unwrap();
    stage.admin.suspend(&id).unwrap();
    stage.budget.record_spending(&id, 10).unwrap();
    stage.admin.close(&id).unwrap();
    let last = stage.budget.record_spending(&id, 10).unwrap();
    assert_eq!(last.overspent.tokens, Some(10));
    let usage = stage.usage(&id, Dimension::Tokens);
    assert_eq!((usage.spent.units(), usage.overspent.units()), (1000, 520));
}

#[test]
fn a_hold_stays_in_its_window() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.clock.advance(DAY / 2 - DAY / 1440);
    let (kept, released) = (stage.start(&charge(&id, 4)), stage.reserve(&charge(&id, 6)));
    stage.clock.advance(DAY / 720);
    assert_eq!(
        stage.calls(&id),
        [0, 0, 0, 10],
        "the new window starts clean"
    );
    let fresh = stage.reserve(&charge(&id, 3));
    released.release().unwrap();
    assert_eq!(
        stage.calls(&id),
        [0, 0, 3, 7],
        "and an old release never touches it"
    );
    let settled = kept.settle(used(12)).unwrap();
    assert_eq!(settled.overspent, used(2), "the old window had 10");
    let usage = stage.usage(&id, Dimension::Calls);
    assert_eq!(
        (
            usage.debt.units(),
            usage.spent.units(),
            usage.reserved.units(),
            usage.available.unwrap().units()
        ),
        (2, 0, 3, 5)
    );
    drop(fresh);
}

#[test]
fn open_holds_count_as_spent_when_a_window_rolls_over() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily).rollover(true));
    stage.clock.advance(DAY / 2 - DAY / 1440);
    let hold = stage.start(&charge(&id, 4));
    stage.clock.advance(DAY / 720);
    stage.reserve(&charge(&id, 1)).release().unwrap();
    assert_eq!(stage.calls(&id)[3], 16);
    let settled = hold.settle(used(5)).unwrap();
    assert_eq!(
        settled.overspent,
        used(1),
        "what the old window had left was handed on"
    );
    assert_eq!(stage.calls(&id)[3], 15);
}

#[test]
fn a_lowered_limit_keeps_what_was_spent() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.start(&charge(&id, 8)).settle(used(8)).unwrap();
    stage
        .admin
        .update_limit(&id, Limits::NONE.calls(5))
        .unwrap();
    assert_eq!(stage.calls(&id), [8, 0, 0, 0]);
    stage
        .admin
        .update_limit(&id, Limits::NONE.calls(9))
        .unwrap();
    assert_eq!(stage.calls(&id), [8, 0, 0, 1]);
    stage
        .admin
        .update_limit(&id, Limits::NONE.calls(5))
        .unwrap();
    stage.clock.advance(DAY);
    assert_eq!(
        stage.calls(&id),
        [0, 0, 0, 5],
        "what was within the limit of then is no debt"
    );
}

#[test]
fn a_raised_limit_covers_what_was_overspent() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    stage.start(&charge(&id, 10)).settle(used(15)).unwrap();
    stage
        .admin
        .update_limit(&id, Limits::NONE.calls(20))
        .unwrap();
    assert_eq!(stage.calls(&id), [15, 0, 0, 5]);
}

#[test]
fn the_parent_owes_what_its_child_overspends() {
    let stage = stage();
    let org = stage.create(calls("org", 10));
    let team = stage.create(calls("team", 100).parent(budget("org")));
    let settled = stage.start(&charge(&team, 10)).settle(used(14)).unwrap();
    assert_eq!(
        settled.overspent,
        used(4),
        "the most that any envelope could not cover"
    );
    assert_eq!(
        (stage.calls(&org), stage.calls(&team)),
        ([10, 4, 0, 0], [14, 0, 0, 86])
    );
}

#[test]
fn unknown_settles_as_held_and_zero_does_not() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    stage.start(&charge(&id, 4)).settle(Amounts::NONE).unwrap();
    assert_eq!(stage.calls(&id)[0], 4);
    stage.start(&charge(&id, 4)).settle(used(0)).unwrap();
    assert_eq!(stage.calls(&id), [4, 0, 0, 6]);
}

#[test]
fn the_largest_numbers_do_not_wrap() {
    let stage = stage();
    let id = stage.create(calls("a", u64::MAX));
    stage
        .start(&charge(&id, u64::MAX - 1))
        .settle(used(u64::MAX))
        .unwrap();
    stage.start(&charge(&id, 0)).settle(used(u64::MAX)).unwrap();
    assert_eq!(stage.calls(&id), [u64::MAX, u64::MAX, 0, 0]);
    assert_eq!(
        code(stage.budget.reserve(&Charge::budget(&id).calls(1))),
        "exceeds_budget"
    );
}

#[test]
fn overspending_that_was_handed_on_is_not_covered_again() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.clock.advance(DAY / 2 - DAY / 1440);
    let [first, second, third] = [2, 4, 4].map(|calls| stage.start(&charge(&id, calls)));
    assert_eq!(first.settle(used(8)).unwrap().overspent, used(6));
    stage.clock.advance(DAY / 720);
    stage.reserve(&charge(&id, 1)).release().unwrap();
    assert_eq!(debt(&stage, &id), 6);
    second.cancel().unwrap();
    let settled = third.settle(used(8)).unwrap();
    assert!(
        settled.overspent.is_none(),
        "the old window has the room that the cancelled call left"
    );
    assert_eq!(debt(&stage, &id), 6);
}
