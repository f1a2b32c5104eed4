//! Holds that run out: what had not started comes back, what had started is spent, each exactly once.

use std::time::Duration;

use budget_enforcer::{
    Amounts, BudgetEnforcerConfig, BudgetError, CallOptions, Charge, Dimension, Floor,
    TransactionFilter, TransactionKind,
};

use crate::stage::{DAY, HOUR, MINUTE, calls, charge, session, stage, stage_with, used};

#[test]
fn an_unstarted_hold_expires_exactly_at_its_time_to_live() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let hold = stage.reserve(&charge(&id, 10));
    stage.clock.advance(5 * MINUTE - Duration::from_micros(1));
    assert_eq!(stage.calls(&id), [0, 0, 10, 0]);
    stage.clock.advance(Duration::from_micros(1));
    assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
    assert!(matches!(
        hold.start(Floor::Hold),
        Err(BudgetError::Expired { .. })
    ));
    assert_eq!(
        stage.calls(&id),
        [0, 0, 0, 10],
        "and its amount returns once"
    );
}

#[test]
fn expiry_and_release_return_the_amount_once() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let (first, second) = (
        stage.reserve(&charge(&id, 4)),
        stage.reserve(&charge(&id, 4)),
    );
    stage.clock.advance(5 * MINUTE);
    assert!(matches!(first.release(), Err(BudgetError::Expired { .. })));
    let third = stage.reserve(&charge(&id, 10));
    drop(second);
    assert_eq!(stage.calls(&id), [0, 0, 10, 0]);
    drop(third);
}

#[test]
fn a_started_hold_settles_at_its_hold_when_it_expires() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let running = stage.start(&charge(&id, 4));
    stage.clock.advance(5 * MINUTE);
    assert_eq!(stage.calls(&id), [4, 0, 0, 6]);
    stage.reserve(&charge(&id, 1)).release().unwrap();
    let expiries = TransactionFilter {
        kind: Some(TransactionKind::Expire),
        ..Default::default()
    };
    assert!(stage.budget.transactions(&expiries).rows[0].hold_spent);
    let settled = running.settle(used(4)).unwrap();
    assert!(settled.late);
    assert_eq!(stage.calls(&id), [4, 0, 0, 6]);
}

#[test]
fn a_late_settle_books_the_difference() {
    for (actual, spent) in [(0, 0), (3, 3), (7, 7)] {
        for noticed in [false, true] {
            let stage = stage();
            let id = stage.create(calls("a", 10));
            let running = stage.start(&charge(&id, 4));
            stage.clock.advance(5 * MINUTE);
            if noticed {
                stage.reserve(&charge(&id, 1)).release().unwrap();
            }
            let settled = running.settle(used(actual)).unwrap();
            assert!(settled.late);
            assert_eq!(
                stage.calls(&id),
                [spent, 0, 0, 10 - spent],
                "{actual} {noticed}"
            );
        }
    }
}

#[test]
fn a_late_settle_of_what_never_started_books_all_of_it() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let reservation = stage.reserve(&charge(&id, 4)).detach();
    stage.clock.advance(10 * MINUTE);
    let other = stage.reserve(&charge(&id, 8));
    let settled = stage.budget.settle_id(reservation, used(3)).unwrap();
    assert!(settled.late);
    assert_eq!(
        settled.overspent,
        used(1),
        "its room was given to somebody else"
    );
    assert_eq!(stage.calls(&id), [2, 1, 8, 0]);
    assert!(matches!(
        stage.budget.settle_id(reservation, used(3)),
        Err(BudgetError::AlreadyEnded { .. })
    ));
    drop(other);
}

#[test]
fn a_detached_hold_can_be_settled_late_for_as_long_as_it_is_remembered() {
    for (wait, known) in [(HOUR - Duration::from_micros(1), true), (HOUR, false)] {
        let stage = stage();
        let id = stage.create(calls("a", 10));
        let reservation = stage.start(&charge(&id, 4)).detach();
        stage.clock.advance(5 * MINUTE + wait);
        let settled = stage.budget.settle_id(reservation, used(1));
        assert_eq!(settled.is_ok(), known, "{wait:?}");
        assert_eq!(stage.calls(&id)[0], if known { 1 } else { 4 });
    }
}

#[test]
fn a_guard_can_settle_late_however_late_it_is() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let running = stage.start(&charge(&id, 4));
    stage.clock.advance(1000 * HOUR);
    stage.reserve(&charge(&id, 1)).release().unwrap();
    assert!(running.settle(used(6)).unwrap().late);
    assert_eq!(stage.calls(&id)[0], 6);
}

#[test]
fn a_cancelled_call_gives_its_hold_back_even_after_expiry() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    stage.start(&charge(&id, 4)).cancel().unwrap();
    assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
    let late = stage.start(&charge(&id, 4));
    stage.clock.advance(HOUR);
    late.cancel().unwrap();
    assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
}

