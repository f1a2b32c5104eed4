//! Administrative acts are audit entries too; one that is not in the log is not in force, unless it takes something away.

use security_bundle::audit_trail::Filter;
use security_bundle::budget_enforcer::BudgetId;
use security_bundle::trust_gate::{self, Grant, Scope, TrustError, TrustLevel};
use security_bundle::{BudgetSpec, SecurityStack, SecurityStackConfig, consent};

use crate::support::{Fault, Faulty, usd};

fn stack() -> (SecurityStack, Faulty) {
    let recorder = Faulty::new();
    let stack = SecurityStack::builder(SecurityStackConfig::default())
        .audit(recorder.log.clone())
        .recorder(recorder.clone())
        .build()
        .unwrap();
    (stack, recorder)
}

fn grant() -> Grant {
    Grant::new(
        "a".parse().unwrap(),
        TrustLevel::ActAndReport,
        "ops@example.com".parse().unwrap(),
    )
    .reason("pilot")
}

fn consent_grant() -> consent::Grant {
    consent::Grant::new(
        "a".parse().unwrap(),
        "user".parse().unwrap(),
        "support".parse().unwrap(),
        "admin@example.com".parse().unwrap(),
    )
}

#[test]
fn acts_stand_in_the_log_with_the_operator() {
    let (stack, recorder) = stack();
    let (agent, root) = ("a".parse().unwrap(), Scope::root());
    let by: trust_gate::OperatorId = "ops@example.com".parse().unwrap();
    stack.admin().trust().assign(grant()).unwrap();
    stack
        .admin()
        .trust()
        .revoke(&agent, &root, &by, "done")
        .unwrap();
    drop(stack.admin().consent().record(consent_grant()).unwrap());
    let extent = consent::Extent::of_agent("a".parse().unwrap());
    drop(stack.admin().consent().withdraw(extent, None).unwrap());
    let budgets = stack
        .admin()
        .budget()
        .acting_as("finance@example.com".parse().unwrap());
    let budget = BudgetSpec::new("team".parse().unwrap()).cost(usd("5"));
    budgets.create_budget(budget).unwrap();
    budgets
        .suspend(&"team".parse::<BudgetId>().unwrap())
        .unwrap();

    let told: Vec<String> = recorder
        .log
        .query(&Filter::new())
        .unwrap()
        .records
        .iter()
        .map(|entry| {
            format!(
                "{} {} by {} ({})",
                entry.kind(),
                entry.event().unwrap_or("-"),
                entry.operator().unwrap_or("-"),
                entry.reason().unwrap_or("-")
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_widening_act_that_cannot_be_recorded_changes_nothing() {
    for fault in [Fault::Refuses, Fault::LiesAboutFailure, Fault::StoresNot] {
        let (stack, recorder) = stack();
        recorder.set(fault);
        assert!(stack.admin().trust().assign(grant()).is_err());
        assert!(stack.admin().consent().record(consent_grant()).is_err());
        let budget = BudgetSpec::new("team".parse().unwrap()).cost(usd("5"));
        assert!(stack.admin().budget().create_budget(budget).is_err());
        recorder.set(Fault::None);

        let action = stack
            .action("a")
            .required_level(TrustLevel::Monitor)
            .build();
        assert_eq!(
            stack.evaluate_sync(&action.unwrap()).code(),
            "trust_too_low"
        );
        let action = stack.action("a").data("user", "support").build();
        assert_eq!(stack.evaluate_sync(&action.unwrap()).code(), "no_record");
        let spent = security_bundle::Amounts::default().cost(usd("1"));
        let action = stack.action("a").budget("team", spent).build();
        assert_eq!(stack.evaluate_sync(&action.unwrap()).code(), "no_budget");
    }
}

#[test]
fn a_narrowing_act_is_in_force_even_if_it_cannot_be_recorded_and_says_so() {
    let (stack, recorder) = stack();
    stack.admin().trust().assign(grant()).unwrap();
    drop(stack.admin().consent().record(consent_grant()).unwrap());
    recorder.set(Fault::Refuses);
    let (agent, root) = ("a".parse().unwrap(), Scope::root());
    let by: trust_gate::OperatorId = "ops@example.com".parse().unwrap();
    let error = stack
        .admin()
        .trust()
        .quarantine(&agent, &root, &by, "incident")
        .unwrap_err();
    assert!(matches!(error, TrustError::NotStored { .. }), "{error}");
    let extent = consent::Extent::of_agent("a".parse().unwrap());
    let error = stack.admin().consent().withdraw(extent, None).unwrap_err();
    assert!(
        matches!(error, consent::ConsentError::NotStored { .. }),
        "{error}"
    );
    recorder.set(Fault::None);

    let action = stack
        .action("a")
        .required_level(TrustLevel::Monitor)
        .build();
    assert_eq!(stack.evaluate_sync(&action.unwrap()).code(), "quarantined");
    let action = stack.action("a").data("user", "support").build();
    assert!(!stack.evaluate_sync(&action.unwrap()).allowed());
}
