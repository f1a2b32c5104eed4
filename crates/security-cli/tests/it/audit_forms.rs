//! `audit export`, `import`, `erase` and `verify --chain`: the log in other forms, and what comes from elsewhere.

use audit_trail::{AuditLog, Entry, FileVault, SigningKey};

use crate::support::{Folder, Log, run};

/// Two records of the older kind.
const CHAIN: &str = concat!(
    r#"{"action":"send_email","agentId":"agent-1","budgetRemaining":95.5,"budgetUsed":5,"id":"11111111-1111-4111-8111-111111111111","#,
    r#""metadata":{"b":1,"a":{"z":1,"y":[1,2,null]}},"permitted":true,"#,
    r#""previousHash":"0000000000000000000000000000000000000000000000000000000000000000","reason":"ok \"q\" é","#,
    r#""recordHash":"a6366355e73611b57b418b7e124a16d55cf6d8056724cd79b7c5ee92b31b801d","requiredLevel":2,"timestamp":"2026-01-01T00:00:00.000Z","trustLevel":3}"#,
    "\n",
    r#"{"action":"deploy","agentId":"agent-2","id":"22222222-2222-4222-8222-222222222222","permitted":false,"#,
    r#""previousHash":"a6366355e73611b57b418b7e124a16d55cf6d8056724cd79b7c5ee92b31b801d","#,
    r#""recordHash":"d88c2f2a516713c0e9bbd01739ee7229e672791891c964283076aa3e6edbdac5","timestamp":"2026-01-01T00:00:01.000Z"}"#,
    "\n",
);

fn export(log: &Log, format: &str, more: &[&str]) -> String {
    let mut arguments = vec!["--format", format];
    arguments.extend(more);
    let ran = log.audit("export", &arguments);
    assert_eq!(ran.status, Some(0), "{format}: {}", ran.err);
    ran.out
}

#[test]
fn every_form_holds_what_was_selected() {
    let log = Log::filled();
    for (format, lines, holds) in [
        ("csv", 2, "delete_file"),
        ("cef", 1, "CEF:0|"),
        ("ocsf", 1, "\"class_uid\":6003"),
        ("syslog", 1, "audit@32473"),
        ("otel", 1, "resourceLogs"),
        ("ndjson", 2, "{\"extract\":"),
    ] {
        let out = export(&log, format, &["--outcome", "deny"]);
        assert_eq!(out.lines().count(), lines, "{format}: {out}");
        assert!(
            out.contains(holds) && out.contains("delete_file") && !out.contains("send_mail"),
            "{format}: {out}"
        );
    }
    let csv = export(&log, "csv", &[]);
    assert!(
        csv.contains(",'=1+1,"),
        "a spreadsheet takes it for no formula: {csv}"
    );
    let own = export(
        &log,
        "syslog",
        &["--enterprise", "5", "--hostname", "gate-1"],
    );
    assert!(own.contains("gate-1") && own.contains("audit@5 "), "{own}");
    assert_eq!(log.audit("export", &["--format", "xml"]).status, Some(2));
}

#[test]
fn the_whole_log_as_a_file_is_verified_and_exported_again() {
    let log = Log::filled();
    let file = log.folder.file("whole.ndjson");
    let ran = log.audit("export", &["--format", "ndjson", "--out", &file, "--json"]);
    assert_eq!(ran.json()["entries"], 5);
    let ran = run(["audit", "verify", &file, "--vkey", &log.vkey]);
    insta::assert_snapshot!(ran.out, @"VERIFIED  signed: covered up to 5 of 5 entries");
    let again = run(["audit", "export", &file, "--format", "ndjson"]);
    assert_eq!(again.out, std::fs::read_to_string(&file).unwrap());
    let receipt = run(["audit", "prove", &file, "--index", "2"]);
    assert_eq!(receipt.out, log.audit("prove", &["--index", "2"]).out);
    let ran = log.audit("export", &["--format", "ndjson", "--out", &file]);
    assert_eq!(ran.status, Some(2), "nothing is overwritten");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), again.out);
}

