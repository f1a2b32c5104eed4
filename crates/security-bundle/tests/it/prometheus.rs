//! What Prometheus reads: well formed, bounded, and the same figures as the log's and the budget's.

#![expect(clippy::float_cmp, reason = "counts and quarters of dollars are exact")]

use std::collections::BTreeSet;

use security_bundle::audit_trail::{Kind, Record};
use security_bundle::trust_gate::{Effect, ToolPolicy};
use security_bundle::{
    BudgetEnforcerConfig, BudgetSpec, Metrics, SecurityStack, SecurityStackConfig, Tier, Usage,
    create_security_stack,
};

use crate::exposition::Exposition;
use crate::support::{AGENT, ANSWERS, Bench, Fault, cost};

fn measured(config: SecurityStackConfig) -> (Bench, Metrics) {
    let mut metrics = None;
    let bench = Bench::observed(config, |config, stack| {
        stack.observer(metrics.insert(Metrics::new(config)).clone())
    });
    (bench, metrics.unwrap())
}

/// Each answer there is, each ending, and a loss.
fn busy() -> (Bench, Metrics) {
    let (bench, metrics) = measured(SecurityStackConfig::default());
    let guard = bench.stack.guard();
    for trust in &ANSWERS[..2] {
        for budget in &ANSWERS[..2] {
            for consent in &ANSWERS[..2] {
                let action = bench.action(*trust, *budget, *consent);
                drop(guard.evaluate_sync(&action));
                if let Ok(permit) = guard.authorize_blocking(&action) {
                    permit.settle_blocking(cost("0.25")).unwrap();
                }
            }
        }
    }
    let permit = || guard.authorize_blocking(&bench.allowed()).unwrap();
    permit()
        .fail_blocking("it broke", Usage::default())
        .unwrap();
    permit().cancel_blocking().unwrap();
    drop(permit());
    bench.recorder.set(Fault::Refuses);
    assert!(guard.authorize_blocking(&bench.allowed()).is_err());
    bench.recorder.set(Fault::None);
    (bench, metrics)
}

#[test]
fn the_figures_are_those_of_the_log_and_the_budget() {
    let (bench, metrics) = busy();
    let held = bench.stack.guard().authorize_blocking(&bench.allowed());
    let read = Exposition::read(&metrics.render());

    for outcome in ["allow", "deny"] {
        let entries = bench.of_kind(Kind::Decision);
        let of = |outcome: &str| {
            let is = |entry: &&_| entry_outcome(entry) == outcome;
            entries.iter().filter(is).count()
        };
        // One denial is not in the log: that it could not be recorded is why it is one.
        let unrecorded = usize::from(outcome == "deny");
        let counted = read.sum("secstack_decisions_total", &[("outcome", outcome)]);
        assert_eq!(counted, (of(outcome) + unrecorded) as f64);
        let answered = read.sum(
            "secstack_decision_duration_seconds_count",
            &[("outcome", outcome)],
        );
        assert_eq!(counted, answered);
    }
    for ending in ["settled", "failed", "cancelled", "abandoned"] {
        let entries = bench.of_kind(Kind::Outcome);
        let of = entries
            .iter()
            .filter(|entry| entry.event() == Some(ending))
            .count();
        let counted = read.sum(
            "secstack_permit_duration_seconds_count",
            &[("ending", ending)],
        );
        assert_eq!((counted, of), (1.0, 1), "{ending}");
    }
    let llm = [
        ("budget", "llm-calls"),
        ("dimension", "cost"),
        ("period", "lifetime"),
    ];
    let (spent, reserved) = bench.spent_and_held();
    assert!(spent > 0 && reserved == 1_500_000_000);
    let dollars = |nanos: u64| nanos as f64 / 1e9;
    assert_eq!(read.sum("secstack_budget_limit", &llm), 100.0);
    assert_eq!(read.sum("secstack_budget_used", &llm), dollars(spent));
    assert_eq!(read.sum("secstack_budget_reserved", &llm), 1.5);
    let remaining = dollars(100_000_000_000 - spent - reserved);
    assert_eq!(read.sum("secstack_budget_remaining", &llm), remaining);
    assert_eq!(read.sum("secstack_permits_open", &[]), 1.0);
    assert_eq!(read.sum("secstack_audit_lost_total", &[]), 1.0);
    drop(held);
    let read = Exposition::read(&metrics.render());
    assert_eq!(read.sum("secstack_permits_open", &[]), 0.0);
    assert_eq!(read.sum("secstack_budget_reserved", &llm), 0.0);
}

fn entry_outcome(entry: &Record) -> String {
    entry.decision().unwrap().outcome.to_string()
}

#[test]
fn the_text_is_as_documented() {
    let (_bench, metrics) = busy();
    let text = metrics.render();
    let stable = |line: &&str| {
        !line.contains("_bucket{") && !line.contains("_sum{") && !line.starts_with("# UNIT")
    };
    // The order of the series within a family is that of a hash map.
    let mut lines: Vec<Vec<&str>> = Vec::new();
    for line in text.lines().filter(stable) {
        if line.starts_with('#') {
            lines.push(vec![line]);
        } else {
            lines.last_mut().unwrap().push(line);
        }
    }
    for family in &mut lines {
        family.sort_unstable();
    }
    insta::assert_snapshot!(lines.concat().join("\n"));
}

