//! Reading a directory, against the same entries in memory: whatever is asked, the answers are the same.

mod few_files;
mod verifying;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use time::macros::datetime;

use crate::checkpoint::Checkpoint;
use crate::durable::catalog::Catalog;
use crate::durable::frame::{self, Header};
use crate::durable::segment::{self, Frames};
use crate::durable::spare::Spares;
use crate::durable::storage::{Disk, Storage};
use crate::durable::writer::Writer;
use crate::tree::{Hash, leaf_hash};
use crate::{
    Action, AuditError, AuditLog, AuditReader, DecisionFields, Entry, Ext, Filter, Kind, Level,
    ManualClock, Outcome, Record, SigningKey, VerifyError,
};

/// Small, so that a few hundred entries fill many.
const SEGMENT: u64 = 24 << 10;
const NO_TIME: Duration = Duration::ZERO;

fn key() -> SigningKey {
    SigningKey::from_seed("test.example/log", &[42; 32]).unwrap()
}

/// A log in memory whose entries differ in everything a filter can ask for.
fn varied(n: usize) -> AuditLog {
    let clock = ManualClock::new(datetime!(2026-11-22 12:00 UTC));
    let log = AuditLog::builder()
        .namespace("test")
        .signer(key())
        .clock(clock.clone())
        .build()
        .unwrap();
    for i in 0..n {
        // Now and then the clock is set back.
        let step = if i % 50 == 49 { -40 } else { 1 };
        clock.advance(time::Duration::minutes(step));
        let agent = ["a", "b", "quo\"te"][i % 3];
        let session = format!("s{}", i / 30);
        let unique = format!("r{i}");
        let code = if i % 2 == 0 { "even" } else { "odd" };
        let entry = match i % 7 {
            0 => Entry::event("tick").session(&session),
            1 => Entry::admin(Kind::TrustChange, "ops@example.com").reason("pilot"),
            _ => Entry::decision(DecisionFields::new(Outcome::ALL[i % 3], code))
                .agent(agent)
                .session(&session)
                .resource(&unique)
                .action(Action {
                    name: agent.into(),
                    action_type: (i % 5 == 0).then(|| "write".into()),
                    ..Action::default()
                })
                .ext(Ext::encode(&serde_json::json!({ "i": i % 6 })).unwrap()),
        };
        log.log(entry).unwrap();
    }
    log
}

fn all(log: &AuditReader) -> Vec<Record> {
    log.query(&Filter::new()).unwrap().records
}

/// A writer as the log has one, without its threads.
struct Scribe {
    writer: Writer,
    catalog: Arc<Catalog>,
}

impl Scribe {
    fn begin(dir: &Path) -> Self {
        let storage: Arc<dyn Storage> = Arc::new(Disk::new(dir));
        storage.make_dir("seg").unwrap();
        let spares = Arc::new(Spares::new(Arc::clone(&storage), SEGMENT).unwrap());
        let catalog = Arc::new(Catalog::open(Arc::clone(&storage), true).unwrap());
        let writer = Writer::create(storage, spares, key()).unwrap();
        Self { writer, catalog }
    }

    fn commit(&mut self, records: &[Record], successor: Option<SigningKey>) {
        let entries: Vec<(&str, Hash)> = records
            .iter()
            .map(|r| (std::str::from_utf8(r.bytes()).unwrap(), *r.leaf()))
            .collect();
        self.writer.commit(&entries, 7, successor).unwrap();
        self.catalog.announce(self.writer.size());
    }

    fn reader(&self) -> AuditReader {
        let key = key().verifier_key().clone();
        AuditReader::of_directory(Arc::clone(&self.catalog), Some(key)).unwrap()
    }
}

/// The entries of `log` in a directory, in commits of these sizes over and over.
fn write(log: &AuditLog, commits: &[usize]) -> (TempDir, Scribe) {
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = Scribe::begin(dir.path());
    let records = all(log);
    let mut rest = records.as_slice();
    for size in commits.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at((*size).clamp(1, rest.len()));
        scribe.commit(now, None);
        rest = later;
    }
    (dir, scribe)
}

fn open(dir: &Path) -> AuditReader {
    AuditReader::open(dir, Some(key().verifier_key())).unwrap()
}

