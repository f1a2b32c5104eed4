//! Whatever is asked of a witness, in whatever order: it cosigns one growing history.

use super::*;
use audit_trail::Checkpoint;
use audit_trail::tree::CompactRange;
use proptest::prelude::*;

/// The root of a tree whose leaves from `fork` on are those of another history.
fn root_at(size: u64, fork: u64) -> Hash {
    let mut range = CompactRange::default();
    for i in 0..size {
        range.push(leaf_hash(&[u8::from(i >= fork), u8::try_from(i).unwrap()]));
    }
    range.root()
}

/// A right consistency proof between two sizes of one history.
fn proof_at(old: u64, new: u64, fork: u64) -> Vec<Hash> {
    let mut tree = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    for i in 0..new {
        tree.push(vec![u8::from(i >= fork), u8::try_from(i).unwrap()]);
    }
    if old == 0 || old >= new {
        return Vec::new();
    }
    let proof = tree.prove_consistency(usize::try_from(new - old).unwrap());
    let hashes = proof.as_bytes().chunks_exact(32);
    hashes
        .map(|hash| <[u8; 32]>::try_from(hash).unwrap().into())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_a_witness_cosigned_is_always_one_growing_history(requests in prop::collection::vec((0_u64..20, 0_u64..20, prop_oneof![Just(99_u64), 0_u64..20], any::<bool>()), 1..40)) {
        let witness = witness();
        let mut last: (u64, Hash) = (0, empty_root());
        for (old, size, fork, honest) in requests {
            // Half of the time the request begins where the witness stands.
            let old = if honest { last.0 } else { old };
            let root = root_at(size, fork);
            let proof = proof_at(old, size, fork);
            let answer = witness.add_checkpoint(body(old, &proof, &signed(size, root)).as_bytes());
            // The judge rebuilds the trees: this one continues the last if it has the same leaves up to there.
            let continues = last.0 <= size && root_at(last.0, fork) == last.1;
            let expected = if old > size { 400 } else if old != last.0 { 409 } else if continues { 200 } else { 422 };
            let found = answer.as_ref().map_or_else(Refusal::status, |_| 200);
            prop_assert_eq!(found, expected);
            if answer.is_ok() {
                last = (size, root);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_a_request_in_one_way_or_none(text in "(old [0-9]{0,3}\n)?([A-Za-z0-9+/]{43}=\n){0,2}\n?.*") {
        if let Ok(request) = text.parse::<AddCheckpoint>() {
            prop_assert_eq!(request.to_string(), text);
        }
    }

    #[test]
    fn a_damaged_request_is_cosigned_only_if_it_still_says_the_same(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..4), cut in 0_usize..4) {
        let root = root_at(7, 99);
        let mut bytes = body(0, &[], &signed(7, root)).into_bytes();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with);
        let witness = witness();
        if witness.add_checkpoint(&bytes).is_ok() {
            let request: AddCheckpoint = std::str::from_utf8(&bytes).unwrap().parse().unwrap();
            prop_assert_eq!(request.old(), 0);
            let opened = Checkpoint::open(request.note(), log_key().verifier_key()).unwrap();
            prop_assert_eq!(opened.root(), &root);
        }
    }
}
