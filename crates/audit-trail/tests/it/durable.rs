//! A log in a directory: what is acknowledged is there, one writer at a time, and what does not fit together is refused.

use std::path::Path;
use std::time::Duration;

use audit_trail::{
    Acknowledgement, AuditError, AuditLog, AuditLogBuilder, AuditReader, Checkpoint, Entry, Filter,
    Kind, Level, SigningKey, VerifyError, WhenFull,
};
use tempfile::TempDir;

fn key() -> SigningKey {
    SigningKey::from_seed("test.example/log", &[42; 32]).unwrap()
}

fn at(dir: &Path) -> AuditLogBuilder {
    AuditLog::builder()
        .signer(key())
        .directory(dir)
        .segment_size(1 << 20)
}

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn names(log: &AuditReader) -> Vec<String> {
    let page = log.query(&Filter::new().kind(Kind::Event)).unwrap();
    page.records
        .iter()
        .map(|r| r.event().unwrap().to_owned())
        .collect()
}

#[test]
fn what_was_logged_is_there_after_reopening() {
    let dir = dir();
    let log = at(dir.path()).namespace("test").build().unwrap();
    for i in 0..300 {
        assert_eq!(
            log.log(Entry::event(&format!("e-{i}"))).unwrap().index,
            i + 1
        );
    }
    let checkpoint = log.checkpoint().unwrap();
    assert_eq!(checkpoint.size(), 301);
    drop(log);
    let log = at(dir.path())
        .must_exist()
        .pin(checkpoint.clone())
        .build()
        .unwrap();
    assert_eq!((log.namespace(), log.size().unwrap()), ("test", 301));
    assert_eq!(log.checkpoint().unwrap(), checkpoint);
    assert_eq!(
        names(&log),
        (0..300).map(|i| format!("e-{i}")).collect::<Vec<_>>()
    );
    assert_eq!(log.log(Entry::event("more")).unwrap().index, 301);
    let verified = log.verify(Some(&checkpoint)).unwrap();
    assert_eq!((verified.level, verified.size), (Level::Pinned, 302));
}

#[test]
fn many_threads_and_segments_make_one_dense_log() {
    let dir = dir();
    let log = at(dir.path()).build().unwrap();
    let text = "x".repeat(600);
    std::thread::scope(|scope| {
        for t in 0..8 {
            let (log, text) = (&log, &text);
            scope.spawn(move || {
                for i in 0..500 {
                    let appended = log
                        .log(Entry::event(&format!("{t}-{i}")).reason_text(text))
                        .unwrap();
                    assert_eq!(log.entry(appended.index).unwrap().id(), appended.id);
                }
            });
        }
    });
    assert_eq!(log.size().unwrap(), 4001);
    let segments = std::fs::read_dir(dir.path().join("seg")).unwrap().count();
    assert!(segments > 3, "{segments} segment files");
    assert_eq!(log.verify(None).unwrap().covered_size, 4001);
    drop(log);
    let log = at(dir.path()).build().unwrap();
    assert_eq!(log.verify(None).unwrap().covered_size, 4001);
    let mut names = names(&log);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4000);
}

#[test]
fn one_writer_at_a_time() {
    let dir = dir();
    let log = at(dir.path()).build().unwrap();
    assert!(matches!(
        at(dir.path()).build(),
        Err(AuditError::Locked { .. })
    ));
    let other = log.clone();
    drop(log);
    assert!(matches!(
        at(dir.path()).build(),
        Err(AuditError::Locked { .. })
    ));
    drop(other);
    at(dir.path()).build().unwrap();
}

#[test]
fn readers_without_the_lock_follow_a_writer() {
    let dir = dir();
    let log = at(dir.path()).build().unwrap();
    log.log(Entry::event("a")).unwrap();
    let reader = AuditReader::open(dir.path(), Some(key().verifier_key())).unwrap();
    assert_eq!(names(&reader), ["a"]);
    log.log(Entry::event("b")).unwrap();
    reader.refresh().unwrap();
    assert_eq!(names(&reader), ["a", "b"]);
    assert_eq!(reader.verify(None).unwrap().level, Level::Signed);
}

