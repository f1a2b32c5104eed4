//! Budgets that start again, in the zone that they were given.

use budget_enforcer::{BudgetSpec, Period};
use time::macros::datetime;

use crate::stage::{DAY, HOUR, MINUTE, START, budget, calls, charge, code, stage, used};

#[test]
fn a_budget_starts_again_exactly_at_its_boundary() {
    let stage = stage();
    stage.clock.set(datetime!(2026-03-08 04:59 UTC));
    let id = stage.create(
        calls("a", 10)
            .period(Period::Daily)
            .zone("America/New_York".parse().unwrap()),
    );
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage
        .clock
        .set(datetime!(2026-03-08 05:00 UTC) - std::time::Duration::from_micros(1));
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "exceeds_budget"
    );
    stage.clock.set(datetime!(2026-03-08 05:00 UTC));
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    let window = stage.budget.utilization(&id).unwrap().main.window;
    assert_eq!(
        window.end_at,
        Some(datetime!(2026-03-09 04:00 UTC)),
        "a day of 23 hours"
    );
}

#[test]
fn fixed_lengths_count_from_creation() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period("every 36h".parse().unwrap()));
    assert_eq!(
        stage.budget.utilization(&id).unwrap().main.window.start_at,
        START
    );
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage.clock.set(START + 36 * HOUR - MINUTE);
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "exceeds_budget"
    );
    stage.clock.set(START + 36 * HOUR);
    assert_eq!(code(stage.budget.reserve(&charge(&id, 1))), "ok");
}

#[test]
fn a_lifetime_never_starts_again() {
    let stage = stage();
    let id = stage.create(BudgetSpec::new(budget("a")).calls(10));
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage.clock.advance(365 * 100 * DAY);
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "exceeds_budget"
    );
}

#[test]
fn levels_of_one_tree_start_again_each_at_its_own_time() {
    let stage = stage();
    let org = stage.create(calls("org", 15).period(Period::Weekly));
    let team = stage.create(calls("team", 10).period(Period::Hourly).parent(org.clone()));
    let hold = stage.start(&charge(&team, 10));
    stage.clock.advance(HOUR);
    assert_eq!(stage.calls(&team), [0, 0, 0, 10]);
    assert_eq!(
        stage.calls(&org),
        [10, 0, 0, 5],
        "expired and spent, in the week that goes on"
    );
    let decision = stage.budget.check(&charge(&team, 6));
    assert_eq!(decision.envelope(), Some(&(&org).into()));
    hold.settle(used(2)).unwrap();
    assert_eq!(
        (stage.calls(&org), stage.calls(&team)),
        ([2, 0, 0, 13], [0, 0, 0, 10])
    );
    // 22 November 2026 is a Sunday.
    stage.clock.set(datetime!(2026-11-23 00:00 UTC));
    assert_eq!(stage.calls(&org), [0, 0, 0, 15]);
}
