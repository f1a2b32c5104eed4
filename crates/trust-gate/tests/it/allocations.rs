//! A check allocates nothing, whatever it answers: memory is what threads that have nothing else in common wait for.

use std::hint::black_box;

use allocation_counter::measure;
use trust_gate::{
    Decay, Effect, TrustDecision, TrustGate, TrustGateConfig, TrustLevel, TrustOutcome,
};

use crate::fixture::{DAY, Fixture, agent, grant, request, scope};

const LONG: &str = "an-agent-whose-name-is-longer-than-what-a-name-holds-itself";

fn fixture() -> Fixture {
    let rule = |pattern: &str, effect| {
        trust_gate::ToolPolicy::new(pattern.parse().unwrap(), TrustLevel::Monitor, effect)
    };
    let f = Fixture::with(TrustGateConfig {
        tools: vec![
            rule("get_*", Effect::ReadPublic),
            rule("send", Effect::Write),
        ],
        ..TrustGateConfig::default()
    });
    for name in ["desk", LONG] {
        f.grant(name, "", TrustLevel::Suggest);
        f.grant(name, "office", TrustLevel::ActWithApproval);
    }
    let decay = Decay::step(DAY, TrustLevel::Monitor);
    f.admin
        .assign(grant("wears-out", TrustLevel::Autonomous).decay(decay))
        .unwrap();
    f.grant("shut-out", "", TrustLevel::Autonomous);
    f.admin
        .quarantine(&agent("shut-out"), &scope(""), &crate::fixture::ops(), "")
        .unwrap();
    f
}

/// The allocations of many checks, once one has told this thread to the gate.
fn allocations(gate: &TrustGate, check: impl Fn(&TrustGate) -> TrustDecision) -> u64 {
    let first = check(gate).outcome();
    let counted = measure(|| {
        for _ in 0..100 {
            assert_eq!(black_box(check(gate)).outcome(), first);
        }
    });
    counted.count_total
}

#[test]
fn the_counter_counts() {
    let counted = measure(|| drop(black_box(Box::new(7))));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn check_allocates_nothing() {
    let f = fixture();
    let mut outcomes = Vec::new();
    for name in ["desk", LONG, "wears-out", "shut-out", "stranger"] {
        for tool in ["get_time", "send", "wipe"] {
            for place in ["", "office", "office/two/three"] {
                let request = request(name, tool).scope(scope(place));
                let count = allocations(&f.gate, |gate| gate.check(&request));
                assert_eq!(count, 0, "{name} {tool} {place}");
                outcomes.push(f.gate.check(&request).outcome());
            }
        }
    }
    let some = |wanted: fn(&TrustOutcome) -> bool| outcomes.iter().any(wanted);
    assert!(some(|o| matches!(o, TrustOutcome::Permit { .. })));
    assert!(some(|o| matches!(o, TrustOutcome::NeedsApproval { .. })));
    assert!(some(|o| matches!(o, TrustOutcome::ProposeOnly)));
    assert!(some(|o| matches!(o, TrustOutcome::Deny(_))));
}

#[test]
fn check_level_allocates_nothing() {
    let f = fixture();
    for name in ["desk", LONG, "wears-out", "shut-out", "stranger"] {
        let (agent, scope) = (agent(name), scope("office"));
        let count = allocations(&f.gate, |gate| {
            gate.check_level(&agent, &scope, TrustLevel::Suggest)
        });
        assert_eq!(count, 0, "{name}");
    }
}

#[test]
fn check_under_the_systems_clock_allocates_nothing() {
    let (gate, admin) = TrustGate::builder().build().unwrap();
    admin
        .assign(grant("desk", TrustLevel::Autonomous).decay(Decay::cliff(DAY)))
        .unwrap();
    let (agent, scope) = (agent("desk"), scope(""));
    let count = allocations(&gate, |gate| {
        gate.check_level(&agent, &scope, TrustLevel::Suggest)
    });
    assert_eq!(count, 0);
}
