//! Ways past a gate that were found once and are closed: each of these permitted, lost or doubled something.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use async_trait::async_trait;
use security_bundle::audit_trail::{AuditLog, Entry, Filter, Kind, NdjsonSink};
use security_bundle::budget_enforcer::BudgetEnforcer;
use security_bundle::trust_gate::{OperatorId, Scope, TrustLevel};
use security_bundle::{
    ActionError, Amounts, BudgetEnforcerConfig, BudgetSpec, RecordError, Recorded, Recorder,
    SecurityStack, SecurityStackConfig, StackError, consent, create_security_stack,
};

use crate::support::{Fault, Faulty, cost, usd};

fn with_session(budget: BudgetEnforcerConfig) -> SecurityStack {
    create_security_stack(SecurityStackConfig {
        budget,
        ..SecurityStackConfig::default()
    })
    .unwrap()
}

#[test]
fn what_was_overspent_stops_calls_that_name_no_amount_of_it() {
    let stack = with_session(
        BudgetEnforcerConfig::per_session()
            .calls(100)
            .cost(usd("5")),
    );
    let guard = stack.guard();
    let action = guard.action("a").session("s").build().unwrap();
    let mut ran = 0;
    while let Ok(permit) = guard.authorize_blocking(&action) {
        permit.settle_blocking(cost("3")).unwrap();
        ran += 1;
    }
    assert_eq!(ran, 2);
    assert_eq!(guard.evaluate_sync(&action).code(), "exceeds_budget");
}

#[test]
fn a_session_that_is_exactly_used_up_is_over() {
    let stack = with_session(BudgetEnforcerConfig::per_session().tokens(100));
    let guard = stack.guard();
    let action = guard.action("a").session("s").build().unwrap();
    let permit = guard.authorize_blocking(&action).unwrap();
    permit
        .settle_blocking(Amounts::default().tokens(100))
        .unwrap();
    assert_eq!(
        guard.authorize_blocking(&action).unwrap_err().code(),
        "exceeds_budget"
    );
    assert_eq!(guard.evaluate_sync(&action).code(), "exceeds_budget");
}

#[test]
fn a_named_budget_that_is_overspent_blocks_in_every_dimension() {
    let config = SecurityStackConfig {
        budgets: vec![
            BudgetSpec::new("b".parse().unwrap())
                .calls(100)
                .cost(usd("5")),
        ],
        ..SecurityStackConfig::default()
    };
    let stack = create_security_stack(config).unwrap();
    let guard = stack.guard();
    let action = guard.action("a").budget("b", Amounts::default().calls(1));
    let action = action.build().unwrap();
    let permit = guard.authorize_blocking(&action).unwrap();
    permit.settle_blocking(cost("7")).unwrap();
    assert_eq!(
        guard.authorize_blocking(&action).unwrap_err().code(),
        "exceeds_budget"
    );
}

/// Notes, when an intent that permits is recorded, whether the withdrawal had been acknowledged by then.
struct Watching {
    log: AuditLog,
    withdrawn: Arc<AtomicBool>,
    too_late: Arc<AtomicBool>,
}

#[async_trait]
impl Recorder for Watching {
    fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
        self.too_late
            .store(self.withdrawn.load(Ordering::SeqCst), Ordering::SeqCst);
        self.log.record(entry)
    }

    async fn acknowledged(&self, _: &Recorded) -> Result<(), RecordError> {
        Ok(())
    }

    fn wait(&self, _: &Recorded) -> Result<(), RecordError> {
        Ok(())
    }
}

#[test]
fn a_withdrawal_between_two_consents_of_one_action_is_seen() {
    for round in 0..40 {
        let (withdrawn, too_late) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let log = AuditLog::builder().build().unwrap();
        let types: Vec<String> = (0..300).map(|n| format!("data-{n}")).collect();
        let config = SecurityStackConfig {
            grants: types
                .iter()
                .map(|data_type| {
                    consent::Grant::new(
                        "a".parse().unwrap(),
                        data_type.parse().unwrap(),
                        "p".parse().unwrap(),
                        "admin@example.com".parse().unwrap(),
                    )
                })
                .collect(),
            ..SecurityStackConfig::default()
        };
        let stack = SecurityStack::builder(config)
            .audit(log.clone())
            .recorder(Watching {
                log,
                withdrawn: Arc::clone(&withdrawn),
                too_late: Arc::clone(&too_late),
            })
            .build()
            .unwrap();
        let guard = stack.guard();
        let action = types
            .iter()
            .fold(guard.action("a"), |action, data_type| {
                action.data(data_type, "p")
            })
            .build()
            .unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let first = consent::Extent::new("a".parse().unwrap(), "data-0".parse().unwrap());
                drop(stack.admin().consent().withdraw(first, None).unwrap());
                withdrawn.store(true, Ordering::SeqCst);
            });
            for _ in 0..200 {
                let permitted = guard.authorize_blocking(&action).is_ok();
                let was_withdrawn = too_late.load(Ordering::SeqCst);
                assert!(!(permitted && was_withdrawn), "round {round}");
                if was_withdrawn {
                    break;
                }
            }
        });
    }
}

