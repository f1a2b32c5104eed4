//! The same request twice is done once, and gets the first answer again.

use std::time::Duration;

use budget_enforcer::{
    Amounts, BudgetEnforcerConfig, BudgetError, CallOptions, Charge, Floor, IdempotencyKey,
    TransactionFilter,
};

use crate::stage::{
    DAY, HOUR, MINUTE, START, budget, calls, charge, session, stage, stage_with, used,
};

fn key() -> IdempotencyKey {
    IdempotencyKey::at(START)
}

#[test]
fn a_repeated_record_books_once() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let options = CallOptions::new().key(key());
    let first = stage.budget.record_with(&charge(&id, 4), &options).unwrap();
    stage.budget.record(&charge(&id, 1)).unwrap();
    assert_eq!(
        stage.budget.record_with(&charge(&id, 4), &options).unwrap(),
        first
    );
    assert_eq!(stage.calls(&id), [5, 0, 0, 5]);
    let spent = CallOptions::new().key(key());
    let s = session("s");
    let first = stage.budget.record_spending_with(&s, 7, &spent).unwrap();
    assert_eq!(
        stage.budget.record_spending_with(&s, 7, &spent).unwrap(),
        first
    );
    assert_eq!(
        stage
            .usage(&s, budget_enforcer::Dimension::Tokens)
            .spent
            .units(),
        7
    );
    let refund = CallOptions::new().key(key());
    let row = stage.budget.record(&charge(&id, 2)).unwrap().id;
    let first = stage.budget.refund_with(row, used(1), &refund).unwrap();
    assert_eq!(
        stage.budget.refund_with(row, used(1), &refund).unwrap(),
        first
    );
    assert_eq!(stage.calls(&id)[0], 6);
}

#[test]
fn a_refusal_is_repeated_too() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let hold = stage.reserve(&charge(&id, 10));
    let options = CallOptions::new().key(key());
    let refused = |result: Result<_, BudgetError>| match result {
        Err(BudgetError::Denied(denied)) => denied.decision().clone(),
        other => panic!("{other:?}"),
    };
    let first = refused(
        stage
            .budget
            .reserve_with(&charge(&id, 4), &options)
            .map(drop),
    );
    hold.release().unwrap();
    assert_eq!(
        refused(
            stage
                .budget
                .reserve_with(&charge(&id, 4), &options)
                .map(drop)
        ),
        first,
        "though it fits now"
    );
    let record = CallOptions::new().key(key());
    assert_eq!(
        refused(
            stage
                .budget
                .record_with(&charge(&id, 11), &record)
                .map(drop)
        )
        .code(),
        "exceeds_budget"
    );
    assert_eq!(
        refused(
            stage
                .budget
                .record_with(&charge(&id, 11), &record)
                .map(drop)
        )
        .code(),
        "exceeds_budget"
    );
}

#[test]
fn a_repeated_reserve_gets_the_same_hold_and_does_not_end_it() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let options = CallOptions::new().key(key());
    let first = stage
        .budget
        .reserve_with(&charge(&id, 4), &options)
        .unwrap();
    let again = stage
        .budget
        .reserve_with(&charge(&id, 4), &options)
        .unwrap();
    assert_eq!(
        (again.id(), again.is_repeat(), first.is_repeat()),
        (first.id(), true, false)
    );
    drop(again);
    assert_eq!(
        stage.calls(&id),
        [0, 0, 4, 6],
        "a lost copy gives nothing back"
    );
    let again = stage
        .budget
        .reserve_with(&charge(&id, 4), &options)
        .unwrap();
    let running = again.start(Floor::Hold).unwrap();
    assert!(
        matches!(
            first.start(Floor::Hold),
            Err(BudgetError::UnknownReservation { .. })
        ),
        "only one can start"
    );
    assert_eq!(
        stage.calls(&id),
        [0, 0, 4, 6],
        "and the other does not end it"
    );
    running.settle(used(3)).unwrap();
    assert_eq!(stage.calls(&id), [3, 0, 0, 7]);
    let ended = stage
        .budget
        .reserve_with(&charge(&id, 4), &options)
        .unwrap();
    assert!(matches!(
        ended.start(Floor::Hold),
        Err(BudgetError::UnknownReservation { .. })
    ));
    assert_eq!(stage.calls(&id), [3, 0, 0, 7]);
}

#[test]
fn another_body_is_a_conflict_that_names_the_field() {
    let stage = stage();
    let (a, b) = (stage.create(calls("a", 10)), stage.create(calls("b", 10)));
    let options = CallOptions::new().key(key());
    stage.budget.record_with(&charge(&a, 4), &options).unwrap();
    let conflict = |result: Result<_, BudgetError>| match result {
        Err(BudgetError::KeyConflict { field }) => field,
        other => panic!("{other:?}"),
    };
    let record = |charge: &Charge| conflict(stage.budget.record_with(charge, &options).map(drop));
    assert_eq!(record(&charge(&a, 5)), "calls");
    assert_eq!(record(&charge(&a, 4).tokens(1)), "tokens");
    assert_eq!(record(&charge(&a, 4).cost("1".parse().unwrap())), "cost");
    assert_eq!(record(&charge(&b, 4)), "envelopes");
    assert_eq!(record(&charge(&a, 4).and(charge(&b, 4))), "envelopes");
    assert_eq!(
        conflict(
            stage
                .budget
                .reserve_with(&charge(&a, 4), &options)
                .map(drop)
        ),
        "operation"
    );
    assert_eq!(
        conflict(
            stage
                .budget
                .record_spending_with(&session("s"), 4, &options)
                .map(drop)
        ),
        "operation"
    );
    assert_eq!(stage.calls(&a), [4, 0, 0, 6]);
}

