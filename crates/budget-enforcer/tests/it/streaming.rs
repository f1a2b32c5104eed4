//! Calls that learn what they use while they run.

use budget_enforcer::{Amounts, BudgetError, Floor};

use crate::stage::{HOUR, calls, charge, stage, used};

#[test]
fn consuming_is_local_and_says_what_is_left() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let mut running = stage.start(&charge(&id, 4));
    assert_eq!(running.consume(used(3)), used(1));
    assert_eq!(stage.calls(&id), [0, 0, 4, 6]);
    assert_eq!(running.consume(used(3)), used(0));
    drop(running);
    assert_eq!(
        stage.calls(&id),
        [6, 0, 0, 4],
        "what was consumed so far, and not the hold"
    );
}

#[test]
fn drawing_grows_the_hold_in_one_step() {
    let stage = stage();
    let (a, b) = (stage.create(calls("a", 10)), stage.create(calls("b", 5)));
    let mut running = stage.start(&charge(&a, 4).and(charge(&b, 4)));
    assert!(matches!(running.draw(used(2)), Err(BudgetError::Denied(_))));
    assert_eq!(stage.calls(&a), [0, 0, 4, 6]);
    running.draw(used(1)).unwrap();
    assert_eq!(
        (stage.calls(&a), stage.calls(&b)),
        ([0, 0, 5, 5], [0, 0, 5, 0])
    );
    assert_eq!(running.consume(used(2)), used(3));
    running.settle(used(5)).unwrap();
    assert_eq!(
        (stage.calls(&a), stage.calls(&b)),
        ([5, 0, 0, 5], [5, 0, 0, 0])
    );
}

#[test]
fn an_expired_call_cannot_draw() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let mut running = stage.start(&charge(&id, 4));
    stage.clock.advance(HOUR);
    assert!(matches!(
        running.draw(used(1)),
        Err(BudgetError::Expired { .. })
    ));
    running.settle(used(4)).unwrap();
}

#[test]
fn the_floor_is_what_an_abandoned_call_costs() {
    let abandoned = |floor, consumed: Amounts| {
        let stage = stage();
        let id = stage.create(calls("a", 100).tokens(100));
        let mut running = stage
            .reserve(&charge(&id, 10).tokens(10))
            .start(floor)
            .unwrap();
        let _ = running.consume(consumed);
        drop(running);
        let spent = |dimension| stage.usage(&id, dimension).spent.units();
        (
            spent(budget_enforcer::Dimension::Calls),
            spent(budget_enforcer::Dimension::Tokens),
        )
    };
    assert_eq!(abandoned(Floor::Hold, Amounts::NONE), (10, 10));
    assert_eq!(
        abandoned(Floor::Known(used(2)), Amounts::NONE),
        (2, 10),
        "tokens are unknown"
    );
    assert_eq!(
        abandoned(Floor::Known(used(2).tokens(0)), Amounts::NONE),
        (2, 0)
    );
    assert_eq!(
        abandoned(Floor::Known(used(2).tokens(3)), used(5).tokens(1)),
        (5, 3),
        "whichever is more"
    );
    assert_eq!(abandoned(Floor::Hold, used(12)), (12, 10));
}