#[test]
fn renewing_moves_the_time() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let mut hold = stage.reserve(&charge(&id, 4));
    stage.clock.advance(4 * MINUTE);
    hold.renew(10 * MINUTE).unwrap();
    assert!(matches!(
        hold.renew(Duration::ZERO),
        Err(BudgetError::InvalidTtl { .. })
    ));
    stage.clock.advance(9 * MINUTE);
    let mut running = hold.start(Floor::Hold).unwrap();
    running.renew(HOUR).unwrap();
    stage.clock.advance(HOUR - MINUTE);
    assert_eq!(stage.calls(&id), [0, 0, 4, 6]);
    stage.clock.advance(MINUTE);
    assert_eq!(stage.calls(&id), [4, 0, 0, 6]);
    assert!(matches!(
        running.renew(HOUR),
        Err(BudgetError::Expired { .. })
    ));
    running.settle(used(4)).unwrap();
}

#[test]
fn dropping_a_reservation_releases_and_dropping_a_running_call_settles() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    drop(stage.reserve(&charge(&id, 4)));
    assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
    drop(stage.start(&charge(&id, 4)));
    assert_eq!(stage.calls(&id), [4, 0, 0, 6]);
}

#[test]
fn a_time_to_live_can_be_chosen() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let options = CallOptions::new().ttl(MINUTE);
    let hold = stage
        .budget
        .reserve_with(&charge(&id, 4), &options)
        .unwrap();
    stage.clock.advance(MINUTE);
    assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
    drop(hold);
    for not in [
        Duration::ZERO,
        DAY + Duration::from_micros(1),
        Duration::MAX,
    ] {
        let options = CallOptions::new().ttl(not);
        assert!(matches!(
            stage.budget.reserve_with(&charge(&id, 4), &options),
            Err(BudgetError::InvalidTtl { most: DAY })
        ));
    }
    let longest = CallOptions::new().ttl(DAY);
    let mut hold = stage
        .budget
        .reserve_with(&charge(&id, 4), &longest)
        .unwrap();
    assert!(hold.renew(DAY * 2).is_err());
    stage.clock.advance(23 * HOUR);
    assert_eq!(stage.calls(&id), [0, 0, 4, 6]);
    drop(hold);
}

#[test]
fn detached_holds_are_settled_and_released_by_id() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let (first, second) = (
        stage.reserve(&charge(&id, 4)).detach(),
        stage.reserve(&charge(&id, 4)).detach(),
    );
    assert_eq!(stage.calls(&id), [0, 0, 8, 2]);
    assert!(!stage.budget.settle_id(first, used(1)).unwrap().late);
    stage.budget.release_id(second).unwrap();
    assert_eq!(stage.calls(&id), [1, 0, 0, 9]);
    for ended in [first, second] {
        assert!(matches!(
            stage.budget.release_id(ended),
            Err(BudgetError::AlreadyEnded { .. })
        ));
    }
    for unknown in ["r-ffff-0", "r-0-ffffffff"] {
        assert!(matches!(
            stage.budget.release_id(unknown.parse().unwrap()),
            Err(BudgetError::UnknownReservation { .. })
        ));
    }
}

#[test]
fn a_hold_over_several_trees_expires_in_all_of_them() {
    let stage = stage();
    let (a, b) = (stage.create(calls("a", 10)), stage.create(calls("b", 10)));
    let s = session("s");
    let running = stage.start(
        &charge(&a, 4)
            .and(charge(&b, 5))
            .and(Charge::session(&s).calls(1)),
    );
    stage.clock.advance(HOUR);
    // Only one of the trees notices before it is settled.
    stage.reserve(&charge(&b, 1)).release().unwrap();
    assert_eq!(
        (stage.calls(&a), stage.calls(&b)),
        ([4, 0, 0, 6], [5, 0, 0, 5])
    );
    running.settle(used(2)).unwrap();
    assert_eq!(
        (stage.calls(&a), stage.calls(&b)),
        ([2, 0, 0, 8], [2, 0, 0, 8])
    );
    assert_eq!(stage.usage(&s, Dimension::Calls).spent.units(), 2);
}

#[test]
fn holds_by_the_thousand_leave_nothing_behind() {
    let stage = stage_with(BudgetEnforcerConfig {
        late_settle_window: MINUTE,
        ..Default::default()
    });
    let id = stage.create(calls("a", 1_000_000));
    for round in 0..5_000_u64 {
        let hold = stage.reserve(&charge(&id, 2));
        match round % 4 {
            0 => drop(hold),
            1 => drop(hold.start(Floor::Known(used(1))).unwrap()),
            2 => drop(hold.detach()),
            _ => drop(
                hold.start(Floor::Hold)
                    .unwrap()
                    .settle(Amounts::NONE)
                    .unwrap(),
            ),
        }
        stage.clock.advance(Duration::from_millis(500));
    }
    stage.clock.advance(HOUR);
    assert_eq!(stage.calls(&id), [1250 + 2500, 0, 0, 1_000_000 - 3750]);
}