#[test]
fn an_action_that_another_stack_described_is_denied() {
    let stack = with_session(BudgetEnforcerConfig::per_session().calls(1));
    let elsewhere = create_security_stack(SecurityStackConfig::default()).unwrap();
    let foreign = elsewhere
        .action("a")
        .required_level(TrustLevel::Observer)
        .session("s")
        .build()
        .unwrap();
    let decision = stack.evaluate_sync(&foreign);
    assert!(!decision.allowed());
    assert_eq!(decision.code(), "foreign_action");
    let denied = stack.guard().authorize_blocking(&foreign).unwrap_err();
    assert_eq!(denied.code(), "foreign_action");
    let denials = stack
        .audit
        .query(&Filter::new().kind(Kind::Decision))
        .unwrap();
    assert_eq!(denials.records.len(), 2);
}

#[test]
fn an_enforcer_of_ones_own_charges_sessions_too() {
    let config = BudgetEnforcerConfig::per_session().calls(1);
    let (budget, admin) = BudgetEnforcer::builder().config(config).build().unwrap();
    let stack = SecurityStack::builder(SecurityStackConfig::default())
        .budget(budget, admin)
        .build()
        .unwrap();
    let guard = stack.guard();
    let action = guard.action("a").session("s").build().unwrap();
    drop(guard.authorize_blocking(&action).unwrap());
    assert!(guard.authorize_blocking(&action).is_err());
}

#[test]
fn amounts_for_a_session_without_a_budget_are_an_error_and_not_ignored() {
    let stack = create_security_stack(SecurityStackConfig::default()).unwrap();
    let tokens = Amounts::default().tokens(5);
    let action = stack
        .action("a")
        .session("s")
        .session_amounts(tokens)
        .build();
    assert_eq!(action.unwrap_err(), ActionError::NoSessionBudget);
    let stack = with_session(BudgetEnforcerConfig::per_session().tokens(4));
    let action = stack.action("a").session_amounts(tokens).build();
    assert_eq!(action.unwrap_err(), ActionError::NoSessionBudget);
    let action = stack
        .action("a")
        .session("s")
        .session_amounts(tokens)
        .build();
    assert_eq!(
        stack.evaluate_sync(&action.unwrap()).code(),
        "exceeds_budget"
    );
}

#[test]
fn a_sink_beside_a_log_of_ones_own_is_an_error_and_not_ignored() {
    let built = SecurityStack::builder(SecurityStackConfig::default())
        .audit(AuditLog::builder().build().unwrap())
        .audit_sink(NdjsonSink::new(Vec::new()), 1)
        .build();
    assert!(matches!(built, Err(StackError::Config(_))));
}

#[test]
fn an_act_is_in_the_log_once_however_often_it_is_handed_over() {
    let recorder = Faulty::new();
    let stack = SecurityStack::builder(SecurityStackConfig::default())
        .audit(recorder.log.clone())
        .recorder(recorder.clone())
        .build()
        .unwrap();
    let by: OperatorId = "ops@example.com".parse().unwrap();
    let revoke = |agent: &str| {
        let agent = agent.parse().unwrap();
        stack
            .admin()
            .trust()
            .revoke(&agent, &Scope::root(), &by, "incident")
    };
    recorder.set(Fault::Refuses);
    revoke("one").unwrap_err();
    revoke("two").unwrap_err();
    recorder.set(Fault::None);
    revoke("three").unwrap();
    let filter = Filter::new().event("revoke");
    let told: Vec<String> = recorder
        .log
        .query(&filter)
        .unwrap()
        .records
        .iter()
        .map(|entry| entry.agent().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["one", "two", "three"]);
}

#[test]
fn every_consent_that_an_action_needs_stands_in_its_entry() {
    let mut config = SecurityStackConfig::default();
    for (data_type, purpose) in [("m1", "p"), ("m2", "q")] {
        config.grants.push(consent::Grant::new(
            "a".parse().unwrap(),
            data_type.parse().unwrap(),
            purpose.parse().unwrap(),
            "admin@example.com".parse().unwrap(),
        ));
    }
    let stack = create_security_stack(config).unwrap();
    let action = stack
        .action("a")
        .data("m1", "p")
        .data("m2", "q")
        .build()
        .unwrap();
    let decision = stack.evaluate_sync(&action);
    assert!(decision.allowed());
    let entry = &stack.audit.get(decision.record_id().unwrap()).unwrap()[0];
    assert_eq!(entry.consent().unwrap().data_types.as_ref(), ["m1", "m2"]);
    assert_eq!(
        entry.ext().unwrap().as_str(),
        r#"{"consents":[{"data_types":["m1"],"purpose":"p"},{"data_types":["m2"],"purpose":"q"}]}"#
    );
}

#[test]
fn a_rule_that_could_only_deny_is_an_error_at_the_start() {
    for text in [
        "[[budget.budgets]]\nid = \"b\"\ncost_usd = \"1\"\nperiod = \"daily\"\n[[budget.tools]]\ntool = \"*\"\nbudget = \"b\"\n",
        "[mcp.methods]\n\"logging/*\" = \"deny\"\n",
        "[mcp.methods]\n\"tools/*\" = \"pass\"\n",
    ] {
        assert!(SecurityStackConfig::from_toml_str(text).is_err(), "{text}");
    }
}
