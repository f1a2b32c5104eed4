//! The directory that trust is kept in: who has it open, what damages it, and what is brought to it signed.

use crate::stage::{BY, Desk};
use crate::support::run;

fn desk() -> Desk {
    Desk::trusted("[trust]\nname = \"desk\"\n")
}

#[test]
fn a_directory_that_a_service_has_open_is_left_alone() {
    let desk = desk();
    let service = desk.service();
    for words in [
        &["trust", "show"][..],
        &["trust", "history"],
        &["approvals", "list"],
        &["trust", "quarantine", "bot", BY[0], BY[1], BY[2], BY[3]],
    ] {
        let said = desk.refused(words);
        assert_eq!(
            said,
            "error: `DIR/desk` is in use by another process; stop it or ask it"
        );
    }
    drop(service);
    desk.act(&["trust", "quarantine", "bot"]);
    let (gate, _admin) = desk.service();
    assert!(
        gate.level(&"bot".parse().unwrap(), &trust_gate::Scope::root())
            .quarantined
    );
}

#[test]
fn budgets_trust_and_consent_share_a_directory() {
    let desk = desk();
    desk.ok(&["consent", "init"]);
    desk.ok(&["budget", "init"]);
    desk.ok(&[
        "consent",
        "give",
        "--agent",
        "bot",
        "--data",
        "user",
        "--purpose",
        "p",
        "--by",
        "ada",
    ]);
    desk.act(&["budget", "create", "org", "--limit-calls", "1"]);
    let service = desk.service();
    desk.ok(&["consent", "show"]);
    desk.ok(&["budget", "list"]);
    drop(service);
}

#[test]
fn a_grant_is_signed_elsewhere_and_counts_once() {
    let desk = desk();
    let key = desk.0.file("ada.key");
    let made = run(["trust", "key", "new", &key]);
    assert_eq!(made.status, Some(0), "{}", made.err);
    assert_eq!(
        run(["trust", "key", "new", &key]).out,
        made.out,
        "it is kept"
    );
    let secret = std::fs::read_to_string(&key).unwrap();
    #[cfg(unix)]
    {
        let found = std::fs::metadata(&key).unwrap().permissions();
        let bits = std::os::unix::fs::PermissionsExt::mode(&found);
        assert_eq!(bits & 0o777, 0o600);
    }
    let sign = |serial: &str, gate: &str| {
        let said = run([
            "trust", "sign", "bot", "--level", "L2", "--key", &key, "--gate", gate, "--serial",
            serial, "--by", "ada", "--reason", "on call",
        ]);
        assert_eq!(said.status, Some(0), "{}", said.err);
        assert!(!said.out.contains(secret.trim()) && !said.err.contains(secret.trim()));
        let file = desk.0.file("grant.txt");
        std::fs::write(&file, said.out).unwrap();
        file
    };
    let unknown = desk.refused(&["trust", "assign-signed", &sign("1", "desk")]);
    assert!(unknown.contains("is not known here"), "{unknown}");
    let public = made.out.trim();
    desk.act(&["trust", "key", "add", public, "--operator", "ada"]);
    let wrong = desk.refused(&["trust", "assign-signed", &sign("1", "shop")]);
    assert!(wrong.contains("for the gate `shop`"), "{wrong}");
    let file = sign("1", "desk");
    assert!(
        desk.ok(&["trust", "assign-signed", &file])
            .starts_with("ASSIGNED  bot  L2")
    );
    let replayed = desk.refused(&["trust", "assign-signed", &file]);
    assert!(
        replayed.contains("serial 1 of operator `ada`"),
        "{replayed}"
    );
    let event = &desk.json(&["trust", "history", "--newest", "1"])[0];
    assert_eq!(
        (&event["by"], &event["reason"]),
        (&"ada".into(), &"on call".into())
    );
    let id = desk.json(&["trust", "key", "list"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(desk.json(&["trust", "history", "--key", &id]).len(), 2);
    desk.act(&["trust", "key", "revoke", &id]);
    let revoked = desk.refused(&["trust", "assign-signed", &sign("2", "desk")]);
    assert!(revoked.contains("was revoked"), "{revoked}");
    assert!(desk.ok(&["trust", "key", "list"]).contains(&id));
    std::fs::write(&key, "not a key").unwrap();
    let bad = run([
        "trust", "sign", "bot", "--level", "L2", "--key", &key, "--gate", "desk", "--serial", "9",
        "--by", "ada", "--reason", "x",
    ]);
    assert_eq!(bad.status, Some(2));
    assert!(
        bad.err.contains("64 hexadecimal digits") && !bad.err.contains("not a key:"),
        "{}",
        bad.err
    );
}

#[test]
fn a_damaged_store_is_an_error_and_never_a_fresh_one() {
    let desk = desk();
    desk.act(&["trust", "quarantine", "bot"]);
    let file = std::path::Path::new(&desk.dir()).join("trust.redb");
    let whole = std::fs::read(&file).unwrap();
    for damage in [
        Vec::new(),
        whole[..whole.len() / 2].to_vec(),
        vec![0; whole.len()],
    ] {
        std::fs::write(&file, &damage).unwrap();
        for words in [
            &["trust", "show"][..],
            &["trust", "init", "--by", "ops"],
            &["trust", "release", "bot", BY[0], BY[1], BY[2], BY[3]],
        ] {
            let ran = desk.run(words);
            assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""), "{words:?}");
            assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        }
        assert_eq!(std::fs::read(&file).unwrap().len(), damage.len());
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(desk.json(&["trust", "show", "bot"])[0]["quarantined"], true);
}
