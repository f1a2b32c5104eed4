//! Codes, figures and when to retry; and that looking changes nothing.

use std::time::Duration;

use budget_enforcer::{
    Amounts, BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetSpec, Charge, Dimension,
    Limits, Period, Retry, TransactionFilter,
};

use crate::stage::{
    DAY, HOUR, MINUTE, START, budget, calls, charge, code, session, stage, stage_with, used,
};

#[test]
fn looking_changes_nothing() {
    let stage = stage();
    let id = stage.create(calls("b", 10).period(Period::Daily));
    let hold = stage.reserve(&charge(&id, 3));
    let rows = stage.budget.transactions(&TransactionFilter::default());
    stage.clock.advance(3 * DAY);
    for _ in 0..3 {
        assert!(
            stage.budget.check(&charge(&id, 10)).allowed(),
            "the look sees the new window"
        );
        assert!(
            stage
                .budget
                .check(&Charge::session(&session("new")).calls(1))
                .allowed()
        );
        assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
    }
    assert_eq!(
        stage.budget.transactions(&TransactionFilter::default()),
        rows,
        "no expiry, no reset was written"
    );
    assert_eq!(
        stage.budget.summary().unwrap().sessions,
        0,
        "no session was opened"
    );
    drop(hold);
}

#[test]
fn a_refusal_changes_nothing() {
    let stage = stage();
    let id = stage.create(calls("b", 10));
    let other = session("s");
    let both = charge(&id, 5).and(Charge::session(&other).calls(11));
    assert_eq!(code(stage.budget.reserve(&both)), "exceeds_budget");
    assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
    assert_eq!(stage.budget.summary().unwrap().sessions, 0);
    assert!(
        stage
            .budget
            .transactions(&TransactionFilter::default())
            .rows
            .is_empty()
    );
}

#[test]
fn every_reason_has_its_code() {
    let stage = stage_with(BudgetEnforcerConfig {
        max_sessions: 1,
        ..BudgetEnforcerConfig::per_session().calls(10)
    });
    let id = stage.create(calls("b", 10));
    let check = |charge: &Charge| stage.budget.check(charge).code();
    assert_eq!(check(&charge(&id, 10)), "within_budget");
    assert_eq!(check(&charge(&id, 11)), "exceeds_budget");
    assert_eq!(check(&charge(&budget("none"), 1)), "no_budget");
    assert_eq!(check(&Charge::budget(&id)), "amount_missing");
    assert_eq!(
        check(&Charge::budget(&id).tokens(5)),
        "amount_missing",
        "tokens would pass a limit of calls by"
    );
    assert_eq!(check(&Charge::session(&session("s"))), "amount_missing");
    stage.budget.record_spending(&session("s"), 1).unwrap();
    assert_eq!(
        check(&Charge::session(&session("t")).calls(1)),
        "session_limit"
    );
    assert_eq!(
        stage.budget.check_budget(&session("t")).code(),
        "session_limit"
    );
    assert!(matches!(
        stage.budget.record_spending(&session("t"), 1),
        Err(BudgetError::Denied(_))
    ));
    stage.admin.suspend(&id).unwrap();
    assert_eq!(check(&charge(&id, 1)), "suspended");
    stage.admin.close(&id).unwrap();
    assert_eq!(check(&charge(&id, 1)), "closed");
    let crowd = (0..65)
        .map(|n| charge(&budget(&format!("b-{n}")), 1))
        .reduce(Charge::and)
        .unwrap();
    assert_eq!(check(&crowd), "too_many_envelopes");
}

#[test]
fn without_a_template_no_session_has_a_budget() {
    let stage = stage_with(BudgetEnforcerConfig::default());
    assert_eq!(stage.budget.check_budget(&session("s")).code(), "no_budget");
    assert_eq!(
        code(
            stage
                .budget
                .reserve(&Charge::session(&session("s")).calls(1))
        ),
        "no_budget"
    );
}

#[test]
fn a_template_that_limits_nothing_is_refused() {
    let built = BudgetEnforcer::builder()
        .config(BudgetEnforcerConfig::per_session())
        .build();
    assert!(matches!(built, Err(BudgetError::NoLimit { .. })));
}

