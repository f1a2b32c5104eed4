//! Personal data behind commitments: kept apart, disclosed with proof, and forgotten without harm to any proof.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit_trail::{
    AuditError, AuditLog, Entry, EntryError, FileVault, Filter, Kind, MemoryVault, Record,
    SigningKey, Vault, verify_ndjson,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest, Sha256};

const SUBJECT: &str = "customer-7";
const EMAIL: &str = "someone@example.com";

fn log_with(vault: impl Vault + 'static) -> AuditLog {
    let key = SigningKey::from_seed("test.example/log", &[42; 32]).unwrap();
    AuditLog::builder()
        .signer(key)
        .vault(vault)
        .build()
        .unwrap()
}

fn sign_up() -> Entry<'static> {
    Entry::event("sign-up").personal(SUBJECT, "email", EMAIL)
}

fn values(vault: &impl Vault, record: &Record) -> Vec<(String, String)> {
    let fields = vault.disclose(record).unwrap().fields;
    fields
        .into_iter()
        .map(|field| (field.name, field.value))
        .collect()
}

fn lines_of(vault: &impl Vault, subject: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut see = |line: &str| {
        lines.push(line.to_owned());
        ControlFlow::Continue(())
    };
    vault.visit(subject, &mut see).unwrap();
    lines
}

fn subject_files(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "sd"))
        .collect()
}

#[test]
fn values_stay_out_of_the_entry_and_come_back_proven() {
    let vault = Arc::new(MemoryVault::default());
    let log = log_with(vault.clone());
    let entry = Entry::event("letter-sent")
        .agent("desk-assistant")
        .personal(SUBJECT, "postal_address", "Example Street 1")
        .personal("customer-8", "cc", "Grüße \"q\" \\ 日本");
    log.log(entry).unwrap();
    let record = log.entry(1).unwrap();
    let text = std::str::from_utf8(record.bytes()).unwrap();
    for secret in [SUBJECT, "customer-8", "postal", "Example", "cc", "日本"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(record.commitments().len(), 2);
    assert!(text.starts_with(r#"{"_sd":[""#));
    assert_eq!(
        values(&vault, &record),
        [
            ("cc".into(), "Grüße \"q\" \\ 日本".into()),
            ("postal_address".into(), "Example Street 1".into())
        ]
    );
    let one = vault.disclose_of("customer-8", &record).unwrap();
    assert_eq!((one.fields.len(), one.missing), (1, 1));
    assert_eq!(vault.disclose_of("nobody", &record).unwrap().missing, 2);
    // What any SD-JWT library computes.
    for line in lines_of(&vault, None) {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&line));
        assert!(record.commitments().iter().any(|known| *known == digest));
        let json = BASE64_URL_SAFE_NO_PAD.decode(&line).unwrap();
        let [salt, _, _]: [String; 3] = serde_json::from_slice(&json).unwrap();
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(salt).unwrap().len(), 16);
    }
    assert_eq!(
        Record::parse(1, record.bytes()).unwrap().commitments(),
        record.commitments()
    );
}

#[test]
fn equal_values_cannot_be_told_from_different_ones() {
    let log = log_with(MemoryVault::default());
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let index = log.log(sign_up()).unwrap().index;
        let record = log.entry(index).unwrap();
        assert!(seen.insert(record.commitments()[0].to_string()));
    }
}