fn names(dir: &Path, sub: &str) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir.join(sub))
        .map(|files| {
            files
                .map(|f| f.unwrap().file_name().into_string().unwrap())
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

/// Conditions in all their kinds, chosen by number.
fn condition(filter: Filter, number: usize) -> Filter {
    match number {
        0 => filter.agent("a"),
        1 => filter.agent("b").agent("quo\"te"),
        2 => filter.session("s3"),
        3 => filter.session("s1").session("s5").session("none"),
        4 => filter.outcome(Outcome::Deny),
        5 => filter
            .outcome(Outcome::Allow)
            .outcome(Outcome::AllowWithCaveat),
        6 => filter.kind(Kind::Event).kind(Kind::Genesis),
        7 => filter.resource("r93"),
        8 => filter.action_type("write"),
        9 => filter.reason_code("odd"),
        10 => filter.operator("ops@example.com"),
        11 => filter.ext("i", 4),
        12 => filter
            .since(datetime!(2026-11-22 12:30 UTC))
            .until(datetime!(2026-11-22 13:00 UTC)),
        13 => filter.since(datetime!(2026-11-22 13:00:00.0000005 UTC)),
        14 => filter.indexes(10..=160),
        15 => filter.namespace("test").event("tick"),
        16 => filter.action("quo\"te"),
        _ => filter.scope("nowhere"),
    }
}

fn indexes(records: &[Record]) -> Vec<u64> {
    records.iter().map(Record::index).collect()
}

/// Both logs give the same pages, all of them, for the filter.
fn same_pages(memory: &AuditReader, directory: &AuditReader, filter: &Filter) {
    let (mut here, mut there) = (filter.clone(), filter.clone());
    loop {
        let (a, b) = (
            memory.query(&here).unwrap(),
            directory.query(&there).unwrap(),
        );
        assert_eq!(indexes(&a.records), indexes(&b.records), "{filter:?}");
        assert!(
            a.records
                .iter()
                .zip(&b.records)
                .all(|(a, b)| a.bytes() == b.bytes() && a.leaf() == b.leaf())
        );
        assert_eq!(a.total_matched, b.total_matched, "{filter:?}");
        assert_eq!(a.size, b.size);
        assert_eq!(a.next, b.next);
        let Some(next) = a.next else { break };
        (here, there) = (here.after(next), there.after(next));
    }
}

#[test]
fn whatever_is_asked_a_directory_answers_as_memory_does() {
    let memory = varied(400);
    let (dir, scribe) = write(&memory, &[1, 7, 30, 2]);
    assert!(
        names(dir.path(), "seg").len() > 3,
        "{:?}",
        names(dir.path(), "seg")
    );
    let reader = open(dir.path());
    // The one that wrote the indexes in passing, the one that read them, the one that found none, and the one that wrote them anew.
    let follower = scribe.reader();
    assert_eq!(follower.size().unwrap(), 401);
    drop(std::fs::remove_dir_all(dir.path().join("idx")));
    let without = open(dir.path());
    assert!(
        names(dir.path(), "idx").is_empty(),
        "a reader writes nothing"
    );
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(dir.path()));
    let again = Arc::new(Catalog::open(storage, true).unwrap());
    again.announce(401);
    let again = AuditReader::of_directory(again, None).unwrap();
    assert_eq!(
        names(dir.path(), "idx").len(),
        names(dir.path(), "seg").len() - 1
    );
    let opened = open(dir.path());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(60));
    let question = (
        prop::collection::hash_set(0_usize..18, 0..3),
        any::<bool>(),
        prop::option::of(0_usize..40),
        0_usize..30,
        any::<bool>(),
        0..5_usize,
    );
    runner
        .run(
            &question,
            |(chosen, descending, limit, offset, count, which)| {
                let mut filter = chosen
                    .into_iter()
                    .fold(Filter::new(), condition)
                    .offset(offset);
                if descending {
                    filter = filter.newest_first();
                }
                if let Some(limit) = limit {
                    filter = filter.limit(limit);
                }
                if count {
                    filter = filter.count_matches();
                }
                let readers = [&reader, &follower, &without, &again, &opened];
                same_pages(&memory, readers[which], &filter);
                Ok(())
            },
        )
        .unwrap();
    for directory in [&reader, &follower, &without, &again, &opened] {
        assert_eq!(
            directory.outcome_counts().unwrap(),
            memory.outcome_counts().unwrap()
        );
        assert_eq!(
            indexes(&directory.latest(5).unwrap()),
            [400, 399, 398, 397, 396]
        );
        assert_eq!(
            (directory.namespace(), directory.held_from().unwrap()),
            ("test", 0)
        );
        for index in [0, 1, 100, 255, 256, 400] {
            let record = memory.entry(index).unwrap();
            assert_eq!(directory.entry(index).unwrap().bytes(), record.bytes());
            assert_eq!(indexes(&directory.get(record.id()).unwrap()), [index]);
        }
        assert!(matches!(
            directory.entry(401),
            Err(AuditError::OutOfRange {
                index: 401,
                size: 401
            })
        ));
        assert!(directory.get(uuid::Uuid::nil()).unwrap().is_empty());
    }
}

