//! The durable log beside the raw work that it stands for, and beside two databases doing the same: in one process, in turns, as ratios of medians.
//!
//! `cargo xtask bench audit`. `AUDIT_TRAIL_ENTRIES=10000000` for the large log (default: a million). Everything is written below the directory
//! that `TMPDIR` names.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use audit_trail::tree::{leaf_hash, node_hash};
use audit_trail::{
    Acknowledgement, Action, AuditLog, AuditReader, DecisionFields, Entry, Filter, Outcome,
    SigningKey, TrustFields,
};
use redb::{Database, ReadableDatabase, TableDefinition};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

/// One part of the table.
type Section = fn(&Scale);

/// How much is done: a little when the benchmark is only to run once, as in CI.
struct Scale {
    syncs: usize,
    batches: usize,
    memory: usize,
    entries: u64,
}

fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let entries = std::env::var("AUDIT_TRAIL_ENTRIES")
        .ok()
        .and_then(|n| n.parse().ok());
    let scale = if measured {
        Scale {
            syncs: 1500,
            batches: 60,
            memory: 200,
            entries: entries.unwrap_or(1_000_000),
        }
    } else {
        Scale {
            syncs: 3,
            batches: 1,
            memory: 1,
            entries: entries.unwrap_or(2000),
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("{cores} cores; medians");
    println!(
        "{:<44} {:>12} {:>12} {:>8}  bar",
        "", "raw", "ours", "ratio"
    );
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let sections: [(&str, Section); 6] = [
        ("audit/memory", memory),
        ("audit/one writer", one_writer),
        ("audit/batched", batched),
        ("audit/many writers", many_writers),
        ("audit/databases", databases),
        ("audit/large", large),
    ];
    for (name, section) in sections {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            section(&scale);
        }
    }
}

/// About 300 bytes once written.
fn lean(session: &str) -> Entry<'_> {
    Entry::decision(DecisionFields {
        enforced: Some(true),
        ..DecisionFields::new(Outcome::Allow, "sufficient")
    })
    .agent("desk-assistant")
    .session(session)
    .action(Action {
        name: "read_note".into(),
        ..Action::default()
    })
    .trust(TrustFields {
        effective: Some(3),
        required: Some(1),
        ..TrustFields::default()
    })
}

/// An entry of 512 bytes, or a few more.
fn half_kib() -> Entry<'static> {
    lean("session-0").reason_text(PADDING)
}

const PADDING: &str = "padding that makes the entry as long as the record that the raw loop writes, which is five hundred and twelve bytes, so that both put the same number of bytes on the disk; and a few";

fn key() -> SigningKey {
    SigningKey::from_seed("bench.example/log", &[1; 32]).unwrap()
}

fn open(dir: &Path) -> AuditLog {
    AuditLog::builder()
        .signer(key())
        .directory(dir)
        .build()
        .unwrap()
}

/// A pre-zeroed file.
fn zeroed(path: &Path, size: usize) -> File {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .unwrap();
    file.write_all_at(&vec![0; size], 0).unwrap();
    file.sync_all().unwrap();
    file
}

fn memory(scale: &Scale) {
    const BLOCK: usize = 2000;
    let log = AuditLog::builder()
        .namespace("my-agent.production")
        .max_records(10_000)
        .build()
        .unwrap();
    let sample = log.log(lean("session-0")).unwrap().index;
    let value: serde_json::Value =
        serde_json::from_slice(log.entry(sample).unwrap().bytes()).unwrap();
    let node = leaf_hash(b"l");
    let mut text = Vec::new();
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..scale.memory {
        raw.push(
            time(|| {
                for _ in 0..BLOCK {
                    text.clear();
                    serde_json::to_writer(&mut text, black_box(&value)).unwrap();
                    black_box(node_hash(&node, &leaf_hash(&text)));
                }
            }) / BLOCK as u32,
        );
        ours.push(
            time(|| {
                for _ in 0..BLOCK {
                    black_box(log.log(lean(black_box("session-0"))).unwrap());
                }
            }) / BLOCK as u32,
        );
    }
    row("append in memory, 300 bytes", raw, ours, "at most 2.5");
}

