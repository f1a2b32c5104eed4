//! What is made here, judged by other people's implementations.

use audit_trail::tree::{leaf_hash, verify_inclusion as verify_here};
use audit_trail::{AuditLog, verify_consistency, verify_inclusion};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use signed_note::{StandardVerifier, VerifierList};

use crate::log_of;

type Theirs = MemoryBackedTree<sha2::Sha256, Vec<u8>>;

/// The same entries in the other tree.
fn theirs(log: &AuditLog) -> Theirs {
    let mut tree = Theirs::new();
    for record in log.query(&audit_trail::Filter::new()).unwrap().records {
        tree.push(record.bytes().to_vec());
    }
    tree
}

#[test]
fn roots_and_proofs_at_every_size_are_those_of_another_implementation() {
    let log = log_of(300);
    let records = log.query(&audit_trail::Filter::new()).unwrap().records;
    let mut tree = Theirs::new();
    for record in &records {
        tree.push(record.bytes().to_vec());
        let size = record.index() + 1;
        assert_eq!(
            log.root(size).unwrap().as_bytes().as_slice(),
            tree.root().as_bytes().as_slice(),
            "size {size}"
        );
    }
    let size = log.size().unwrap();
    for index in 0..size {
        let at = usize::try_from(index).unwrap();
        let ours: Vec<u8> = log
            .inclusion_proof(index, size)
            .unwrap()
            .iter()
            .flat_map(|h| *h.as_bytes())
            .collect();
        assert_eq!(ours, tree.prove_inclusion(at).as_bytes(), "index {index}");
        if index > 0 {
            let ours: Vec<u8> = log
                .consistency_proof(index, size)
                .unwrap()
                .iter()
                .flat_map(|h| *h.as_bytes())
                .collect();
            assert_eq!(
                ours,
                tree.prove_consistency(usize::try_from(size - index).unwrap())
                    .as_bytes(),
                "old {index}"
            );
        }
    }
}

#[test]
fn checkpoints_open_and_prove_with_other_tools() {
    let log = log_of(700);
    let checkpoint = log.checkpoint().unwrap();
    let key = log.verifier_key().unwrap().to_string();

    let verifier = StandardVerifier::new(&key).unwrap();
    let note = signed_note::Note::from_bytes(checkpoint.as_str().as_bytes()).unwrap();
    let (signers, _) = note
        .verify(&VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    assert_eq!(signers.len(), 1);

    let opened = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(
        (opened.origin(), opened.size(), opened.extension()),
        ("test.example/log", 701, "")
    );
    assert_eq!(opened.hash().0, *checkpoint.root().as_bytes());

    let proof: Vec<_> = log
        .inclusion_proof(513, 701)
        .unwrap()
        .iter()
        .map(|h| tlog_tiles::Hash(*h.as_bytes()))
        .collect();
    let record = log.entry(513).unwrap();
    tlog_tiles::check_record(
        &proof,
        701,
        *opened.hash(),
        513,
        tlog_tiles::record_hash(record.bytes()),
    )
    .unwrap();
    let proof: Vec<_> = log
        .consistency_proof(300, 701)
        .unwrap()
        .iter()
        .map(|h| tlog_tiles::Hash(*h.as_bytes()))
        .collect();
    let old = tlog_tiles::Hash(*log.root(300).unwrap().as_bytes());
    tlog_tiles::check_tree(&proof, 701, *opened.hash(), 300, old).unwrap();
}

#[test]
fn notes_signed_elsewhere_open_here() {
    let seed = audit_trail::SigningKey::from_seed("other.example", &[5; 32]).unwrap();
    let signer = signed_note::StandardSigner::new(&seed.to_secret_text()).unwrap();
    let body = format!("other.example\n1\n{}\n", leaf_hash(b"x"));
    let mut note = signed_note::Note::new(body.as_bytes(), &[]).unwrap();
    note.add_sigs(&[&signer]).unwrap();
    let text = String::from_utf8(note.to_bytes()).unwrap();
    assert_eq!(
        audit_trail::Checkpoint::open(&text, seed.verifier_key())
            .unwrap()
            .size(),
        1
    );
}

#[test]
fn their_tree_holds_the_same_root() {
    let log = log_of(1000);
    assert_eq!(
        log.checkpoint().unwrap().root().as_bytes().as_slice(),
        theirs(&log).root().as_bytes().as_slice()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn proofs_between_any_two_sizes_verify_and_fit_nothing_else(n in 1_usize..700, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(), c in any::<prop::sample::Index>()) {
        let log = log_of(n);
        let size = n as u64 + 1;
        let new = a.index(n + 1) as u64 + 1;
        let old = b.index(usize::try_from(new).unwrap()) as u64 + 1;
        let index = c.index(usize::try_from(new).unwrap()) as u64;
        let proof = log.consistency_proof(old, new).unwrap();
        let (old_root, new_root) = (log.root(old).unwrap(), log.root(new).unwrap());
        audit_trail::tree::verify_consistency(old, &old_root, new, &new_root, &proof).unwrap();
        if old > 1 {
            prop_assert!(audit_trail::tree::verify_consistency(old - 1, &old_root, new, &new_root, &proof).is_err());
        }
        let proof = log.inclusion_proof(index, new).unwrap();
        let leaf = *log.entry(index).unwrap().leaf();
        verify_here(&leaf, index, new, &proof, &new_root).unwrap();
        prop_assert!(verify_here(&leaf_hash(b"another"), index, new, &proof, &new_root).is_err());
        let checkpoint = log.checkpoint().unwrap();
        let proof = log.inclusion_proof(index, size).unwrap();
        verify_inclusion(log.entry(index).unwrap().bytes(), index, &proof, &checkpoint).unwrap();
        prop_assert!(verify_inclusion(b"x", index, &proof, &checkpoint).is_err());
    }
}

#[test]
fn checkpoints_of_a_growing_log_are_consistent_and_those_of_another_are_not() {
    let log = log_of(10);
    let old = log.checkpoint().unwrap();
    for _ in 0..20 {
        log.log(audit_trail::Entry::event("more")).unwrap();
    }
    let new = log.checkpoint().unwrap();
    let proof = log.consistency_proof(old.size(), new.size()).unwrap();
    verify_consistency(&old, &new, &proof).unwrap();
    assert!(verify_consistency(&new, &old, &proof).is_err());
    let other = AuditLog::builder()
        .origin("else.example")
        .build()
        .unwrap()
        .checkpoint()
        .unwrap();
    assert!(matches!(
        verify_consistency(&other, &new, &[]),
        Err(audit_trail::ProofError::Origin)
    ));
    // The same key, but a log of its own.
    let fork = log_of(30).checkpoint().unwrap();
    assert!(verify_consistency(&fork, &new, &[]).is_err() || fork.root() == new.root());
}
