//! A store in a directory: who may open it, and what is refused to be opened.

use std::error::Error as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use consent::durable::{DurableError, DurableStore};
use consent::{
    ClockMark, ConsentGate, ConsentLedger, ConsentStore, ManualClock, Revision, StoreError,
};
use insta::assert_snapshot;
use time::Duration;

use crate::support::{START, all_of, ask_for, grant};

fn create(dir: &Path) -> Result<DurableStore, DurableError> {
    DurableStore::options().create(true).open(dir)
}

fn at(store: DurableStore, clock: &ManualClock) -> (ConsentGate, ConsentLedger) {
    ConsentGate::builder()
        .clock(clock.clone())
        .store(store)
        .build()
        .unwrap()
}

fn over(store: DurableStore) -> (ConsentGate, ConsentLedger) {
    at(store, &ManualClock::new(START))
}

/// A directory with a store in which there is consent, and a mark.
fn used() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (gate, ledger) = over(create(dir.path()).unwrap());
    ledger.record(grant("user", "support")).unwrap();
    assert_eq!(code(&gate), "consent_granted");
    dir
}

fn code(gate: &ConsentGate) -> &'static str {
    gate.check(&ask_for("user", "support")).code()
}

/// What an error says, without the name of the directory.
fn said(dir: &Path, error: &DurableError) -> String {
    let mut text = error.to_string();
    if let Some(cause) = error.source() {
        text = format!("{text}: {cause}");
    }
    text.replace(dir.to_str().unwrap(), "[dir]")
}

fn refusal(dir: &Path) -> String {
    said(dir, &DurableStore::open(dir).unwrap_err())
}

#[test]
fn what_was_done_is_done_after_a_restart() {
    let dir = used();
    let (gate, ledger) = over(DurableStore::open(dir.path()).unwrap());
    assert_eq!(code(&gate), "consent_granted");
    ledger.withdraw(all_of("user"), None).unwrap();
    let told = ledger.history(Revision::ZERO);
    drop((gate, ledger));
    let (gate, ledger) = over(DurableStore::open(dir.path()).unwrap());
    assert_eq!(code(&gate), "withdrawn");
    assert_eq!(ledger.history(Revision::ZERO), told);
}

#[test]
fn what_lapsed_is_lapsed_after_a_restart_under_an_older_clock() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, end) = (ManualClock::new(START), START + Duration::HOUR);
    let (gate, ledger) = at(create(dir.path()).unwrap(), &clock);
    let lent = grant("user", "support").expires_at(end);
    ledger.record(lent).unwrap();
    clock.set(end);
    assert_eq!(code(&gate), "expired");
    drop((gate, ledger));
    clock.set(START);
    let (gate, ledger) = at(DurableStore::open(dir.path()).unwrap(), &clock);
    assert_eq!(code(&gate), "expired");
    drop((gate, ledger));
    let mark = DurableStore::open(dir.path()).unwrap().mark().unwrap();
    let epoch = Revision::ZERO;
    assert_eq!(mark, Some(ClockMark { epoch, at: end }));
}

#[test]
fn a_visitor_may_use_the_store_that_it_visits() {
    let dir = used();
    let store = DurableStore::open(dir.path()).unwrap();
    let mut seen = 0;
    let replayed = store.replay(Revision::ZERO, &mut |event| {
        seen += 1;
        let (epoch, at) = (event.revision(), START);
        store.keep_mark(ClockMark { epoch, at })?;
        match store.append(Revision::ZERO, &[]) {
            Err(StoreError::Conflict { .. }) => Ok(()),
            other => panic!("{other:?}"),
        }
    });
    replayed.unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn nothing_is_created_unasked() {
    let dir = tempfile::tempdir().unwrap();
    assert_snapshot!(refusal(dir.path()), @"there is no store in `[dir]`: create one if this is the right directory");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    assert!(DurableStore::open(dir.path().join("a/b")).is_err());
    assert!(!dir.path().join("a").exists());
    drop(create(&dir.path().join("a/b")).unwrap());
    drop(DurableStore::open(dir.path().join("a/b")).unwrap());
}

#[test]
fn creating_where_there_is_one_opens_it() {
    let dir = used();
    let (gate, _) = over(create(dir.path()).unwrap());
    assert_eq!(code(&gate), "consent_granted");
}

#[test]
fn what_others_keep_in_the_directory_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let others = ["budget.redb", "budget.lock", "trust.redb", "trust.lock"];
    for name in others {
        std::fs::write(dir.path().join(name), name).unwrap();
    }
    drop(over(create(dir.path()).unwrap()));
    for name in others {
        let found = std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(found, name);
    }
    let files = std::fs::read_dir(dir.path()).unwrap();
    let mut ours: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !others.contains(&name.as_str()))
        .collect();
    ours.sort();
    assert_eq!(ours, ["consent.lock", "consent.redb"]);
}

#[test]
fn what_a_crash_left_of_a_creation_is_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("consent.lock"), "").unwrap();
    std::fs::write(dir.path().join("consent.redb.new"), "half of one").unwrap();
    assert!(matches!(
        DurableStore::open(dir.path()),
        Err(DurableError::NotFound { .. })
    ));
    drop(create(dir.path()).unwrap());
    assert!(!dir.path().join("consent.redb.new").exists());
}

#[test]
fn a_store_that_is_open_is_not_opened_again() {
    let dir = used();
    let store = DurableStore::open(dir.path()).unwrap();
    assert_snapshot!(refusal(dir.path()), @"the store in `[dir]` is open already: one process at a time writes to it");
    drop(store);
    let (gate, ledger) = over(DurableStore::open(dir.path()).unwrap());
    assert!(matches!(
        create(dir.path()),
        Err(DurableError::InUse { .. })
    ));
    drop((gate, ledger));
    drop(create(dir.path()).unwrap());
}

