//! Sinks: nothing is acknowledged that the sink has not taken, and a sink that fails ends the log.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use audit_trail::{
    AuditError, AuditLog, AuditReader, Entry, Level, NdjsonSink, SigningKey, Sink, VerifyError,
    verify_ndjson,
};

/// A writer whose bytes can be looked at while the log writes.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed("sink.example", &[6; 32]).unwrap()
}

fn log_into(file: &Shared) -> AuditLog {
    AuditLog::builder()
        .signer(key())
        .sink(NdjsonSink::new(file.clone()))
        .build()
        .unwrap()
}

#[test]
fn every_acknowledged_entry_is_in_the_file_in_order() {
    let file = Shared::default();
    let log = log_into(&file);
    std::thread::scope(|scope| {
        for t in 0..8 {
            let (log, file) = (log.clone(), file.clone());
            scope.spawn(move || {
                for i in 0..200 {
                    let name = format!("<{t}-{i}>");
                    log.log(Entry::event(&name)).unwrap();
                    if i % 50 == 0 {
                        assert!(String::from_utf8(file.bytes()).unwrap().contains(&name));
                    }
                }
            });
        }
    });
    let key = key();
    let verified = verify_ndjson(&file.bytes()[..], key.verifier_key(), None).unwrap();
    assert_eq!((verified.size, verified.covered_size), (1601, 1536));
    // At the start, at every multiple of 256, and on demand.
    assert_eq!(verified.checkpoints, 1 + 6);
    assert!(!verified.fully_covered());
    let kept = log.publish_checkpoint().unwrap();
    log.publish_checkpoint().unwrap();
    let (reader, verified) =
        AuditReader::read_ndjson(&file.bytes()[..], Some(key.verifier_key()), Some(&kept)).unwrap();
    assert_eq!((verified.level, verified.checkpoints), (Level::Pinned, 8));
    assert!(verified.fully_covered());
    for index in 0..1601 {
        assert_eq!(
            reader.entry(index).unwrap().bytes(),
            log.entry(index).unwrap().bytes()
        );
    }
}

#[test]
fn the_last_handle_leaves_the_file_covered() {
    let file = Shared::default();
    let log = log_into(&file);
    log.log(Entry::event("only")).unwrap();
    let reader = log.reader();
    drop(log);
    assert!(
        !verify_ndjson(&file.bytes()[..], key().verifier_key(), None)
            .unwrap()
            .fully_covered()
    );
    drop(reader);
    assert!(
        verify_ndjson(&file.bytes()[..], key().verifier_key(), None)
            .unwrap()
            .fully_covered()
    );
}

#[test]
fn a_file_cut_within_its_last_line_says_so() {
    let file = Shared::default();
    let log = log_into(&file);
    log.log(Entry::event("whole")).unwrap();
    let bytes = file.bytes();
    let torn = verify_ndjson(&bytes[..bytes.len() - 5], key().verifier_key(), None).unwrap_err();
    assert!(
        matches!(
            torn,
            VerifyError::Line {
                line: 3,
                fault: audit_trail::Fault::Torn
            }
        ),
        "{torn}"
    );
}

/// Takes `budget` writes, then fails.
struct Failing {
    budget: usize,
    calls: Arc<AtomicUsize>,
    file: Shared,
}

impl Sink for Failing {
    fn write(&mut self, lines: &str) -> io::Result<()> {
        if self.calls.fetch_add(1, Ordering::Relaxed) >= self.budget {
            return Err(io::Error::other("disk full"));
        }
        io::Write::write_all(&mut self.file, lines.as_bytes())
    }
}

