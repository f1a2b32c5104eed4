//! A journal in a directory: who may open it, and what is refused to be opened.

use std::error::Error as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use budget_enforcer::durable::{DurableError, DurableJournal};
use budget_enforcer::{
    BudgetAdmin, BudgetEnforcer, BudgetJournal as _, Dimension, ManualClock, Revision,
};
use insta::assert_snapshot;

use crate::stage::{START, budget, calls, charge};

fn create(dir: &Path) -> Result<DurableJournal, DurableError> {
    DurableJournal::options().create(true).open(dir)
}

fn over(journal: DurableJournal) -> (BudgetEnforcer, BudgetAdmin) {
    BudgetEnforcer::builder()
        .clock(ManualClock::new(START))
        .journal(journal)
        .build()
        .unwrap()
}

/// A directory with a journal in which 4 of 10 calls are spent.
fn used() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (enforcer, admin) = over(create(dir.path()).unwrap());
    admin.create_budget(calls("a", 10)).unwrap();
    enforcer.record(&charge(&budget("a"), 4)).unwrap();
    dir
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
    said(dir, &DurableJournal::open(dir).unwrap_err())
}

#[test]
fn what_was_spent_is_spent_after_a_restart() {
    let dir = used();
    for spent in 4..8 {
        let (enforcer, _) = over(DurableJournal::open(dir.path()).unwrap());
        let usage = *enforcer
            .utilization(&budget("a"))
            .unwrap()
            .usage(Dimension::Calls);
        assert_eq!(usage.spent.units(), spent);
        enforcer.record(&charge(&budget("a"), 1)).unwrap();
    }
}

#[test]
fn nothing_is_created_unasked() {
    let dir = tempfile::tempdir().unwrap();
    assert_snapshot!(refusal(dir.path()), @"there is no journal in `[dir]`: create one if this is the right directory");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    assert!(DurableJournal::open(dir.path().join("a/b")).is_err());
    assert!(!dir.path().join("a").exists());
    drop(create(&dir.path().join("a/b")).unwrap());
    drop(DurableJournal::open(dir.path().join("a/b")).unwrap());
}

#[test]
fn creating_where_there_is_one_opens_it() {
    let dir = used();
    let mut events = 0;
    create(dir.path())
        .unwrap()
        .replay(Revision::ZERO, &mut |_| {
            events += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(events, 2);
}

#[test]
fn what_a_crash_left_of_a_creation_is_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("budget.lock"), "").unwrap();
    std::fs::write(dir.path().join("budget.redb.new"), "half of one").unwrap();
    assert!(matches!(
        DurableJournal::open(dir.path()),
        Err(DurableError::NotFound { .. })
    ));
    drop(create(dir.path()).unwrap());
    assert!(!dir.path().join("budget.redb.new").exists());
}

#[test]
fn a_journal_that_is_open_is_not_opened_again() {
    let dir = used();
    let journal = DurableJournal::open(dir.path()).unwrap();
    assert_snapshot!(refusal(dir.path()), @"the journal in `[dir]` is open already: one process at a time writes to it");
    drop(journal);
    drop(DurableJournal::open(dir.path()).unwrap());
}

#[test]
fn a_journal_that_an_enforcer_has_is_not_opened_again() {
    let dir = used();
    let (enforcer, admin) = over(DurableJournal::open(dir.path()).unwrap());
    assert!(matches!(
        create(dir.path()),
        Err(DurableError::InUse { .. })
    ));
    drop((enforcer, admin));
    drop(create(dir.path()).unwrap());
}

#[test]
fn of_many_that_create_one_journal_at_once_one_has_it() {
    for _ in 0..20 {
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
                        Ok(journal) => wins.lock().unwrap().push(journal),
                        Err(DurableError::InUse { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                });
            }
        });
        assert_eq!(wins.into_inner().unwrap().len(), 1);
        drop(DurableJournal::open(dir.path()).unwrap());
    }
}

/// Set for a process that is to hold a journal open.
const HELD: &str = "BUDGET_ENFORCER_HELD";

#[test]
fn another_process_is_refused_until_the_first_has_ended() {
    if let Some(dir) = std::env::var_os(HELD) {
        let journal = DurableJournal::open(dir);
        let mut line = String::new();
        writeln!(std::io::stderr(), "@{}", journal.is_ok()).unwrap();
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
        DurableJournal::open(dir.path()),
        Err(DurableError::InUse { .. })
    ));
    let (mut second, opened) = start();
    assert!(!opened);
    for child in [&mut second, &mut first] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    drop(DurableJournal::open(dir.path()).unwrap());
}

#[test]
fn a_file_that_is_no_whole_journal_is_refused_and_left_alone() {
    let dir = used();
    let path = dir.path().join("budget.redb");
    let sound = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        for _ in 0..2 {
            assert!(create(dir.path()).is_err());
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "it was changed");
        refusal(dir.path())
    };
    assert_snapshot!(refused(b""), @"the journal is damaged: it does not begin as a database does");
    assert_snapshot!(refused(b"hello"), @"the journal is damaged: it does not begin as a database does");
    assert_snapshot!(refused(&sound[..sound.len() / 2]), @"the journal is damaged: the database cannot make sense of it");
    let mut zeroed = sound.clone();
    zeroed[..4096].fill(0);
    assert_snapshot!(refused(&zeroed), @"the journal is damaged: it does not begin as a database does");
    std::fs::write(&path, sound).unwrap();
    drop(DurableJournal::open(dir.path()).unwrap());
}

#[test]
fn a_database_of_something_else_or_of_another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("budget.redb");
    let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
    drop(redb::Database::create(&path).unwrap());
    assert_snapshot!(refusal(dir.path()), @"the journal is damaged: it does not say what it is");
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
    assert_snapshot!(writes(b"budget-enforcer journal 2"), @"the journal is of format `budget-enforcer journal 2`, and this version reads `budget-enforcer journal 1`");
    assert_snapshot!(writes(b"\xff\n"), @r"the journal is of format `�\n`, and this version reads `budget-enforcer journal 1`");
}

#[test]
fn events_are_text_that_others_can_read() {
    use redb::{ReadableDatabase as _, ReadableTable as _};
    let dir = used();
    let database = redb::Database::open(dir.path().join("budget.redb")).unwrap();
    let events = database
        .begin_read()
        .unwrap()
        .open_table(redb::TableDefinition::<u64, &[u8]>::new("events"))
        .unwrap();
    let lines: Vec<_> = events
        .iter()
        .unwrap()
        .map(|row| {
            let (revision, text) = row.unwrap();
            format!(
                "{} {}",
                revision.value(),
                std::str::from_utf8(text.value()).unwrap()
            )
        })
        .collect();
    assert_snapshot!(lines.join("\n"), @r#"
    1 7c6d0f0f6a3d3a75 {"revision":1,"at":"2026-11-22T12:00:00Z","act":{"budget_created":{"spec":{"id":"a","limits":{"calls":10},"period":"lifetime","zone":"UTC","rollover":false,"overdraft":false},"tree":0}}}
    2 acf25a8a8b3585e0 {"revision":2,"at":"2026-11-22T12:00:00Z","act":{"recorded":{"charge":[{"envelope":{"budget":"a"},"amounts":{"calls":4}}]}}}
    "#);
}