#[test]
fn configuration_out_of_range_is_refused() {
    for config in [
        BudgetEnforcerConfig {
            default_ttl: Duration::ZERO,
            ..Default::default()
        },
        BudgetEnforcerConfig {
            default_ttl: Duration::MAX,
            ..Default::default()
        },
        BudgetEnforcerConfig {
            idempotency_window: Duration::ZERO,
            ..Default::default()
        },
        BudgetEnforcerConfig {
            max_idempotency_keys: 0,
            ..Default::default()
        },
    ] {
        let built = BudgetEnforcer::builder().config(config.clone()).build();
        assert!(
            matches!(built, Err(BudgetError::InvalidConfig { .. })),
            "{config:?}"
        );
    }
}

#[test]
fn a_decision_carries_the_figures_that_decided() {
    let stage = stage();
    let id = stage.create(calls("b", 10).tokens(100).period(Period::Daily));
    stage.start(&charge(&id, 4)).settle(used(4)).unwrap();
    let hold = stage.reserve(&charge(&id, 3).tokens(50));
    let decision = stage.budget.check(&charge(&id, 4).tokens(10));
    let figures = [
        decision.limit(),
        decision.spent(),
        decision.reserved(),
        decision.available(),
        decision.requested(),
    ];
    assert_eq!(
        figures.map(|figure| figure.unwrap().units()),
        [10, 4, 3, 3, 4]
    );
    assert_eq!(
        (decision.code(), decision.dimension()),
        ("exceeds_budget", Some(Dimension::Calls))
    );
    assert_eq!(decision.envelope(), Some(&(&id).into()));
    assert_eq!(
        decision.resets_at(),
        Some(START.replace_hour(0).unwrap() + DAY)
    );
    drop(hold);
}

#[test]
fn the_first_refusal_in_the_order_of_naming_is_told() {
    let stage = stage();
    let (first, second) = (
        stage.create(calls("first", 1)),
        stage.create(calls("second", 1)),
    );
    let told = |charge: &Charge| stage.budget.check(charge).envelope().cloned();
    assert_eq!(
        told(&charge(&second, 2).and(charge(&first, 2))),
        Some((&second).into())
    );
    assert_eq!(
        told(&charge(&first, 2).and(charge(&second, 2))),
        Some((&first).into())
    );
}

#[test]
fn says_when_to_try_again() {
    let stage = stage();
    let id = stage.create(calls("b", 10).period(Period::Daily));
    let retry = |calls| stage.budget.check(&charge(&id, calls)).retry();
    assert_eq!(retry(10), Retry::Now);
    assert_eq!(retry(11), Retry::Never, "larger than the whole limit");
    let hold = stage.reserve(&charge(&id, 4));
    assert_eq!(retry(7), Retry::AfterHoldsExpire(hold.expires_at()));
    stage.start(&charge(&id, 5)).settle(used(5)).unwrap();
    let midnight = START.replace_hour(0).unwrap() + DAY;
    assert_eq!(retry(5), Retry::AfterHoldsExpire(hold.expires_at()));
    assert_eq!(retry(6), Retry::AfterReset(midnight));
    let forever = stage.create(calls("forever", 10));
    stage.start(&charge(&forever, 5)).settle(used(5)).unwrap();
    assert_eq!(
        stage.budget.check(&charge(&forever, 6)).retry(),
        Retry::Never
    );
}

#[test]
fn a_rollover_budget_can_hold_more_than_its_limit_later() {
    let stage = stage();
    let id = stage.create(calls("b", 10).period(Period::Daily).rollover(true));
    let decision = stage.budget.check(&charge(&id, 15));
    assert!(matches!(decision.retry(), Retry::AfterReset(_)));
    stage.clock.advance(DAY);
    assert!(stage.budget.check(&charge(&id, 15)).allowed());
}

#[test]
fn check_at_judges_at_the_time_that_was_read() {
    let stage = stage();
    let id = stage.create(calls("b", 10).period(Period::Hourly));
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    assert!(!stage.budget.check(&charge(&id, 1)).allowed());
    assert!(
        stage
            .budget
            .check_at(&charge(&id, 1), START + HOUR)
            .allowed()
    );
    assert!(
        !stage.budget.check(&charge(&id, 1)).allowed(),
        "and leaves nothing behind"
    );
    stage
        .budget
        .reserve_at(&charge(&id, 1), START + HOUR)
        .unwrap()
        .release()
        .unwrap();
}

