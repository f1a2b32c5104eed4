//! Appending: from many threads, each entry once, in one order that all agree on.

use std::collections::{HashMap, HashSet};

use audit_trail::tree::{leaf_hash, root_of};
use audit_trail::{
    AuditError, AuditLog, DecisionFields, Entry, EntryError, Filter, Kind, Outcome, SigningKey,
};
use time::macros::datetime;

use crate::{fixed_log, log_of};

#[test]
fn entry_0_is_the_genesis_entry_and_nobody_else_writes_one() {
    let (log, _) = fixed_log();
    let genesis = log.entry(0).unwrap();
    assert_eq!(genesis.kind(), Kind::Genesis);
    let ext = genesis.ext().unwrap().to_value();
    assert_eq!(ext["origin"], "test.example/log");
    assert_eq!(ext["key"], log.verifier_key().unwrap().to_string());
    let refused = log.log(Entry::admin(Kind::Genesis, "ops@example.com"));
    assert!(matches!(
        refused,
        Err(AuditError::Entry(EntryError::Reserved { .. }))
    ));
    assert_eq!(log.size().unwrap(), 1);
}

#[test]
fn eight_threads_lose_nothing_repeat_nothing_and_agree_on_one_order() {
    const THREADS: usize = 8;
    const EACH: usize = 3000;
    let log = AuditLog::builder().build().unwrap();
    let appended: Vec<(u64, String)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|t| {
                let log = log.clone();
                scope.spawn(move || {
                    let mut mine = Vec::with_capacity(EACH);
                    for i in 0..EACH {
                        let name = format!("{t}-{i}");
                        let at = log.log(Entry::event(&name)).unwrap();
                        if i % 500 == 0 {
                            // What was acknowledged is visible at once, and all before it.
                            let seen = log.entry(at.index).unwrap();
                            assert_eq!((seen.event(), seen.id()), (Some(&*name), at.id));
                            assert!(log.size().unwrap() > at.index);
                            assert!(log.verify(None).is_ok());
                        }
                        mine.push((at.index, name));
                    }
                    assert!(
                        mine.is_sorted(),
                        "one thread's entries stand in the order in which it logged them"
                    );
                    mine
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });

    let records = log.query(&Filter::new()).unwrap().records;
    assert_eq!(records.len(), THREADS * EACH + 1);
    let by_index: HashMap<u64, String> = appended.into_iter().collect();
    assert_eq!(by_index.len(), THREADS * EACH);
    for (i, record) in records.iter().enumerate() {
        assert_eq!(record.index(), i as u64);
        assert_eq!(
            record.event(),
            by_index
                .get(&record.index())
                .map(String::as_str)
                .or(Some("audit-trail/v1"))
        );
        assert_eq!(*record.leaf(), leaf_hash(record.bytes()));
    }
    let ids: HashSet<_> = records.iter().map(audit_trail::Record::id).collect();
    assert_eq!(ids.len(), records.len());
    let leaves: Vec<_> = records.iter().map(|record| *record.leaf()).collect();
    assert_eq!(*log.checkpoint().unwrap().root(), root_of(&leaves));
}

#[test]
fn readers_see_a_prefix_that_only_grows() {
    let log = AuditLog::builder().build().unwrap();
    let reader = log.reader();
    std::thread::scope(|scope| {
        for t in 0..4 {
            let log = log.clone();
            scope.spawn(move || {
                for i in 0..2000 {
                    log.log(Entry::event(&format!("{t}-{i}"))).unwrap();
                }
            });
        }
        let mut last = reader.checkpoint().unwrap();
        while last.size() < 8001 {
            let next = reader.checkpoint().unwrap();
            let proof = reader.consistency_proof(last.size(), next.size()).unwrap();
            audit_trail::verify_consistency(&last, &next, &proof).unwrap();
            last = next;
        }
    });
}

#[test]
fn a_refused_entry_leaves_no_trace() {
    let log = log_of(3);
    let before = log.checkpoint().unwrap();
    assert!(log.log(Entry::event("")).is_err());
    assert!(log.log(Entry::event("bad\u{7}")).is_err());
    assert!(
        log.log(Entry::event("late").at(datetime!(2255-06-06 0:00 UTC)))
            .is_err()
    );
    assert_eq!(log.checkpoint().unwrap(), before);
    assert_eq!(log.log(Entry::event("good")).unwrap().index, before.size());
}

#[test]
fn intent_and_outcome_share_a_record() {
    let (log, clock) = fixed_log();
    let id = log.next_id().unwrap();
    log.log(Entry::decision(DecisionFields::new(Outcome::Allow, "sufficient")).id(id))
        .unwrap();
    log.log(Entry::event("between")).unwrap();
    clock.advance(time::Duration::SECOND);
    let end = log.log(Entry::outcome(id, "settled")).unwrap();
    assert_eq!(end.id, id);
    let both = log.get(id).unwrap();
    assert_eq!(
        both.iter()
            .map(audit_trail::Record::kind)
            .collect::<Vec<_>>(),
        [Kind::Decision, Kind::Outcome]
    );
    assert_eq!(both[1].at(), datetime!(2026-11-22 12:00:01 UTC));
    assert_eq!(log.get(log.next_id().unwrap()).unwrap().len(), 0);
    assert_eq!(log.outcome_counts().unwrap().allow, 1);
}

#[test]
fn a_clock_set_back_is_recorded_as_it_was_and_changes_no_order() {
    let (log, clock) = fixed_log();
    log.log(Entry::event("first")).unwrap();
    clock.set(datetime!(2020-01-01 0:00 UTC));
    log.log(Entry::event("second")).unwrap();
    let records = log.latest(2).unwrap();
    assert_eq!(
        (records[0].event(), records[0].at()),
        (Some("second"), datetime!(2020-01-01 0:00 UTC))
    );
    assert_eq!(records[1].at(), datetime!(2026-11-22 12:00 UTC));
}

#[test]
fn a_reason_that_logs_while_it_is_written_does_no_harm() {
    struct Logs(AuditLog);
    impl std::fmt::Display for Logs {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.log(Entry::event("inner")).unwrap();
            f.write_str("outer reason")
        }
    }
    let (log, _) = fixed_log();
    log.log(Entry::event("outer").reason(Logs(log.clone())))
        .unwrap();
    let newest = log.latest(2).unwrap();
    assert_eq!(
        (newest[0].reason(), newest[1].event()),
        (Some("outer reason"), Some("inner"))
    );
}

#[test]
fn builders_refuse_what_cannot_work() {
    let key = || SigningKey::from_seed("a.example", &[1; 32]).unwrap();
    assert!(AuditLog::builder().max_records(0).build().is_err());
    assert!(AuditLog::builder().checkpoint_every(0).build().is_err());
    assert!(AuditLog::builder().namespace("").build().is_err());
    assert!(
        AuditLog::builder()
            .namespace("a\nb")
            .signer(key())
            .build()
            .is_err()
    );
    assert!(AuditLog::builder().origin("two words").build().is_err());
    assert!(
        AuditLog::builder()
            .origin("b.example")
            .signer(key())
            .build()
            .is_err()
    );
    let spaced = AuditLog::builder().namespace("my agent+1").build().unwrap();
    assert_eq!(
        (spaced.namespace(), spaced.checkpoint().unwrap().origin()),
        ("my agent+1", "my-agent-1")
    );
    let log = AuditLog::builder()
        .origin("a.example")
        .signer(key())
        .build()
        .unwrap();
    assert_eq!(log.checkpoint().unwrap().origin(), "a.example");
    assert_eq!(log.namespace(), "aumos.security-bundle");
}