#[test]
fn agents_sessions_and_made_up_tools_add_no_series() {
    let mut config = SecurityStackConfig::default();
    config.trust_gate.tools.push(ToolPolicy::new(
        "get_*".try_into().unwrap(),
        Tier("public"),
        Effect::ReadPublic,
    ));
    config.budget = BudgetEnforcerConfig::per_session().calls(5);
    let (bench, metrics) = measured(config);
    let guard = bench.stack.guard();
    let call = |n: usize| {
        for tool in [format!("get_{n}"), format!("erase_{n}")] {
            let action = guard.action(format!("agent-{n}")).session(format!("s-{n}"));
            drop(guard.evaluate_sync(&action.tool(tool).build().unwrap()));
        }
        // An operator's budget is in no configuration.
        let spec = BudgetSpec::new(format!("made-{n}").parse().unwrap()).calls(1);
        bench.stack.admin().budget().create_budget(spec).unwrap();
    };
    call(0);
    let before: BTreeSet<_> = Exposition::read(&metrics.render())
        .samples
        .into_keys()
        .collect();
    (1..300).for_each(call);
    let read = Exposition::read(&metrics.render());
    let tools = |tool| read.sum("secstack_decisions_total", &[("tool", tool)]);
    assert_eq!((tools("get_*"), tools("other")), (300.0, 300.0));
    let after: BTreeSet<_> = read.samples.into_keys().collect();
    assert_eq!(before, after);
    assert!(!metrics.render().contains("agent-"));
}

#[test]
fn names_that_hold_what_the_format_means_something_by_are_read_back_as_they_are() {
    let mut config = SecurityStackConfig::default();
    let odd = r#"a"b\c},{x="1"#;
    config.trust_gate.tools.push(ToolPolicy::new(
        odd.try_into().unwrap(),
        Tier("public"),
        Effect::ReadPublic,
    ));
    config
        .budgets
        .push(BudgetSpec::new(odd.parse().unwrap()).calls(7));
    let (bench, metrics) = measured(config);
    let guard = bench.stack.guard();
    let action = guard.action(AGENT).tool(odd).build().unwrap();
    drop(guard.evaluate_sync(&action));
    let read = Exposition::read(&metrics.render());
    assert_eq!(read.sum("secstack_decisions_total", &[("tool", odd)]), 1.0);
    assert_eq!(read.sum("secstack_budget_limit", &[("budget", odd)]), 7.0);
}

#[test]
fn a_stack_that_has_gone_leaves_its_counts_and_no_gauges() {
    let config = SecurityStackConfig::default();
    let metrics = Metrics::new(&config);
    let never = Exposition::read(&metrics.render());
    assert!(
        never
            .samples
            .keys()
            .all(|(name, _)| name == "secstack_permits_open")
    );
    let builder = SecurityStack::builder(config).observer(metrics.clone());
    let stack = builder.build().unwrap();
    drop(stack.evaluate_sync(&stack.action("a").tool("t").build().unwrap()));
    drop(stack);
    let read = Exposition::read(&metrics.render());
    assert_eq!(read.sum("secstack_decisions_total", &[]), 1.0);
    assert!(!read.families.contains_key("secstack_audit_lost"));
}

#[test]
fn an_action_of_another_stack_counts_where_it_was_asked() {
    let (bench, metrics) = measured(SecurityStackConfig::default());
    let other = create_security_stack(SecurityStackConfig::default()).unwrap();
    let action = other.action("a").tool("t").build().unwrap();
    drop(bench.stack.guard().evaluate_sync(&action));
    let read = Exposition::read(&metrics.render());
    let foreign = read.sum("secstack_decisions_total", &[("reason", "foreign_action")]);
    assert_eq!(foreign, 1.0);
}

/// The families of a stack that has everything.
fn rendered() -> BTreeSet<String> {
    let (_bench, metrics) = busy();
    let families = Exposition::read(&metrics.render()).families;
    families.into_keys().collect()
}

/// The names in a text that begin as the stack's do, without what the format adds to a family's.
fn named(text: &str) -> BTreeSet<String> {
    let letter = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = text.split(|c| !letter(c));
    // A log's own figures are those of the command that serves it.
    let ours = |word: &&str| word.starts_with("secstack_") && !word.starts_with("secstack_log_");
    let names = words.filter(ours);
    let suffixes = ["_total", "_bucket", "_sum", "_count"];
    let family = |name: &str| {
        let cut = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        cut.unwrap_or(name).to_owned()
    };
    names.map(family).collect()
}

#[test]
fn the_dashboard_draws_every_metric_and_no_other() {
    let text = include_str!("../../../../docs/grafana/secstack.json");
    let dashboard: serde_json::Value = serde_json::from_str(text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let queries: Vec<_> = targets
        .flatten()
        .map(|t| t["expr"].as_str().unwrap())
        .collect();
    assert_eq!(named(&queries.join(" ")), rendered());
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "a panel's id is its own");
}

#[test]
fn the_documents_name_every_metric_and_no_other() {
    let text = include_str!("../../../../docs/observability.md");
    assert_eq!(named(text), rendered());
}
