//! Witnesses: the rules of the protocol, and the memory that outlives them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use audit_trail::note;
use audit_trail::tree::{empty_root, leaf_hash};
use audit_trail::witness::{AddCheckpoint, Refusal, Witness, WitnessDir, WitnessStore};
use audit_trail::{Checkpoint, CosignerKey, Entry, Hash, ManualClock, SigningKey};
use time::macros::datetime;

use crate::log_of;

mod histories;
#[cfg(all(feature = "http", feature = "witness"))]
mod network;
#[cfg(feature = "http")]
mod served;

fn clock() -> ManualClock {
    ManualClock::new(datetime!(2026-11-22 12:00 UTC))
}

fn witness_key() -> CosignerKey {
    CosignerKey::from_seed("witness.example/w1", &[2; 32]).unwrap()
}

fn log_key() -> SigningKey {
    SigningKey::from_seed("test.example/log", &[42; 32]).unwrap()
}

/// A store in memory that can be told to fail.
#[derive(Debug, Clone, Default)]
struct Memory {
    notes: Arc<Mutex<HashMap<String, String>>>,
    broken: Arc<AtomicBool>,
}

impl WitnessStore for Memory {
    fn load(&self, origin: &str) -> io::Result<Option<String>> {
        Ok(self.notes.lock().unwrap().get(origin).cloned())
    }

    fn save(&mut self, origin: &str, note: &str) -> io::Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is full"));
        }
        self.notes
            .lock()
            .unwrap()
            .insert(origin.to_owned(), note.to_owned());
        Ok(())
    }
}

fn witness_with(store: Memory) -> Witness<Memory> {
    let logs = vec![log_key().verifier_key().clone()];
    Witness::new(witness_key(), logs, store, clock())
}

fn witness() -> Witness<Memory> {
    witness_with(Memory::default())
}

/// A checkpoint of any size and root, signed by the log's key.
fn signed(size: u64, root: Hash) -> String {
    let text = format!("test.example/log\n{size}\n{root}\n");
    note::sign(&text, &[&log_key()]).unwrap()
}

fn body(old: u64, proof: &[Hash], note: &str) -> String {
    let mut body = format!("old {old}\n");
    for hash in proof {
        writeln!(body, "{hash}").unwrap();
    }
    format!("{body}\n{note}")
}

/// What a witness answers, as a status.
fn status(witness: &Witness<Memory>, body: &str) -> u16 {
    match witness.add_checkpoint(body.as_bytes()) {
        Ok(_) => 200,
        Err(refusal) => refusal.status(),
    }
}

#[test]
fn a_witness_follows_a_log_and_cosigns_each_checkpoint() {
    let (witness, log) = (witness(), log_of(4));
    let key = witness_key().verifier_key().clone();
    let mut old = 0;
    for _ in 0..5 {
        let checkpoint = log.checkpoint().unwrap();
        let proof = log.consistency_proof(old, checkpoint.size()).unwrap();
        let request = AddCheckpoint::new(old, proof, checkpoint.as_str()).unwrap();
        let lines = witness
            .add_checkpoint(request.to_string().as_bytes())
            .unwrap();
        assert_eq!(lines.lines().count(), 1);
        let cosigned = checkpoint.with_cosignatures(&lines, &[&key]).unwrap();
        let found = cosigned.cosignatures(&[&key]).unwrap();
        assert_eq!(found[0].timestamp, 1_795_348_800);
        assert_eq!(
            witness.checkpoint("test.example/log").unwrap().unwrap(),
            cosigned.to_string()
        );
        old = checkpoint.size();
        for _ in 0..3 {
            log.log(Entry::event("more")).unwrap();
        }
    }
}

