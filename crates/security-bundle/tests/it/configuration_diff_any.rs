//! Any two configurations: whatever the stack of the new one lets through and that of the old one does not, is told.

use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use security_bundle::budget_enforcer::{BudgetSpec, Limits, Period};
use security_bundle::trust_gate::{
    AgentId, ApprovalRule, Clock as _, Decay, Effect, Grant, ManualClock, Scope, ScopeMode,
    ToolHints, ToolName, ToolPolicy, ToolRequest, TrustGate, TrustOutcome,
};
use security_bundle::{
    Amounts, BudgetToolRule, ConfigPart, ConsentToolRule, McpConfig, MethodRule, SecurityStack,
    SecurityStackConfig, TrustLevel, consent,
};
use time::OffsetDateTime;
use time::macros::datetime;

const START: OffsetDateTime = datetime!(2026-03-30 22:00 UTC);
const DAY: Duration = Duration::from_secs(86_400);

fn level() -> impl Strategy<Value = TrustLevel> {
    select(TrustLevel::ALL.to_vec())
}

fn decay() -> impl Strategy<Value = Decay> {
    let days = || (1_u32..6).prop_map(|days| DAY * days);
    prop_oneof![
        Just(Decay::None),
        (days(), level()).prop_map(|(ttl, to)| Decay::Cliff { ttl, to }),
        (days(), days()).prop_map(|(every, grace)| Decay::Step {
            every,
            grace,
            floor: TrustLevel::Observer
        }),
        (1_u32..6).prop_map(|days| Decay::Inactivity {
            gradual_days: days,
            cliff_days: 90
        }),
    ]
}

fn grant() -> impl Strategy<Value = Grant> {
    let scope = select(vec!["", "s", "s/t", "u"]);
    (
        select(vec!["a", "b"]),
        level(),
        scope,
        0_u32..3,
        option::of(4_u32..20),
        decay(),
    )
        .prop_map(|(agent, level, scope, start, end, decay)| {
            let mut grant = Grant::new(
                agent.parse().unwrap(),
                level,
                "ops@example.com".parse().unwrap(),
            )
            .scope(scope.parse().unwrap())
            .assigned_at(START - DAY * 3 + DAY * start)
            .decay(decay);
            grant.expires_at = end.map(|end| START + DAY * end);
            grant
        })
}

fn rule() -> impl Strategy<Value = ToolPolicy> {
    let effect = option::of(select(Effect::ALL.to_vec()));
    ("[ab*]{1,3}", level(), effect, any::<bool>(), 1_u8..3).prop_map(
        |(tool, level, effect, asks, approvers)| ToolPolicy {
            tool: tool.parse().unwrap(),
            required_level: level.into(),
            effect,
            approval: if asks {
                ApprovalRule::Always
            } else {
                ApprovalRule::ByLevel
            },
            approvers: NonZeroU8::new(approvers).unwrap(),
        },
    )
}

/// Each of a few edits leaves the rest as it is, so that the two are near each other.
fn edited<T: Clone + std::fmt::Debug + 'static>(
    one: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = (Vec<T>, Vec<T>)> {
    (
        vec(one.clone(), 0..4),
        vec((0_usize..5, option::of(one)), 0..3),
        any::<bool>(),
    )
        .prop_map(|(old, edits, swap)| {
            let mut new = old.clone();
            for (at, item) in edits {
                let at = at.min(new.len());
                match item {
                    Some(item) => new.insert(at, item),
                    None if at < new.len() => drop(new.remove(at)),
                    None => {}
                }
            }
            if swap {
                new.reverse();
            }
            (old, new)
        })
}

