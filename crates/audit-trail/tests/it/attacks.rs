//! Ways in which a log was got to lie, to hang or to break, each found by trying.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use audit_trail::{
    Acknowledgement, AuditError, AuditLog, AuditLogBuilder, AuditReader, Entry, EntryError, Ext,
    FileVault, Filter, Kind, MemoryVault, SigningKey, Vault,
};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed("test.example/log", &[seed; 32]).unwrap()
}

fn at(dir: &Path) -> AuditLogBuilder {
    AuditLog::builder()
        .signer(key(42))
        .directory(dir)
        .segment_size(1 << 20)
}

/// Verifiers act on such entries: a stranger's `key_rotation` would name his own key.
#[test]
fn nobody_but_the_log_writes_entries_on_which_verifiers_act() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path()).build().unwrap();
    let evil =
        Ext::encode(&serde_json::json!({ "key": key(66).verifier_key().to_string() })).unwrap();
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_own()) {
        let entry = || Entry::admin(kind, "ops@example.com").ext(evil.clone());
        for refused in [
            log.log(entry()).map(|_| ()),
            log.submit(entry()).map(|_| ()),
        ] {
            assert!(
                matches!(refused, Err(AuditError::Entry(EntryError::Reserved { kind: k })) if k == kind),
                "{kind}"
            );
        }
    }
    assert_eq!(log.size().unwrap(), 1);
    let copied = Entry::from_json(
        log.namespace(),
        br#"{"_sd":["47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"],"event":"e"}"#,
    );
    assert!(
        copied.is_err(),
        "a commitment of another entry was taken over"
    );
}

/// The commit of a rotation carries both signatures.
#[test]
fn a_key_that_was_succeeded_opens_the_log_no_more_not_even_at_once() {
    let dir = tempfile::tempdir().unwrap();
    drop(at(dir.path()).build().unwrap());
    let succeed = || {
        at(dir.path())
            .signer(key(43))
            .succeeding(key(42), "ops@example.com", "yearly")
    };
    drop(succeed().build().unwrap());
    assert!(matches!(at(dir.path()).build(), Err(AuditError::Config(_))));
    let log = at(dir.path()).signer(key(43)).build().unwrap();
    log.log(Entry::event("a")).unwrap();
    assert!(log.verify(None).unwrap().fully_covered());
}

#[test]
fn a_key_is_not_succeeded_by_an_opening_that_fails() {
    let dir = tempfile::tempdir().unwrap();
    drop(at(dir.path()).namespace("one").build().unwrap());
    let succeed = at(dir.path())
        .signer(key(43))
        .succeeding(key(42), "ops@example.com", "yearly");
    assert!(matches!(
        succeed.namespace("two").build(),
        Err(AuditError::Config(_))
    ));
    assert_eq!(at(dir.path()).build().unwrap().size().unwrap(), 1);
}

