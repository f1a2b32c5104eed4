//! What the seed's governance engine promises (seed-acceptance, rows S0-3 to S0-11), in Rust.

use security_bundle::audit_trail::{Filter, Outcome as Logged};
use security_bundle::budget_enforcer::{BudgetError, BudgetId, Charge, Period};
use security_bundle::trust_gate::{AgentId, Grant, Scope};
use security_bundle::{
    Action, BudgetSpec, SecurityStack, SecurityStackConfig, TrustLevel, consent,
    create_security_stack,
};

use crate::support::{cost, usd};

fn engine() -> SecurityStack {
    let stack = create_security_stack(SecurityStackConfig::default()).unwrap();
    assign(&stack, "my-agent", TrustLevel::ActWithApproval);
    let budget = BudgetSpec::new("llm-calls".parse().unwrap())
        .cost(usd("100"))
        .period(Period::Monthly);
    stack.admin().budget().create_budget(budget).unwrap();
    drop(
        stack
            .admin()
            .consent()
            .record(consent::Grant::new(
                "my-agent".parse().unwrap(),
                "user_profile".parse().unwrap(),
                "personalisation".parse().unwrap(),
                "admin@example.com".parse().unwrap(),
            ))
            .unwrap(),
    );
    stack
}

fn assign(stack: &SecurityStack, agent: &str, level: TrustLevel) {
    let by = "ops@example.com".parse().unwrap();
    stack
        .admin()
        .trust()
        .assign(Grant::new(agent.parse().unwrap(), level, by))
        .unwrap();
}

fn action(stack: &SecurityStack) -> Action {
    stack
        .action("my-agent")
        .required_level(TrustLevel::Suggest)
        .budget("llm-calls", cost("1.5"))
        .data("user_profile", "personalisation")
        .action_type("llm_completion")
        .build()
        .unwrap()
}

#[tokio::test]
async fn s0_3_the_quick_start_allows_and_is_recorded() {
    let stack = engine();
    let decision = stack.evaluate(&action(&stack)).await;
    assert!(decision.allowed());
    assert_eq!(decision.outcome().to_string(), "allow");
    assert_eq!(decision.outcome(), "allow");
    let id = decision.record_id().unwrap();
    let records = stack.audit.get(id).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].id(), id);
    assert_eq!(records[0].outcome(), Some(Logged::Allow));
    assert_eq!(records[0].action().unwrap().name, "llm_completion");
}

#[tokio::test]
async fn s0_4_the_reasons_of_the_quick_start() {
    let stack = engine();
    let decision = stack.evaluate(&action(&stack)).await;
    let reasons: Vec<String> = decision
        .reasons()
        .map(|reason| reason.to_string())
        .collect();
    assert_eq!(
        reasons,
        [
            "Agent 'my-agent' has trust level Act (Approval Required) (3), which satisfies the required level Suggest (2).",
            "Category 'llm-calls': 1.5000 requested, 100.0000 available (0.0000 of 100.0000 spent).",
            "Consent granted for agent 'my-agent' to access 'user_profile' for purpose 'personalisation' (granted by 'admin@example.com').",
        ]
    );
}

#[tokio::test]
async fn s0_5_the_synchronous_answer_is_the_awaited_one_inside_a_running_loop_too() {
    let stack = engine();
    let awaited = stack.evaluate(&action(&stack)).await;
    let synchronous = stack.evaluate_sync(&action(&stack));
    assert_eq!(awaited.code(), synchronous.code());
    assert_eq!(
        awaited.reason().to_string(),
        synchronous.reason().to_string()
    );
    assert_ne!(awaited.record_id(), synchronous.record_id());
}

#[test]
fn s0_6_the_first_failure_denies_and_is_recorded_whatever_it_is() {
    let stack = engine();
    let decide = |agent: &str, budget: &str, purpose: &str| {
        let action = stack
            .action(agent)
            .required_level(TrustLevel::Suggest)
            .budget(budget, cost("1"))
            .data("user_profile", purpose)
            .build()
            .unwrap();
        let decision = stack.evaluate_sync(&action);
        let logged = stack.audit.get(decision.record_id().unwrap()).unwrap();
        let fields = logged[0].decision().unwrap();
        assert_eq!(fields.outcome, Logged::Deny);
        assert_eq!(fields.reason_code, decision.code());
        format!("{}: {}", decision.stage().unwrap(), decision.code())
    };
    assert_eq!(decide("stranger", "nowhere", "x"), "trust: trust_too_low");
    assert_eq!(decide("my-agent", "nowhere", "x"), "budget: no_budget");
    assert_eq!(
        decide("my-agent", "llm-calls", "x"),
        "consent: purpose_not_covered"
    );
}

