//! An explanation agrees with the decision, and what it names is what decided.

use proptest::prelude::*;
use trust_gate::{
    ApprovalRule, DecidedBy, Effect, Elevation, Explanation, Part, Raise, ToolHints, ToolPolicy,
    ToolRequest, TrustGateConfig, TrustLevel,
};

use crate::fixture::{DAY, Fixture, HOUR, NOON, agent, grant, ops, request, scope, tool};
use crate::model::{AGENTS, Op, SCOPES, any_op, any_place, config, level, perform};

fn tools() -> Vec<ToolPolicy> {
    let policy = |name: &str, level, effect| ToolPolicy::new(name.parse().unwrap(), level, effect);
    vec![
        policy("get_*", TrustLevel::Observer, Effect::ReadPublic),
        policy("read_mail", TrustLevel::Monitor, Effect::ReadSensitive),
        policy("send_mail", TrustLevel::Suggest, Effect::Write),
        policy("wipe_*", TrustLevel::Suggest, Effect::Destructive),
        policy("ask_*", TrustLevel::Observer, Effect::ReadPublic).approval(ApprovalRule::Always),
        ToolPolicy::ordinal("plain".parse().unwrap(), TrustLevel::ActWithApproval),
    ]
}

fn with_tools() -> Fixture {
    Fixture::with(TrustGateConfig {
        tools: tools(),
        ..TrustGateConfig::default()
    })
}

/// Explains, and holds the explanation against the check.
fn explain(f: &Fixture, request: &ToolRequest) -> Explanation {
    let explanation = f.gate.explain(request);
    let decision = f.gate.check(request);
    assert_eq!(explanation.code, decision.code());
    assert_eq!(explanation.reason, decision.reason().to_string());
    assert_eq!(explanation.effective, decision.effective());
    assert_eq!(explanation.required, decision.required());
    assert_eq!(explanation.revision, decision.revision());
    assert_eq!(explanation.at, decision.at());
    assert_eq!(explanation.break_glass, decision.break_glass());
    let elevated = decision.elevated().map(|elevated| elevated.revision);
    assert_eq!(explanation.elevated, elevated);
    let level = f.gate.level(&request.agent, &request.scope);
    let counted = |is_base: bool| {
        let mut counted = explanation.records.iter().filter(move |one| {
            let code = one.record.assignment.kind.code();
            let kinds = if is_base {
                ["grant", "tombstone"]
            } else {
                ["elevation", "break_glass"]
            };
            one.part == Part::Counts && kinds.contains(&code)
        });
        let first = counted.next().map(|one| one.record.assignment.clone());
        assert!(counted.next().is_none(), "one counts at most");
        first
    };
    assert_eq!(counted(true), level.base);
    assert_eq!(counted(false), level.elevation);
    let change = f.gate.next_change(&request.agent, &request.scope);
    if request.at_most.is_none() {
        assert_eq!(explanation.next_change, change);
    }
    explanation
}

fn any_request() -> impl Strategy<Value = ToolRequest> {
    let names = [
        "get_time",
        "read_mail",
        "send_mail",
        "wipe_disk",
        "ask_me",
        "plain",
        "unknown",
    ];
    let level = || prop::option::of((0_u8..=5).prop_map(level));
    (any_place(), 0..names.len(), level(), level(), any::<bool>()).prop_map(
        move |((a, s), name, required, at_most, destructive)| {
            let mut request = request(AGENTS[a], names[name]).scope(scope(SCOPES[s]));
            request.required_level = required;
            request.at_most = at_most;
            if destructive {
                request.hints = ToolHints {
                    read_only: Some(false),
                    destructive: Some(true),
                };
            }
            request
        },
    )
}

