//! What the seed's security bundle promises (seed-acceptance, rows S4-1 to S4-7), in Rust.

use security_bundle::audit_trail::{Checkpoint, Filter, verify_ndjson};
use security_bundle::budget_enforcer::Dimension;
use security_bundle::{
    BudgetEnforcerConfig, Entry, SecurityStack, SecurityStackConfig, SessionId, Tier, ToolRequest,
    TrustGateConfig, TrustLevel, consent, create_security_stack, trust_gate,
};

fn stack() -> SecurityStack {
    let stack = create_security_stack(SecurityStackConfig {
        trust_gate: TrustGateConfig::new(Tier("verified"), "file-reader").unwrap(),
        budget: BudgetEnforcerConfig::per_session()
            .tokens(10_000)
            .calls(100),
        audit_namespace: "my-agent.production".into(),
        ..SecurityStackConfig::default()
    })
    .unwrap();
    for (agent, level) in [
        ("reader", TrustLevel::Suggest),
        ("watcher", TrustLevel::Monitor),
    ] {
        let by = "ops@example.com".parse().unwrap();
        stack
            .admin()
            .trust()
            .assign(trust_gate::Grant::new(agent.parse().unwrap(), level, by))
            .unwrap();
    }
    stack
}

/// The seed's handler, line for line.
fn handle(stack: &SecurityStack, request: &ToolRequest, tokens: u64) -> Result<(), String> {
    let trust = stack.trust_gate.check(request);
    if !trust.allowed() {
        let denied = Entry::event("trust-denied").reason(trust.reason());
        stack.audit.log(denied).map_err(|error| error.to_string())?;
        return Err(format!("Trust gate denied: {}", trust.reason()));
    }
    let budget = stack.budget.check_budget(request.session());
    if !budget.allowed() {
        let denied = Entry::event("budget-exceeded").session(request.session());
        stack.audit.log(denied).map_err(|error| error.to_string())?;
        return Err("Budget limit reached for this session".into());
    }
    stack
        .budget
        .record_spending(request.session(), tokens)
        .map_err(|error| error.to_string())?;
    let done = Entry::event("tool-call-complete").session(request.session());
    stack.audit.log(done).map_err(|error| error.to_string())?;
    Ok(())
}

fn request(agent: &str, session: &str) -> ToolRequest {
    ToolRequest::new(agent, session, "file-reader").unwrap()
}

#[test]
fn s4_1_and_s4_2_the_quick_start_blocks_what_exceeds_the_assigned_level() {
    let stack = stack();
    assert_eq!(handle(&stack, &request("reader", "s-1"), 10), Ok(()));
    let refused = handle(&stack, &request("watcher", "s-1"), 10).unwrap_err();
    insta::assert_snapshot!(refused, @"Trust gate denied: Agent 'watcher' has trust level Monitor (1), which is below the required level Suggest (2).");
    let unknown = ToolRequest::new("reader", "s-1", "file-writer").unwrap();
    assert_eq!(stack.trust_gate.check(&unknown).code(), "unknown_tool");
}

#[test]
fn s4_3_the_101st_call_is_denied_and_sessions_are_independent() {
    let stack = stack();
    for call in 1..=100 {
        assert_eq!(
            handle(&stack, &request("reader", "s-1"), 1),
            Ok(()),
            "{call}"
        );
    }
    assert!(handle(&stack, &request("reader", "s-1"), 1).is_err());
    assert_eq!(handle(&stack, &request("reader", "s-2"), 1), Ok(()));
}

#[test]
fn s4_3_the_first_call_after_the_tokens_are_used_up_is_denied() {
    let stack = stack();
    assert_eq!(handle(&stack, &request("reader", "s-1"), 9_999), Ok(()));
    // The last booking may overshoot: it is after the fact.
    assert_eq!(handle(&stack, &request("reader", "s-1"), 5_000), Ok(()));
    assert!(handle(&stack, &request("reader", "s-1"), 1).is_err());
}

