//! A process that is killed at any moment has lost nothing that it acknowledged.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use audit_trail::{AuditError, AuditReader, Checkpoint, Entry, Ext, Hash, Level};
use serde_json::json;

use crate::child::{Dice, Expected, Kill, Orders, Said, at, hear, key, rounds};

/// What was true once and must stay true.
struct History<'d> {
    dir: &'d Path,
    expected: Expected,
    /// Index and key of every entry that was ever acknowledged.
    acknowledged: Vec<(u64, u64)>,
    /// A size that the log once had, and its root then.
    seen: Option<(u64, Hash)>,
    pin: Option<Checkpoint>,
}

impl History<'_> {
    /// Looks without changing anything.
    fn check(&mut self, news: &[(u64, u64)]) {
        let reader = match AuditReader::open(self.dir, Some(key().verifier_key())) {
            Ok(reader) => reader,
            Err(AuditError::Config(_)) if self.seen.is_none() && news.is_empty() => return,
            Err(error) => panic!("the log cannot be read: {error}"),
        };
        self.holds(&reader, news);
    }

    fn holds(&mut self, reader: &AuditReader, news: &[(u64, u64)]) {
        let size = reader.size().unwrap();
        if let Some((size, root)) = self.seen {
            assert_eq!(
                reader.root(size).unwrap(),
                root,
                "the log of {size} entries has become another"
            );
        }
        for (index, key) in news {
            assert!(
                *index < size,
                "entry {index} was acknowledged; there are {size}"
            );
            assert_eq!(
                reader.entry(*index).unwrap().bytes(),
                self.expected.bytes(*key),
                "entry {index}"
            );
        }
        self.seen = Some((size, reader.root(size).unwrap()));
    }

    /// Opens the log for writing, which clears up after the crash, and once more, which must find nothing to do.
    fn recover(&mut self, news: &[(u64, u64)]) {
        let log = at(self.dir).build().unwrap();
        self.holds(&log, news);
        let before = (log.size().unwrap(), log.checkpoint().unwrap());
        drop(log);
        let log = at(self.dir).build().unwrap();
        assert_eq!(
            (log.size().unwrap(), log.checkpoint().unwrap()),
            before,
            "opening twice is not opening once"
        );
    }

    fn verify(&mut self) {
        let reader = AuditReader::open(self.dir, Some(key().verifier_key())).unwrap();
        let verified = reader.verify(self.pin.as_ref()).unwrap();
        assert!(
            verified.level >= Level::Signed && verified.fully_covered(),
            "{verified}"
        );
        assert_eq!(verified.size, reader.size().unwrap());
        self.pin = Some(reader.checkpoint().unwrap());
    }
}

/// Kills children at random moments and looks what they have left.
fn survives(test: &str, threads: u64, lives: u64, entries: u64, longest: usize, times: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new();
    let mut history = History {
        dir: dir.path(),
        expected: Expected::new(longest),
        acknowledged: Vec::new(),
        seen: None,
        pin: None,
    };
    let mut while_opening = 0;
    for run in 0..times {
        let orders = Orders {
            dir: dir.path().to_owned(),
            run,
            threads,
            lives,
            entries,
            longest,
        };
        let moment = Duration::from_micros(dice.below(4000));
        let kill = match dice.below(4) {
            0 => Kill::After(Duration::from_micros(2000 + dice.below(40_000))),
            1 => Kill::AtLine(1, moment),
            2 => Kill::AtLine(2, moment),
            _ => Kill::AtLine(
                2 + dice.below(threads * entries * lives.min(9)) as usize,
                moment / 4,
            ),
        };
        let (said, status) = hear(orders.start(test, &[]), kill);
        println!("round {run}: {kill:?}, {} lines, {status}", said.len());
        let mut news = Vec::new();
        for said in &said {
            match said {
                Said::Durable { index, key } => news.push((*index, *key)),
                Said::Failed(why) => panic!("the child was refused: {why}"),
                Said::Else(line) => panic!("the child says: {line}"),
                Said::Opening | Said::Open | Said::Closed | Said::Measured(_) => {}
            }
        }
        while_opening += u64::from(said.last() == Some(&Said::Opening));
        history.check(&news);
        // Otherwise the next child clears up, and may be killed at it.
        if dice.below(3) == 0 {
            history.recover(&news);
        }
        if run % 16 == 15 {
            history.verify();
        }
        history.acknowledged.extend(news);
    }
    let all = std::mem::take(&mut history.acknowledged);
    history.recover(&all);
    history.verify();
    println!(
        "{} acknowledged, {while_opening} of {times} killed while opening",
        all.len()
    );
    assert!(
        all.len() as u64 > times,
        "too little was acknowledged to say anything: {}",
        all.len()
    );
    assert!(
        while_opening > times / 20,
        "only {while_opening} were killed while opening"
    );
}

#[test]
fn threads_that_commit_together() {
    if let Some(orders) = Orders::given() {
        return orders.obey();
    }
    survives(
        "crash::threads_that_commit_together",
        4,
        1,
        60,
        600,
        rounds(70),
    );
}

#[test]
fn entries_so_long_that_segments_are_begun_all_the_time() {
    if let Some(orders) = Orders::given() {
        return orders.obey();
    }
    survives(
        "crash::entries_so_long_that_segments_are_begun_all_the_time",
        4,
        1,
        400,
        4000,
        rounds(60),
    );
}

#[test]
fn logs_that_are_opened_and_closed_all_the_time() {
    if let Some(orders) = Orders::given() {
        return orders.obey();
    }
    survives(
        "crash::logs_that_are_opened_and_closed_all_the_time",
        2,
        100,
        3,
        2000,
        rounds(80),
    );
}

#[test]

fn a_log_that_was_closed_is_open_to_the_next_writer_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    Command::new(std::env::current_exe().unwrap())
                        .arg("--help")
                        .stdout(Stdio::null())
                        .status()
                        .unwrap();
                }
            });
        }
        let found = (0..30).find_map(|_| at(dir.path()).build().err());
        over.store(true, Ordering::Relaxed);
        assert!(found.is_none(), "{found:?}");
    });
}

#[test]

fn a_segment_that_is_being_begun_is_not_taken_for_the_next_spare() {
    let dir = tempfile::tempdir().unwrap();
    // A thread that publishes all the time is awake to make spares all the time.
    let log = at(dir.path())
        .publish_every(Duration::ZERO)
        .build()
        .unwrap();
    let text = vec!["x".repeat(1000); 50];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..rounds(10) * 10 {
                    log.log(
                        Entry::event("step").ext(Ext::encode(&json!({ "text": text })).unwrap()),
                    )
                    .unwrap();
                }
            });
        }
    });
    let pin = log.checkpoint().unwrap();
    drop(log);
    let reader = AuditReader::open(dir.path(), Some(key().verifier_key())).unwrap();
    assert_eq!(reader.verify(Some(&pin)).unwrap().size, pin.size());
}
