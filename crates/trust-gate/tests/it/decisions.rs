//! What the gate answers, and in which words.

use std::num::NonZeroU8;

use trust_gate::{
    ApprovalRule, Effect, LevelRef, Tier, ToolHints, ToolPolicy, ToolRequest, TrustGateConfig,
    TrustLevel, TrustOutcome,
};

use crate::fixture::{Fixture, agent, grant, request, scope, tool};

fn policy(pattern: &str, level: TrustLevel, effect: Effect) -> ToolPolicy {
    ToolPolicy::new(pattern.parse().unwrap(), level, effect)
}

fn gate_of(tools: Vec<ToolPolicy>) -> Fixture {
    Fixture::with(TrustGateConfig {
        tools,
        ..TrustGateConfig::default()
    })
}

/// A gate with an agent at each level, called `at-L0` and so on.
fn with_every_level(tools: Vec<ToolPolicy>) -> Fixture {
    let f = gate_of(tools);
    for level in TrustLevel::ALL {
        f.admin
            .assign(grant(&format!("at-{level}"), level))
            .unwrap();
    }
    f
}

fn shown(outcome: TrustOutcome) -> String {
    match outcome {
        TrustOutcome::Permit { obligations } if obligations.report() => "permit+report".into(),
        TrustOutcome::Permit { .. } => "permit".into(),
        TrustOutcome::NeedsApproval { approvers } => format!("approval by {approvers}"),
        TrustOutcome::ProposeOnly => "propose".into(),
        TrustOutcome::Deny(reason) => format!("deny: {}", reason.code()),
    }
}

#[test]
fn the_whole_table_of_levels_and_effects() {
    let mut table = Vec::new();
    for approval in [ApprovalRule::ByLevel, ApprovalRule::Always] {
        for required in TrustLevel::ALL {
            table.push(format!("\nrequired {required}, approval {approval:?}"));
            let rules = Effect::ALL.map(|effect| {
                policy(effect.code(), required, effect)
                    .approval(approval)
                    .approvers(NonZeroU8::new(2).unwrap())
            });
            let f = with_every_level(rules.into());
            for level in TrustLevel::ALL {
                let name = format!("at-{level}");
                let row = Effect::ALL.map(|effect| {
                    let decision = f.gate.check(&request(&name, effect.code()));
                    assert_eq!(
                        decision.allowed(),
                        matches!(decision.outcome(), TrustOutcome::Permit { .. })
                    );
                    assert_eq!(
                        decision.visible(),
                        !matches!(decision.outcome(), TrustOutcome::Deny(_))
                    );
                    format!("{:26}", shown(decision.outcome()))
                });
                table.push(format!("{level}  {}", row.concat()).trim_end().to_owned());
            }
        }
    }
    insta::assert_snapshot!("level_by_effect", table.join("\n"));
}

