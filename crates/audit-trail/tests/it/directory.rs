//! A log's directory, read by somebody else: what a reader sees while the writer runs, and what verification says of it.

use std::fs;
use std::path::{Path, PathBuf};

use audit_trail::{
    AuditError, AuditLog, AuditReader, DecisionFields, Entry, Filter, Level, Outcome, SigningKey,
    VerifyError, verify_inclusion, verify_range,
};
use tempfile::TempDir;

fn key() -> SigningKey {
    SigningKey::from_seed("test.example/log", &[42; 32]).unwrap()
}

fn writer(dir: &Path) -> AuditLog {
    let builder = AuditLog::builder().signer(key()).directory(dir);
    builder.segment_size(1 << 20).build().unwrap()
}

fn reader(dir: &Path) -> AuditReader {
    AuditReader::open(dir, Some(key().verifier_key())).unwrap()
}

/// `n` entries, long enough for several segments.
fn fill(log: &AuditLog, n: usize) {
    let filler = "x".repeat(2000);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let filler = &filler;
            scope.spawn(move || {
                for i in 0..n / 4 {
                    let outcome = Outcome::ALL[i % 3];
                    let session = format!("s-{thread}-{}", i / 10);
                    let decision = DecisionFields::new(outcome, "code");
                    let entry = Entry::decision(decision).session(&session).agent("a");
                    log.log(entry.reason(filler)).unwrap();
                }
            });
        }
    });
}

fn files(dir: &TempDir, sub: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir.path().join(sub))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some())
        .collect();
    files.sort();
    files
}

#[test]
fn a_reader_beside_the_writer_sees_proves_and_verifies_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let log = writer(dir.path());
    fill(&log, 2000);
    assert!(files(&dir, "seg").len() > 3);
    let reader = reader(dir.path());
    assert_eq!(reader.size().unwrap(), 2001);
    assert_eq!(
        reader.outcome_counts().unwrap(),
        log.outcome_counts().unwrap()
    );
    let filter = Filter::new().session("s-2-7").count_matches();
    let (there, here) = (reader.query(&filter).unwrap(), log.query(&filter).unwrap());
    assert_eq!(
        (there.total_matched, here.total_matched),
        (Some(10), Some(10))
    );
    for (a, b) in there.records.iter().zip(&here.records) {
        assert_eq!((a.index(), a.bytes()), (b.index(), b.bytes()));
    }
    let checkpoint = reader.checkpoint().unwrap();
    for index in [0, 1, 777, 2000] {
        let proof = reader.inclusion_proof(index, checkpoint.size()).unwrap();
        let entry = reader.entry(index).unwrap();
        verify_inclusion(entry.bytes(), index, &proof, &checkpoint).unwrap();
    }
    let page = reader.query(&Filter::new().indexes(500..600)).unwrap();
    let leaves: Vec<_> = page.records.iter().map(|record| *record.leaf()).collect();
    let proof = reader.range_proof(500..600, checkpoint.size()).unwrap();
    verify_range(&leaves, 500, &proof, &checkpoint).unwrap();
    assert!(verify_range(&leaves[1..], 500, &proof, &checkpoint).is_err());

    assert_eq!(reader.refresh().unwrap(), 2001);
    log.log(Entry::event("later")).unwrap();
    assert_eq!(reader.size().unwrap(), 2001);
    assert_eq!(reader.refresh().unwrap(), 2002);
    assert_eq!(reader.latest(1).unwrap()[0].event(), Some("later"));
    let verified = reader.verify(Some(&checkpoint)).unwrap();
    assert_eq!((verified.level, verified.size), (Level::Pinned, 2002));
    assert!(verified.fully_covered());
}

#[test]
fn damage_is_named_with_its_file_and_nothing_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let log = writer(dir.path());
    fill(&log, 2000);
    drop(log);
    let segment = files(&dir, "seg")[1].clone();
    let good = fs::read(&segment).unwrap();
    let mut bad = good.clone();
    bad[300_000] ^= 1;
    fs::write(&segment, &bad).unwrap();
    let found = reader(dir.path()).verify(None).unwrap_err();
    let VerifyError::Segment { file, range, .. } = &found else {
        panic!("{found}");
    };
    assert!(segment.ends_with(file), "{file}");
    assert!(range.contains(&300_000), "{range:?}");
    assert_eq!(fs::read(&segment).unwrap(), bad);
    fs::write(&segment, good).unwrap();
    assert!(reader(dir.path()).verify(None).unwrap().fully_covered());
}

#[test]
fn indexes_are_derived_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let log = writer(dir.path());
    fill(&log, 2000);
    let counts = log.outcome_counts().unwrap();
    drop(log);
    let before = files(&dir, "idx");
    assert!(before.len() >= 3);
    fs::remove_dir_all(dir.path().join("idx")).unwrap();
    assert_eq!(reader(dir.path()).outcome_counts().unwrap(), counts);
    assert!(!dir.path().join("idx").exists(), "a reader writes nothing");
    assert_eq!(writer(dir.path()).outcome_counts().unwrap(), counts);
    assert_eq!(files(&dir, "idx"), before);
}

#[test]
fn where_no_log_is_none_is_read() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("missing")] {
        let refused = AuditReader::open(path, None).unwrap_err();
        assert!(matches!(refused, AuditError::Config(_)), "{refused}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