#[test]
fn a_failed_sink_ends_the_log_and_hides_what_it_did_not_take() {
    let (calls, file) = (Arc::new(AtomicUsize::new(0)), Shared::default());
    let sink = Failing {
        budget: 5,
        calls: Arc::clone(&calls),
        file: file.clone(),
    };
    let log = AuditLog::builder()
        .signer(key())
        .sink(sink)
        .build()
        .unwrap();
    // Genesis and its checkpoint took two of the five.
    for _ in 0..3 {
        log.log(Entry::event("taken")).unwrap();
    }
    let before = log.size().unwrap();
    let error = log.log(Entry::event("lost")).unwrap_err();
    assert!(
        matches!(&error, AuditError::Sink(source) if source.to_string() == "disk full"),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        "the log's sink failed, and nothing more is recorded: disk full"
    );
    for _ in 0..3 {
        assert!(matches!(
            log.log(Entry::event("later")),
            Err(AuditError::Sink(_))
        ));
    }
    assert!(matches!(log.publish_checkpoint(), Err(AuditError::Sink(_))));
    assert_eq!(
        calls.load(Ordering::Relaxed),
        6,
        "a failed sink is not called again"
    );
    // Reading goes on, of what was taken.
    assert_eq!((before, log.size().unwrap()), (4, 4));
    assert_eq!(log.latest(1).unwrap()[0].event(), Some("taken"));
    assert!(log.verify(None).unwrap().fully_covered());
    assert_eq!(
        verify_ndjson(&file.bytes()[..], key().verifier_key(), None)
            .unwrap()
            .size,
        4
    );
}

#[test]
fn eight_threads_on_a_failing_sink_know_exactly_what_was_taken() {
    for (budget, every) in [
        (2, 256),
        (3, 256),
        (10, 256),
        (40, 256),
        (3, 1),
        (6, 2),
        (11, 3),
    ] {
        let file = Shared::default();
        let sink = Failing {
            budget,
            calls: Arc::default(),
            file: file.clone(),
        };
        let log = AuditLog::builder()
            .signer(key())
            .sink(sink)
            .checkpoint_every(every)
            .build()
            .unwrap();
        let acknowledged: Vec<String> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8)
                .map(|t| {
                    let log = log.clone();
                    scope.spawn(move || {
                        (0..50)
                            .map(|i| format!("<{t}-{i}>"))
                            .filter(|name| log.log(Entry::event(name)).is_ok())
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap())
                .collect()
        });
        let (reader, verified) =
            AuditReader::read_ndjson(&file.bytes()[..], Some(key().verifier_key()), None).unwrap();
        assert_eq!(verified.size, log.size().unwrap());
        let mut stored: Vec<String> = reader
            .query(&audit_trail::Filter::new())
            .unwrap()
            .records
            .iter()
            .skip(1)
            .map(|r| r.event().unwrap().to_owned())
            .collect();
        let mut acknowledged = acknowledged;
        stored.sort();
        acknowledged.sort();
        assert_eq!(
            stored, acknowledged,
            "budget {budget}, checkpoints every {every}"
        );
    }
}

#[test]
fn a_sink_that_fails_at_once_makes_no_log() {
    let sink = Failing {
        budget: 0,
        calls: Arc::default(),
        file: Shared::default(),
    };
    assert!(matches!(
        AuditLog::builder().sink(sink).build(),
        Err(AuditError::Sink(_))
    ));
}

struct Panicking(usize);

impl Sink for Panicking {
    fn write(&mut self, _: &str) -> io::Result<()> {
        self.0 = self.0.checked_sub(1).expect("a sink that panics");
        Ok(())
    }
}

#[test]
fn a_panicking_sink_is_an_error_for_everybody_else_and_never_a_permit() {
    let log = AuditLog::builder().sink(Panicking(3)).build().unwrap();
    log.log(Entry::event("taken")).unwrap();
    let worker = {
        let log = log.clone();
        std::thread::spawn(move || log.log(Entry::event("panics")).is_ok())
    };
    assert!(worker.join().is_err());
    assert!(matches!(
        log.log(Entry::event("after")),
        Err(AuditError::Poisoned)
    ));
    assert!(matches!(log.size(), Err(AuditError::Poisoned)));
}