#[test]
fn what_is_printed_of_an_entry_or_a_vault_shows_no_value() {
    let vault = MemoryVault::default();
    vault.keep(SUBJECT, &["disclosure"]).unwrap();
    let printed = format!("{:?} {vault:?}", sign_up());
    for secret in [SUBJECT, EMAIL, "disclosure"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn without_a_vault_nothing_personal_is_logged() {
    let log = crate::log_of(0);
    assert!(matches!(log.log(sign_up()), Err(AuditError::NoVault)));
    assert!(matches!(
        log.erase(SUBJECT, "ops@example.com", "x"),
        Err(AuditError::NoVault)
    ));
    assert_eq!(log.size().unwrap(), 1);
}

#[test]
fn names_that_could_pass_for_fields_and_texts_that_break_the_schema_are_refused() {
    let vault = Arc::new(MemoryVault::default());
    let log = log_with(vault.clone());
    let overlong = "x".repeat(4097);
    for name in [
        "agent",
        "kind",
        "ts",
        "ext",
        "_sd",
        "_sd_alg",
        "...",
        "namespace",
        "operator",
    ] {
        let refused = log.log(Entry::event("x").personal(SUBJECT, name, "v"));
        assert!(
            matches!(
                refused,
                Err(AuditError::Entry(EntryError::PersonalName { .. }))
            ),
            "{name}"
        );
    }
    let twice = Entry::event("x")
        .personal(SUBJECT, "a", "1")
        .personal("other", "a", "2");
    assert!(matches!(
        log.log(twice),
        Err(AuditError::Entry(EntryError::PersonalName { .. }))
    ));
    for (subject, field, value) in [
        ("", "f", "v"),
        ("s", "", "v"),
        ("s", "f", ""),
        ("s\n", "f", "v"),
        ("s", "f\u{7f}", "v"),
        ("s", "f", "v\r\n"),
        (&overlong, "f", "v"),
        ("s", &overlong, "v"),
        ("s", "f", &overlong),
    ] {
        assert!(matches!(
            log.log(Entry::event("x").personal(subject, field, value)),
            Err(AuditError::Entry(_))
        ));
    }
    // An entry that is refused for another reason leaves nothing in the vault.
    assert!(
        log.log(Entry::event("").personal(SUBJECT, "email", EMAIL))
            .is_err()
    );
    assert!(lines_of(&vault, None).is_empty());
    assert_eq!(log.size().unwrap(), 1);
}

#[test]
fn commitments_are_read_strictly() {
    let log = log_with(MemoryVault::default());
    let entry = sign_up().personal(SUBJECT, "name", "x");
    log.log(entry).unwrap();
    let record = log.entry(1).unwrap();
    let text = std::str::from_utf8(record.bytes()).unwrap();
    let [a, b] = record.commitments() else {
        panic!("two commitments")
    };
    let list = format!("[\"{a}\",\"{b}\"]");
    assert!(text.contains(&list));
    for bad in [
        "[]".to_owned(),
        "null".into(),
        "\"x\"".into(),
        format!("[\"{b}\",\"{a}\"]"),
        format!("[\"{a}\",\"{a}\"]"),
        format!("[\"{a}=\"]"),
        format!("[\"{}\"]", &a[1..]),
        format!("[\"{}!\"]", &a[1..]),
        "[1]".into(),
        "[[]]".into(),
    ] {
        let forged = text.replacen(&list, &bad, 1);
        assert!(Record::parse(1, forged.as_bytes()).is_err(), "{bad}");
    }
    assert!(
        Record::parse(
            1,
            text.replacen("{\"_sd\"", &format!("{{\"_sd\":{list},\"_sd\""), 1)
                .as_bytes()
        )
        .is_err()
    );
}

#[test]
fn erasing_keeps_every_proof_valid_and_says_what_was_done() {
    let vault = Arc::new(MemoryVault::default());
    let log = log_with(vault.clone());
    for i in 0..300 {
        log.log(Entry::event(&format!("event-{i}"))).unwrap();
        if i % 100 == 0 {
            log.log(sign_up()).unwrap();
        }
    }
    log.log(Entry::event("other").personal("customer-8", "email", "other@example.com"))
        .unwrap();
    let pin = log.checkpoint().unwrap();
    let personal: Vec<Record> = log.query(&Filter::new().event("sign-up")).unwrap().records;
    assert_eq!(personal.len(), 3);
    let key = log.verifier_key().unwrap().clone();
    let receipts: Vec<_> = personal
        .iter()
        .map(|record| log.receipt(record.index()).unwrap())
        .collect();
    let mut before = Vec::new();
    log.export_ndjson(&mut before).unwrap();

    let erased = log
        .erase(SUBJECT, "ops@example.com", "requested by the person")
        .unwrap();
    assert_eq!(erased.disclosures, 3);
    assert!(log.verify(Some(&pin)).unwrap().fully_covered());
    for (record, receipt) in personal.iter().zip(&receipts) {
        assert_eq!(log.entry(record.index()).unwrap().bytes(), record.bytes());
        assert!(receipt.verify(record.bytes(), &key, None).is_ok());
        assert!(
            log.receipt(record.index())
                .unwrap()
                .verify(record.bytes(), &key, None)
                .is_ok()
        );
        let disclosed = vault.disclose(record).unwrap();
        assert_eq!((disclosed.fields.len(), disclosed.missing), (0, 1));
    }
    let mut after = Vec::new();
    log.export_ndjson(&mut after).unwrap();
    assert!(verify_ndjson(&after[..], &key, Some(&pin)).is_ok());
    let checkpoint_line = before[..before.len() - 1]
        .iter()
        .rposition(|b| *b == b'\n')
        .unwrap();
    assert!(after.starts_with(&before[..=checkpoint_line]));
    let other = log
        .query(&Filter::new().event("other"))
        .unwrap()
        .records
        .remove(0);
    assert_eq!(
        values(&vault, &other),
        [("email".into(), "other@example.com".into())]
    );

    let told = log.get(erased.id).unwrap();
    let [begun, completed] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (begun.event(), completed.event()),
        (Some("begun"), Some("completed"))
    );
    assert_eq!(completed.index(), erased.index);
    for record in &told {
        assert_eq!(
            (record.kind(), record.operator()),
            (Kind::Erasure, Some("ops@example.com"))
        );
        assert!(
            !std::str::from_utf8(record.bytes())
                .unwrap()
                .contains(SUBJECT)
        );
    }
    let digests = begun.ext().unwrap().to_value()["digests"].clone();
    for record in &personal {
        assert!(
            digests
                .as_array()
                .unwrap()
                .contains(&(*record.commitments()[0]).into())
        );
    }
    assert_eq!(completed.ext().unwrap().as_str(), r#"{"disclosures":3}"#);

    let again = log.erase(SUBJECT, "ops@example.com", "again").unwrap();
    assert_eq!(
        (again.disclosures, log.get(again.id).unwrap().len()),
        (0, 1)
    );
    let index = log.log(sign_up()).unwrap().index;
    assert_eq!(values(&vault, &log.entry(index).unwrap()).len(), 1);
}

#[test]
fn more_digests_than_one_entry_holds_are_told_in_several() {
    let log = log_with(MemoryVault::default());
    for _ in 0..1001 {
        log.log(sign_up()).unwrap();
    }
    let erased = log.erase(SUBJECT, "ops@example.com", "x").unwrap();
    let told = log.get(erased.id).unwrap();
    let digests = |record: &Record| {
        record.ext().unwrap().to_value()["digests"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(
        told.iter().map(digests).collect::<Vec<_>>(),
        [Some(1000), Some(1), None]
    );
}

#[test]
fn what_cannot_be_told_is_not_erased() {
    let vault = Arc::new(MemoryVault::default());
    let log = log_with(vault.clone());
    log.log(sign_up()).unwrap();
    for (subject, operator, reason) in [
        ("", "o", "r"),
        ("a\nb", "o", "r"),
        (SUBJECT, "", "r"),
        (SUBJECT, "o", "a\nb"),
    ] {
        assert!(matches!(
            log.erase(subject, operator, reason),
            Err(AuditError::Entry(_))
        ));
    }
    assert_eq!(lines_of(&vault, Some(SUBJECT)).len(), 1);
    assert_eq!(log.size().unwrap(), 2);
}

/// Fails where it is told to; what it says it kept is kept.
struct Failing(Arc<MemoryVault>, &'static str);

impl Vault for Failing {
    fn keep(&self, subject: &str, disclosures: &[&str]) -> io::Result<()> {
        if self.1 == "keep" {
            return Err(io::Error::other("full"));
        }
        self.0.keep(subject, disclosures)
    }
    fn visit(
        &self,
        subject: Option<&str>,
        see: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> io::Result<()> {
        if self.1 == "visit" {
            return Err(io::Error::other("unreadable"));
        }
        self.0.visit(subject, see)
    }
    fn erase(&self, subject: &str) -> io::Result<()> {
        if self.1 == "erase" {
            return Err(io::Error::other("read-only"));
        }
        self.0.erase(subject)
    }
}

#[test]
fn a_vault_that_fails_costs_the_entry_and_never_a_false_claim() {
    let kept = Arc::new(MemoryVault::default());
    let log = log_with(Failing(kept.clone(), "keep"));
    assert!(matches!(log.log(sign_up()), Err(AuditError::Vault(_))));
    assert_eq!(log.size().unwrap(), 1);
    log.log(Entry::event("not personal")).unwrap();

    let log = log_with(Failing(kept.clone(), "visit"));
    log.log(sign_up()).unwrap();
    assert!(matches!(
        log.erase(SUBJECT, "o", "r"),
        Err(AuditError::Vault(_))
    ));
    assert_eq!((log.size().unwrap(), lines_of(&kept, None).len()), (2, 1));

    // As if the process had ended between the intent and the deletion.
    let log = log_with(Failing(kept.clone(), "erase"));
    log.log(sign_up()).unwrap();
    assert!(matches!(
        log.erase(SUBJECT, "o", "r"),
        Err(AuditError::Vault(_))
    ));
    let told = log
        .query(&Filter::new().kind(Kind::Erasure))
        .unwrap()
        .records;
    assert_eq!(
        told.iter().map(Record::event).collect::<Vec<_>>(),
        [Some("begun")]
    );
    assert_eq!(lines_of(&kept, None).len(), 2);
}

#[test]
fn disclosures_that_belong_to_no_commitment_show_nothing() {
    let vault = Arc::new(MemoryVault::default());
    let log = log_with(vault.clone());
    log.log(sign_up()).unwrap();
    let record = log.entry(1).unwrap();
    vault.erase(SUBJECT).unwrap();
    let forged = BASE64_URL_SAFE_NO_PAD.encode(r#"["salt","email","forged@example.com"]"#);
    vault.keep(SUBJECT, &[&forged, "not base64!", ""]).unwrap();
    let disclosed = vault.disclose(&record).unwrap();
    assert_eq!((disclosed.fields.len(), disclosed.missing), (0, 1));
}

#[test]
fn a_file_vault_outlives_its_process_and_its_names_say_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/vault");
    let log = log_with(FileVault::open(&path).unwrap());
    log.log(sign_up()).unwrap();
    log.log(sign_up()).unwrap();
    log.log(Entry::event("x").personal("../../etc/passwd", "name", "y"))
        .unwrap();
    let vault = FileVault::open(&path).unwrap();
    let record = log.entry(2).unwrap();
    assert_eq!(values(&vault, &record), [("email".into(), EMAIL.into())]);
    assert_eq!(vault.disclose_of(SUBJECT, &record).unwrap().missing, 0);
    assert_eq!(lines_of(&vault, Some(SUBJECT)).len(), 2);
    let files = subject_files(&path);
    assert_eq!(files.len(), 2);
    let plain = crate::evidence::sha256_hex(SUBJECT);
    for file in &files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(name.len() == 64 && name != plain);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(
                (mode(file), mode(&path.join("key")), mode(&path)),
                (0o600, 0o600, 0o700)
            );
        }
    }
    // Another vault gives the same subject another name.
    let other = tempfile::tempdir().unwrap();
    FileVault::open(other.path())
        .unwrap()
        .keep(SUBJECT, &["x"])
        .unwrap();
    let name = subject_files(other.path())[0]
        .file_name()
        .unwrap()
        .to_owned();
    assert!(files.iter().all(|file| file.file_name().unwrap() != name));

    assert_eq!(
        log.erase(SUBJECT, "ops@example.com", "x")
            .unwrap()
            .disclosures,
        2
    );
    assert_eq!(subject_files(&path).len(), 1);
    assert_eq!(vault.disclose(&record).unwrap().missing, 1);
    assert_eq!(lines_of(&vault, None).len(), 1);
}

#[test]
fn a_torn_last_line_is_passed_over_and_then_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let vault = FileVault::open(dir.path()).unwrap();
    for (kept, torn) in [(vec![], "x"), (vec!["a"], "bc"), (vec!["a", "bb"], "c")] {
        vault.erase(SUBJECT).unwrap();
        vault.keep(SUBJECT, &["first"]).unwrap();
        let file = subject_files(dir.path()).remove(0);
        let whole: String = kept.iter().flat_map(|line| [*line, "\n"]).collect();
        std::fs::write(&file, format!("{whole}{torn}")).unwrap();
        assert_eq!(lines_of(&vault, Some(SUBJECT)), kept);
        let vault = FileVault::open(dir.path()).unwrap();
        vault.keep(SUBJECT, &["next"]).unwrap();
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            format!("{whole}next\n")
        );
    }
}

#[test]
fn a_damaged_key_is_an_error_and_no_new_one_is_made() {
    let dir = tempfile::tempdir().unwrap();
    drop(FileVault::open(dir.path()).unwrap());
    std::fs::write(dir.path().join("key"), b"short").unwrap();
    assert_eq!(
        FileVault::open(dir.path()).unwrap_err().kind(),
        io::ErrorKind::InvalidData
    );
    assert_eq!(std::fs::read(dir.path().join("key")).unwrap(), b"short");
}

#[test]
fn many_threads_keep_and_erase_without_losing_a_count() {
    let dir = tempfile::tempdir().unwrap();
    let vault = Arc::new(FileVault::open(dir.path()).unwrap());
    let log = log_with(vault.clone());
    let erased: u64 = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..20 {
                    log.log(sign_up()).unwrap();
                }
            });
        }
        let erasing = scope.spawn(|| {
            let erase = |_| log.erase(SUBJECT, "o", "r").unwrap().disclosures;
            (0..10).map(erase).sum()
        });
        erasing.join().unwrap()
    });
    let left = log.erase(SUBJECT, "o", "r").unwrap().disclosures;
    assert_eq!(erased + left, 60);
    let told = log
        .query(&Filter::new().kind(Kind::Erasure))
        .unwrap()
        .records;
    let digests: usize = told
        .iter()
        .filter_map(|record| record.ext()?.to_value()["digests"].as_array().map(Vec::len))
        .sum();
    assert_eq!(digests, 60);
    assert!(log.verify(None).is_ok());
}