#[test]
fn every_proof_of_a_directory_is_that_of_memory() {
    let memory = varied(600);
    let (dir, scribe) = write(&memory, &[3, 50]);
    for reader in [open(dir.path()), scribe.reader()] {
        for size in [
            1, 2, 15, 16, 17, 255, 256, 257, 300, 511, 512, 513, 599, 600, 601,
        ] {
            assert_eq!(
                reader.root(size).unwrap(),
                memory.root(size).unwrap(),
                "{size}"
            );
            for index in (0..size).step_by(13).chain([size - 1]) {
                assert_eq!(
                    reader.inclusion_proof(index, size).unwrap(),
                    memory.inclusion_proof(index, size).unwrap(),
                    "{index} of {size}"
                );
                assert_eq!(
                    reader.consistency_proof(index, size).unwrap(),
                    memory.consistency_proof(index, size).unwrap()
                );
                let range = index..(index + 20).min(size);
                assert_eq!(
                    reader.range_proof(range.clone(), size).unwrap(),
                    memory.range_proof(range, size).unwrap()
                );
            }
        }
        assert_eq!(reader.root(0).unwrap(), memory.root(0).unwrap());
        assert!(reader.root(602).is_err());
        assert!(reader.inclusion_proof(601, 601).is_err());
        assert!(reader.range_proof(5..5, 601).is_err());
        for (start, width, count) in [
            (0, 1, 600),
            (32, 2, 9),
            (16, 16, 30),
            (0, 256, 2),
            (256, 8, 40),
        ] {
            assert_eq!(
                reader.subtrees(start, width, count).unwrap(),
                memory.subtrees(start, width, count).unwrap()
            );
        }
        assert_eq!(reader.checkpoint().unwrap(), memory.checkpoint().unwrap());
        let (mut here, mut there) = (Vec::new(), Vec::new());
        memory.export_ndjson(&mut here).unwrap();
        reader.export_ndjson(&mut there).unwrap();
        assert_eq!(here, there);
    }
}

#[test]
fn no_flipped_byte_of_an_index_changes_an_answer() {
    let memory = varied(150);
    let (dir, scribe) = write(&memory, &[10]);
    scribe.reader().size().unwrap();
    let name = names(dir.path(), "idx").remove(0);
    let path = dir.path().join("idx").join(name);
    let good = std::fs::read(&path).unwrap();
    let questions = |directory: &AuditReader| {
        for number in [0, 2, 4, 7, 12] {
            same_pages(
                &memory,
                directory,
                &condition(Filter::new().count_matches(), number),
            );
        }
        assert_eq!(
            directory.outcome_counts().unwrap(),
            memory.outcome_counts().unwrap()
        );
        assert_eq!(
            directory.inclusion_proof(17, 151).unwrap(),
            memory.inclusion_proof(17, 151).unwrap()
        );
        assert_eq!(
            directory.get(memory.entry(3).unwrap().id()).unwrap().len(),
            1
        );
    };
    let step = good.len() / 60;
    for at in (0..good.len()).step_by(step).chain([good.len() - 1]) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, &bad).unwrap();
        questions(&open(dir.path()));
        assert_eq!(
            std::fs::read(&path).unwrap(),
            bad,
            "a reader writes nothing"
        );
    }
    for bad in [&good[..0], &good[..4096], &[&good[..], b"x"].concat()] {
        std::fs::write(&path, bad).unwrap();
        questions(&open(dir.path()));
    }
    // Damaged while it is in use, in the middle of what was read already; and the writer's catalog puts it right.
    let mut bad = good.clone();
    for byte in &mut bad[..] {
        *byte ^= 0x10;
    }
    std::fs::write(&path, &good).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(dir.path()));
    let catalog = Arc::new(Catalog::open(storage, true).unwrap());
    catalog.announce(151);
    let reader = AuditReader::of_directory(catalog, None).unwrap();
    std::fs::write(&path, &bad).unwrap();
    questions(&reader);
    assert_eq!(std::fs::read(&path).unwrap(), good);
}