#[test]
fn the_texts() {
    let f = with_every_level(vec![
        policy("read", TrustLevel::Monitor, Effect::ReadPublic),
        policy("read_private", TrustLevel::Monitor, Effect::ReadSensitive),
        policy("write", TrustLevel::Monitor, Effect::Write),
        policy("wipe", TrustLevel::Monitor, Effect::Destructive)
            .approvers(NonZeroU8::new(3).unwrap()),
    ]);
    f.admin
        .quarantine(
            &agent("at-L5"),
            &scope("hr"),
            &crate::fixture::ops(),
            "leaked",
        )
        .unwrap();
    let asked = [
        request("at-L2", "read"),
        request("at-L2", "read").scope(scope("payments/eu")),
        request("at-L0", "read"),
        request("stranger", "read").scope(scope("s")),
        request("at-L1", "read_private"),
        request("at-L2", "write"),
        request("at-L3", "write"),
        request("at-L3", "wipe"),
        request("at-L4", "wipe"),
        request("at-L5", "undreamt_of"),
        request("at-L5", "read").scope(scope("hr/pay")),
    ];
    let texts: Vec<String> = asked
        .iter()
        .map(|request| {
            let decision = f.gate.check(request);
            format!("{}: {}", decision.code(), decision.reason())
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n"), @r##"
    sufficient: Agent 'at-L2' has trust level Suggest (2), which satisfies the required level Monitor (1).
    sufficient: Agent 'at-L2' in scope 'payments/eu' has trust level Suggest (2), which satisfies the required level Monitor (1).
    trust_too_low: Agent 'at-L0' has trust level Observer (0), which is below the required level Monitor (1).
    trust_too_low: Agent 'stranger' in scope 's' has trust level Observer (0), which is below the required level Monitor (1).
    effect_not_allowed: Agent 'at-L1' has trust level Monitor (1), which satisfies the required level Monitor (1), but is too low for what the tool does.
    propose_only: Agent 'at-L2' has trust level Suggest (2), which satisfies the required level Monitor (1), but such a call may only be proposed.
    needs_approval: Agent 'at-L3' has trust level Act (Approval Required) (3), which satisfies the required level Monitor (1), but the call needs approval by 1 operator first.
    needs_approval: Agent 'at-L3' has trust level Act (Approval Required) (3), which satisfies the required level Monitor (1), but the call needs approval by 3 operators first.
    sufficient: Agent 'at-L4' has trust level Act (Report After) (4), which satisfies the required level Monitor (1).
    unknown_tool: Tool 'undreamt_of' is not named by any tool policy.
    quarantined: Agent 'at-L5' in scope 'hr/pay' is quarantined until an operator lifts it.
    "##);
}

#[test]
fn the_first_rule_that_matches_decides() {
    let f = gate_of(vec![
        policy("get_secret*", TrustLevel::Autonomous, Effect::ReadSensitive),
        policy("get_time", TrustLevel::Monitor, Effect::ReadPublic),
        policy("get_*", TrustLevel::Suggest, Effect::ReadPublic),
        policy("get_secret_key", TrustLevel::Observer, Effect::ReadPublic),
        policy("get_time", TrustLevel::Autonomous, Effect::ReadPublic),
        policy("*", TrustLevel::ActAndReport, Effect::Destructive),
    ]);
    let required = |name| f.gate.check(&request("a", name)).required();
    assert_eq!(required("get_secret_key"), Some(TrustLevel::Autonomous));
    assert_eq!(required("get_time"), Some(TrustLevel::Monitor));
    assert_eq!(required("get_weather"), Some(TrustLevel::Suggest));
    assert_eq!(required("GET_time"), Some(TrustLevel::ActAndReport));
    let matched = f.gate.policy(&tool("get_weather")).unwrap();
    assert_eq!(matched.tool.as_str(), "get_*");
}

#[test]
fn a_tool_that_no_rule_names_is_denied_whatever_the_level() {
    for f in [
        gate_of(Vec::new()),
        gate_of(vec![policy(
            "read",
            TrustLevel::Observer,
            Effect::ReadPublic,
        )]),
    ] {
        f.admin.assign(grant("a", TrustLevel::Autonomous)).unwrap();
        let decision = f.gate.check(&request("a", "reads"));
        assert_eq!(decision.code(), "unknown_tool");
        assert_eq!(decision.required(), None);
        assert!(!decision.visible());
        assert!(f.gate.policy(&tool("reads")).is_none());
    }
}

#[test]
fn the_one_rule_gate_compares_one_tool_as_an_ordinal() {
    let config = TrustGateConfig::new(Tier("verified"), "file-reader").unwrap();
    let f = Fixture::with(config);
    for level in TrustLevel::ALL {
        f.admin.assign(grant("a", level)).unwrap();
        let decision = f.gate.check(&request("a", "file-reader"));
        assert_eq!(decision.allowed(), level >= TrustLevel::Suggest, "{level}");
        assert!(!f.gate.check(&request("a", "file-writer")).allowed());
    }
}

#[test]
fn the_one_rule_gate_is_not_made_of_a_pattern() {
    for name in ["*", "file-*", "", " file"] {
        assert!(
            TrustGateConfig::new(TrustLevel::Monitor, name).is_err(),
            "{name}"
        );
    }
}

#[test]
fn a_level_asked_for_by_the_tools_own_code_can_only_tighten() {
    let f = with_every_level(vec![policy(
        "read",
        TrustLevel::Suggest,
        Effect::ReadPublic,
    )]);
    let ask = |name: &str, called: &str, level| {
        f.gate.check(&request(name, called).required_level(level))
    };
    assert!(!ask("at-L1", "read", TrustLevel::Observer).allowed());
    assert!(!ask("at-L2", "read", TrustLevel::ActWithApproval).allowed());
    assert!(ask("at-L3", "read", TrustLevel::ActWithApproval).allowed());
    assert!(ask("at-L3", "elsewhere", TrustLevel::ActWithApproval).allowed());
    assert_eq!(
        ask("at-L2", "elsewhere", TrustLevel::ActWithApproval).code(),
        "trust_too_low"
    );
}

#[test]
fn hints_of_the_tool_server_can_only_tighten() {
    let hints: Vec<ToolHints> = [None, Some(false), Some(true)]
        .into_iter()
        .flat_map(|read_only| {
            [None, Some(false), Some(true)].map(|destructive| ToolHints {
                read_only,
                destructive,
            })
        })
        .collect();
    for effect in Effect::ALL {
        for hints in &hints {
            assert!(effect.tightened_by(*hints) >= effect);
        }
    }
    let f = with_every_level(vec![policy(
        "read",
        TrustLevel::Monitor,
        Effect::ReadPublic,
    )]);
    let hinted = |read_only, destructive| {
        let hints = ToolHints {
            read_only,
            destructive,
        };
        f.gate.check(&request("at-L2", "read").hints(hints)).code()
    };
    assert_eq!(hinted(None, None), "sufficient");
    assert_eq!(hinted(Some(true), Some(false)), "sufficient");
    assert_eq!(hinted(Some(false), None), "propose_only");
    assert_eq!(hinted(Some(false), Some(false)), "propose_only");
    assert_eq!(hinted(None, Some(true)), "propose_only");
    assert_eq!(hinted(Some(true), Some(true)), "propose_only");
}

#[test]
fn check_level_is_the_ordinal_alone() {
    let f = with_every_level(Vec::new());
    for level in TrustLevel::ALL {
        for required in TrustLevel::ALL {
            let decision =
                f.gate
                    .check_level(&agent(&format!("at-{level}")), &scope("s"), required);
            assert_eq!(decision.allowed(), level >= required);
            assert_eq!(
                decision.code(),
                if level >= required {
                    "sufficient"
                } else {
                    "trust_too_low"
                }
            );
        }
    }
}

#[test]
fn require_is_the_decision_as_a_result() {
    let f = with_every_level(vec![policy("write", TrustLevel::Monitor, Effect::Write)]);
    let ask = |name: &str| f.gate.check(&request(name, "write"));
    assert!(ask("at-L5").require().is_ok());
    for name in ["at-L0", "at-L1", "at-L2", "at-L3"] {
        let denied = ask(name).require().unwrap_err();
        assert_eq!(denied.code(), ask(name).code());
        assert_eq!(denied.to_string(), ask(name).reason().to_string());
        assert!(!denied.decision().allowed());
    }
}

#[test]
fn a_decision_says_what_it_rests_on() {
    let f = Fixture::new();
    let event = f
        .admin
        .assign(grant("a", TrustLevel::Suggest).scope(scope("s")))
        .unwrap();
    let decision = f
        .gate
        .check_level(&agent("a"), &scope("s"), TrustLevel::Monitor);
    assert_eq!(decision.revision(), event.revision);
    assert_eq!(decision.at(), crate::fixture::NOON);
    assert_eq!(decision.effective(), TrustLevel::Suggest);
    assert_eq!(decision.required(), Some(TrustLevel::Monitor));
    assert_eq!(decision.agent(), &agent("a"));
    assert_eq!(decision.scope(), &scope("s"));
}

/// A request of another crate, which carries more than trust asks for.
struct Wider(ToolRequest);

impl AsRef<ToolRequest> for Wider {
    fn as_ref(&self) -> &ToolRequest {
        &self.0
    }
}

#[test]
fn whatever_holds_a_request_can_be_checked() {
    let f = gate_of(vec![policy(
        "read",
        TrustLevel::Observer,
        Effect::ReadPublic,
    )]);
    assert!(f.gate.check(&Wider(request("a", "read"))).allowed());
    let boxed: Box<dyn AsRef<ToolRequest>> = Box::new(Wider(request("a", "read")));
    assert!(f.gate.check(&*boxed).allowed());
}

#[test]
fn tool_policies_are_replaced_for_the_next_check() {
    let f = gate_of(vec![policy(
        "read",
        TrustLevel::Observer,
        Effect::ReadPublic,
    )]);
    assert!(f.gate.check(&request("a", "read")).allowed());
    let stricter = vec![ToolPolicy::ordinal(
        "read".parse().unwrap(),
        LevelRef::from(Tier("privileged")),
    )];
    f.admin
        .set_tool_policies(stricter, &crate::fixture::ops(), "incident")
        .unwrap();
    assert_eq!(f.gate.check(&request("a", "read")).code(), "trust_too_low");
}

#[test]
fn a_credential_can_only_lower_what_the_gate_would_give() {
    let f = Fixture::with(TrustGateConfig {
        tools: vec![ToolPolicy::new(
            "read".parse().unwrap(),
            TrustLevel::Observer,
            Effect::ReadPublic,
        )],
        ..TrustGateConfig::default()
    });
    for given in TrustLevel::ALL {
        f.grant("a", "", given);
        for most in TrustLevel::ALL {
            let decision = f.gate.check(&request("a", "read").at_most(most));
            assert_eq!(decision.effective(), given.min(most));
        }
    }
}