#[test]
fn in_a_directory_data_and_its_erasure_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let (log_dir, vault_dir) = (dir.path().join("log"), dir.path().join("vault"));
    let key = || SigningKey::from_seed("test.example/log", &[42; 32]).unwrap();
    let open = || {
        let vault = FileVault::open(&vault_dir).unwrap();
        AuditLog::builder()
            .directory(&log_dir)
            .segment_size(1 << 20)
            .signer(key())
            .vault(vault)
            .build()
            .unwrap()
    };
    let log = open();
    let index = log.log(sign_up()).unwrap().index;
    let receipt = log.receipt(index).unwrap();
    drop(log);
    let log = open();
    let vault = FileVault::open(&vault_dir).unwrap();
    let record = log.entry(index).unwrap();
    assert_eq!(values(&vault, &record), [("email".into(), EMAIL.into())]);
    assert_eq!(
        log.erase(SUBJECT, "ops@example.com", "x")
            .unwrap()
            .disclosures,
        1
    );
    drop(log);
    let log = open();
    assert_eq!(vault.disclose(&record).unwrap().missing, 1);
    assert!(
        receipt
            .verify(record.bytes(), key().verifier_key(), None)
            .is_ok()
    );
    assert!(log.verify(None).unwrap().fully_covered());
    let told = log
        .query(&Filter::new().kind(Kind::Erasure))
        .unwrap()
        .records;
    assert_eq!(told.len(), 2);
}
