//! `audit query` and `audit tail` on a log's directory.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus};

use crate::support::Log;

fn events(out: &str) -> Vec<String> {
    let entry = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    out.lines()
        .map(entry)
        .map(|entry| {
            entry["event"]
                .as_str()
                .or(entry["action"]["name"].as_str())
                .unwrap()
                .to_owned()
        })
        .collect()
}

fn query(log: &Log, more: &[&str]) -> Vec<String> {
    let mut arguments = vec!["--json"];
    arguments.extend(more);
    let ran = log.audit("query", &arguments);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    events(&ran.out)
}

#[test]
fn every_condition_selects() {
    let log = Log::filled();
    assert_eq!(query(&log, &[]).len(), 5);
    for (conditions, expected) in [
        (&["--agent", "b"][..], &["delete_file", "=1+1"][..]),
        (&["--agent", "b", "--kind", "event"], &["=1+1"]),
        (
            &["--outcome", "allow", "--outcome", "deny"],
            &["send_mail", "delete_file"],
        ),
        (&["--action", "send_mail"], &["send_mail"]),
        (&["--code", "trust_too_low"], &["delete_file"]),
        (&["--session", "s-1"], &["session-started"]),
        (&["--event", "=1+1"], &["=1+1"]),
        (&["--ext", "region=\"eu\""], &["delete_file"]),
        (&["--ext", "region=\"us\""], &[]),
        (&["--resource", "x"], &[]),
        (&["--scope", "x"], &[]),
        (&["--operator", "x"], &[]),
        (&["--action-type", "x"], &[]),
        (&["--namespace", "x"], &[]),
        (&["--from", "3"], &["delete_file", "=1+1"]),
        (
            &["--from", "1", "--to", "2"],
            &["session-started", "send_mail"],
        ),
        (&["--since", "2999-01-01T00:00:00Z"], &[]),
        (&["--until", "1999-01-01T00:00:00Z"], &[]),
        (&["--newest", "--limit", "1"], &["=1+1"]),
        (&["--offset", "4"], &["=1+1"]),
        (&["--limit", "0"], &[]),
    ] {
        assert_eq!(query(&log, conditions), expected, "{conditions:?}");
    }
    for bad in [
        &["--ext", "region=eu"][..],
        &["--since", "yesterday"],
        &["--outcome", "maybe"],
        &["--cursor", "AA"],
    ] {
        assert_eq!(log.audit("query", bad).status, Some(2), "{bad:?}");
    }
}

#[test]
fn pages_go_on_where_they_stopped_while_the_log_grows() {
    let log = Log::filled();
    let mut seen = Vec::new();
    let mut cursor = Vec::new();
    loop {
        let mut arguments = vec!["--json", "--limit", "2"];
        arguments.extend(cursor.iter().map(String::as_str));
        let ran = log.audit("query", &arguments);
        assert_eq!(ran.status, Some(0), "{}", ran.err);
        seen.extend(events(&ran.out));
        let Some((_, next)) = ran.err.split_once("--cursor ") else {
            break;
        };
        cursor = vec!["--cursor".to_owned(), next.trim().to_owned()];
        log.append(&[r#"{"event":"later"}"#]);
    }
    assert_eq!(
        seen,
        [
            "audit-trail/v1",
            "session-started",
            "send_mail",
            "delete_file",
            "=1+1"
        ]
    );
}

#[test]
fn counts_tell_what_matches_by_outcome() {
    let log = Log::filled();
    insta::assert_snapshot!(log.audit("query", &["--count"]).out, @r"
    5 match
    1 allow
    1 deny
    0 allow_with_caveat
    ");
    insta::assert_snapshot!(log.audit("query", &["--count", "--agent", "b", "--outcome", "deny", "--json"]).out, @r#"{"deny":1,"matched":1}"#);
}

#[test]
fn reading_writes_nothing_into_the_directory() {
    let log = Log::filled();
    let listed = || {
        let output = Command::new("find")
            .arg(log.dir())
            .args(["-printf", "%p %s %T@\n"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let chmod = |mode: &str| {
        let mut command = Command::new("chmod");
        let done = command.args(["-R", mode, &log.dir()]).status().unwrap();
        assert!(done.success());
    };
    chmod("a-w");
    let before = listed();
    assert!(before.contains("checkpoint"));
    assert_eq!(query(&log, &["--agent", "a"]).len(), 2);
    assert_eq!(log.verify(&[]).status, Some(0));
    assert_eq!(log.audit("tail", &["--no-follow"]).status, Some(0));
    assert_eq!(log.audit("prove", &["--index", "1"]).status, Some(0));
    assert_eq!(listed(), before);
    chmod("u+w");
}

#[test]
fn a_log_that_was_cut_by_damage_is_not_read_as_if_that_were_all() {
    let log = Log::filled();
    let file = log.folder.path().join("log/seg/00000000000000000000.seg");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes
        .windows(13)
        .position(|part| part == b"trust_too_low")
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let ran = log.audit("query", &["--outcome", "deny"]);
    assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""));
}

#[test]
fn tail_begins_with_the_newest() {
    let log = Log::filled();
    let ran = log.audit("tail", &["-n", "2", "--no-follow", "--json"]);
    assert_eq!(events(&ran.out), ["delete_file", "=1+1"]);
    let ran = log.audit("tail", &["--no-follow", "--json", "--agent", "a"]);
    assert_eq!(events(&ran.out), ["session-started", "send_mail"]);
}

fn tail(log: &Log, more: &[&str]) -> (Child, impl Iterator<Item = String>) {
    let mut child = log
        .command("tail")
        .args(["--json"])
        .args(more)
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map(Result::unwrap))
}

#[cfg(unix)]
fn interrupt(mut child: Child) -> ExitStatus {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    child.wait().unwrap()
}

#[cfg(unix)]
#[test]
fn tail_follows_what_others_write_and_ends_well_when_interrupted() {
    let log = Log::filled();
    let (child, mut lines) = tail(&log, &["-n", "1", "--agent", "b"]);
    assert_eq!(events(&lines.next().unwrap()), ["=1+1"]);
    log.append(&[
        r#"{"event":"no","agent":"a"}"#,
        r#"{"event":"yes","agent":"b"}"#,
    ]);
    assert_eq!(events(&lines.next().unwrap()), ["yes"]);
    assert_eq!(interrupt(child).code(), Some(0));
    assert_eq!(lines.next(), None);
}

#[test]
fn tail_ends_well_when_nobody_reads_any_more() {
    let log = Log::filled();
    let (mut child, mut lines) = tail(&log, &["-n", "1"]);
    lines.next().unwrap();
    drop(lines);
    log.append(&[r#"{"event":"unread"}"#]);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