#[test]
fn each_fault_has_the_status_of_the_specification() {
    let (witness, log) = (witness(), log_of(9));
    let at = |size| signed(size, log.root(size).unwrap());
    let proof = |old, new| log.consistency_proof(old, new).unwrap();
    let (five, nine) = (at(5), at(9));

    // Nothing of it was cosigned yet.
    assert_eq!(status(&witness, &body(3, &proof(3, 5), &five)), 409);
    assert_eq!(status(&witness, &body(0, &proof(3, 5), &five)), 422);
    assert_eq!(status(&witness, &body(0, &[], &five)), 200);
    // It is at 5 from here on.
    assert_eq!(status(&witness, &body(0, &[], &five)), 409);
    assert_eq!(status(&witness, &body(4, &proof(4, 9), &nine)), 409);
    assert_eq!(status(&witness, &body(6, &proof(6, 9), &nine)), 409);
    assert_eq!(status(&witness, &body(5, &[], &at(4))), 400);
    assert_eq!(status(&witness, &body(5, &[], &nine)), 422);
    assert_eq!(status(&witness, &body(5, &proof(4, 9), &nine)), 422);
    let surplus = [proof(5, 9), vec![leaf_hash(b"x")]].concat();
    assert_eq!(status(&witness, &body(5, &surplus, &nine)), 422);
    let fork = log_of(9);
    let forked = signed(9, fork.root(9).unwrap());
    let forked_proof = fork.consistency_proof(5, 9).unwrap();
    assert_eq!(status(&witness, &body(5, &forked_proof, &forked)), 422);
    assert_eq!(
        status(&witness, &body(5, &[], &signed(5, fork.root(5).unwrap()))),
        422
    );
    assert_eq!(
        status(
            &witness,
            &body(5, &proof(5, 9), &signed(9, leaf_hash(b"x")))
        ),
        422
    );
    // None of these moved it; the same size again is cosigned again, and needs no proof.
    assert_eq!(status(&witness, &body(5, &[], &five)), 200);
    assert_eq!(status(&witness, &body(5, &[leaf_hash(b"x")], &five)), 422);

    let stranger = SigningKey::from_seed("test.example/log", &[1; 32]).unwrap();
    let text = format!("test.example/log\n9\n{}\n", log.root(9).unwrap());
    let unsigned = note::sign(&text, &[&stranger]).unwrap();
    assert_eq!(status(&witness, &body(5, &proof(5, 9), &unsigned)), 403);
    let altered = nine.replace("\n9\n", "\n8\n");
    assert_eq!(status(&witness, &body(5, &proof(5, 9), &altered)), 403);
    let other = SigningKey::from_seed("other.example", &[1; 32]).unwrap();
    let text = format!("other.example\n0\n{}\n", empty_root());
    let unknown = note::sign(&text, &[&other]).unwrap();
    assert_eq!(status(&witness, &body(0, &[], &unknown)), 404);
    // Signed by the log, in the name of another.
    let posing = note::sign(&text, &[&log_key()]).unwrap();
    assert_eq!(status(&witness, &body(0, &[], &posing)), 404);

    assert_eq!(status(&witness, &body(5, &proof(5, 9), &nine)), 200);
    assert_eq!(status(&witness, &body(5, &proof(5, 9), &nine)), 409);
    let conflict = witness.add_checkpoint(body(0, &[], &five).as_bytes());
    assert!(matches!(conflict, Err(Refusal::Conflict { size: 9 })));
}