#[test]
fn s4_4_checking_changes_nothing_and_recording_adds_tokens_and_one_call() {
    let stack = stack();
    let session: SessionId = "s-1".parse().unwrap();
    for _ in 0..200 {
        assert!(stack.budget.check_budget(&session).allowed());
    }
    stack.budget.record_spending(&session, 42).unwrap();
    let usage = stack.budget.utilization(&session).unwrap();
    assert_eq!(usage.usage(Dimension::Tokens).spent.to_string(), "42");
    assert_eq!(usage.usage(Dimension::Calls).spent.to_string(), "1");
}

#[test]
fn s4_5_records_carry_the_namespace_and_are_found() {
    let stack = stack();
    stack
        .audit
        .log(Entry::event("trust-denied").reason("why").session("s-1"))
        .unwrap();
    let page = stack.audit.query(&Filter::new().session("s-1")).unwrap();
    let record = &page.records[0];
    assert_eq!(record.event(), Some("trust-denied"));
    assert_eq!(record.reason(), Some("why"));
    assert_eq!(record.namespace(), "my-agent.production");
    let plain = create_security_stack(SecurityStackConfig::default()).unwrap();
    assert_eq!(plain.audit.namespace(), "aumos.security-bundle");
}

#[test]
fn s4_6_every_decision_has_the_same_shape() {
    let stack = stack();
    let trust = stack.trust_gate.check(&request("reader", "s-1"));
    let budget = stack.budget.check_budget(&"s-1".parse().unwrap());
    let query = consent_query();
    let consent = stack.consent.check(&query);
    let action = stack
        .action("reader")
        .tool("file-reader")
        .session("s-1")
        .build();
    let whole = stack.evaluate_sync(&action.unwrap());
    let shapes: [(bool, &str, String); 4] = [
        (trust.allowed(), trust.code(), trust.reason().to_string()),
        (budget.allowed(), budget.code(), budget.reason().to_string()),
        (
            consent.allowed(),
            consent.code(),
            consent.reason().to_string(),
        ),
        (whole.allowed(), whole.code(), whole.reason().to_string()),
    ];
    insta::assert_debug_snapshot!(shapes);
}

fn consent_query() -> consent::ConsentQuery {
    consent::ConsentQuery::new("reader".parse().unwrap(), "user".parse().unwrap())
}

#[test]
fn s4_7_any_edit_is_found_and_a_cut_against_a_kept_checkpoint() {
    let stack = stack();
    for _ in 0..10 {
        handle(&stack, &request("reader", "s-1"), 1).unwrap();
    }
    let key = stack.audit.verifier_key().unwrap().clone();
    let mut export = Vec::new();
    let kept: Checkpoint = stack.audit.checkpoint().unwrap();
    stack.audit.export_ndjson(&mut export).unwrap();
    assert!(
        verify_ndjson(&*export, &key, Some(&kept))
            .unwrap()
            .fully_covered()
    );

    let lines: Vec<&[u8]> = export.split_inclusive(|byte| *byte == b'\n').collect();
    let fails = |lines: &[&[u8]]| {
        verify_ndjson(&*lines.concat(), &key, Some(&kept))
            .map_or(true, |verified| !verified.fully_covered())
    };
    for position in 0..lines.len() {
        let mut removed = lines.clone();
        removed.remove(position);
        // The last line is the checkpoint itself, which was kept elsewhere.
        let found = fails(&removed) || position + 1 == lines.len();
        assert!(found, "without line {position}");
        let mut doubled = lines.clone();
        doubled.insert(position, lines[position]);
        if position + 1 < lines.len() {
            assert!(fails(&doubled), "line {position} twice");
            let mut swapped = lines.clone();
            swapped.swap(position, position + 1);
            assert!(fails(&swapped), "line {position} swapped");
        }
        let found = fails(&lines[..position]) || position + 1 == lines.len();
        assert!(found, "cut before line {position}");
    }
    for position in (0..export.len()).step_by(7) {
        let mut forged = export.clone();
        forged[position] ^= 1;
        assert!(
            verify_ndjson(&*forged, &key, Some(&kept)).map_or(true, |found| !found.fully_covered()),
            "byte {position}"
        );
    }
}