fn levels(config: &SecurityStackConfig, days: u32) -> TrustGate {
    let (gate, admin) = TrustGate::builder()
        .config(config.trust_gate.clone())
        .clock(ManualClock::new(START + DAY * days))
        .build()
        .unwrap();
    for grant in &config.assignments {
        admin.assign(grant.clone()).unwrap();
    }
    gate
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_level_that_is_higher_at_some_time_is_missed(
        (old, new) in edited(grant().boxed()),
        modes in [any::<bool>(), any::<bool>()],
        defaults in [0_u8..3, 0_u8..3],
        maxes in [3_u8..6, 3_u8..6],
    ) {
        let config = |grants: Vec<Grant>, side: usize| {
            let mut config = SecurityStackConfig { assignments: grants, ..SecurityStackConfig::default() };
            let gate = &mut config.trust_gate;
            gate.scope_mode = if modes[side] { ScopeMode::Exact } else { ScopeMode::Hierarchical };
            gate.default_level = TrustLevel::try_from(defaults[side]).unwrap().into();
            gate.max_level = TrustLevel::try_from(maxes[side]).unwrap().into();
            config
        };
        let (old, new) = (config(old, 0), config(new, 1));
        let diff = SecurityStackConfig::diff(&old, &new).unwrap();
        let is_named = |agent: &str| old.assignments.iter().chain(&new.assignments).any(|grant| grant.agent.as_str() == agent);
        let raised = |agent: &str| diff.raises().any(|change| {
            change.subject.starts_with(agent) || (!is_named(agent) && change.subject == "everyone else")
        });
        for days in 0..25 {
            let (before, after) = (levels(&old, days), levels(&new, days));
            for name in ["a", "b", "c"] {
                let agent: AgentId = name.parse().unwrap();
                for scope in ["", "s", "s/t", "s/t/x", "s/y", "u", "u/v", "w"] {
                    let scope: Scope = scope.parse().unwrap();
                    let (was, is) = (before.level(&agent, &scope).effective, after.level(&agent, &scope).effective);
                    prop_assert!(is <= was || raised(name), "{name} in `{scope}` on day {days}: {was} to {is}\n{diff}");
                }
            }
        }
        prop_assert!(SecurityStackConfig::diff(&new, &new).unwrap().is_empty());
    }

    #[test]
    fn no_tool_that_lets_more_through_is_missed((old, new) in edited(rule().boxed()), least in [option::of(level()), option::of(level())]) {
        let config = |tools: Vec<ToolPolicy>, least: Option<TrustLevel>| {
            let mut config = SecurityStackConfig { minimum_level: least.map(Into::into), ..SecurityStackConfig::default() };
            config.trust_gate.tools = tools;
            for level in TrustLevel::ALL {
                let agent = format!("agent-{level}").parse().unwrap();
                config.assignments.push(Grant::new(agent, level, "ops@example.com".parse().unwrap()));
            }
            config
        };
        let (old, new) = (config(old, least[0]), config(new, least[1]));
        let diff = SecurityStackConfig::diff(&old, &new).unwrap();
        let told = diff.loosens().any(|change| matches!(change.part, ConfigPart::Tool | ConfigPart::Gate));
        let gates = [&old, &new].map(|config| {
            let mut config = config.clone();
            let least = config.minimum_level.take();
            for rule in &mut config.trust_gate.tools {
                let required = config.trust_gate.tiers.resolve(&rule.required_level).unwrap();
                let least = least.as_ref().map(|least| config.trust_gate.tiers.resolve(least).unwrap());
                rule.required_level = required.max(least.unwrap_or_default()).into();
            }
            levels(&config, 0)
        });
        for name in ["a", "b", "ab", "ba", "aa", "bb", "aab", "aba", "bab", "abab", "c", "ac", "ca", "bc", "acb"] {
            let tool: ToolName = name.parse().unwrap();
            for level in TrustLevel::ALL {
                let agent: AgentId = format!("agent-{level}").parse().unwrap();
                for hints in [ToolHints::default(), ToolHints { read_only: Some(false), destructive: Some(false) }] {
                    for asked in [None, Some(TrustLevel::Monitor), Some(TrustLevel::Autonomous)] {
                        let mut request = ToolRequest::new(agent.clone(), tool.clone()).hints(hints);
                        request.required_level = asked;
                        let [was, is] = [0, 1].map(|side| goes(gates[side].check(&request).outcome()));
                        prop_assert!(is <= was || told, "{name} for {level}: {was} to {is}\n{diff}");
                    }
                }
            }
        }
    }

    #[test]
    fn no_action_that_the_new_stack_permits_and_the_old_one_did_not_is_missed(old in anything(), new in anything()) {
        let (Ok(before), Ok(after)) = (stack(&old), stack(&new)) else {
            return Ok(());
        };
        let diff = SecurityStackConfig::diff(&old, &new).unwrap();
        let (was, is) = (permitted(&before), permitted(&after));
        for (action, (was, is)) in was.iter().zip(&is).enumerate() {
            prop_assert!(is <= was || diff.loosens().next().is_some(), "action {action}: {was} to {is}\n{diff}\n{old:#?}\n{new:#?}");
        }
    }
}

/// Greater where a call goes further; more operators are further off.
fn goes(outcome: TrustOutcome) -> u16 {
    match outcome {
        TrustOutcome::Deny(_) => 0,
        TrustOutcome::ProposeOnly => 1,
        TrustOutcome::NeedsApproval { approvers } => 300 - u16::from(approvers.get()),
        TrustOutcome::Permit { obligations } if obligations.report() => 300,
        TrustOutcome::Permit { .. } => 301,
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    (0_u64..4, option::of(0_u64..6)).prop_map(|(calls, tokens)| Limits {
        calls: Some(calls),
        tokens,
        cost: None,
    })
}

fn pattern() -> impl Strategy<Value = &'static str> {
    select(vec!["*", "t", "t*", "*u", "u"])
}

