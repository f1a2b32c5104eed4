//! Bad input gives a typed error or denial and changes nothing; many callers at once get no more than there is.

use std::sync::{Arc, Barrier};
use std::thread;

use security_bundle::audit_trail::Kind;
use security_bundle::{
    ActionError, Amounts, BudgetEnforcerConfig, SecurityStackConfig, ToolRequest, TrustLevel,
    create_security_stack,
};

use crate::support::{Bench, cost};

const BAD_NAMES: [&str; 8] = ["", " a", "a ", "a\n", "\0", "a\u{7f}", "\u{a0}a", "a\u{85}"];

#[test]
fn names_that_two_readers_could_read_differently_are_refused() {
    let bench = Bench::new();
    let long = "x".repeat(257);
    let action = |name: &str| bench.stack.action(name).build();
    for name in BAD_NAMES.into_iter().chain([long.as_str()]) {
        assert!(action(name).is_err(), "{name:?}");
        assert!(ToolRequest::new(name, "s", "t").is_err(), "{name:?}");
        assert!(ToolRequest::new("a", name, "t").is_err(), "{name:?}");
        assert!(ToolRequest::new("a", "s", name).is_err(), "{name:?}");
        let guard = bench.stack.guard();
        assert!(guard.action("a").tool(name).build().is_err(), "{name:?}");
        assert!(guard.action("a").session(name).build().is_err(), "{name:?}");
        assert!(
            guard.action("a").budget(name, cost("1")).build().is_err(),
            "{name:?}"
        );
        assert!(
            guard.action("a").data(name, "p").build().is_err(),
            "{name:?}"
        );
        assert!(
            guard.action("a").data("d", name).build().is_err(),
            "{name:?}"
        );
        assert!(
            guard
                .action("a")
                .data("d", "p")
                .subject(name)
                .build()
                .is_err(),
            "{name:?}"
        );
    }
    assert_eq!(bench.of_kind(Kind::Decision).len(), 0);
}

#[test]
fn what_belongs_to_data_needs_data() {
    let bench = Bench::new();
    let orphan = bench.stack.action("a").subject("someone").build();
    assert_eq!(orphan.unwrap_err(), ActionError::NoData("subject"));
}

#[test]
fn a_budget_without_an_amount_is_an_error_and_not_zero() {
    let bench = Bench::new();
    let action = bench
        .stack
        .action("desk-assistant")
        .budget("llm-calls", Amounts::default())
        .build()
        .unwrap();
    assert_eq!(bench.stack.evaluate_sync(&action).code(), "amount_missing");
    let denied = bench.stack.guard().authorize_blocking(&action).unwrap_err();
    assert_eq!(denied.code(), "amount_missing");
}

#[test]
fn amounts_beyond_every_number_are_denied() {
    let bench = Bench::new();
    let most = Amounts::default().cost(security_bundle::Usd::from_nanos(u64::MAX));
    let action = bench
        .stack
        .action("desk-assistant")
        .budget("llm-calls", most)
        .budget("llm-calls", most)
        .build()
        .unwrap();
    assert_eq!(bench.stack.evaluate_sync(&action).code(), "exceeds_budget");
    assert!(bench.stack.guard().authorize_blocking(&action).is_err());
    assert_eq!(bench.spent_and_held(), (0, 0));
}

#[test]
fn of_many_at_once_exactly_as_many_run_as_there_are_calls() {
    let config = SecurityStackConfig {
        budget: BudgetEnforcerConfig::per_session().calls(100),
        ..SecurityStackConfig::default()
    };
    let stack = Arc::new(create_security_stack(config).unwrap());
    let threads = 8;
    let barrier = Arc::new(Barrier::new(threads));
    let permitted: usize = (0..threads)
        .map(|_| {
            let (guard, barrier) = (stack.guard(), Arc::clone(&barrier));
            thread::spawn(move || {
                let action = guard
                    .action("a")
                    .required_level(TrustLevel::Observer)
                    .session("shared")
                    .build()
                    .unwrap();
                barrier.wait();
                let mut permitted = 0;
                for _ in 0..50 {
                    if let Ok(permit) = guard.authorize_blocking(&action) {
                        permitted += 1;
                        permit.settle_blocking(Amounts::default()).unwrap();
                    }
                }
                permitted
            })
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert_eq!(permitted, 100);
    let counts = stack.audit.outcome_counts().unwrap();
    assert_eq!((counts.allow, counts.deny), (100, 300));
    assert!(stack.audit.verify(None).unwrap().fully_covered());
}