/// A vault whose erasing takes until everybody else is under way.
struct Slow {
    vault: MemoryVault,
    visited: Barrier,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Vault for Slow {
    fn keep(&self, subject: &str, disclosures: &[&str]) -> io::Result<()> {
        self.vault.keep(subject, disclosures)
    }
    fn visit(
        &self,
        subject: Option<&str>,
        see: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> io::Result<()> {
        self.visited.wait();
        let _gone = self.go_on.lock().unwrap().recv();
        self.vault.visit(subject, see)
    }
    fn erase(&self, subject: &str) -> io::Result<()> {
        self.vault.erase(subject)
    }
}

/// Appends held room in the queue and waited for the vault; erasing held the vault and waited for room.
#[test]
fn erasing_and_appending_personal_data_do_not_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (start, started) = mpsc::channel();
    let vault = Arc::new(Slow {
        vault: MemoryVault::default(),
        visited: Barrier::new(2),
        go_on: Mutex::new(started),
    });
    let log = at(dir.path())
        .queue(1)
        .vault(Arc::clone(&vault))
        .build()
        .unwrap();
    log.log(Entry::event("a").personal("s", "email", "e"))
        .unwrap();
    let padding =
        Ext::encode(&serde_json::json!({ "a": "x".repeat(4000), "b": "y".repeat(4000) })).unwrap();
    let (tell, finished) = mpsc::channel();
    let spawn = |work: Box<dyn FnOnce(&AuditLog) + Send>| {
        let (log, tell) = (log.clone(), tell.clone());
        std::thread::spawn(move || {
            work(&log);
            tell.send(()).unwrap();
        });
    };
    spawn(Box::new(|log| {
        log.erase("s", "ops@example.com", "asked for").unwrap();
    }));
    vault.visited.wait();
    for _ in 0..50 {
        let ext = padding.clone();
        spawn(Box::new(move |log| {
            log.log(Entry::event("b").personal("t", "email", "e").ext(ext))
                .unwrap();
        }));
    }
    // All of them are where they wait for the vault, or will come there; it makes no difference to what is tested.
    std::thread::sleep(Duration::from_millis(300));
    start.send(()).unwrap();
    for n in 0..51 {
        finished
            .recv_timeout(Duration::from_secs(60))
            .unwrap_or_else(|_| panic!("only {n} of 51 calls finished"));
    }
}

#[test]
fn a_vault_without_its_key_does_not_say_that_there_is_nothing_to_erase() {
    let dir = tempfile::tempdir().unwrap();
    let vault = FileVault::open(dir.path()).unwrap();
    vault.keep("customer-7", &["WyJhIiwiYiIsImMiXQ"]).unwrap();
    drop(vault);
    fs::remove_file(dir.path().join("key")).unwrap();
    assert!(FileVault::open(dir.path()).is_err());
}

/// The thread that commits dies: whoever waits must learn it, whatever he waits with.
#[test]
fn a_panic_while_committing_ends_the_log_and_not_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let clock = {
        let asked = Arc::clone(&asked);
        move || {
            // Once for the entry, once for its commit.
            assert!(
                asked.fetch_add(1, Ordering::SeqCst) != 1001,
                "the clock breaks"
            );
            time::macros::datetime!(2026-11-22 12:00 UTC)
        }
    };
    let log = at(dir.path()).clock(clock).build().unwrap();
    log.log(Entry::event("a")).unwrap();
    asked.store(1000, Ordering::SeqCst);
    let pending = log.submit(Entry::event("b")).unwrap();
    // Whoever waits may be the one who commits: then the panic is his.
    let waited = catch_unwind(AssertUnwindSafe(|| pending.wait(Acknowledgement::Durable)));
    assert!(matches!(waited, Err(_) | Ok(Err(AuditError::Poisoned))));
    assert!(matches!(
        log.log(Entry::event("c")),
        Err(AuditError::Poisoned)
    ));
    drop(log);
    drop(pending);
    assert_eq!(at(dir.path()).build().unwrap().size().unwrap(), 2);
}

/// Damage in the middle of the newest segment ended the log there for readers, without a word.
#[test]
fn readers_do_not_take_damage_for_the_end_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path()).build().unwrap();
    for i in 0..10 {
        log.log(Entry::event(&format!("e-{i}"))).unwrap();
    }
    drop(log);
    let path = dir.path().join("seg/00000000000000000000.seg");
    let mut bytes = fs::read(&path).unwrap();
    let place = bytes.windows(3).position(|w| w == b"e-3").unwrap();
    bytes[place] ^= 1;
    fs::write(&path, bytes).unwrap();
    let found = AuditReader::open(dir.path(), Some(key(42).verifier_key()))
        .and_then(|reader| reader.query(&Filter::new()).map(|page| page.records.len()));
    assert!(
        matches!(found, Err(AuditError::Corrupt { .. })),
        "{found:?}"
    );
    assert!(matches!(
        at(dir.path()).build(),
        Err(AuditError::Corrupt { .. })
    ));
}