#[test]
fn what_is_no_request_is_refused_before_anything_else() {
    let witness = witness();
    let note = signed(0, empty_root());
    let hash = format!("{}\n", leaf_hash(b"x"));
    for bad in [
        String::new(),
        "old 0\n".into(),
        "old 0\n\n".into(),
        format!("old 00\n\n{note}"),
        format!("old 01\n\n{note}"),
        format!("old +0\n\n{note}"),
        format!("old -1\n\n{note}"),
        format!("old  0\n\n{note}"),
        format!("old 0 \n\n{note}"),
        format!("old\n\n{note}"),
        format!("Old 0\n\n{note}"),
        format!("old 18446744073709551616\n\n{note}"),
        format!("old 0\r\n\n{note}"),
        format!("\nold 0\n\n{note}"),
        format!("old 0\n{note}"),
        format!("old 0\n\n\n{note}"),
        format!("old 0\nAAAA\n\n{note}"),
        format!("old 0\n{}\n\n{note}", hash.trim_end().trim_end_matches('=')),
        format!("old 0\n{}\n{note}", hash.repeat(64)),
        format!("old 0\n\n{}", note.replace("\n0\n", "\n00\n")),
        format!("old 0\n\n{}", note.trim_end()),
        format!("old 0\n\n{}", note.replace('—', "-")),
        format!("old 1\n\n{note}"),
        format!(
            "old 0\n\n{note}{}",
            note.lines().last().unwrap().repeat(9000)
        ),
    ] {
        assert_eq!(status(&witness, &bad), 400, "{bad:?}");
    }
    let refused = witness.add_checkpoint(b"old 0\n\n\xff");
    assert_eq!(refused.unwrap_err().status(), 400);
    // 63 hashes are a request, though no proof of this.
    assert_eq!(
        status(&witness, &format!("old 0\n{}\n{note}", hash.repeat(63))),
        422
    );
    assert_eq!(status(&witness, &format!("old 0\n\n{note}")), 200);
}

#[test]
fn an_empty_log_has_one_root() {
    let witness = witness();
    assert_eq!(
        status(&witness, &body(0, &[], &signed(0, leaf_hash(b"x")))),
        422
    );
    assert_eq!(
        status(&witness, &body(0, &[], &signed(0, empty_root()))),
        200
    );
    assert_eq!(
        status(&witness, &body(0, &[], &signed(0, empty_root()))),
        200
    );
    assert_eq!(
        status(&witness, &body(0, &[], &signed(1, leaf_hash(b"x")))),
        200
    );
    assert_eq!(
        status(&witness, &body(1, &[], &signed(0, empty_root()))),
        400
    );
}

#[test]
fn other_logs_may_have_extension_lines_and_several_keys() {
    let second = SigningKey::from_seed("test.example/log", &[43; 32]).unwrap();
    let logs = [&log_key(), &second].map(|key| key.verifier_key().clone());
    let witness = Witness::new(witness_key(), logs.to_vec(), Memory::default(), clock());
    let text = format!("test.example/log\n0\n{}\nextension\n", empty_root());
    let note = note::sign(&text, &[&second]).unwrap();
    let lines = witness
        .add_checkpoint(body(0, &[], &note).as_bytes())
        .unwrap();
    // The extension is signed, too.
    let stored = witness.checkpoint("test.example/log").unwrap().unwrap();
    assert_eq!(stored, format!("{note}{lines}"));
    let bad = note.replace("\nextension\n", "\n\nextension\n");
    assert_eq!(status(&witness, &body(0, &[], &bad)), 400);
}

#[test]
fn nothing_leaves_before_it_is_stored_and_a_failure_changes_nothing() {
    let store = Memory::default();
    let (witness, log) = (witness_with(store.clone()), log_of(9));
    let at = |size| signed(size, log.root(size).unwrap());
    assert_eq!(status(&witness, &body(0, &[], &at(5))), 200);
    store.broken.store(true, Ordering::SeqCst);
    let proof = log.consistency_proof(5, 9).unwrap();
    assert_eq!(status(&witness, &body(5, &proof, &at(9))), 500);
    store.broken.store(false, Ordering::SeqCst);
    assert_eq!(status(&witness, &body(5, &proof, &at(9))), 200);
}