#[test]
fn an_evidence_bundle_is_an_archive_with_receipts() {
    let log = Log::filled();
    let file = log.folder.file("evidence.tar");
    let ran = log.audit(
        "export",
        &["--format", "evidence", "--outcome", "deny", "--out", &file],
    );
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let listed = std::process::Command::new("tar")
        .args(["-tf", &file])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("proofs/3.tlog-proof") && listed.contains("verify.py"),
        "{listed}"
    );
}

#[test]
fn a_chain_is_verified_with_its_weaknesses_and_taken_over() {
    let log = Log::new();
    let file = log.folder.file("chain.ndjson");
    std::fs::write(&file, CHAIN).unwrap();
    let ran = run(["audit", "verify", &file, "--chain"]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    insta::assert_snapshot!(ran.out, @r"
    VERIFIED  chain of 2 records (camelCase) up to d88c2f2a516713c0e9bbd01739ee7229e672791891c964283076aa3e6edbdac5
    but  Truncation verifies: the newest records can be cut off unless the head hash was kept elsewhere.
    but  A complete rewrite verifies: nothing is signed, so whoever can write the file can make another chain.
    but  Roll-back verifies: an older copy of the file, put in its place, looks whole.
    ");
    assert_eq!(
        run(["audit", "verify", &file, "--chain", "--json"]).json()["records"],
        2
    );

    let ran = log.audit("import", &["--chain", &file]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert!(ran.out.contains("entry 3 closes the import"), "{}", ran.out);
    assert_eq!(log.verify(&["--json"]).json()["size"], 4);

    std::fs::write(&file, CHAIN.replace("deploy", "delete")).unwrap();
    assert_eq!(run(["audit", "verify", &file, "--chain"]).status, Some(1));
    let ran = log.audit("import", &["--chain", &file, "--json"]);
    assert_eq!(
        (ran.status, &ran.json()["imported"]),
        (Some(1), &false.into())
    );
    assert_eq!(
        log.verify(&["--json"]).json()["size"],
        4,
        "nothing was taken over"
    );
    std::fs::write(&file, "").unwrap();
    assert_eq!(run(["audit", "verify", &file, "--chain"]).status, Some(2));
}

#[test]
fn erasing_a_subject_keeps_every_proof() {
    let log = Log::filled();
    let vault = log.folder.file("vault");
    let key: SigningKey = std::fs::read_to_string(log.folder.file("log.key"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let open = AuditLog::builder()
        .directory(log.dir())
        .signer(key)
        .vault(FileVault::open(&vault).unwrap())
        .build()
        .unwrap();
    open.log(Entry::event("sign-up").personal("customer-7", "email", "someone@example.com"))
        .unwrap();
    drop(open);
    let receipt = log.folder.file("r");
    let entry = log.folder.file("e");
    log.audit(
        "prove",
        &["--index", "5", "--out", &receipt, "--entry-out", &entry],
    );

    let erase = |vault: &str| {
        let who = [
            "--subject",
            "customer-7",
            "--operator",
            "ops@example.com",
            "--reason",
            "requested",
        ];
        let mut arguments = vec!["--vault", vault, "--json"];
        arguments.extend(who);
        log.audit("erase", &arguments)
    };
    assert_eq!(erase(&log.folder.file("missing")).status, Some(2));
    assert_eq!(erase(&vault).json()["disclosures"], 1);
    assert_eq!(erase(&vault).json()["disclosures"], 0);
    assert_eq!(log.verify(&["--pin", &receipt]).status, Some(0));
    let ran = run([
        "audit",
        "check-proof",
        &receipt,
        "--vkey",
        &log.vkey,
        "--entry",
        &entry,
    ]);
    assert_eq!(ran.status, Some(0), "{}", ran.out);
    assert!(!log.audit("query", &["--json"]).out.contains("customer-7"));
}

#[test]
fn an_export_that_fails_leaves_no_half_of_it() {
    let folder = Folder::with("");
    let out = folder.file("out.csv");
    assert_eq!(
        run([
            "audit",
            "export",
            &folder.file("missing"),
            "--format",
            "csv",
            "--out",
            &out
        ])
        .status,
        Some(2)
    );
    let log = Log::filled();
    let ran = log.audit(
        "export",
        &[
            "--format",
            "syslog",
            "--hostname",
            "not printable\n",
            "--out",
            &out,
        ],
    );
    assert_eq!(ran.status, Some(2));
    assert!(!folder.path().join("out.csv").exists());
}