fn one_writer(scale: &Scale) {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir.path().join("log"));
    let file = zeroed(&dir.path().join("raw"), 64 << 20);
    let record = vec![b'x'; 512];
    let (mut raw, mut ours, mut receipts) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..scale.syncs {
        raw.push(time(|| {
            file.write_all_at(&record, i as u64 * 512).unwrap();
            file.sync_data().unwrap();
        }));
        ours.push(time(|| {
            log.log(half_kib()).unwrap();
        }));
        receipts.push(time(|| {
            drop(log.submit(half_kib()).unwrap().receipt().unwrap());
        }));
    }
    println!(
        "an entry has {} bytes",
        log.latest(1).unwrap()[0].bytes().len()
    );
    row("one writer, durable", raw.clone(), ours, "at most 1.35");
    row("one writer, with receipt", raw, receipts, "at most 1.8");
}

fn batched(scale: &Scale) {
    const BATCH: usize = 4096;
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir.path().join("log"));
    let file = zeroed(&dir.path().join("raw"), 64 << 20);
    let record = vec![b'x'; 512 * BATCH];
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for i in 0..scale.batches {
        raw.push(time(|| {
            file.write_all_at(&record, (i % 32 * BATCH * 512) as u64)
                .unwrap();
            file.sync_data().unwrap();
        }));
        ours.push(time(|| {
            let mut last = None;
            for _ in 0..BATCH {
                last = Some(log.submit(half_kib()).unwrap());
            }
            last.unwrap().wait(Acknowledgement::Durable).unwrap();
        }));
    }
    row(
        "4096 entries of 512 bytes, batched",
        raw,
        ours,
        "at most 1.67",
    );
}

fn many_writers(scale: &Scale) {
    const WRITERS: usize = 64;
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir.path().join("log"));
    let file = zeroed(&dir.path().join("raw"), 64 << 20);
    let record = vec![b'x'; 512];
    let each = scale.syncs.max(2);
    let raw: Vec<_> = (0..scale.syncs)
        .map(|i| {
            time(|| {
                file.write_all_at(&record, i as u64 * 512).unwrap();
                file.sync_data().unwrap();
            })
        })
        .collect();
    let took = time(|| {
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    for _ in 0..each {
                        log.log(half_kib()).unwrap();
                    }
                });
            }
        });
    });
    let rate = (WRITERS * each) as f64 / took.as_secs_f64();
    let syncs = 1.0 / median(raw).as_secs_f64();
    println!(
        "{:<44} {:>9.0}/s {:>9.0}/s {:>8.2}  at least 0.50, or 100 000/s (raw: 64 × the rate of syncs)",
        "64 writers, durable",
        syncs * 64.0,
        rate,
        rate / (syncs * 64.0)
    );
}

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
const BY_AGENT: TableDefinition<'_, (&str, u64), ()> = TableDefinition::new("by_agent");
const BY_SESSION: TableDefinition<'_, (&str, u64), ()> = TableDefinition::new("by_session");

/// The same work in `SQLite` and in `redb`: an entry, two indexes, one durable transaction. They keep no proof.
fn databases(scale: &Scale) {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir.path().join("log"));
    let sqlite = Connection::open(dir.path().join("sqlite")).unwrap();
    sqlite
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE entries (id INTEGER PRIMARY KEY, agent TEXT NOT NULL, session TEXT NOT NULL, body BLOB NOT NULL);
             CREATE INDEX by_agent ON entries (agent); CREATE INDEX by_session ON entries (session);",
        )
        .unwrap();
    let redb = Database::create(dir.path().join("redb")).unwrap();
    let record = vec![b'x'; 512];
    let mut next = 0;
    for (name, count, turns) in [
        ("one writer", 1, scale.syncs / 3 + 1),
        (
            "4096 entries in one transaction",
            4096,
            scale.batches / 3 + 1,
        ),
    ] {
        let (mut ours, mut lite, mut red) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..turns {
            ours.push(time(|| {
                let pending: Vec<_> = (0..count)
                    .map(|_| log.submit(half_kib()).unwrap())
                    .collect();
                pending[count - 1].wait(Acknowledgement::Durable).unwrap();
            }));
            lite.push(time(|| {
                sqlite.execute_batch("BEGIN").unwrap();
                let mut insert = sqlite
                    .prepare_cached(
                        "INSERT INTO entries (agent, session, body) VALUES (?1, ?2, ?3)",
                    )
                    .unwrap();
                for _ in 0..count {
                    insert
                        .execute(("desk-assistant", "session-0", &record))
                        .unwrap();
                }
                sqlite.execute_batch("COMMIT").unwrap();
            }));
            red.push(time(|| {
                let transaction = redb.begin_write().unwrap();
                {
                    let mut entries = transaction.open_table(TABLE).unwrap();
                    let mut agents = transaction.open_table(BY_AGENT).unwrap();
                    let mut sessions = transaction.open_table(BY_SESSION).unwrap();
                    for _ in 0..count {
                        entries.insert(next, record.as_slice()).unwrap();
                        agents.insert(("desk-assistant", next), ()).unwrap();
                        sessions.insert(("session-0", next), ()).unwrap();
                        next += 1;
                    }
                }
                transaction.commit().unwrap();
            }));
        }
        row(
            &format!("SQLite (WAL, FULL, two indexes), {name}"),
            lite,
            ours.clone(),
            "raw: SQLite",
        );
        row(
            &format!("redb (two indexes), {name}"),
            red,
            ours,
            "raw: redb",
        );
    }
    assert!(redb.begin_read().is_ok());
}