#[test]
fn s0_7_and_s0_8_a_level_is_what_was_set_and_nothing_else_raises_it() {
    let stack = engine();
    let (agent, root): (AgentId, _) = ("my-agent".parse().unwrap(), Scope::root());
    assert!(
        stack
            .trust_gate
            .check_level(&agent, &root, TrustLevel::Suggest)
            .allowed()
    );
    for _ in 0..1000 {
        assert!(stack.evaluate_sync(&action(&stack)).allowed());
    }
    assert_eq!(
        stack.trust_gate.level(&agent, &root).effective,
        TrustLevel::ActWithApproval
    );
}

#[test]
fn s0_9_what_was_spent_leaves_the_rest() {
    let stack = engine();
    let tools: BudgetId = "tools".parse().unwrap();
    let budget = BudgetSpec::new(tools.clone())
        .cost(usd("50.0"))
        .period("daily".parse().unwrap());
    stack.admin().budget().create_budget(budget).unwrap();
    stack
        .budget
        .record(&Charge::budget(&tools).cost(usd("2.5")))
        .unwrap();
    let decision = stack
        .budget
        .check(&Charge::budget(&tools).cost(usd("10.0")));
    assert!(decision.allowed());
    assert_eq!(decision.available().unwrap().to_string(), "47.5000");
}

#[test]
fn s0_10_limits_are_static_and_refusals_change_nothing() {
    for period in ["daily", "weekly", "monthly", "yearly", "lifetime"] {
        assert!(period.parse::<Period>().is_ok(), "{period}");
    }
    let error = "fortnightly".parse::<Period>().unwrap_err();
    assert!(
        matches!(error, BudgetError::InvalidPeriod { .. }),
        "{error:?}"
    );

    let stack = engine();
    let llm: BudgetId = "llm-calls".parse().unwrap();
    let over = Charge::budget(&llm).cost(usd("100.000000001"));
    assert!(matches!(
        stack.budget.record(&over),
        Err(BudgetError::Denied(_))
    ));
    let all = Charge::budget(&llm).cost(usd("100"));
    stack.budget.record(&all).unwrap();
    let missing: BudgetId = "missing".parse().unwrap();
    assert_eq!(
        stack
            .budget
            .check(&Charge::budget(&missing).calls(1))
            .code(),
        "no_budget"
    );
}

#[test]
fn s0_11_blanket_consent_covers_every_purpose_of_that_data() {
    let stack = engine();
    let allowed = |data: &str, purpose: Option<&str>| {
        let action = stack
            .action("my-agent")
            .data(data, purpose)
            .build()
            .unwrap();
        stack.evaluate_sync(&action).allowed()
    };
    assert!(!allowed("user_email", Some("notifications")));
    drop(
        stack
            .admin()
            .consent()
            .record(consent::Grant::blanket(
                "my-agent".parse().unwrap(),
                "user_email".parse().unwrap(),
                "data-owner".parse().unwrap(),
            ))
            .unwrap(),
    );
    assert!(allowed("user_email", Some("notifications")));
    assert!(allowed("user_email", Some("anything")));
    assert!(allowed("user_email", None));
    assert!(!allowed("user_profile", None));
}

#[test]
fn s0_12_records_are_found_by_agent_and_outcome() {
    let stack = engine();
    assert!(stack.evaluate_sync(&action(&stack)).allowed());
    for _ in 0..3 {
        let too_much = stack
            .action("my-agent")
            .budget("llm-calls", cost("101"))
            .build();
        assert!(!stack.evaluate_sync(&too_much.unwrap()).allowed());
    }
    let filter = Filter::new()
        .agent("my-agent")
        .outcome(Logged::Deny)
        .count_matches();
    let page = stack.audit.query(&filter).unwrap();
    assert_eq!(page.total_matched, Some(3));
    assert!(
        page.records
            .iter()
            .all(|record| record.decision().unwrap().reason_code == "exceeds_budget")
    );
}
