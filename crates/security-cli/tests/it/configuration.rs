//! `check-config` and `explain`: what they say, and with which exit status.

use crate::support::{CONFIG, Folder, run};

#[test]
fn a_good_configuration_is_told_in_words() {
    let folder = Folder::with(CONFIG);
    let ran = run(["check-config", &folder.file("gate.toml")]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    insta::assert_snapshot!(folder.plain(&ran.out));
}

#[test]
fn a_bad_configuration_is_told_with_line_and_key() {
    let folder = Folder::with("[trust]\n\nlevels = 1\n");
    let ran = run(["check-config", &folder.file("gate.toml")]);
    assert_eq!(ran.status, Some(1));
    insta::assert_snapshot!(folder.plain(&ran.out), @"INVALID  DIR/gate.toml:3: trust.levels: unknown key `levels`; known here: required, name, default_level, max_level, minimum_level, scope_mode, tiers, elevation, break_glass, approvals, assignments, tools");
    let json = run(["check-config", "--json", &folder.file("gate.toml")]);
    let told: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(told["line"], 3);
    assert_eq!(told["valid"], false);
}

#[test]
fn bad_usage_ends_with_2() {
    assert_eq!(run(["check-config"]).status, Some(2));
    assert_eq!(run(["no-such-verb"]).status, Some(2));
    let folder = Folder::with("[");
    let ran = run([
        "explain",
        "--config",
        &folder.file("gate.toml"),
        "--agent",
        "a",
        "--tool",
        "t",
    ]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.starts_with("error: "), "{}", ran.err);
    let missing = run(["audit", "verify", &folder.file("none"), "--vkey", "x+y+z"]);
    assert_eq!(missing.status, Some(2));
}

#[test]
fn explain_says_why_and_ends_with_the_answer() {
    let folder = Folder::with(CONFIG);
    let config = folder.file("gate.toml");
    let mut told = Vec::new();
    for (tool, extra, status) in [
        ("read_note", &[][..], 0),
        ("delete_file", &[], 1),
        ("write_note", &[], 1),
        ("read_profile", &[], 1),
        (
            "read_note",
            &["--data", "user_profile", "--purpose", "marketing"],
            1,
        ),
    ] {
        let mut arguments = vec![
            "explain",
            "--config",
            &config,
            "--agent",
            "desk-assistant",
            "--tool",
            tool,
        ];
        arguments.extend(extra);
        let ran = run(&arguments);
        assert_eq!(ran.status, Some(status), "{tool}: {}", ran.err);
        let lines: Vec<&str> = ran
            .out
            .lines()
            // When the level was assigned is the time of this run.
            .map(|line| line.split_once(" at 20").map_or(line, |(before, _)| before))
            .collect();
        told.push(format!(
            "$ {tool} {}\n{}",
            extra.join(" "),
            lines.join("\n")
        ));
    }
    insta::assert_snapshot!(told.join("\n\n"));
}