/// What does not grow with the log, or should not.
fn large(scale: &Scale) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::builder()
        .signer(key())
        .directory(&path)
        .acknowledge(Acknowledgement::Buffered)
        .build()
        .unwrap();
    let took = time(|| {
        for i in 0..scale.entries {
            let session = format!("session-{}", i / 50);
            let entry = lean(&session);
            let entry = if i % 10_007 == 0 {
                entry.scope("rare")
            } else {
                entry
            };
            log.log(entry).unwrap();
        }
        log.flush().unwrap();
    });
    println!(
        "{} entries appended by one thread, buffered: {:.0}/s",
        scale.entries,
        scale.entries as f64 / took.as_secs_f64()
    );
    let size = log.size().unwrap();
    // A crash, as far as a process can stage one for itself: the directory as it is while the log is open.
    let crashed = dir.path().join("crashed");
    copy(&path, &crashed);
    drop(log);
    let opened: Vec<_> = (0..5)
        .map(|_| {
            let mut log = None;
            let took = time(|| log = Some(open(&crashed)));
            drop(log);
            took
        })
        .collect();
    single(
        &format!("open after a crash, {size} entries"),
        opened,
        "at most 300 ms",
    );
    let reader = AuditReader::open(&path, Some(key().verifier_key())).unwrap();
    reader.refresh().unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let proofs = (0..2000.min(size))
        .map(|_| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let index = (random >> 20) % size;
            time(|| drop(black_box(reader.inclusion_proof(index, size).unwrap())))
        })
        .collect();
    single("inclusion proof", proofs, "at most 10 µs at 10 M");
    for (name, filter) in [
        (
            "filtered page of 100, oldest first",
            Filter::new().scope("rare").limit(100),
        ),
        (
            "filtered page of 100, newest first",
            Filter::new()
                .agent("desk-assistant")
                .outcome(Outcome::Allow)
                .newest_first()
                .limit(100),
        ),
        (
            "page of one session",
            Filter::new()
                .session(format!("session-{}", size / 100))
                .limit(100),
        ),
    ] {
        single(
            name,
            (0..50)
                .map(|_| time(|| drop(black_box(reader.query(&filter).unwrap()))))
                .collect(),
            "at most 5 ms at 10 M",
        );
    }
    let (mut raw, mut hashed, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut bytes = Vec::new();
        raw.push(time(|| {
            for file in std::fs::read_dir(path.join("seg")).unwrap() {
                bytes.clear();
                File::open(file.unwrap().path())
                    .unwrap()
                    .read_to_end(&mut bytes)
                    .unwrap();
                black_box(&bytes);
            }
        }));
        hashed.push(time(|| {
            for file in std::fs::read_dir(path.join("seg")).unwrap() {
                bytes.clear();
                File::open(file.unwrap().path())
                    .unwrap()
                    .read_to_end(&mut bytes)
                    .unwrap();
                black_box(Sha256::digest(&bytes));
            }
        }));
        ours.push(time(|| drop(black_box(reader.verify(None).unwrap()))));
    }
    println!("reading the segments alone: {:?}", median(raw));
    row(
        "full verify, beside SHA-256 of the segments",
        hashed,
        ours,
        "at most 1.25",
    );
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn row(name: &str, raw: Vec<Duration>, ours: Vec<Duration>, bar: &str) {
    let (raw, ours) = (median(raw), median(ours));
    let ratio = ours.as_secs_f64() / raw.as_secs_f64();
    println!(
        "{name:<44} {:>12} {:>12} {ratio:>8.2}  {bar}",
        format!("{raw:.1?}"),
        format!("{ours:.1?}")
    );
}

fn single(name: &str, ours: Vec<Duration>, bar: &str) {
    println!(
        "{name:<44} {:>12} {:>12} {:>8}  {bar}",
        "",
        format!("{:.1?}", median(ours)),
        ""
    );
}
