//! `audit init` and `audit append`: what is printed is on disk, and what is not accepted changes nothing.

use std::io::{Read as _, Write as _};

use crate::support::{Folder, Log, ask, run};

fn indexes(out: &str) -> Vec<u64> {
    let index = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["index"]
            .as_u64()
            .unwrap()
    };
    out.lines().map(index).collect()
}

#[test]
fn a_new_log_has_a_key_of_its_owner_alone_and_prints_the_other_half() {
    let folder = Folder::with("");
    let dir = folder.file("log");
    let init = || {
        run([
            "audit",
            "init",
            &dir,
            "--origin",
            "example.com/desk",
            "--namespace",
            "desk",
        ])
    };
    let ran = init();
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert!(
        ran.out.starts_with("example.com/desk+") && ran.out.lines().count() == 1,
        "{}",
        ran.out
    );
    assert_eq!(
        run(["audit", "verify", &dir, "--vkey", ran.out.trim()]).status,
        Some(0)
    );
    assert_eq!(
        run(["audit", "query", &dir, "--namespace", "desk", "--json"])
            .out
            .lines()
            .count(),
        1
    );
    let key = std::fs::read_to_string(folder.file("log.key")).unwrap();
    assert!(key.starts_with("PRIVATE+KEY+example.com/desk+"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.file("log.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = init();
    assert_eq!(again.status, Some(2));
    assert!(again.err.contains("there is a log in"), "{}", again.err);
    assert!(!again.err.contains("PRIVATE"));
    assert_eq!(
        std::fs::read_to_string(folder.file("log.key")).unwrap(),
        key
    );
}

#[test]
fn a_key_that_is_there_is_used_and_one_of_another_name_is_not() {
    let log = Log::new();
    let key = log.folder.file("log.key");
    let dir = log.folder.file("second");
    let ran = run([
        "audit",
        "init",
        &dir,
        "--origin",
        "example.com/desk",
        "--key",
        &key,
        "--json",
    ]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert_eq!(ran.json()["vkey"], log.vkey.as_str());
    assert!(!log.folder.path().join("second.key").exists());
    let dir = log.folder.file("third");
    let ran = run([
        "audit",
        "init",
        &dir,
        "--origin",
        "example.com/other",
        "--key",
        &key,
    ]);
    assert_eq!(ran.status, Some(2), "{}", ran.out);
    assert!(!ran.err.contains("PRIVATE"), "{}", ran.err);
}

#[test]
fn each_entry_is_answered_with_index_id_and_leaf() {
    let log = Log::new();
    let ran = log.append(&[r#"{"event":"one","agent":"a"}"#, r#"{"event":"two"}"#]);
    assert_eq!((ran.status, ran.err.as_str()), (Some(0), ""));
    assert_eq!(indexes(&ran.out), [1, 2]);
    let first: serde_json::Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
    let entry = log.audit("query", &["--from", "1", "--to", "1", "--json"]);
    let entry = entry.out.trim();
    assert_eq!(
        entry.parse::<serde_json::Value>().unwrap()["id"],
        first["id"]
    );
    let leaf = audit_trail::Record::parse(1, entry.as_bytes())
        .unwrap()
        .leaf()
        .to_string();
    assert_eq!(first["leaf"], leaf.as_str());
}

#[test]
fn a_bad_line_ends_it_after_everything_before_is_recorded() {
    let log = Log::new();
    for (index, (line, why)) in (1..).zip([
        (r#"{"event":"x","agnet":"b"}"#, "unknown field `agnet`"),
        (r#"{"event":"x","event":"y"}"#, "duplicate field `event`"),
        (r#"{"event":"x","agent":null}"#, "null"),
        (r#"{"event":"x","agent":["b"]}"#, "expected a string"),
        (
            r#"{"event":"x","kind":"genesis"}"#,
            "written by the log itself",
        ),
        (
            r#"{"event":"x","kind":"key_rotation"}"#,
            "written by the log itself",
        ),
        (r#"{"event":"x","namespace":"elsewhere"}"#, "namespace"),
        (r#"{"event":"x\u0000"}"#, "control character"),
        ("", "EOF"),
        ("nonsense", "expected"),
    ]) {
        let ran = log.append(&[r#"{"event":"before"}"#, line, r#"{"event":"after"}"#]);
        assert_eq!(ran.status, Some(2), "{line}");
        assert!(
            ran.err.contains("line 2: ") && ran.err.contains(why),
            "{line}: {}",
            ran.err
        );
        assert_eq!(indexes(&ran.out), [index], "{line}");
    }
    assert_eq!(
        log.audit("query", &["--event", "before", "--count", "--json"])
            .json()["matched"],
        10
    );
    assert_eq!(log.verify(&["--json"]).json()["size"], 11);
}

#[test]
fn a_line_longer_than_any_entry_is_refused_without_reading_on() {
    let log = Log::new();
    let line = format!(r#"{{"event":"x","reason":"{}"}}"#, "y".repeat(1 << 20));
    let ran = log.append(&[&line]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("at most 61440"), "{}", ran.err);
}

#[test]
fn an_answer_waits_neither_for_the_next_line_nor_for_the_end() {
    let log = Log::new();
    let mut child = log.command("append").spawn().unwrap();
    for index in 1..20 {
        assert_eq!(indexes(&ask(&mut child, r#"{"event":"one"}"#)), [index]);
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn thousands_of_lines_are_answered_in_order() {
    let log = Log::new();
    let lines: Vec<String> = (0..5000)
        .map(|i| format!(r#"{{"event":"e-{i}","session":"s-{}"}}"#, i % 7))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    // The pipes hold less than this: it must be read while it answers.
    let mut child = log.command("append").spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for line in &lines {
                writeln!(input, "{line}").unwrap();
            }
            drop(input);
        });
        let mut out = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        writer.join().unwrap();
        out
    });
    assert!(child.wait().unwrap().success());
    assert_eq!(indexes(&writer), (1..=5000).collect::<Vec<_>>());
    assert_eq!(log.verify(&["--json"]).json()["covered_size"], 5001);
}

#[test]
fn what_was_answered_survives_being_killed() {
    let log = Log::new();
    let mut answered = Vec::new();
    for round in 0..4 {
        let mut child = log.command("append").spawn().unwrap();
        for _ in 0..=round {
            answered.push(ask(&mut child, r#"{"event":"kept"}"#));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ran = log.append(&[r#"{"event":"after"}"#]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let entries = log.audit("query", &["--json"]).out;
    let entries: Vec<&str> = entries.lines().collect();
    for answer in answered {
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let index = answer["index"].as_u64().unwrap();
        let entry =
            audit_trail::Record::parse(index, entries[usize::try_from(index).unwrap()].as_bytes())
                .unwrap();
        assert_eq!(answer["leaf"], entry.leaf().to_string().as_str());
    }
    assert_eq!(log.verify(&[]).status, Some(0));
}

#[test]
fn two_processes_cannot_write_one_log() {
    let log = Log::new();
    let mut first = log.command("append").spawn().unwrap();
    ask(&mut first, r#"{"event":"first"}"#);
    let second = log.append(&[r#"{"event":"second"}"#]);
    assert_eq!((second.status, second.out.as_str()), (Some(2), ""));
    assert!(
        second.err.contains("open for writing elsewhere"),
        "{}",
        second.err
    );
    ask(&mut first, r#"{"event":"third"}"#);
    drop(first.stdin.take());
    assert!(first.wait().unwrap().success());
    assert_eq!(log.verify(&["--json"]).json()["size"], 3);
}

#[test]
fn a_foreign_key_and_a_missing_log_are_bad_usage() {
    let (log, other) = (Log::new(), Log::new());
    let ran = log.append_with(
        &[r#"{"event":"x"}"#],
        &["--key", &other.folder.file("log.key")],
    );
    assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("is signed with the key"), "{}", ran.err);
    let folder = Folder::with("");
    for verb in ["append", "query", "tail", "verify"] {
        let mut arguments = vec!["audit", verb];
        let missing = folder.file("missing");
        arguments.push(&missing);
        if verb == "verify" {
            arguments.extend(["--vkey", &log.vkey]);
        }
        assert_eq!(run(&arguments).status, Some(2), "{verb}");
        arguments[2] = folder.path().to_str().unwrap();
        let ran = run(&arguments);
        assert_eq!(ran.status, Some(2), "{verb}");
        assert!(!ran.err.is_empty());
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing was made"
    );
}

#[test]
fn answers_that_nobody_hears_end_it_with_an_error() {
    let log = Log::new();
    let mut child = log
        .command("append")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    writeln!(child.stdin.as_mut().unwrap(), r#"{{"event":"x"}}"#).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("nobody hears")
    );
}