/// Whether anything of budgets and consent is demanded, given and charged, on a gate that lets every tool through.
fn anything() -> impl Strategy<Value = SecurityStackConfig> {
    let period = select(vec![
        Period::Hourly,
        Period::Daily,
        Period::Weekly,
        Period::Monthly,
        Period::Lifetime,
    ]);
    let budget =
        (limits(), period, option::of(any::<bool>())).prop_map(|(limits, period, rollover)| {
            let mut spec = BudgetSpec::new("b".parse().unwrap()).period(period);
            spec.limits = limits;
            spec.rollover = rollover;
            spec
        });
    let charge =
        (pattern(), any::<bool>(), option::of(0_u64..3)).prop_map(|(tool, named, calls)| {
            BudgetToolRule {
                tool: tool.parse().unwrap(),
                budget: named.then(|| "b".parse().unwrap()),
                amounts: Amounts {
                    calls,
                    ..Amounts::default()
                },
            }
        });
    let purpose = || option::of(select(vec!["p", "p.q", "r"]));
    let given = (purpose(), option::of(Just("ada"))).prop_map(|(purpose, subject)| {
        let (agent, data, by) = (
            "a".parse().unwrap(),
            "d".parse().unwrap(),
            "ada".parse().unwrap(),
        );
        let grant = match purpose {
            Some(purpose) => consent::Grant::new(agent, data, purpose.parse().unwrap(), by),
            None => consent::Grant::blanket(agent, data, by),
        };
        subject.into_iter().fold(grant, |grant, subject| {
            grant.subject(subject.parse().unwrap())
        })
    });
    let asked =
        (pattern(), purpose(), option::of(Just("ada"))).prop_map(|(tool, purpose, subject)| {
            ConsentToolRule {
                tool: tool.parse().unwrap(),
                data_type: "d".parse().unwrap(),
                purpose: purpose.map(|purpose| purpose.parse().unwrap()),
                subject: subject.map(|subject| subject.parse().unwrap()),
                operation: None,
            }
        });
    let flags = [any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()];
    (
        option::of(limits()),
        option::of(budget),
        vec(charge, 0..3),
        vec(given, 0..3),
        vec(asked, 0..3),
        flags,
    )
        .prop_map(
            |(
                session,
                budget,
                charges,
                grants,
                asked,
                [budget_required, consent_required, default_deny, rollover],
            )| {
                let mut config = SecurityStackConfig {
                    budgets: budget.into_iter().collect(),
                    budget_tools: charges,
                    grants,
                    consent_tools: asked,
                    ..SecurityStackConfig::default()
                };
                config.budget.session = session;
                config.budget.rollover_on_reset = rollover;
                config.mandatory.budget = budget_required;
                config.mandatory.consent = consent_required;
                config.consent.default_deny = default_deny;
                config.trust_gate.tools = vec![ToolPolicy::ordinal(
                    "*".parse().unwrap(),
                    TrustLevel::Observer,
                )];
                config
            },
        )
}

fn stack(
    config: &SecurityStackConfig,
) -> Result<(SecurityStack, ManualClock), security_bundle::StackError> {
    let clock = ManualClock::new(START);
    let time = Arc::new(clock.clone());
    let stack = SecurityStack::builder(config.clone())
        .clock(move || time.now())
        .build()?;
    Ok((stack, clock))
}

/// How many of the same calls are permitted, over some weeks: for each of several kinds, each in a stack of its own.
fn permitted((stack, clock): &(SecurityStack, ManualClock)) -> Vec<usize> {
    let kinds = ["t", "tu", "u", "x"];
    // Only the first kind sees fresh budgets; the others are told apart by whether they are let through at all before.
    let mut counts: Vec<usize> = kinds
        .iter()
        .map(|tool| usize::from(is_previewed(stack, tool)))
        .collect();
    let mut count = 0;
    for _ in 0..40 {
        let action = stack.action("a").tool("t").session("s").build().unwrap();
        if let Ok(permit) = stack.guard().authorize_blocking(&action) {
            permit
                .settle_blocking(security_bundle::Usage::default())
                .unwrap();
            count += 1;
        }
        clock.advance(Duration::from_secs(7 * 3600));
    }
    counts.push(count);
    counts
}

fn is_previewed(stack: &SecurityStack, tool: &str) -> bool {
    let action = stack.action("a").tool(tool).session("s").build().unwrap();
    stack.guard().preview(&action).allowed()
}

fn method() -> impl Strategy<Value = (String, MethodRule)> {
    let rule = prop_oneof![
        Just(MethodRule::Deny),
        Just(MethodRule::Pass),
        level().prop_map(|level| MethodRule::Level(level.into())),
    ];
    ("[ab*]{1,3}", rule)
}

proptest! {
    #[test]
    fn a_difference_of_methods_is_told_one_way_and_back(old in vec(method(), 0..4), new in vec(method(), 0..4)) {
        let config = |methods: Vec<(String, MethodRule)>| SecurityStackConfig {
            mcp: McpConfig { methods: methods.into_iter().collect(), ..McpConfig::default() },
            ..SecurityStackConfig::default()
        };
        let (old, new) = (config(old), config(new));
        let there = SecurityStackConfig::diff(&old, &new).unwrap();
        let back = SecurityStackConfig::diff(&new, &old).unwrap();
        prop_assert_eq!(there.is_empty(), old == new);
        let tightens = back.changes().iter().any(|change| change.direction == security_bundle::Direction::Tightens);
        prop_assert_eq!(there.loosens().next().is_some(), tightens, "{}\n{}", there, back);
    }
}
