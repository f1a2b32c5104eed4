//! The auditor's verbs: 0 for a good log, 1 for one that is not, 2 for bad input.

use security_bundle::audit_trail::{AuditLog, Entry, NdjsonSink};

use crate::support::{Folder, run};

/// A log of a few events; its verifier key, and the checkpoint at its end.
fn log(folder: &Folder) -> (String, String) {
    let file = std::fs::File::create(folder.file("log.ndjson")).unwrap();
    let log = AuditLog::builder()
        .sink(NdjsonSink::new(file))
        .build()
        .unwrap();
    for agent in ["a", "b", "=1+1"] {
        log.log(Entry::event("tool-call-complete").agent(agent))
            .unwrap();
    }
    let checkpoint = log.publish_checkpoint().unwrap();
    (
        log.verifier_key().unwrap().to_string(),
        checkpoint.to_string(),
    )
}

fn verify(folder: &Folder, key: &str, more: &[&str]) -> (Option<i32>, String) {
    let file = folder.file("log.ndjson");
    let mut arguments = vec!["audit", "verify", &file, "--vkey", key];
    arguments.extend(more);
    let ran = run(&arguments);
    (ran.status, ran.out)
}

#[test]
fn a_changed_byte_a_cut_and_a_foreign_key_are_found() {
    let folder = Folder::with("");
    let (key, checkpoint) = log(&folder);
    let file = folder.path().join("log.ndjson");
    let whole = std::fs::read(&file).unwrap();
    assert_eq!(verify(&folder, &key, &[]).0, Some(0));
    std::fs::write(folder.file("log.vkey"), &key).unwrap();
    assert_eq!(verify(&folder, &folder.file("log.vkey"), &[]).0, Some(0));

    let mut forged = whole.clone();
    let agent = forged
        .windows(11)
        .position(|bytes| bytes == b"\"agent\":\"b\"")
        .unwrap();
    forged[agent + 9] = b'c';
    std::fs::write(&file, &forged).unwrap();
    let (status, told) = verify(&folder, &key, &[]);
    assert_eq!(status, Some(1), "{told}");
    assert!(told.starts_with("NOT VERIFIED"), "{told}");
    let (status, told) = verify(&folder, &key, &["--json"]);
    assert_eq!(status, Some(1));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&told).unwrap()["verified"],
        false
    );

    // Cut after the first checkpoint: only the one that was kept shows it.
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    std::fs::write(&file, lines[..2].concat()).unwrap();
    assert_eq!(verify(&folder, &key, &[]).0, Some(0));
    std::fs::write(folder.file("kept"), &checkpoint).unwrap();
    assert_eq!(
        verify(&folder, &key, &["--pin", &folder.file("kept")]).0,
        Some(1)
    );

    // Without its last checkpoint the rest proves nothing, unless it is said to be growing.
    std::fs::write(&file, lines[..lines.len() - 1].concat()).unwrap();
    assert_eq!(verify(&folder, &key, &[]).0, Some(1));
    assert_eq!(verify(&folder, &key, &["--live"]).0, Some(0));

    std::fs::write(&file, &whole).unwrap();
    let other = AuditLog::builder().build().unwrap();
    let foreign = other.verifier_key().unwrap().to_string();
    assert_eq!(verify(&folder, &foreign, &[]).0, Some(1));
    assert_eq!(verify(&folder, "nonsense", &[]).0, Some(2));
}

#[test]
fn queries_and_exports_show_what_was_asked_for() {
    let folder = Folder::with("");
    let (key, _) = log(&folder);
    let file = folder.file("log.ndjson");
    let ran = run([
        "audit", "query", &file, "--vkey", &key, "--agent", "b", "--json",
    ]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 1);
    let newest = run(["audit", "query", &file, "--newest", "--limit", "1"]);
    assert!(newest.out.contains("=1+1"), "{}", newest.out);

    let out = folder.file("out.csv");
    let ran = run(["audit", "export", &file, "--format", "csv", "--out", &out]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let csv = std::fs::read_to_string(&out).unwrap();
    assert!(
        csv.contains("'=1+1"),
        "a spreadsheet must not reckon with it: {csv}"
    );
    let ndjson = run([
        "audit", "export", &file, "--format", "ndjson", "--agent", "a",
    ]);
    // The first line says that it is an extract, which nobody can verify as a whole.
    assert_eq!(ndjson.out.lines().count(), 2, "{}", ndjson.out);
}
