//! Bounded memory: the newest entries can be read, and everything can still be proved that proofs need.

use audit_trail::tree::{CompactRange, leaf_hash};
use audit_trail::{
    AuditError, AuditLog, AuditReader, Entry, Filter, Level, SigningKey, verify_consistency,
    verify_inclusion, verify_ndjson,
};
use proptest::prelude::*;

fn bounded(max: usize) -> AuditLog {
    let key = SigningKey::from_seed("bounded.example", &[4; 32]).unwrap();
    AuditLog::builder()
        .signer(key)
        .max_records(max)
        .build()
        .unwrap()
}

fn grow(log: &AuditLog, n: usize) {
    for i in 0..n {
        log.log(Entry::event(&format!("event-{i}"))).unwrap();
    }
}

#[test]
fn exactly_the_newest_can_be_read() {
    let log = bounded(10);
    grow(&log, 5);
    assert_eq!(
        (
            log.size().unwrap(),
            log.count().unwrap(),
            log.held_from().unwrap()
        ),
        (6, 6, 0)
    );
    grow(&log, 1000);
    assert_eq!(
        (
            log.size().unwrap(),
            log.count().unwrap(),
            log.held_from().unwrap()
        ),
        (1006, 10, 996)
    );
    assert!(matches!(
        log.entry(995),
        Err(AuditError::Evicted {
            index: 995,
            held_from: 996
        })
    ));
    assert!(matches!(
        log.entry(1006),
        Err(AuditError::OutOfRange {
            index: 1006,
            size: 1006
        })
    ));
    assert_eq!(log.entry(996).unwrap().index(), 996);
    assert_eq!(log.latest(100).unwrap().len(), 10);
    assert_eq!(log.query(&Filter::new()).unwrap().records.len(), 10);
    assert!(matches!(
        log.query(&Filter::new().indexes(3..7)),
        Err(AuditError::Evicted { index: 3, .. })
    ));
    assert!(matches!(
        log.inclusion_proof(3, 1006),
        Err(AuditError::Evicted { index: 3, .. })
    ));
}

#[test]
fn a_record_outlives_its_eviction() {
    let log = bounded(1);
    let record = log.entry(0).unwrap();
    grow(&log, 600);
    assert!(log.entry(0).is_err());
    assert_eq!(record.event(), Some("audit-trail/v1"));
}

#[test]
fn root_and_proofs_hold_after_eviction() {
    let log = bounded(300);
    let mut all = CompactRange::default();
    all.push(*log.entry(0).unwrap().leaf());
    let mut kept = vec![log.checkpoint().unwrap()];
    for i in 1..3000_u64 {
        let at = log.log(Entry::event(&format!("event-{i}"))).unwrap().index;
        all.push(leaf_hash(log.entry(at).unwrap().bytes()));
        if all.size() % 256 == 0 {
            kept.push(log.checkpoint().unwrap());
        }
    }
    let now = log.checkpoint().unwrap();
    assert_eq!(*now.root(), all.root());
    for old in &kept[1..] {
        let proof = log.consistency_proof(old.size(), now.size()).unwrap();
        verify_consistency(old, &now, &proof).unwrap();
    }
    assert!(matches!(
        log.consistency_proof(kept[0].size(), now.size()),
        Err(AuditError::Evicted { index: 0, .. })
    ));
    for record in log.query(&Filter::new()).unwrap().records {
        let proof = log.inclusion_proof(record.index(), now.size()).unwrap();
        verify_inclusion(record.bytes(), record.index(), &proof, &now).unwrap();
    }
    let verified = log.verify(None).unwrap();
    assert_eq!(
        (verified.level, verified.size, verified.covered_size),
        (Level::Signed, 3000, 3000)
    );
    assert!(
        verified.first_index > 0
            && verified.first_index.is_multiple_of(256)
            && verified.first_index <= 2700
    );
    assert!(!verified.fully_covered());
}

#[test]
fn an_export_without_its_beginning_verifies_says_so_and_reads_back() {
    let log = bounded(300);
    grow(&log, 999);
    let mut file = Vec::new();
    let exported = log.export_ndjson(&mut file).unwrap();
    assert_eq!(exported.entries, 1000 - 512);
    let key = log.verifier_key().unwrap();
    let verified = verify_ndjson(&file[..], key, exported.checkpoint.as_ref()).unwrap();
    assert_eq!(
        (verified.first_index, verified.size, verified.covered_size),
        (512, 1000, 1000)
    );
    assert!(!verified.fully_covered());

    let (reader, again) = AuditReader::read_ndjson(&file[..], Some(key), None).unwrap();
    assert_eq!(again.root, verified.root);
    assert_eq!(
        (reader.size().unwrap(), reader.held_from().unwrap()),
        (1000, 512)
    );
    assert_eq!(reader.root(1000).unwrap(), log.root(1000).unwrap());
    assert_eq!(
        reader.inclusion_proof(700, 1000).unwrap(),
        log.inclusion_proof(700, 1000).unwrap()
    );
    let mut copy = Vec::new();
    reader.export_ndjson(&mut copy).unwrap();
    assert_eq!(copy, file);
    // A peak that was changed leads to another root.
    let text = String::from_utf8(file).unwrap();
    let peak = text.split('"').nth(5).unwrap();
    let wrong = text.replacen(peak, &audit_trail::tree::empty_root().to_string(), 1);
    assert!(verify_ndjson(wrong.as_bytes(), key, None).is_err());
}

#[test]
fn memory_stays_flat() {
    let log = bounded(500);
    let mut file = Vec::new();
    grow(&log, 3000);
    log.export_ndjson(&mut file).unwrap();
    let early = file.len();
    for _ in 0..10 {
        grow(&log, 3000);
        assert_eq!(log.count().unwrap(), 500);
        let mut file = Vec::new();
        // What is held is what can be exported: at most 255 entries more than asked for, and the hashes of the rest.
        let exported = log.export_ndjson(&mut file).unwrap();
        assert!(
            (500..=755).contains(&exported.entries),
            "{}",
            exported.entries
        );
        assert!(file.len() < 2 * early, "{} against {early}", file.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_bounded_log_has_the_root_of_an_unbounded_one(max in 1_usize..700, n in 1_usize..1500) {
        let log = bounded(max);
        let mut all = CompactRange::default();
        all.push(*log.entry(0).unwrap().leaf());
        for i in 0..n {
            let at = log.log(Entry::event(&format!("e{i}"))).unwrap().index;
            all.push(*log.entry(at).unwrap().leaf());
        }
        let size = all.size();
        prop_assert_eq!(log.root(size).unwrap(), all.root());
        prop_assert_eq!(log.count().unwrap(), size.min(max as u64));
        let from = log.held_from().unwrap();
        let checkpoint = log.checkpoint().unwrap();
        for index in [from, size / 2, size - 1] {
            match log.inclusion_proof(index, size) {
                Ok(proof) => verify_inclusion(log.entry(index).unwrap().bytes(), index, &proof, &checkpoint).unwrap(),
                Err(AuditError::Evicted { held_from, .. }) => prop_assert!(index < held_from),
                Err(other) => panic!("{other}"),
            }
        }
        prop_assert!(log.verify(Some(&checkpoint)).is_ok());
    }
}
