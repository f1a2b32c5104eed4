//! The rows of the seeds' acceptance list that are this crate's: S0-9, S0-10, S4-3, S4-4.

use budget_enforcer::{
    BudgetEnforcerConfig, BudgetError, BudgetSpec, CallOptions, Charge, Dimension, Period,
};

use crate::stage::{budget, session, stage, stage_with, usd};

#[test]
fn s0_9_a_daily_category_shows_what_is_left() {
    let stage = stage();
    let tools = stage.create(
        BudgetSpec::new(budget("tools"))
            .cost(usd("50.0"))
            .period("daily".parse().unwrap()),
    );
    let options = CallOptions::new().note("web search");
    let transaction = stage
        .budget
        .record_with(&Charge::budget(&tools).cost(usd("2.5")), &options)
        .unwrap();
    assert_eq!(transaction.note.as_deref(), Some("web search"));
    let decision = stage
        .budget
        .check(&Charge::budget(&tools).cost(usd("10.0")));
    assert!(decision.allowed());
    assert_eq!(decision.available().unwrap().to_string(), "47.5000");
}

#[test]
fn s0_10_periods_missing_categories_and_excess() {
    let stage = stage();
    for period in ["daily", "weekly", "monthly", "yearly", "lifetime"] {
        stage.create(
            BudgetSpec::new(budget(period))
                .cost(usd("1"))
                .period(period.parse().unwrap()),
        );
    }
    assert!(matches!(
        "fortnightly".parse::<Period>(),
        Err(BudgetError::InvalidPeriod { .. })
    ));
    assert_eq!(
        stage
            .budget
            .check(&Charge::budget(&budget("none")).cost(usd("1")))
            .code(),
        "no_budget"
    );
    let daily = budget("daily");
    let before = stage.budget.utilization(&daily).unwrap();
    let error = stage
        .budget
        .record(&Charge::budget(&daily).cost(usd("1.000000001")))
        .unwrap_err();
    assert!(matches!(error, BudgetError::Denied(denied) if denied.code() == "exceeds_budget"));
    assert_eq!(stage.budget.utilization(&daily).unwrap(), before);
}

#[test]
fn s4_3_denies_the_101st_call() {
    let stage = stage_with(
        BudgetEnforcerConfig::per_session()
            .tokens(10_000)
            .calls(100),
    );
    let (first, second) = (session("s-1"), session("s-2"));
    for call in 1..=100 {
        assert!(stage.budget.check_budget(&first).allowed(), "call {call}");
        stage.budget.record_spending(&first, 1).unwrap();
    }
    let decision = stage.budget.check_budget(&first);
    assert!(!decision.allowed());
    assert_eq!(
        (decision.code(), decision.dimension()),
        ("exceeds_budget", Some(Dimension::Calls))
    );
    assert!(
        stage.budget.check_budget(&second).allowed(),
        "sessions are independent"
    );
}

#[test]
fn s4_3_denies_the_first_call_after_the_tokens_are_used_up() {
    let stage = stage_with(
        BudgetEnforcerConfig::per_session()
            .tokens(10_000)
            .calls(100),
    );
    let id = session("s-1");
    stage.budget.record_spending(&id, 9_999).unwrap();
    assert!(stage.budget.check_budget(&id).allowed());
    let last = stage.budget.record_spending(&id, 500).unwrap();
    assert_eq!(
        last.overspent.tokens,
        Some(499),
        "after the fact, so it may overshoot"
    );
    assert!(!stage.budget.check_budget(&id).allowed());
    assert_eq!(
        stage.budget.check_budget(&id).dimension(),
        Some(Dimension::Tokens)
    );
}

#[test]
fn s4_3_a_session_is_made_on_first_use_from_the_template() {
    let stage = stage_with(
        BudgetEnforcerConfig::per_session()
            .tokens(10_000)
            .calls(100),
    );
    let id = session("s-1");
    assert_eq!(
        stage.budget.check_budget(&id).limit().unwrap().units(),
        10_000,
        "judged by the template"
    );
    assert!(
        matches!(stage.budget.utilization(&id), Err(BudgetError::Unknown(_))),
        "and not made by a look"
    );
    stage.budget.record_spending(&id, 7).unwrap();
    assert_eq!(stage.usage(&id, Dimension::Tokens).spent.units(), 7);
}

#[test]
fn s4_4_recording_adds_tokens_and_one_call() {
    let stage = stage();
    let id = session("s-1");
    stage.budget.record_spending(&id, 7).unwrap();
    stage.budget.record_spending(&id, 0).unwrap();
    let spent = |dimension| stage.usage(&id, dimension).spent.units();
    assert_eq!((spent(Dimension::Tokens), spent(Dimension::Calls)), (7, 2));
}