#[test]
fn every_level_says_what_it_says() {
    let dir = dir();
    let log = at(dir.path())
        .acknowledge(Acknowledgement::Buffered)
        .build()
        .unwrap();
    let pending: Vec<_> = (0..100)
        .map(|i| log.submit(Entry::event(&format!("e-{i}"))).unwrap())
        .collect();
    for pending in &pending {
        pending.wait(Acknowledgement::Durable).unwrap();
    }
    let receipt = pending[40].receipt().unwrap();
    let entry = log.entry(pending[40].appended().index).unwrap();
    let established = receipt
        .verify(entry.bytes(), log.verifier_key().unwrap(), None)
        .unwrap();
    assert_eq!(established.level, Level::Signed);
    assert!(matches!(
        pending[0].wait(Acknowledgement::Witnessed),
        Err(AuditError::Level { .. })
    ));
    log.log(Entry::event("last")).unwrap();
    log.flush().unwrap();
    assert_eq!(log.size().unwrap(), 102);
    let memory = AuditLog::builder().build().unwrap();
    assert!(matches!(
        memory
            .submit(Entry::event("x"))
            .unwrap()
            .wait(Acknowledgement::Durable),
        Err(AuditError::Level { .. })
    ));
    assert!(memory.submit(Entry::event("x")).unwrap().receipt().is_ok());
    assert!(matches!(
        AuditLog::builder()
            .acknowledge(Acknowledgement::Durable)
            .build(),
        Err(AuditError::Level { .. })
    ));
}

#[test]
fn a_log_that_is_dropped_loses_nothing_that_was_buffered() {
    let dir = dir();
    let log = at(dir.path())
        .acknowledge(Acknowledgement::Buffered)
        .build()
        .unwrap();
    for i in 0..5000 {
        log.log(Entry::event(&format!("e-{i}"))).unwrap();
    }
    drop(log);
    let log = at(dir.path()).build().unwrap();
    assert_eq!(log.size().unwrap(), 5001);
    let published = std::fs::read_to_string(dir.path().join("checkpoint")).unwrap();
    assert_eq!(
        Checkpoint::open(&published, key().verifier_key())
            .unwrap()
            .size(),
        5001
    );
}

#[test]
fn options_that_do_not_fit_the_directory_are_refused_and_change_nothing() {
    let dir = dir();
    assert!(matches!(
        AuditLog::builder().directory(dir.path()).build(),
        Err(AuditError::Config(_))
    ));
    assert!(matches!(
        at(dir.path()).must_exist().build(),
        Err(AuditError::Config(_))
    ));
    assert!(matches!(
        at(dir.path()).max_records(3).build(),
        Err(AuditError::Config(_))
    ));
    assert!(matches!(
        at(dir.path()).segment_size(5).build(),
        Err(AuditError::Config(_))
    ));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let log = at(dir.path())
        .namespace("one")
        .must_be_new()
        .build()
        .unwrap();
    log.log(Entry::event("a")).unwrap();
    drop(log);
    assert!(matches!(
        at(dir.path()).must_be_new().build(),
        Err(AuditError::Config(_))
    ));
    assert!(matches!(
        at(dir.path()).namespace("two").build(),
        Err(AuditError::Config(_))
    ));
    let stranger = SigningKey::from_seed("test.example/log", &[1; 32]).unwrap();
    assert!(matches!(
        at(dir.path()).signer(stranger).build(),
        Err(AuditError::Config(_))
    ));
    let other = SigningKey::from_seed("other.example/log", &[42; 32]).unwrap();
    assert!(matches!(
        at(dir.path()).signer(other).build(),
        Err(AuditError::Config(_))
    ));
    let log = at(dir.path()).namespace("one").build().unwrap();
    assert_eq!(log.size().unwrap(), 2);
}