#[test]
fn check_budget_counts_holds_and_lets_them_expire() {
    let stage = stage();
    let id = session("s");
    let hold = stage.reserve(&Charge::session(&id).calls(10));
    assert!(!stage.budget.check_budget(&id).allowed());
    assert!(
        stage
            .budget
            .check_budget_at(&id, START + 5 * MINUTE)
            .allowed()
    );
    drop(hold);
    assert!(stage.budget.check_budget(&id).allowed());
}

#[test]
fn require_turns_a_denial_into_an_error() {
    let stage = stage();
    let id = stage.create(calls("b", 1));
    assert!(stage.budget.check(&charge(&id, 1)).require().is_ok());
    let denied = stage.budget.check(&charge(&id, 2)).require().unwrap_err();
    assert_eq!(
        (denied.code(), denied.decision().allowed()),
        ("exceeds_budget", false)
    );
}

#[test]
fn a_dimension_without_a_limit_is_counted_and_never_refused() {
    let stage = stage();
    let id = stage.create(calls("b", 10));
    let most = stage.budget.check(&charge(&id, 1).tokens(u64::MAX));
    assert_eq!(
        most.code(),
        "exceeds_budget",
        "the largest number is what sums stop at"
    );
    stage
        .start(&charge(&id, 1).tokens(1 << 60))
        .settle(Amounts::NONE)
        .unwrap();
    assert_eq!(stage.usage(&id, Dimension::Tokens).spent.units(), 1 << 60);
    assert_eq!(stage.usage(&id, Dimension::Tokens).available, None);
    let decision = stage.budget.check(&charge(&id, 1).tokens(u64::MAX));
    assert_eq!(
        decision.code(),
        "exceeds_budget",
        "what cannot be counted is refused"
    );
}

#[test]
fn a_limit_of_zero_allows_nothing() {
    let stage = stage_with(BudgetEnforcerConfig {
        session: Some(Limits::NONE.calls(0)),
        ..Default::default()
    });
    assert!(!stage.budget.check_budget(&session("s")).allowed());
    assert_eq!(
        code(
            stage
                .budget
                .reserve(&Charge::session(&session("s")).calls(1))
        ),
        "exceeds_budget"
    );
}

#[test]
fn budgets_that_limit_nothing_are_refused() {
    let stage = stage();
    let error = stage
        .admin
        .create_budget(BudgetSpec::new(budget("b")))
        .unwrap_err();
    assert!(matches!(error, BudgetError::NoLimit { .. }));
}

#[test]
fn a_hold_of_an_earlier_window_stands_in_nobodys_way() {
    let stage = stage();
    let id = stage.create(calls("b", 10).period(Period::Hourly));
    stage.clock.advance(58 * MINUTE);
    let earlier = stage.reserve(&charge(&id, 4));
    stage.clock.advance(3 * MINUTE);
    let current = stage.reserve(&charge(&id, 8));
    assert!(earlier.expires_at() < current.expires_at());
    let decision = stage.budget.check(&charge(&id, 5));
    assert_eq!(
        decision.retry(),
        Retry::AfterHoldsExpire(current.expires_at())
    );
    drop((earlier, current));
}

#[test]
fn a_refusal_over_several_new_sessions_uses_up_no_room() {
    let stage = stage_with(BudgetEnforcerConfig {
        max_sessions: 1,
        ..BudgetEnforcerConfig::per_session().calls(5)
    });
    let both = Charge::session(&session("x"))
        .calls(1)
        .and(Charge::session(&session("y")).calls(1));
    assert_eq!(stage.budget.check(&both).code(), "session_limit");
    assert_eq!(code(stage.budget.reserve(&both)), "session_limit");
    assert!(stage.budget.resolve(&both).is_err());
    assert_eq!(stage.budget.summary().unwrap().sessions, 0);
    assert_eq!(
        code(
            stage
                .budget
                .reserve(&Charge::session(&session("y")).calls(1))
        ),
        "ok"
    );
}
