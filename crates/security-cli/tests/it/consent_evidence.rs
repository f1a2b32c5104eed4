//! What consent leaves behind for others to look at: receipts, and uses after a withdrawal.

use std::path::Path;

use consent::receipt::SigningKey;
use insta::assert_snapshot;
use serde_json::Value;

use crate::stage::{Desk, give, timeless};
use crate::support::{Log, run};

fn desk() -> Desk {
    Desk::agreed()
}

#[test]
fn a_receipt_is_genuine_until_a_letter_is_changed() {
    let desk = desk();
    let id = give(&desk, "bot", "user", "support", &["--subject", "ada"]);
    let (controller, key, file) = (
        desk.0.file("controller.toml"),
        desk.0.file("receipts.key"),
        desk.0.file("receipt.json"),
    );
    std::fs::write(&controller, "name = \"Example Ltd\"\ncontact = \"privacy@example.com\"\njurisdiction = \"IE\"\nprivacy_policy = \"https://example.com/privacy\"\n").unwrap();
    let issue = |id: &str, more: &[&str]| {
        desk.run(
            &[
                &[
                    "consent",
                    "receipt",
                    id,
                    "--controller",
                    &controller,
                    "--key",
                    &key,
                ],
                more,
            ]
            .concat(),
        )
    };
    let none = issue("00000000-0000-7000-8000-000000000000", &[]);
    assert_eq!(none.status, Some(2));
    assert!(!Path::new(&key).exists(), "no key for nothing");
    let issued = issue(&id, &["--out", &file, "--json"]);
    assert_eq!(issued.status, Some(0), "{}", issued.err);
    let vkey = issued.json()["vkey"].as_str().unwrap().to_owned();
    assert_eq!(
        issue(&id, &["--out", &file]).status,
        Some(2),
        "what is there is not overwritten"
    );
    let printed = issue(&id, &[]);
    assert!(printed.out.starts_with('{') && printed.err.contains(&vkey));
    let check =
        |more: &[&str]| run([&["consent", "check-receipt", &file, "--vkey", &vkey], more].concat());
    let dir = desk.dir();
    let genuine = check(&["--dir", &dir]);
    assert_eq!(genuine.status, Some(0), "{}{}", genuine.out, genuine.err);
    assert_snapshot!(timeless(&genuine.out), @r"
    GENUINE  UUID  bot: user for support of ada: in_force at TIME
    ");
    assert_eq!(
        check(&["--json", "--dir", &dir]).json()["same_record"],
        true
    );
    let other = Desk::agreed();
    let elsewhere = check(&["--dir", &other.dir()]);
    assert_eq!(elsewhere.status, Some(1));
    assert!(elsewhere.out.contains("OTHER RECORD"), "{}", elsewhere.out);
    let text = std::fs::read_to_string(&file)
        .unwrap()
        .replace("support", "selling");
    std::fs::write(&file, text).unwrap();
    let forged = check(&[]);
    assert_eq!(forged.status, Some(1));
    assert!(forged.out.starts_with("NOT GENUINE"), "{}", forged.out);
    assert_eq!(check(&["--json"]).json()["genuine"], false);
}

#[test]
fn a_verifier_key_may_begin_with_a_dash() {
    let keys = (0..=u8::MAX).map(|byte| SigningKey::from_seed(&[byte; 32]).verifying_key());
    let mut keys = keys.map(|key| key.to_string());
    let dashed = keys.find(|key| key.starts_with('-')).unwrap();
    let desk = desk();
    let file = desk.0.file("receipt.json");
    std::fs::write(&file, "{}").unwrap();
    let ran = run(["consent", "check-receipt", &file, "--vkey", &dashed]);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    assert!(ran.out.starts_with("NOT GENUINE"), "{}", ran.out);
}

#[test]
fn a_report_lists_what_was_used_after_it_was_withdrawn() {
    let desk = desk();
    give(&desk, "bot", "user", "support", &[]);
    let log = Log::new();
    let entry = |ts: &str, data: &str, purpose: &str, outcome: &str| {
        format!(
            r#"{{"ts":{ts},"kind":"decision","agent":"bot","action":{{"name":"read|mail"}},"decision":{{"outcome":"{outcome}","reason_code":"permitted"}},"consent":{{"data_types":["{data}"],"purpose":"{purpose}"}}}}"#
        )
    };
    desk.ok(&[
        "consent",
        "withdraw",
        "--agent",
        "bot",
        "--data",
        "user.mail",
        "--by",
        "ada",
    ]);
    desk.ok(&[
        "consent",
        "withdraw",
        "--subject",
        "eve",
        "--data",
        "user.name",
        "--by",
        "eve",
    ]);
    let later = "7258118400000000";
    let ran = log.append(&[
        &entry("1000000000000000", "user.mail", "support", "allow"),
        &entry(later, "user.mail", "support", "allow"),
        &entry(later, "user.mail", "support", "deny"),
        &entry(later, "user.phone", "support", "allow"),
        &entry(later, "user.name", "support", "allow_with_caveat"),
        &format!(
            r#"{{"ts":{later},"kind":"decision","agent":"bot","action":{{"name":"x"}},"decision":{{"outcome":"allow","reason_code":"permitted"}},"consent":{{"data_types":["user.mail","user.phone"]}},"ext":{{"consents":[{{"data_types":["user.mail"],"purpose":"a"}},{{"data_types":["user.phone"],"purpose":"b"}}]}}}}"#
        ),
    ]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let with_log = [
        "consent",
        "report",
        "--log",
        &log.dir(),
        "--vkey",
        &log.vkey,
    ];
    let used = |report: &Value| {
        let used = report["used_after_withdrawal"].as_array().unwrap().iter();
        used.map(|used| {
            (
                used["used"]["data_type"].clone(),
                used["used"]["purpose"].clone(),
                used["covered"].clone(),
            )
        })
        .map(|(data, purpose, covered)| format!("{data} {purpose} {covered}"))
        .collect::<Vec<_>>()
    };
    let report = &desk.json(&with_log)[0];
    assert_snapshot!(used(report).join("\n"), @r#"
    "user.mail" "support" "wholly"
    "user.name" "support" "in_part"
    "user.mail" "a" "wholly"
    "#);
    let text = desk.ok(&with_log);
    let section = text.split_once("## Used after").unwrap().1;
    assert_snapshot!(timeless(section), @r"
      it was withdrawn

    | entry | at | agent | action | data | purpose | withdrawn at | by record | covered |
    |---|---|---|---|---|---|---|---|---|
    | 2 | TIME | bot | read\|mail | user.mail | support | TIME | UUID | wholly |
    | 5 | TIME | bot | read\|mail | user.name | support | TIME | UUID | in part |
    | 6 | TIME | bot | x | user.mail | a | TIME | UUID | wholly |
    ");
    give(&desk, "bot", "user", "support", &[]);
    let again = &desk.json(&with_log)[0];
    assert_snapshot!(used(again).join("\n"), @r#"
    "user.mail" "a" "wholly"
    "#);
    let other = desk.json(&[&with_log[..], &["--agent", "other"]].concat());
    assert_eq!(used(&other[0]), [""; 0]);
    assert!(
        desk.json(&["consent", "report"])[0]
            .get("used_after_withdrawal")
            .is_none()
    );
    assert_eq!(
        desk.refused(&["consent", "report", "--log", &desk.dir()]),
        "error: there is no log in `DIR/desk`"
    );
}
