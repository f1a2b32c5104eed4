//! Published vectors: the trees of the Certificate Transparency reference tests, and the documented signed notes.

use audit_trail::note::Note;
use audit_trail::tree::{
    CompactRange, Hash, ProofError, empty_root, leaf_hash, node_hash, root_of, verify_consistency,
    verify_inclusion,
};
use audit_trail::{Checkpoint, SigningKey, VerifierKey, note};

const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Index, size, proof.
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        3,
        &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    ),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

/// Old size, new size, proof.
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn hash(hex: &str) -> Hash {
    Hash::from(<[u8; 32]>::try_from(unhex(hex)).unwrap())
}

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().map(|h| hash(h)).collect()
}

fn root(size: u64) -> Hash {
    hash(ROOTS[usize::try_from(size).unwrap() - 1])
}

#[test]
fn roots_are_those_of_the_reference_tests() {
    assert_eq!(
        empty_root(),
        hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
    let mut range = CompactRange::default();
    let mut leaves = Vec::new();
    for (leaf, expected) in LEAVES.iter().zip(ROOTS) {
        leaves.push(leaf_hash(&unhex(leaf)));
        range.push(*leaves.last().unwrap());
        assert_eq!(range.root(), hash(expected));
        assert_eq!(root_of(&leaves), hash(expected));
    }
}

#[test]
fn inclusion_proofs_of_the_reference_tests_verify_and_only_as_they_are() {
    for (index, size, proof) in INCLUSION {
        let leaf = leaf_hash(&unhex(LEAVES[usize::try_from(index).unwrap()]));
        let proof = hashes(proof);
        verify_inclusion(&leaf, index, size, &proof, &root(size)).unwrap();
        mutations(&proof, |bad| {
            verify_inclusion(&leaf, index, size, bad, &root(size)).is_err()
        });
        assert!(
            verify_inclusion(
                &leaf,
                index,
                size,
                &proof,
                &hash(ROOTS[4 + usize::from(size == 5)])
            )
            .is_err()
        );
        assert!(verify_inclusion(&leaf, size, size, &proof, &root(size)).is_err());
        assert!(verify_inclusion(&leaf, u64::MAX, size, &proof, &root(size)).is_err());
        if size > 1 {
            assert!(
                verify_inclusion(&leaf, (index + 1) % size, size, &proof, &root(size)).is_err()
            );
        }
    }
}

#[test]
fn consistency_proofs_of_the_reference_tests_verify_and_only_as_they_are() {
    for (old, new, proof) in CONSISTENCY {
        let proof = hashes(proof);
        verify_consistency(old, &root(old), new, &root(new), &proof).unwrap();
        mutations(&proof, |bad| {
            verify_consistency(old, &root(old), new, &root(new), bad).is_err()
        });
        if old != new {
            assert!(verify_consistency(old, &root(new), new, &root(new), &proof).is_err());
            assert!(verify_consistency(old, &root(old), new, &root(old), &proof).is_err());
            assert!(verify_consistency(new, &root(new), old, &root(old), &proof).is_err());
        }
    }
}

#[test]
fn the_number_of_hashes_must_fit_the_size_even_where_the_hashes_agree() {
    let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
    // A leaf that is its own root, in a tree said to have two leaves.
    assert_eq!(verify_inclusion(&a, 0, 2, &[], &a), Err(ProofError::Length));
    // A sibling too many, and a root that takes it in.
    assert_eq!(
        verify_inclusion(&a, 0, 1, &[b], &node_hash(&b, &a)),
        Err(ProofError::Length)
    );
    let root = node_hash(&a, &b);
    verify_consistency(1, &a, 2, &root, &[b]).unwrap();
    assert_eq!(
        verify_consistency(1, &a, 2, &root, &[]),
        Err(ProofError::Length)
    );
    assert_eq!(
        verify_consistency(1, &a, 2, &root, &[b, b]),
        Err(ProofError::Length)
    );
    assert_eq!(
        verify_consistency(1, &a, 3, &root, &[b]),
        Err(ProofError::Length)
    );
    assert_eq!(
        verify_consistency(2, &root, 1, &a, &[]),
        Err(ProofError::Shrunk { old: 2, new: 1 })
    );
}

#[test]
fn the_empty_tree_is_extended_by_every_tree_with_an_empty_proof() {
    verify_consistency(0, &empty_root(), 8, &root(8), &[]).unwrap();
    assert!(verify_consistency(0, &empty_root(), 8, &root(8), &[root(1)]).is_err());
    assert!(verify_consistency(0, &root(1), 8, &root(8), &[]).is_err());
    assert!(verify_consistency(8, &root(8), 8, &root(7), &[]).is_err());
    assert!(verify_consistency(1, &root(1), 8, &root(8), &[]).is_err());
}

/// Every proof that is one hash longer, one shorter, or one bit away must be refused.
fn mutations(proof: &[Hash], refused: impl Fn(&[Hash]) -> bool) {
    let extra = leaf_hash(b"extra");
    for at in 0..=proof.len() {
        let mut longer = proof.to_vec();
        longer.insert(at, extra);
        assert!(refused(&longer), "surplus hash at {at}");
    }
    for at in 0..proof.len() {
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        assert!(refused(&shorter), "missing hash at {at}");
        let mut flipped = proof.to_vec();
        let mut bytes = *flipped[at].as_bytes();
        bytes[at] ^= 1;
        flipped[at] = bytes.into();
        assert!(refused(&flipped), "flipped bit at {at}");
    }
}

// The documented example of Go's golang.org/x/mod/sumdb/note.
const NEUMANN_SECRET: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NEUMANN_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

#[test]
fn the_documented_note_is_signed_and_verified_byte_for_byte() {
    let key: SigningKey = NEUMANN_SECRET.parse().unwrap();
    let verifier: VerifierKey = NEUMANN.parse().unwrap();
    assert_eq!(key.verifier_key(), &verifier);
    assert_eq!(key.verifier_key().to_string(), NEUMANN);
    assert_eq!(key.to_secret_text(), NEUMANN_SECRET);
    let opened = Note::parse(NEUMANN_NOTE).unwrap();
    assert_eq!(opened.verify(&[&verifier]).unwrap(), [&verifier]);
    assert_eq!(note::sign(opened.text(), &[&key]).unwrap(), NEUMANN_NOTE);
    assert!(
        Note::parse(&NEUMANN_NOTE.replace("answer", "Answer"))
            .unwrap()
            .verify(&[&verifier])
            .is_err()
    );
}

#[test]
fn secrets_are_never_shown() {
    let key: SigningKey = NEUMANN_SECRET.parse().unwrap();
    let shown = format!("{key:?}");
    assert!(!shown.contains("AYEKFALV"), "{shown}");
    let error = "PRIVATE+KEY+PeterNeumann+c74f20a4+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
        .parse::<SigningKey>()
        .unwrap_err();
    assert!(!format!("{error} {error:?}").contains("AYEKFALV"));
}

#[test]
fn malformed_keys_are_refused() {
    for bad in [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a3+",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+0c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        assert!(
            format!("PRIVATE+KEY+{bad}").parse::<SigningKey>().is_err(),
            "{bad}"
        );
    }
    assert!(NEUMANN.parse::<SigningKey>().is_err());
}

#[test]
fn a_checkpoint_is_the_public_text_byte_for_byte() {
    let key: SigningKey = NEUMANN_SECRET.parse().unwrap();
    // A checkpoint of the reference tree, put together by hand.
    let body = format!("PeterNeumann\n8\n{}\n", root(8));
    assert_eq!(
        body,
        "PeterNeumann\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"
    );
    let signed = note::sign(&body, &[&key]).unwrap();
    let checkpoint = Checkpoint::open(&signed, key.verifier_key()).unwrap();
    assert_eq!(
        (checkpoint.origin(), checkpoint.size(), *checkpoint.root()),
        ("PeterNeumann", 8, root(8))
    );
    assert_eq!(checkpoint.to_string(), signed);
    // Witnesses add lines; they are ignored here.
    let witness = SigningKey::from_seed("witness.example", &[3; 32]).unwrap();
    let cosigned = note::sign(&body, &[&key, &witness]).unwrap();
    assert_eq!(
        Checkpoint::open(&cosigned, key.verifier_key())
            .unwrap()
            .size(),
        8
    );
}
