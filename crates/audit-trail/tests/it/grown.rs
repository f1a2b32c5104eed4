//! A log that grows and grows: what it holds in memory does not.
//!
//! `AUDIT_TRAIL_GROW=10000000 cargo test --release -p agent-audit-trail --test it grown:: -- --nocapture` also tells how long things take then.

use std::path::Path;
use std::time::{Duration, Instant};

use audit_trail::{Acknowledgement, AuditLog, AuditReader, DecisionFields, Entry, Filter, Outcome};

use crate::child::{Kill, Orders, Said, at, hear, key, say};

const TEST: &str = "grown::memory_does_not_grow_with_the_log";
const MEASURES: u64 = 40;

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim()
        .strip_suffix(" kB")
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

/// Its index is in memory while a segment grows, and once more while it is finished.
fn segment_size(size: u64) -> u64 {
    if size > 1_000_000 { 64 << 20 } else { 4 << 20 }
}

fn took<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    eprintln!("{what}: {:?}", begun.elapsed());
    result
}

/// Appends so many entries and says now and then how large the process is.
fn grow(dir: &Path, size: u64) {
    let segments = segment_size(size);
    let open = || -> AuditLog {
        at(dir)
            .segment_size(segments)
            .publish_every(Duration::from_secs(1))
            .acknowledge(Acknowledgement::Buffered)
            .build()
            .unwrap()
    };
    let log = open();
    let begun = Instant::now();
    for n in 1..size {
        let outcome = if n % 100 == 0 {
            Outcome::Deny
        } else {
            Outcome::Allow
        };
        let session = format!("session-{}", n / 1000);
        let agent = format!("agent-{}", n % 37);
        log.log(
            Entry::decision(DecisionFields::new(outcome, "sufficient"))
                .session(&session)
                .agent(&agent),
        )
        .unwrap();
        if n % (size / MEASURES) == 0 {
            log.flush().unwrap();
            say(&format!("measured {}", resident()));
        }
    }
    log.flush().unwrap();
    eprintln!("{size} entries: {:?}", begun.elapsed());
    took("publishing the rest", || log.publish_checkpoint().unwrap());
    drop(log);
    let log = took("opening", open);
    assert_eq!(log.size().unwrap(), size);
    let reader = took("opening for reading", || {
        AuditReader::open(dir, Some(key().verifier_key())).unwrap()
    });
    for reader in [&*log, &reader] {
        for round in ["first", "then"] {
            took(&format!("100 inclusion proofs, {round}"), || {
                for n in 0..100 {
                    reader.inclusion_proof(size / 101 * n + 5, size).unwrap();
                }
            });
            let filter = Filter::new()
                .agent("agent-7")
                .outcome(Outcome::Deny)
                .limit(100);
            took(
                &format!("a page of 100 denials of an agent, newest first, {round}"),
                || {
                    assert_eq!(
                        reader
                            .query(&filter.clone().newest_first())
                            .unwrap()
                            .records
                            .len(),
                        100.min(usize::try_from(size / 3700).unwrap())
                    );
                },
            );
            took(
                &format!("a page of 100 of a session in the middle, {round}"),
                || {
                    let page = reader
                        .query(
                            &Filter::new()
                                .session(format!("session-{}", size / 2000))
                                .limit(100),
                        )
                        .unwrap();
                    assert_eq!(page.records.len(), 100);
                },
            );
            took(
                &format!("a page with the number of all that match, {round}"),
                || {
                    reader.query(&filter.clone().count_matches()).unwrap();
                },
            );
        }
    }
    eprintln!("after reading: {} KiB", resident() >> 10);
    took("verifying", || {
        assert_eq!(reader.verify(None).unwrap().size, size);
    });
}

#[test]
fn memory_does_not_grow_with_the_log() {
    let size = std::env::var("AUDIT_TRAIL_GROW").map_or(100_000, |size| size.parse().unwrap());
    if let Some(orders) = Orders::given() {
        return grow(&orders.dir, size);
    }
    if !Path::new("/proc/self/status").exists() {
        println!("NOT RUN: memory, which is read from /proc");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // A process of its own, in which nothing else is held.
    let orders = Orders {
        dir: dir.path().to_owned(),
        run: 0,
        threads: 1,
        lives: 1,
        entries: 0,
        longest: 1,
    };
    let (said, status) = hear(orders.start(TEST, &[]), Kill::Never);
    let mut sizes = Vec::new();
    for said in said {
        match said {
            Said::Measured(size) => sizes.push(size),
            other => println!("{other:?}"),
        }
    }
    assert!(status.success());
    println!(
        "{:?} KiB",
        sizes.iter().map(|size| size >> 10).collect::<Vec<_>>()
    );
    // Besides a hash for every 256 entries.
    let slack = 2 * segment_size(size) + size / 8;
    // It goes up and down with the segment that grows, so that the highest of each half is compared.
    let (early, late) = sizes.split_at(sizes.len() / 2);
    let [early, late] = [early, late].map(|sizes| *sizes.iter().max().unwrap());
    assert!(
        late < early + slack,
        "{early} bytes in the first half, {late} in the second"
    );
}