#[test]
fn a_successor_signs_from_the_entry_on_that_names_it() {
    let dir = dir();
    let old = key();
    let new = || SigningKey::from_seed("test.example/log", &[43; 32]).unwrap();
    let log = at(dir.path()).build().unwrap();
    log.log(Entry::event("before")).unwrap();
    let kept = log.checkpoint().unwrap();
    drop(log);
    let succeed = || {
        at(dir.path())
            .signer(new())
            .succeeding(key(), "ops@example.com", "yearly change")
    };
    let log = succeed().build().unwrap();
    let rotation = log
        .query(&Filter::new().kind(Kind::KeyRotation))
        .unwrap()
        .records;
    assert_eq!(rotation.len(), 1);
    assert_eq!(
        (rotation[0].operator(), rotation[0].reason()),
        (Some("ops@example.com"), Some("yearly change"))
    );
    let both = log.checkpoint().unwrap();
    assert!(Checkpoint::open(both.as_str(), old.verifier_key()).is_ok());
    log.log(Entry::event("after")).unwrap();
    let newest = log.checkpoint().unwrap();
    assert!(Checkpoint::open(newest.as_str(), old.verifier_key()).is_err());
    assert!(Checkpoint::open(newest.as_str(), new().verifier_key()).is_ok());
    assert_eq!(log.verify(Some(&kept)).unwrap().level, Level::Pinned);
    drop(log);
    // The old key opens it no more, and succeeding again does nothing.
    assert!(matches!(at(dir.path()).build(), Err(AuditError::Config(_))));
    let log = succeed().build().unwrap();
    assert_eq!(
        log.query(&Filter::new().kind(Kind::KeyRotation))
            .unwrap()
            .records
            .len(),
        1
    );
    drop(log);
    // Whoever has only the old key follows it through the log; a stranger's does not open it.
    let reader = AuditReader::open(dir.path(), Some(old.verifier_key())).unwrap();
    assert_eq!(reader.verify(None).unwrap().covered_size, 4);
    let stranger = SigningKey::from_seed("test.example/log", &[9; 32]).unwrap();
    let verdict = AuditReader::open(dir.path(), Some(stranger.verifier_key()))
        .map(|reader| reader.verify(None));
    assert!(!matches!(verdict, Ok(Ok(_))), "{verdict:?}");
}

#[test]
fn a_full_queue_refuses_where_the_log_was_told_to() {
    let dir = dir();
    let log = at(dir.path())
        .queue(20_000)
        .when_full(WhenFull::Refuse)
        .acknowledge(Acknowledgement::Buffered)
        .build()
        .unwrap();
    let text = "x".repeat(4000);
    let mut taken = 0;
    let mut refused = 0;
    for _ in 0..2000 {
        match log.log(Entry::event("e").reason_text(&text)) {
            Ok(_) => taken += 1,
            Err(AuditError::QueueFull) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 0, "the disk kept up");
    log.flush().unwrap();
    assert_eq!(log.size().unwrap(), 1 + taken);
}

#[test]
fn what_was_cut_off_or_put_back_shows_against_what_survives() {
    let dir = dir();
    let log = at(dir.path())
        .publish_every(Duration::ZERO)
        .build()
        .unwrap();
    log.log(Entry::event("a")).unwrap();
    drop(log);
    let copy = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), copy.path());
    let log = at(dir.path()).build().unwrap();
    log.log(Entry::event("b")).unwrap();
    let pin = log.checkpoint().unwrap();
    drop(log);
    // The copy is a true log, only older: what is pinned says so.
    let found = at(copy.path()).pin(pin.clone()).build();
    assert!(
        matches!(&found, Err(AuditError::RollbackDetected { covered: 3, .. })),
        "{found:?}"
    );
    let reader = AuditReader::open(copy.path(), Some(key().verifier_key())).unwrap();
    assert!(matches!(
        reader.verify(Some(&pin)),
        Err(VerifyError::Truncated { pinned: 3, size: 2 })
    ));
    // Segments of the copy beside the newer published checkpoint.
    std::fs::copy(
        dir.path().join("checkpoint"),
        copy.path().join("checkpoint"),
    )
    .unwrap();
    let found = at(copy.path()).build();
    assert!(
        matches!(&found, Err(AuditError::RollbackDetected { .. })),
        "{found:?}"
    );
    // Another history of the same length and key.
    let other = tempfile::tempdir().unwrap();
    let log = at(other.path()).build().unwrap();
    log.log(Entry::event("a")).unwrap();
    log.log(Entry::event("c")).unwrap();
    drop(log);
    let found = at(other.path()).pin(pin).build();
    assert!(
        matches!(&found, Err(AuditError::RollbackDetected { .. })),
        "{found:?}"
    );
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