/// Takes the named record away; whether there was one to take away.
fn remove(f: &Fixture, explanation: &Explanation, by: DecidedBy) -> bool {
    let Some(revision) = by.revision() else {
        return false;
    };
    let record = explanation
        .records
        .iter()
        .find(|considered| considered.record.assignment.revision == revision)
        .expect("what decided is among what was looked at");
    assert_eq!(record.part, Part::Counts);
    let (agent, scope) = (
        &record.record.assignment.agent,
        &record.record.assignment.scope,
    );
    let done = match by {
        DecidedBy::Quarantine { .. } => f.admin.lift_quarantine(agent, scope, &ops(), ""),
        DecidedBy::Cap { .. } => f.admin.lift_cap(agent, scope, &ops(), ""),
        DecidedBy::Elevation { .. } => f.admin.end_elevation(agent, scope, &ops(), ""),
        _ => f.admin.clear(agent, scope, &ops(), "", Raise::Allow),
    };
    done.unwrap();
    true
}

/// What is named in place of a record that was taken away must be another.
fn is_consistent(f: &Fixture, request: &ToolRequest, before: &Explanation) {
    let by = before.level_by;
    if !remove(f, before, by) {
        return;
    }
    let after = explain(f, request);
    assert_ne!(after.level_by, by);
    match by {
        DecidedBy::Quarantine { .. } => assert!(
            after.code != "quarantined" || matches!(after.level_by, DecidedBy::Quarantine { .. })
        ),
        // Another that had the same result may be named in its place.
        DecidedBy::Cap { .. }
            if matches!(after.level_by, DecidedBy::Cap { .. } | DecidedBy::AtMost) =>
        {
            assert!(after.effective >= before.effective);
        }
        DecidedBy::Cap { .. } => assert!(after.effective > before.effective),
        DecidedBy::Elevation { .. } => assert!(after.effective < before.effective),
        // What was behind it may give as much.
        _ => assert!(!matches!(after.level_by, DecidedBy::Quarantine { .. })),
    }
}

/// What takes no part can be taken away, and nothing changes.
fn the_rest_does_not_matter(f: &Fixture, request: &ToolRequest, before: &Explanation) {
    for considered in &before.records {
        let (at, kind) = (
            &considered.record.assignment.scope,
            considered.record.assignment.kind.code(),
        );
        if considered.part == Part::Counts {
            continue;
        }
        let done = match kind {
            "elevation" | "break_glass" => f.admin.end_elevation(&request.agent, at, &ops(), ""),
            _ => f.admin.clear(&request.agent, at, &ops(), "", Raise::Allow),
        };
        done.unwrap();
    }
    let after = explain(f, request);
    assert_eq!(
        (
            after.code,
            after.effective,
            after.decided_by,
            after.level_by
        ),
        (
            before.code,
            before.effective,
            before.decided_by,
            before.level_by
        )
    );
    assert!(
        after
            .records
            .iter()
            .all(|record| record.part == Part::Counts),
        "all that is left counts"
    );
}

fn reached(steps: Vec<Op>) -> Fixture {
    let mut f = with_tools();
    for op in steps {
        let op = match op {
            // The walk's own configurations know no tools.
            Op::Configure(rules) => {
                let config = TrustGateConfig {
                    tools: tools(),
                    ..config(rules)
                };
                f.admin.configure(config, &ops(), "").unwrap();
                continue;
            }
            op => op,
        };
        (f, _) = perform(f, &op);
    }
    f
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn an_explanation_agrees_with_the_check_and_names_what_decided(
        steps in prop::collection::vec(any_op(), 1..50),
        asked in prop::collection::vec(any_request(), 1..8),
    ) {
        let f = reached(steps);
        for request in &asked {
            let before = explain(&f, request);
            the_rest_does_not_matter(&f, request, &before);
            is_consistent(&f, request, &explain(&f, request));
        }
    }
}

