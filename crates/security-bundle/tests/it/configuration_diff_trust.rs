//! What a difference tells of levels, tools and methods: every raise, and which rule decides where several match.

use crate::configuration_diff::diff;

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
