//! What `SecurityStackConfig::diff` tells: nothing where nothing changed, and every loosening, also those that look harmless.

use security_bundle::{ConfigDiff, Direction, SecurityStackConfig};

const WHOLE: &str = include_str!("whole.toml");

fn config(text: &str) -> SecurityStackConfig {
    SecurityStackConfig::from_toml_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn diff(old: &str, new: &str) -> ConfigDiff {
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

fn assigned(more: &str) -> String {
    format!("[[trust.assignments]]\nagent = \"a\"\nassigned_by = \"ops@example.com\"\n{more}\n")
}

#[test]
fn a_level_that_is_higher_at_any_time_is_a_raise() {
    let dated = |more: &str| assigned(&format!("assigned_at = \"2026-01-01T00:00:00Z\"\n{more}"));
    for (old, new, raises) in [
        (assigned("level = \"L2\""), assigned("level = \"L3\""), true),
        (
            assigned("level = \"L3\""),
            assigned("level = \"L2\""),
            false,
        ),
        (assigned("level = \"L3\""), String::new(), false),
        (String::new(), assigned("level = \"L1\""), true),
        // Later.
        (
            dated("level = \"L3\"\nexpires_at = \"2027-01-01T00:00:00Z\""),
            dated("level = \"L3\"\nexpires_at = \"2028-01-01T00:00:00Z\""),
            true,
        ),
        (
            dated("level = \"L3\"\nexpires_at = \"2027-01-01T00:00:00Z\""),
            dated("level = \"L3\"\nexpires_at = \"2026-06-01T00:00:00Z\""),
            false,
        ),
        (
            dated("level = \"L3\"\ndecay = { shape = \"cliff\", ttl = \"30d\" }"),
            dated("level = \"L3\"\ndecay = { shape = \"cliff\", ttl = \"31d\" }"),
            true,
        ),
        (
            dated("level = \"L3\"\ndecay = { shape = \"cliff\", ttl = \"30d\" }"),
            dated("level = \"L3\"\ndecay = { shape = \"cliff\", ttl = \"29d\" }"),
            false,
        ),
        (
            dated("level = \"L3\"\ndecay = { shape = \"step\", every = \"7d\", floor = \"L0\" }"),
            dated("level = \"L3\"\ndecay = { shape = \"step\", every = \"7d\", floor = \"L1\" }"),
            true,
        ),
        (
            dated("level = \"L3\"\ndecay = { shape = \"step\", every = \"7d\", floor = \"L1\" }"),
            dated("level = \"L2\"\ndecay = { shape = \"step\", every = \"99d\", floor = \"L1\" }"),
            true,
        ),
        // Being active puts the fall off.
        (
            dated("level = \"L3\"\ndecay = { shape = \"cliff\", ttl = \"100d\", to = 2 }"),
            dated("level = \"L3\"\ndecay = { shape = \"inactivity\", gradual_days = 1 }"),
            true,
        ),
        // The same again: the last on a scope counts.
        (
            assigned("level = \"L3\"") + &assigned("level = \"L1\""),
            assigned("level = \"L1\"") + &assigned("level = \"L3\""),
            true,
        ),
        // A narrow grant that held the agent down is gone.
        (
            assigned("level = \"L3\"") + &assigned("level = \"L1\"\nscope = \"s\""),
            assigned("level = \"L3\""),
            true,
        ),
        // What a name means.
        (
            assigned("level = \"verified\""),
            assigned("level = \"verified\"") + "[trust.tiers]\nverified = 3",
            true,
        ),
        // Bounds of all.
        (
            "trust.max_level = 3".to_owned(),
            "trust.max_level = 4".to_owned(),
            true,
        ),
        (
            "trust.max_level = 4".to_owned(),
            "trust.max_level = 3".to_owned(),
            false,
        ),
        (String::new(), "trust.default_level = 1".to_owned(), true),
        (
            String::new(),
            "trust.scope_mode = \"exact\"".to_owned(),
            true,
        ),
        (String::new(), "mode = \"shadow\"".to_owned(), true),
        ("mode = \"shadow\"".to_owned(), String::new(), false),
        (String::new(), "shadow.tools = [\"x\"]".to_owned(), true),
        (
            "shadow.tools = [\"x*\"]".to_owned(),
            "shadow.tools = [\"xy*\"]".to_owned(),
            false,
        ),
        (
            "shadow.tools = [\"xy*\"]".to_owned(),
            "shadow.tools = [\"x*\"]".to_owned(),
            true,
        ),
        (
            "data_dir = \"one\"".to_owned(),
            "data_dir = \"other\"".to_owned(),
            true,
        ),
        (
            "agent.id = \"a\"".to_owned(),
            "agent.id = \"b\"".to_owned(),
            true,
        ),
    ] {
        let diff = diff(&old, &new);
        assert!(!diff.is_empty(), "{old}\n---\n{new}");
        assert_eq!(
            diff.raises().next().is_some(),
            raises,
            "{old}\n---\n{new}\n{diff}"
        );
        assert_eq!(
            diff.loosens().next().is_some(),
            raises,
            "{old}\n---\n{new}\n{diff}"
        );
    }
}

#[test]
fn a_scope_that_nothing_names_is_looked_at_where_another_mode_finds_its_grant() {
    let levels = assigned("level = \"L3\"") + &assigned("level = \"L1\"\nscope = \"s\"");
    let new = format!("trust.scope_mode = \"exact\"\n{levels}");
    let diff = diff(&levels, &new);
    // In `s/any` the wide L3 counts now, instead of the L1 of `s`.
    assert!(
        diff.raises().any(|change| change.subject == "a within s"),
        "{diff}"
    );
}

fn tool(pattern: &str, more: &str) -> String {
    format!("[[trust.tools]]\ntool = \"{pattern}\"\n{more}\n")
}

#[test]
fn tools_are_compared_as_the_first_rule_that_matches_decides() {
    let read = |pattern: &str, level: u8| {
        tool(
            pattern,
            &format!("required_level = {level}\neffect = \"read_public\""),
        )
    };
    let write = |more: &str| {
        tool(
            "w",
            &format!("required_level = 3\neffect = \"write\"\n{more}"),
        )
    };
    for (old, new, loosens) in [
        (read("a", 2), read("a", 1), true),
        (read("a", 1), read("a", 2), false),
        // The order alone.
        (
            read("a*", 2) + &read("*b", 1),
            read("*b", 1) + &read("a*", 2),
            true,
        ),
        (
            read("a*", 1) + &read("*b", 2),
            read("*b", 2) + &read("a*", 1),
            false,
        ),
        // A wide rule in front hides a strict one.
        (
            read("a", 3) + &read("*", 1),
            read("*", 1) + &read("a", 3),
            true,
        ),
        // One that no tool reaches.
        (
            read("*", 1) + &read("a", 3),
            read("*", 1) + &read("a", 2),
            false,
        ),
        (write("approval = \"always\""), write(""), true),
        (write(""), write("approval = \"always\""), false),
        (write("approvers = 2"), write(""), true),
        (write(""), write("approvers = 2"), false),
        (
            tool("w", "required_level = 3\neffect = \"write\""),
            tool("w", "required_level = 3\neffect = \"read_sensitive\""),
            true,
        ),
        (
            tool("w", "required_level = 3\neffect = \"write\""),
            tool("w", "required_level = 3\neffect = \"destructive\""),
            false,
        ),
        (read("a", 1), read("a", 1) + &read("b", 5), true),
        // A tool without a rule is denied, but for code that names the level itself.
        (read("a", 1), String::new(), true),
        (
            "trust.minimum_level = 3".to_owned(),
            "trust.minimum_level = 2".to_owned(),
            true,
        ),
        (
            "trust.minimum_level = 2".to_owned(),
            "trust.minimum_level = 3".to_owned(),
            false,
        ),
        ("trust.minimum_level = 2".to_owned(), String::new(), true),
    ] {
        let diff = diff(&old, &new);
        assert!(!diff.is_empty());
        assert_eq!(
            diff.loosens().next().is_some(),
            loosens,
            "{old}---\n{new}\n{diff}"
        );
        assert!(diff.raises().next().is_none(), "{diff}");
    }
}

#[test]
fn methods_are_compared_as_the_most_specific_pattern_decides() {
    for (old, new, loosens) in [
        ("\"a/*\" = \"L2\"", "\"a/*\" = \"L1\"", true),
        ("\"a/*\" = \"L1\"", "\"a/*\" = \"L2\"", false),
        ("\"a/*\" = \"L0\"", "\"a/*\" = \"pass\"", true),
        ("\"a/*\" = \"pass\"", "\"a/*\" = \"deny\"", false),
        ("\"a/*\" = \"pass\"", "", false),
        ("", "\"a/*\" = \"deny\"", false),
        ("", "\"a/*\" = \"L5\"", true),
        // The strict exception is gone, and the wide rule decides.
        (
            "\"a/*\" = \"L1\"\n\"a/b\" = \"deny\"",
            "\"a/*\" = \"L1\"",
            true,
        ),
        (
            "\"a/*\" = \"L1\"",
            "\"a/*\" = \"L1\"\n\"a/b\" = \"deny\"",
            false,
        ),
        // Of equally specific ones the strictest.
        (
            "\"a*c\" = \"pass\"\n\"ab*\" = \"L2\"",
            "\"a*c\" = \"L1\"\n\"ab*\" = \"L2\"",
            false,
        ),
    ] {
        let table = |rules: &str| format!("[mcp.methods]\n{rules}");
        let diff = diff(&table(old), &table(new));
        assert!(!diff.is_empty(), "{old} {new}");
        assert_eq!(
            diff.loosens().next().is_some(),
            loosens,
            "{old}---\n{new}\n{diff}"
        );
    }
}

fn budget(more: &str) -> String {
    format!("[[budget.budgets]]\nid = \"b\"\n{more}\n")
}

#[test]
fn budgets_are_looser_wherever_a_limit_no_longer_holds() {
    let p = "period = \"daily\"\n";
    let parents = "[[budget.budgets]]\nid = \"p\"\ncalls = 9\nperiod = \"daily\"\n[[budget.budgets]]\nid = \"q\"\ncalls = 9\nperiod = \"daily\"\n";
    let within = |parent: &str| parents.to_owned() + &budget(&format!("{p}calls = 5\n{parent}"));
    for (old, new, loosens) in [
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 6")),
            true,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 4")),
            false,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 5\ntokens = 1")),
            false,
        ),
        (
            budget(&format!("{p}calls = 5\ntokens = 1")),
            budget(&format!("{p}calls = 5")),
            true,
        ),
        (
            budget("period = \"weekly\"\ncalls = 5"),
            budget("period = \"daily\"\ncalls = 5"),
            true,
        ),
        (
            budget("period = \"daily\"\ncalls = 5"),
            budget("period = \"weekly\"\ncalls = 5"),
            false,
        ),
        // A week may begin in one month and end in the next.
        (
            budget("period = \"weekly\"\ncalls = 5"),
            budget("period = \"monthly\"\ncalls = 5"),
            true,
        ),
        (
            budget("period = \"monthly\"\ncalls = 5"),
            budget("period = \"lifetime\"\ncalls = 5"),
            false,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 5\nzone = \"Asia/Tokyo\"")),
            true,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 5\nrollover = true")),
            true,
        ),
        (
            budget(&format!("{p}calls = 5\nrollover = true")),
            budget(&format!("{p}calls = 5")),
            false,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!("{p}calls = 5\noverdraft = true")),
            true,
        ),
        (
            budget(&format!("{p}calls = 5")),
            "budget.allow_overdraft = true\n".to_owned() + &budget(&format!("{p}calls = 5")),
            true,
        ),
        (
            budget(&format!("{p}calls = 5")),
            budget(&format!(
                "{p}calls = 5\nalso = [{{ period = \"hourly\", calls = 1 }}]"
            )),
            false,
        ),
        (
            budget(&format!(
                "{p}calls = 5\nalso = [{{ period = \"hourly\", calls = 1 }}]"
            )),
            budget(&format!("{p}calls = 5")),
            true,
        ),
        (within("parent = \"p\""), within("parent = \"q\""), true),
        (within("parent = \"p\""), within(""), true),
        (within(""), within("parent = \"p\""), false),
        (String::new(), "budget.session.calls = 5".to_owned(), false),
        (
            "budget.required = true".to_owned(),
            "budget = { required = true, session = { calls = 5 } }".to_owned(),
            true,
        ),
        ("budget.session.calls = 5".to_owned(), String::new(), true),
        (
            "budget.session.calls = 5".to_owned(),
            "budget.session.calls = 4".to_owned(),
            false,
        ),
        (
            "budget.session.calls = 5".to_owned(),
            "budget.session.tokens = 4".to_owned(),
            true,
        ),
        ("budget.required = true".to_owned(), String::new(), true),
        (String::new(), "budget.required = true".to_owned(), false),
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
fn charges_are_looser_wherever_a_call_charges_less() {
    let b = "[[budget.budgets]]\nid = \"b\"\ncalls = 9\nperiod = \"daily\"\n";
    let rule = |more: &str| format!("{b}[[budget.tools]]\n{more}\n");
    let required = |rest: &str| format!("budget.required = true\n{rest}");
    let sessions = |rest: &str| format!("budget.session.calls = 9\n{rest}");
    for (old, new, loosens) in [
        // Without a number it is one call of a named budget.
        (
            rule("tool = \"t\"\nbudget = \"b\""),
            rule("tool = \"t\"\nbudget = \"b\"\ncalls = 0"),
            true,
        ),
        (
            rule("tool = \"t\"\nbudget = \"b\"\ncalls = 0"),
            rule("tool = \"t\"\nbudget = \"b\""),
            true,
        ),
        (
            rule("tool = \"t\"\nbudget = \"b\""),
            rule("tool = \"t\"\nbudget = \"b\"\ncalls = 2"),
            false,
        ),
        (
            rule("tool = \"t*\"\nbudget = \"b\""),
            rule("tool = \"tt\"\nbudget = \"b\""),
            true,
        ),
        (
            rule("tool = \"tt\"\nbudget = \"b\""),
            rule("tool = \"t*\"\nbudget = \"b\""),
            false,
        ),
        (rule("tool = \"t\"\nbudget = \"b\""), b.to_owned(), true),
        (b.to_owned(), rule("tool = \"t\"\nbudget = \"b\""), false),
        (
            required(b),
            required(&rule("tool = \"t\"\nbudget = \"b\"")),
            true,
        ),
        (
            required(&rule("tool = \"tt\"\nbudget = \"b\"")),
            required(&rule("tool = \"t*\"\nbudget = \"b\"")),
            true,
        ),
        // Two rules are charged twice; one heir is not enough.
        (
            sessions(&rule(
                "tool = \"t\"\ncalls = 1\n[[budget.tools]]\ntool = \"t\"\ncalls = 1",
            )),
            sessions(&rule("tool = \"t\"\ncalls = 1")),
            true,
        ),
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