#[test]
fn each_cause_is_named() {
    let f = with_tools();
    let a = agent("a");
    let cause = |called: &str, path: &str| {
        explain(&f, &request("a", called).scope(scope(path)))
            .decided_by
            .code()
    };
    assert_eq!(cause("unknown", ""), "no_policy");
    assert_eq!(cause("send_mail", ""), "default_level");
    assert_eq!(cause("ask_me", ""), "approval_rule");
    f.grant("a", "", TrustLevel::Autonomous);
    assert_eq!(cause("send_mail", "x"), "grant");
    f.admin
        .cap(&a, &scope("x"), TrustLevel::Suggest, &ops(), "")
        .unwrap();
    assert_eq!(cause("plain", "x/y"), "cap");
    assert_eq!(cause("send_mail", "x"), "effect_table");
    f.admin.revoke(&a, &scope("z"), &ops(), "").unwrap();
    assert_eq!(cause("send_mail", "z"), "tombstone");
    let raised = Elevation::new(a.clone(), TrustLevel::ActAndReport, HOUR, ops(), "why");
    f.admin.elevate(&raised.scope(scope("z"))).unwrap();
    assert_eq!(cause("send_mail", "z"), "elevation");
    f.admin.quarantine(&a, &scope("z"), &ops(), "").unwrap();
    assert_eq!(cause("send_mail", "z"), "quarantine");
    let lowered = request("a", "plain").at_most(TrustLevel::Monitor);
    assert_eq!(explain(&f, &lowered).decided_by, DecidedBy::AtMost);
    let config = TrustGateConfig {
        max_level: TrustLevel::Monitor.into(),
        ..f.admin.config()
    };
    f.admin.configure(config, &ops(), "").unwrap();
    assert_eq!(cause("plain", ""), "max_level");
}

#[test]
fn what_makes_no_difference_is_not_named() {
    let f = with_tools();
    let raised = Elevation::new(agent("a"), TrustLevel::Suggest, HOUR, ops(), "why");
    f.admin.elevate(&raised).unwrap();
    f.grant("a", "", TrustLevel::Suggest);
    f.admin
        .cap(&agent("a"), &scope(""), TrustLevel::Suggest, &ops(), "")
        .unwrap();
    let told = explain(&f, &request("a", "plain"));
    assert_eq!(told.level_by.code(), "grant");
    assert_eq!(told.elevated.map(trust_gate::Revision::as_u64), Some(2));
}

#[test]
fn a_credential_moves_the_next_change_to_where_the_level_falls_below_it() {
    let f = with_tools();
    let decay = trust_gate::Decay::Step {
        every: DAY,
        grace: std::time::Duration::ZERO,
        floor: TrustLevel::Observer,
    };
    let made = grant("a", TrustLevel::Autonomous).decay(decay);
    f.admin.assign(made).unwrap();
    let asked = request("a", "plain").at_most(TrustLevel::ActWithApproval);
    let change = explain(&f, &asked).next_change.unwrap();
    assert_eq!(
        (change.at, change.to),
        (NOON + DAY * 3, TrustLevel::Suggest)
    );
}

#[test]
fn explaining_on_an_earlier_time_revives_nothing() {
    let f = with_tools();
    f.admin
        .assign(grant("a", TrustLevel::Autonomous).expires_at(NOON + HOUR))
        .unwrap();
    f.clock.advance(HOUR);
    let asked = request("a", "plain");
    assert_eq!(f.gate.explain(&asked).effective, TrustLevel::Observer);
    f.clock.set(NOON);
    assert_eq!(
        f.gate.explain_at(&asked, NOON).effective,
        TrustLevel::Observer
    );
    assert!(!f.gate.check(&asked).allowed());
}

/// A bit of everything, seen from `payments/eu`.
fn payments(reason: &str) -> Fixture {
    let f = with_tools();
    f.grant("a", "", TrustLevel::Autonomous);
    let made = grant("a", TrustLevel::ActAndReport).scope(scope("payments"));
    let made = made.reason(reason).expires_at(NOON + DAY);
    f.admin.assign(made).unwrap();
    f.admin
        .cap(
            &agent("a"),
            &scope("payments"),
            TrustLevel::ActWithApproval,
            &ops(),
            "audit",
        )
        .unwrap();
    f
}

#[test]
fn an_explanation_is_read_line_by_line() {
    let f = payments("pilot \u{202E}tolip");
    let asked = ToolRequest::new(agent("a"), tool("send_mail")).scope(scope("payments/eu"));
    insta::assert_snapshot!(explain(&f, &asked));
}

#[test]
fn an_explanation_is_read_by_machines() {
    let f = payments("pilot");
    f.admin
        .quarantine(&agent("a"), &scope("payments"), &ops(), "odd")
        .unwrap();
    let asked = ToolRequest::new(agent("a"), tool("send_mail")).scope(scope("payments"));
    insta::assert_json_snapshot!(explain(&f, &asked));
}