#[test]
fn of_many_that_create_one_store_at_once_one_has_it() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let (barrier, wins) = (
            std::sync::Barrier::new(8),
            std::sync::Mutex::new(Vec::new()),
        );
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    match create(dir.path()) {
                        Ok(store) => wins.lock().unwrap().push(store),
                        Err(DurableError::InUse { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                });
            }
        });
        assert_eq!(wins.into_inner().unwrap().len(), 1);
        drop(DurableStore::open(dir.path()).unwrap());
    }
}

/// Set for a process that is to hold a store open.
const HELD: &str = "CONSENT_HELD";

#[test]
fn another_process_is_refused_until_the_first_has_ended() {
    if let Some(dir) = std::env::var_os(HELD) {
        let store = DurableStore::open(dir);
        let mut line = String::new();
        writeln!(std::io::stderr(), "@{}", store.is_ok()).unwrap();
        std::io::stdin().read_line(&mut line).unwrap();
        return;
    }
    let dir = used();
    let start = || {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "durable::another_process_is_refused_until_the_first_has_ended",
            ])
            .arg("--nocapture")
            .env(HELD, dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let opened = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .find_map(|line| {
                line.unwrap()
                    .split_once('@')
                    .map(|(_, said)| said == "true")
            });
        (child, opened.unwrap())
    };
    let (mut first, opened) = start();
    assert!(opened);
    assert!(matches!(
        DurableStore::open(dir.path()),
        Err(DurableError::InUse { .. })
    ));
    let (mut second, opened) = start();
    assert!(!opened);
    for child in [&mut second, &mut first] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    drop(DurableStore::open(dir.path()).unwrap());
}

/// Opens a store that nobody has. A process that another test starts meanwhile may have a copy of the handle for a moment, where
/// the database was refused before it could unlock its file.
fn when_free(dir: &Path) -> Result<DurableStore, DurableError> {
    loop {
        match DurableStore::open(dir) {
            Err(DurableError::InUse { .. }) => std::thread::yield_now(),
            opened => return opened,
        }
    }
}

#[test]
fn a_file_that_is_no_whole_store_is_refused_and_left_alone() {
    let dir = used();
    let path = dir.path().join("consent.redb");
    let sound = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        for _ in 0..2 {
            assert!(create(dir.path()).is_err());
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "it was changed");
        said(dir.path(), &when_free(dir.path()).unwrap_err())
    };
    assert_snapshot!(refused(b""), @"the store is damaged: it does not begin as a database does");
    assert_snapshot!(refused(b"hello"), @"the store is damaged: it does not begin as a database does");
    assert_snapshot!(refused(&sound[..sound.len() / 2]), @"the store is damaged: the database cannot make sense of it");
    let mut zeroed = sound.clone();
    zeroed[..4096].fill(0);
    assert_snapshot!(refused(&zeroed), @"the store is damaged: it does not begin as a database does");
    std::fs::write(&path, sound).unwrap();
    drop(when_free(dir.path()).unwrap());
}

#[test]
fn a_database_of_something_else_or_of_another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consent.redb");
    let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
    drop(redb::Database::create(&path).unwrap());
    assert_snapshot!(refusal(dir.path()), @"the store is damaged: it does not say what it is");
    let writes = |format: &[u8]| {
        let database = redb::Database::create(&path).unwrap();
        let writing = database.begin_write().unwrap();
        writing
            .open_table(meta)
            .unwrap()
            .insert("format", format)
            .unwrap();
        writing.commit().unwrap();
        drop(database);
        refusal(dir.path())
    };
    assert_snapshot!(writes(b"consent store 2"), @"the store is of format `consent store 2`, and this version reads `consent store 1`");
    assert_snapshot!(writes(b"trust-gate store 1"), @"the store is of format `trust-gate store 1`, and this version reads `consent store 1`");
    assert_snapshot!(writes(b"\xff\n"), @r"the store is of format `�\n`, and this version reads `consent store 1`");
}

#[test]
fn acts_are_text_that_others_can_read() {
    use redb::{ReadableDatabase as _, ReadableTable as _};
    let dir = used();
    let database = redb::Database::open(dir.path().join("consent.redb")).unwrap();
    let reading = database.begin_read().unwrap();
    let lines = |table: &str| {
        let table = redb::TableDefinition::<u64, &[u8]>::new(table);
        let rows = reading.open_table(table).unwrap();
        let lines: Vec<_> = rows
            .iter()
            .unwrap()
            .map(|row| {
                let (revision, text) = row.unwrap();
                let (fingerprint, json) = text.value().split_at(16);
                assert!(fingerprint.iter().all(u8::is_ascii_hexdigit));
                format!("{}{}", revision.value(), std::str::from_utf8(json).unwrap())
            })
            .collect();
        lines
    };
    let (_, ledger) = over(create(tempfile::tempdir().unwrap().path()).unwrap());
    ledger.record(grant("user", "support")).unwrap();
    let [event] = <[_; 1]>::try_from(ledger.history(Revision::ZERO)).unwrap();
    let json = format!("1 {}", serde_json::to_string(&event).unwrap());
    let without_id = |line: &str| {
        let (before, rest) = line.split_once(r#""record_id":""#).unwrap();
        format!("{before}{}", rest.split_once('"').unwrap().1)
    };
    let events = lines("events");
    assert_eq!(events.len(), 1);
    assert_eq!(without_id(&events[0]), without_id(&json));
    assert_snapshot!(lines("mark").join("\n"), @r#"0 {"epoch":0,"at":"2026-11-22T00:00:00Z"}"#);
}
