//! What went wrong in stacks like this one, and does not in this one.

use security_bundle::audit_trail::{Filter, Kind};
use security_bundle::{SecurityStackConfig, Usage, create_security_stack};

use crate::support::{Answer, Bench, Fault};

const READS: &str = r#"
    [[trust.assignments]]
    agent = "bot"
    level = "L4"
    assigned_by = "ops@example.com"

    [[trust.tools]]
    tool = "read_*"
    required_level = "L1"
    effect = "read_public"
"#;

#[test]
fn a_budget_is_not_left_debited_when_consent_denies() {
    let bench = Bench::new();
    let action = bench.action(Answer::Allow, Answer::Allow, Answer::Deny);
    for _ in 0..200 {
        // More than the whole budget, were each of them debited.
        let denied = bench.stack.guard().authorize_blocking(&action).unwrap_err();
        assert_eq!(denied.code(), "purpose_not_covered");
    }
    assert_eq!(bench.spent_and_held(), (0, 0));
    let permit = bench.stack.guard().authorize_blocking(&bench.allowed());
    permit.unwrap().cancel_blocking().unwrap();
}

#[test]
fn a_typo_in_a_field_skips_no_check() {
    for (right, wrong) in [
        ("required_level", "require_level"),
        ("effect", "effects"),
        ("tool =", "tols ="),
        ("trust.tools", "trust.tool"),
        ("trust.assignments", "trusts.assignments"),
        ("assigned_by", "assignedby"),
    ] {
        let text = READS.replace(right, wrong);
        assert_ne!(text, READS);
        let refused = SecurityStackConfig::from_toml_str(&text);
        assert!(refused.is_err(), "{wrong}");
    }
    for wrong in [
        "[consent]\ndefault_denny = true\n",
        "[[consent.tools]]\ntool = \"*\"\ndatatype = \"profile\"\npurpose = \"support\"\n",
        "[[budget.tools]]\ntool = \"*\"\nbudgets = \"team\"\n",
        "[audit]\nrequire = true\n",
    ] {
        let text = format!("{READS}\n{wrong}");
        assert!(
            SecurityStackConfig::from_toml_str(&text).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn a_corrupt_policy_file_is_not_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stack.toml");
    std::fs::write(&path, READS).unwrap();
    drop(SecurityStackConfig::from_path(&path).unwrap());
    let whole = READS.as_bytes();
    for corrupt in [
        &whole[..whole.len() - 20],
        b"[[trust.assignments",
        b"\xff\xfe\x00",
        b"{}}",
        b"agent: bot",
    ] {
        std::fs::write(&path, corrupt).unwrap();
        assert!(
            SecurityStackConfig::from_path(&path).is_err(),
            "{corrupt:?}"
        );
    }
    assert!(SecurityStackConfig::from_path(dir.path().join("gone.toml")).is_err());
}

#[test]
fn an_unknown_tool_is_not_allowed() {
    let mut config = SecurityStackConfig::from_toml_str(READS).unwrap();
    config.assignments[0].level = security_bundle::TrustLevel::Autonomous.into();
    let stack = create_security_stack(config).unwrap();
    let guard = stack.guard();
    for tool in ["write_file", "READ_FILE", "read", "xread_file"] {
        let action = guard.action("bot").tool(tool).build().unwrap();
        let denied = guard.authorize_blocking(&action).unwrap_err();
        assert_eq!(denied.code(), "unknown_tool", "{tool}");
        let (agent, scope) = ("bot".parse().unwrap(), "".parse().unwrap());
        assert!(!guard.tool_visible(&agent, &scope, &tool.parse().unwrap()));
    }
}

#[test]
fn an_audit_sink_that_is_down_is_noticed() {
    let bench = Bench::new();
    bench.recorder.set(Fault::Refuses);
    let denied = bench.stack.guard().authorize_blocking(&bench.allowed());
    assert_eq!(denied.unwrap_err().code(), "audit_unavailable");
    assert_eq!(bench.stack.guard().losses(), 1);

    // Where somebody chose that it need not be up, each loss is counted all the same.
    let mut lax = SecurityStackConfig::default();
    lax.audit.required = false;
    let bench = Bench::with(lax);
    bench.recorder.set(Fault::Refuses);
    let permit = bench.stack.guard().authorize_blocking(&bench.allowed());
    permit.unwrap().settle_blocking(Usage::default()).unwrap();
    assert!(bench.stack.guard().losses() >= 1);
}

#[test]
fn a_log_that_holds_ten_thousand_entries_stops_no_call() {
    let config = SecurityStackConfig::from_toml_str(READS).unwrap();
    let stack = create_security_stack(config).unwrap();
    let guard = stack.guard();
    let action = guard.action("bot").tool("read_file").build().unwrap();
    for call in 0..5_100 {
        let permit = guard.authorize_blocking(&action);
        let permit = permit.unwrap_or_else(|denied| panic!("call {call}: {denied}"));
        permit.settle_blocking(Usage::default()).unwrap();
    }
    assert!(stack.audit.size().unwrap() > 10_001);
    assert_eq!(guard.losses(), 0);
    // The oldest may be gone from memory; the newest are there.
    let newest = Filter::new().kind(Kind::Outcome).newest_first().limit(1);
    assert_eq!(stack.audit.query(&newest).unwrap().records.len(), 1);
}
