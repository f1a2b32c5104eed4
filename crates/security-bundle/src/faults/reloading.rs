//! A configuration of which only a part could be put in force: the log does not say that it is in force.

use audit_trail::{Filter, Kind};

use super::bench::{Bench, Ground, ops};
use super::{Call, Fault};
use crate::{Raises, ReloadError, SecurityStackConfig};

/// Another level for the tools, a budget more and an assignment more.
fn other(bench: &Bench) -> SecurityStackConfig {
    let mut config = SecurityStackConfig::clone(&bench.stack().config());
    let more = SecurityStackConfig::from_toml_str(
        r#"
        [[trust.assignments]]
        agent = "second"
        level = "L1"
        assigned_by = "ops@example.com"
        [[trust.tools]]
        tool = "read_*"
        required_level = "L3"
        effect = "read_public"
        [[budget.budgets]]
        id = "second"
        calls = 3
        period = "lifetime"
        "#,
    )
    .unwrap();
    config.trust_gate.tools = more.trust_gate.tools;
    config.assignments.extend(more.assignments);
    config.budgets.extend(more.budgets);
    config
}

/// The rules that the log says are in force.
fn activated(bench: &Bench) -> String {
    let changes = bench.log().query(&Filter::new().kind(Kind::PolicyChange));
    let changes = changes.unwrap().records;
    let opened = bench.log().query(&Filter::new().event("stack_opened"));
    let opened = opened.unwrap().records;
    let said = opened.iter().chain(&changes);
    let last = said
        .filter(|entry| entry.policy().is_some())
        .max_by_key(|entry| entry.index());
    last.unwrap().policy().unwrap().digest.to_string()
}

fn in_force(bench: &Bench) -> String {
    bench.stack().core().rules.load().policy.to_string()
}

fn reload(bench: &Bench) -> Result<(), ReloadError> {
    let config = other(bench);
    let stack = bench.stack();
    let reloaded = stack.reload(config, &ops(), "review", Raises::Confirmed);
    reloaded.map(drop)
}

#[test]
fn the_log_says_which_configuration_is_in_force_also_where_one_was_put_in_force_in_part() {
    let bench = Bench::new(Ground::Journal);
    let before = in_force(&bench);
    bench.plan.arm(usize::MAX, Fault::Refuses);
    reload(&bench).unwrap();
    let (calls, _) = bench.plan.disarm();
    assert_eq!(activated(&bench), in_force(&bench));
    assert_ne!(in_force(&bench), before);

    let takes = calls.iter().enumerate();
    let takes: Vec<_> = takes.filter(|(_, call)| **call == Call::Take).collect();
    assert!(takes.len() > 4, "{calls:?}");
    for (nth, (at, _)) in takes.into_iter().enumerate() {
        let bench = Bench::new(Ground::Journal);
        bench.plan.arm(at, Fault::Refuses);
        let error = reload(&bench).unwrap_err();
        assert!(bench.plan.disarm().1);
        let is_partial = matches!(error, ReloadError::Partial(_));
        assert_eq!(is_partial, nth > 0, "{nth}: {error}");
        assert_eq!(in_force(&bench), before, "{nth}: {error}");
        assert_eq!(activated(&bench), before, "{nth}: {error}");
        // And it can be done again.
        reload(&bench).unwrap();
        assert_eq!(activated(&bench), in_force(&bench), "{nth}");
    }
}