#[test]
fn keys_older_than_the_window_are_refused_and_never_new() {
    let stage = stage_with(BudgetEnforcerConfig {
        idempotency_window: HOUR,
        ..BudgetEnforcerConfig::per_session().calls(10)
    });
    let id = stage.create(calls("a", 10));
    let options = CallOptions::new().key(key());
    stage.budget.record_with(&charge(&id, 4), &options).unwrap();
    stage.clock.advance(HOUR);
    assert!(
        stage.budget.record_with(&charge(&id, 4), &options).is_ok(),
        "remembered for an hour"
    );
    stage.clock.advance(Duration::from_millis(1));
    assert!(matches!(
        stage.budget.record_with(&charge(&id, 4), &options),
        Err(BudgetError::KeyTooOld)
    ));
    let never_seen = CallOptions::new().key(IdempotencyKey::at(START));
    assert!(matches!(
        stage.budget.record_with(&charge(&id, 4), &never_seen),
        Err(BudgetError::KeyTooOld)
    ));
    let ahead = CallOptions::new().key(IdempotencyKey::at(START + DAY));
    assert!(matches!(
        stage.budget.record_with(&charge(&id, 4), &ahead),
        Err(BudgetError::KeyTooNew)
    ));
    assert_eq!(stage.calls(&id), [4, 0, 0, 6]);
}

#[test]
fn memory_for_keys_is_bounded_and_what_is_dropped_is_too_old() {
    let stage = stage_with(BudgetEnforcerConfig {
        max_idempotency_keys: 3,
        ..Default::default()
    });
    let id = stage.create(calls("a", 100));
    let keys: Vec<_> = (0..5_u32)
        .map(|n| IdempotencyKey::at(START + n * Duration::from_millis(1)))
        .collect();
    for key in &keys {
        stage
            .budget
            .record_with(&charge(&id, 1), &CallOptions::new().key(*key))
            .unwrap();
    }
    for (n, key) in keys.iter().enumerate() {
        let again = stage
            .budget
            .record_with(&charge(&id, 1), &CallOptions::new().key(*key));
        assert_eq!(again.is_ok(), n >= 2, "{n}: {again:?}");
    }
    assert_eq!(stage.calls(&id)[0], 5);
}

#[test]
fn bad_requests_claim_nothing() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let options = CallOptions::new().key(key());
    let unknown = "t-0-999".parse().unwrap();
    assert!(matches!(
        stage.budget.refund_with(unknown, used(1), &options),
        Err(BudgetError::UnknownTransaction { .. })
    ));
    let noted = options.clone().note("x".repeat(1025));
    assert!(matches!(
        stage.budget.record_with(&charge(&id, 1), &noted),
        Err(BudgetError::NoteTooLong { len: 1025 })
    ));
    stage.budget.record_with(&charge(&id, 1), &options).unwrap();
    assert!(
        stage
            .budget
            .check(&Charge::budget(&budget("a")).amounts(Amounts::NONE.calls(9)))
            .allowed()
    );
}

#[test]
fn a_key_wins_once_among_many_threads() {
    let stage = stage();
    let id = stage.create(calls("a", 100));
    let options = CallOptions::new().key(key());
    let asked = charge(&id, 1);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| stage.budget.record_with(&asked, &options).unwrap().id))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(stage.calls(&id)[0], 1);
    assert_eq!(
        stage
            .budget
            .transactions(&TransactionFilter::default())
            .rows
            .len(),
        1
    );
    stage.clock.advance(MINUTE);
}

#[test]
fn a_clock_set_back_makes_no_key_young_again() {
    let config = BudgetEnforcerConfig {
        idempotency_window: HOUR,
        ..Default::default()
    };
    let stage = stage_with(config);
    let id = stage.create(calls("a", 10));
    stage.clock.advance(2 * HOUR);
    let later = CallOptions::new().key(IdempotencyKey::at(START + 2 * HOUR));
    stage.budget.record_with(&charge(&id, 1), &later).unwrap();
    stage.clock.set(START);
    let old = CallOptions::new().key(key());
    let answer = stage.budget.record_with(&charge(&id, 1), &old);
    assert!(matches!(answer, Err(BudgetError::KeyTooOld)), "{answer:?}");
}

#[test]
fn a_call_that_a_repeated_reserve_started_can_settle_late_when_the_first_guard_is_gone() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let options = CallOptions::new().key(key());
    let first = stage
        .budget
        .reserve_with(&charge(&id, 4), &options)
        .unwrap();
    let again = stage
        .budget
        .reserve_with(&charge(&id, 4), &options)
        .unwrap();
    let running = again.start(Floor::Hold).unwrap();
    drop(first);
    assert_eq!(stage.calls(&id), [0, 0, 4, 6]);
    stage.clock.advance(30 * DAY);
    stage.reserve(&charge(&id, 1)).release().unwrap();
    assert!(running.settle(used(3)).unwrap().late);
    assert_eq!(stage.calls(&id)[0], 3);
}
