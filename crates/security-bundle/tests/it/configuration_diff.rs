//! What `SecurityStackConfig::diff` tells: nothing where nothing changed, and every loosening, also those that look harmless.

use security_bundle::{ConfigDiff, Direction, SecurityStackConfig};

const WHOLE: &str = include_str!("whole.toml");

fn config(text: &str) -> SecurityStackConfig {
    SecurityStackConfig::from_toml_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(crate) fn diff(old: &str, new: &str) -> ConfigDiff {
    SecurityStackConfig::diff(&config(old), &config(new)).unwrap()
}

fn is_loosened(old: &str, new: &str) -> bool {
    diff(old, new).loosens().next().is_some()
}

fn is_raised(old: &str, new: &str) -> bool {
    diff(old, new).raises().next().is_some()
}

#[test]
fn a_configuration_does_not_differ_from_itself() {
    for text in ["", WHOLE] {
        let diff = diff(text, text);
        assert!(diff.is_empty(), "{diff}");
        assert_eq!(diff.to_string(), "no difference");
    }
}

#[test]
fn a_difference_reads_as_a_table() {
    let new = WHOLE
        .replace("level = \"L3\"\nscope", "level = \"L4\"\nscope")
        .replace("mode = \"enforce\"", "mode = \"shadow\"")
        .replace("required_level = \"L1\"\n", "required_level = \"L2\"\n")
        .replace("\"daily\", calls = 500", "\"daily\", calls = 400")
        .replace("calls = 100\n", "calls = 200\n")
        .replace(
            "purpose = \"personalisation\"\ngranted_by",
            "purpose = \"marketing\"\ngranted_by",
        )
        .replace("\"prompts/*\" = \"L1\"", "\"prompts/*\" = \"deny\"")
        .replace("my-agent.production", "my-agent.test");
    let diff = diff(WHOLE, &new);
    insta::assert_snapshot!(diff, @r"
    ! raises    agent    desk-assistant   L3, L2 from 2026-11-29T00:00:00Z, L1 from 2026-12-06T00:00:00Z, L0 from 2200-01-01T00:00:00Z → L4, L3 from 2026-11-29T00:00:00Z, L2 from 2026-12-06T00:00:00Z, L1 from 2026-12-13T00:00:00Z, L0 from 2200-01-01T00:00:00Z
    - tightens  tool     get_*            L1 read_public → L2 read_public
    - tightens  method   prompts/*        L1 → deny
    - tightens  budget   llm-calls        100.00 USD monthly and 100000 tokens, 500 calls, 10.00 USD daily within team-a → 100.00 USD monthly and 100000 tokens, 400 calls, 10.00 USD daily within team-a
    + loosens   budget   budget.session   10000 tokens, 100 calls, 5.00 USD → 10000 tokens, 200 calls, 5.00 USD
    + loosens   consent  consent.grants   — → desk-assistant may use user_profile for marketing of ada to read, from 2026-01-01T00:00:00Z, until 2200-01-01T00:00:00Z
    - tightens  consent  consent.grants   desk-assistant may use user_profile for personalisation of ada to read, from 2026-01-01T00:00:00Z, until 2200-01-01T00:00:00Z → —
    ! raises    gate     mode             enforce → shadow
      changes   audit    audit.namespace  my-agent.production → my-agent.test
    ");
    let json = serde_json::to_string(&diff.changes()[1]).unwrap();
    insta::assert_snapshot!(json, @r#"{"direction":"tightens","raises":false,"part":"tool","subject":"get_*","old":"L1 read_public","new":"L2 read_public"}"#);
    let json = serde_json::to_string(&ConfigDiff::default()).unwrap();
    insta::assert_snapshot!(json, @r#"{"changes":[]}"#);
}

#[test]
fn what_changes_nothing_is_not_passed_over() {
    let old = "[[trust.assignments]]\nagent = \"a\"\nlevel = \"L1\"\nassigned_by = \"ops@example.com\"\nreason = \"one\"";
    let diff = diff(old, &old.replace("one", "other"));
    assert_eq!(diff.changes().len(), 1, "{diff}");
    assert_eq!(diff.changes()[0].direction, Direction::Changes);
}

#[test]
fn consent_is_looser_where_more_is_given_or_less_is_asked() {
    let grant = |more: &str| {
        format!(
            "[[consent.grants]]\nagent = \"a\"\ngranted_by = \"ada\"\ndata_type = \"d\"\n{more}\n"
        )
    };
    let rule = |more: &str| format!("[[consent.tools]]\ndata_type = \"d\"\n{more}\n");
    let required = |rest: &str| format!("consent.required = true\n{rest}");
    for (old, new, loosens) in [
        (String::new(), grant("purpose = \"p\""), true),
        (grant("purpose = \"p\""), String::new(), false),
        (grant("purpose = \"p\""), grant("blanket = true"), true),
        (grant("blanket = true"), grant("purpose = \"p\""), false),
        (grant("purpose = \"p\""), grant("purpose = \"p.q\""), false),
        (grant("purpose = \"p.q\""), grant("purpose = \"p\""), true),
        (
            grant("purpose = \"p\"\nsubject = \"ada\""),
            grant("purpose = \"p\""),
            true,
        ),
        (
            grant("purpose = \"p\""),
            grant("purpose = \"p\"\nexpires_at = \"2200-01-01T00:00:00Z\""),
            false,
        ),
        (
            grant("purpose = \"p\"\nexpires_at = \"2200-01-01T00:00:00Z\""),
            grant("purpose = \"p\""),
            true,
        ),
        (
            grant("purpose = \"p\"\nvalid_from = \"2200-01-01T00:00:00Z\""),
            grant("purpose = \"p\""),
            true,
        ),
        (
            String::new(),
            "consent.default_deny = false".to_owned(),
            true,
        ),
        (
            "consent.default_deny = false".to_owned(),
            String::new(),
            false,
        ),
        (rule("tool = \"t\""), String::new(), true),
        (String::new(), rule("tool = \"t\""), false),
        (required(""), required(&rule("tool = \"t\"")), true),
        (rule("tool = \"t*\""), rule("tool = \"tt\""), true),
        (rule("tool = \"t\""), rule("tool = \"t*\""), false),
        (
            rule("tool = \"t\"\npurpose = \"p\""),
            rule("tool = \"t\"\npurpose = \"q\""),
            true,
        ),
        (required(""), String::new(), true),
    ] {
        let diff = diff(&old, &new);
        assert!(!diff.is_empty(), "{old}---\n{new}");
        assert_eq!(
            diff.loosens().next().is_some(),
            loosens,
            "{old}---\n{new}\n{diff}"
        );
    }
}

#[test]
fn the_rest_is_told_in_its_direction() {
    for (old, new, loosens) in [
        ("", "audit.required = false", true),
        ("audit.required = false", "", false),
        (
            "audit.level = \"detailed\"",
            "audit.level = \"standard\"",
            true,
        ),
        (
            "audit.level = \"minimal\"",
            "audit.level = \"standard\"",
            false,
        ),
        (
            "",
            "mcp.child_env = [\"PATH\", \"HOME\", \"LANG\", \"TOKEN\"]",
            true,
        ),
        ("", "mcp.child_env = [\"PATH\"]", false),
        ("", "mcp.approval_wait = \"2m\"", false),
        ("", "trust.required = true", false),
        ("trust.required = true", "", true),
        ("", "trust.approvals.ttl = \"1h\"", true),
        ("", "trust.elevation.max_level = 4", false),
        ("", "trust.break_glass.max_duration = \"2h\"", true),
        (
            "agent = { id = \"a\", session = \"s\" }",
            "agent = { id = \"a\", session = \"t\" }",
            true,
        ),
    ] {
        let diff = diff(old, new);
        assert!(!diff.is_empty(), "{old}---\n{new}");
        assert_eq!(
            diff.loosens().next().is_some(),
            loosens,
            "{old}---\n{new}\n{diff}"
        );
        assert!(diff.raises().next().is_none(), "{diff}");
    }
    assert!(is_loosened(
        "audit.level = \"detailed\"",
        "audit.level = \"minimal\""
    ));
    assert!(!is_raised(
        "audit.level = \"detailed\"",
        "audit.level = \"minimal\""
    ));
}

#[test]
fn what_a_file_says_cannot_steer_the_terminal() {
    let diff = diff("", "mcp.methods = { \"a\\u001b[31m\\u202e\" = \"pass\" }");
    let text = diff.to_string();
    assert!(
        text.contains("\\u{1b}") && !text.contains('\u{202e}') && !text.contains('\u{1b}'),
        "{text}"
    );
}

#[test]
fn what_does_not_hold_is_refused() {
    let mut broken = config("");
    broken.trust_gate.default_level = security_bundle::Tier("nobody-knows").into();
    let error = SecurityStackConfig::diff(&config(""), &broken).unwrap_err();
    assert!(error.message.contains("nobody-knows"), "{error}");
}