#[test]
fn a_reader_sees_commits_when_it_refreshes_and_never_those_that_were_not_announced() {
    let memory = varied(300);
    let records = all(&memory);
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = Scribe::begin(dir.path());
    assert!(matches!(
        AuditReader::open(dir.path(), None),
        Err(AuditError::Config(_))
    ));
    scribe.commit(&records[..1], None);
    let (owner, reader) = (scribe.reader(), open(dir.path()));
    for (at, chunk) in (1_u64..).step_by(10).zip(records[1..].chunks(10)) {
        let announced = scribe.catalog.news.announced();
        scribe.commit(chunk, None);
        assert_eq!(announced, at);
        assert_eq!(reader.size().unwrap(), at, "nothing new before a refresh");
        let size = at + chunk.len() as u64;
        assert_eq!(reader.refresh().unwrap(), size);
        assert_eq!(
            owner.size().unwrap(),
            size,
            "what is announced is seen at once"
        );
        assert_eq!(owner.checkpoint().unwrap().size(), size);
        assert_eq!(reader.checkpoint().unwrap(), owner.checkpoint().unwrap());
    }
    same_pages(
        &memory,
        &reader,
        &Filter::new().agent("a").newest_first().limit(7),
    );
    // Written, and not announced: another writer's handle on the same files stands for a commit under way.
    scribe.commit(&records[1..2], None);
    scribe.commit(&records[2..3], None);
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(dir.path()));
    let behind = Catalog::open(storage, true).unwrap();
    assert!(
        behind.size() <= 302,
        "the newest segment is not taken in before it is announced"
    );
    behind.announce(302);
    assert_eq!(behind.current().unwrap(), 302);
    behind.announce(304);
    assert!(
        matches!(behind.current(), Err(AuditError::Corrupt { .. })),
        "what was announced must be there"
    );
}

#[test]
fn a_tail_hands_out_every_entry_once_and_waits_for_more() {
    let memory = varied(700);
    let records = all(&memory);
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = Scribe::begin(dir.path());
    scribe.commit(&records[..300], None);
    let (owner, reader) = (scribe.reader(), open(dir.path()));
    let follow = |reader: AuditReader| {
        std::thread::spawn(move || {
            let mut tail = reader.tail(10);
            let mut seen = Vec::new();
            while seen.last() != Some(&700) {
                match tail.next(Duration::from_secs(20)).unwrap() {
                    Some(record) => seen.push(record.index()),
                    None => break,
                }
            }
            assert_eq!(tail.position(), 701);
            seen
        })
    };
    let background = {
        let catalog = Arc::clone(&scribe.catalog);
        std::thread::spawn(move || catalog.follow())
    };
    let tails = [
        follow(owner.clone()),
        follow(reader),
        follow(memory.reader()),
    ];
    for chunk in records[300..].chunks(37) {
        scribe.commit(chunk, None);
        std::thread::yield_now();
    }
    for tail in tails {
        assert_eq!(tail.join().unwrap(), (10..=700).collect::<Vec<_>>());
    }
    let mut end = owner.tail(701);
    assert!(end.next(NO_TIME).unwrap().is_none());
    assert!(end.next(Duration::from_millis(5)).unwrap().is_none());
    scribe.catalog.close();
    background.join().unwrap();
    assert!(matches!(
        end.next(Duration::from_secs(20)),
        Err(AuditError::Closed)
    ));
    assert_eq!(owner.tail(700).next(NO_TIME).unwrap().unwrap().index(), 700);
}

#[test]
fn a_key_of_another_log_is_refused() {
    let (dir, _scribe) = write(&varied(3), &[1]);
    let other = SigningKey::from_seed("other.example/log", &[42; 32]).unwrap();
    let refused = AuditReader::open(dir.path(), Some(other.verifier_key())).unwrap_err();
    insta::assert_snapshot!(refused, @"the directory holds the log `test.example/log`, not `other.example/log`");
    let unkeyed = AuditReader::open(dir.path(), None).unwrap();
    assert!(matches!(
        unkeyed.checkpoint(),
        Err(AuditError::NoCheckpoint)
    ));
}

#[test]
fn entries_are_handed_over_in_order_whatever_their_length() {
    let log = AuditLog::builder().signer(key()).build().unwrap();
    let filler = "x".repeat(3000);
    for i in 0..200 {
        log.log(Entry::event("e").reason(if i % 9 == 0 { &filler } else { "short" }))
            .unwrap();
    }
    let (dir, _scribe) = write(&log, &[4]);
    let reader = open(dir.path());
    let mut next = 0;
    reader
        .bytes(0..201, &mut |index, bytes| {
            assert_eq!(index, next);
            next += 1;
            assert_eq!(leaf_hash(bytes), *log.entry(index).unwrap().leaf());
            Ok(())
        })
        .unwrap();
    assert_eq!(next, 201);
    let catalog = reader.catalog().unwrap();
    for filter in [Filter::new(), Filter::new().newest_first()] {
        let mut seen = Vec::new();
        catalog
            .visit(&(50..150), &filter, 7, &mut |record| {
                seen.push(record.index());
                ControlFlow::Continue(())
            })
            .unwrap();
        let expected: Vec<u64> =
            if indexes(&log.query(&filter.clone().limit(1)).unwrap().records) == [0] {
                (57..150).collect()
            } else {
                (50..143).rev().collect()
            };
        assert_eq!(seen, expected);
    }
}