#[test]
fn a_damaged_memory_is_neither_believed_nor_taken_for_none() {
    let store = Memory::default();
    let (witness, log) = (witness_with(store.clone()), log_of(9));
    let five = signed(5, log.root(5).unwrap());
    assert_eq!(status(&witness, &body(0, &[], &five)), 200);
    let whole = store.notes.lock().unwrap()["test.example/log"].clone();
    for damaged in [
        String::new(),
        whole[..whole.len() - 1].to_owned(),
        whole.replace("\n5\n", "\n0\n"),
        five.clone(),
        whole.replace("test.example/log", "test.example/fog"),
    ] {
        let change = |note: &str| {
            let mut notes = store.notes.lock().unwrap();
            notes.insert("test.example/log".into(), note.to_owned());
        };
        change(&damaged);
        for old in [0, 5] {
            assert_eq!(status(&witness, &body(old, &[], &five)), 500, "{damaged}");
        }
        assert!(witness.checkpoint("test.example/log").is_err());
        change(&whole);
    }
    assert_eq!(status(&witness, &body(5, &[], &five)), 200);
}

#[test]
fn what_is_remembered_of_one_log_is_nothing_of_another() {
    let store = Memory::default();
    let other = SigningKey::from_seed("other.example", &[1; 32]).unwrap();
    let logs = [&log_key(), &other].map(|key| key.verifier_key().clone());
    let witness = Witness::new(witness_key(), logs.to_vec(), store.clone(), clock());
    let text = format!("other.example\n1\n{}\n", leaf_hash(b"x"));
    let note = note::sign(&text, &[&other]).unwrap();
    assert_eq!(status(&witness, &body(0, &[], &note)), 200);
    let one = signed(1, leaf_hash(b"y"));
    assert_eq!(status(&witness, &body(0, &[], &one)), 200);
    let mut notes = store.notes.lock().unwrap();
    let exchanged = notes["other.example"].clone();
    notes.insert("test.example/log".into(), exchanged);
    drop(notes);
    assert_eq!(status(&witness, &body(1, &[], &one)), 500);
}

#[test]
fn a_checkpoint_full_of_signatures_does_not_lock_its_log_out() {
    let (witness, log) = (witness(), log_of(9));
    let five = signed(5, log.root(5).unwrap());
    let own = five.split_once("\n\n").unwrap().1;
    let full = format!("{five}{}", own.repeat(99));
    assert_eq!(status(&witness, &body(0, &[], &full)), 200);
    assert_eq!(status(&witness, &body(5, &[], &full)), 200);
}

#[test]
fn a_witness_without_a_clock_signs_nothing() {
    let logs = vec![log_key().verifier_key().clone()];
    let early = ManualClock::new(datetime!(1970-01-01 0:00 UTC));
    let witness = Witness::new(witness_key(), logs, Memory::default(), early);
    assert_eq!(
        status(&witness, &body(0, &[], &signed(0, empty_root()))),
        500
    );
    assert_eq!(witness.checkpoint("test.example/log").unwrap(), None);
}

#[test]
fn a_witness_remembers_over_a_restart() {
    let (dir, log) = (tempfile::tempdir().unwrap(), log_of(9));
    let open = || {
        let logs = vec![log_key().verifier_key().clone()];
        let store = WitnessDir::open(dir.path()).unwrap();
        Witness::new(witness_key(), logs, store, clock())
    };
    let at = |size| signed(size, log.root(size).unwrap());
    let first = open();
    first
        .add_checkpoint(body(0, &[], &at(9)).as_bytes())
        .unwrap();
    assert!(WitnessDir::open(dir.path()).is_err());
    drop(first);
    let second = open();
    let forgotten = second.add_checkpoint(body(0, &[], &at(5)).as_bytes());
    assert!(matches!(forgotten, Err(Refusal::Conflict { size: 9 })));
    second
        .add_checkpoint(body(9, &[], &at(9)).as_bytes())
        .unwrap();
}

#[test]
fn of_racing_requests_one_is_cosigned() {
    let witness = witness();
    let forks: Vec<_> = (0..8).map(|_| log_of(6)).collect();
    let won: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = forks
            .iter()
            .map(|log| {
                let note = signed(6, log.root(6).unwrap());
                let witness = &witness;
                scope.spawn(move || {
                    witness
                        .add_checkpoint(body(0, &[], &note).as_bytes())
                        .is_ok()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|t| usize::from(t.join().unwrap()))
            .sum()
    });
    assert_eq!(won, 1);
}
