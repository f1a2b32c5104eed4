//! Following a log: every entry once, in order, and waiting at its end.

use std::time::Duration;

use audit_trail::{AuditError, AuditLog, AuditReader, Entry, SigningKey, Tail};

const LONG: Duration = Duration::from_secs(30);

fn key() -> SigningKey {
    SigningKey::from_seed("test.example/log", &[42; 32]).unwrap()
}

fn take(tail: &mut Tail, until: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    while tail.position() <= until {
        seen.push(tail.next(LONG).unwrap().expect("it will be logged").index());
    }
    seen
}

#[test]
fn a_tail_sees_each_entry_once_wherever_the_log_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let durable = AuditLog::builder().signer(key()).directory(dir.path());
    let logs = [
        AuditLog::builder().build().unwrap(),
        durable.build().unwrap(),
    ];
    for log in &logs {
        let mut tail = log.tail(0);
        assert_eq!(tail.next(LONG).unwrap().unwrap().index(), 0);
        assert!(tail.next(Duration::ZERO).unwrap().is_none());
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| take(&mut tail, 400));
            for i in 0..400 {
                log.log(Entry::event(&format!("e-{i}"))).unwrap();
            }
            assert_eq!(follower.join().unwrap(), (1..=400).collect::<Vec<_>>());
        });
        assert!(tail.next(Duration::from_millis(1)).unwrap().is_none());
        assert_eq!(
            take(&mut log.tail(390), 400),
            (390..=400).collect::<Vec<_>>()
        );
    }
    let reader = AuditReader::open(dir.path(), None).unwrap();
    let mut tail = reader.tail(400);
    assert_eq!(take(&mut tail, 400), [400]);
    logs[1].log(Entry::event("more")).unwrap();
    assert_eq!(
        take(&mut tail, 401),
        [401],
        "a reader in another place looks for itself"
    );
}

#[test]
fn entries_that_left_memory_are_an_error_and_not_a_gap() {
    let log = AuditLog::builder().max_records(10).build().unwrap();
    let mut tail = log.tail(0);
    for _ in 0..50 {
        log.log(Entry::event("e")).unwrap();
    }
    let gone = tail.next(Duration::ZERO);
    assert!(matches!(gone, Err(AuditError::Evicted { index: 0, .. })));
}
