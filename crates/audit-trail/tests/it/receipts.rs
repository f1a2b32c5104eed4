//! Receipts and cosignatures: one made elsewhere is read, what is made here is read elsewhere, and nothing altered is believed.

use std::sync::LazyLock;

use audit_trail::note;
use audit_trail::tree::{leaf_hash, node_hash};
use audit_trail::{
    AuditError, Checkpoint, CosignerKey, Entry, EvidenceError, Level, NoteError, ProofError,
    Receipt, SigningKey, TlogPolicy, VerifierKey,
};
use proptest::prelude::*;
use time::macros::datetime;

use crate::log_of;

/// Put together with Python's `hashlib` and `cryptography` from the specifications: entries `a`, `b`, `c`, seeds of 32 × 1 and 32 × 2.
const ELSEWHERE: &str = "\
c2sp.org/tlog-proof@v1
extra aGVsbG8=
index 1
Aippeebat6pa5MPl5F9+l3ESp+Y1k4INvsHsc4ok+Tw=
WX/LMSgtNGVMIA00GPylcFxkjr8ybsc9jd7xGEH4dtg=

example.com/behind-the-sofa
3
NmQuc8JUCrEh46a/lUWwokmCzYMOsT080Z3jzmwCHsE=

— example.com/behind-the-sofa be1zqfj4xI5rO4PBwxwbTRK5M/Q4sTJEzjRfMtmUM2X1FqrNjlt2UosfeXo813ZLGJgJnPqakf0IQGW1ePhJ4+Zh3gw=
— witness.example/w1 3xwKNQAAAABkGFDLIc4mwkhrf6nMfklC7ybCIZ4G0wzyKZryyYMpPuu7zBxMCl3PNaCJQ3f5DdvBPSDVCmSDDxWJUkWQmLlOAMP6AA==
";
const LOG: &str =
    "example.com/behind-the-sofa+6ded73a9+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
const WITNESS: &str = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";

fn elsewhere() -> (Receipt, VerifierKey, TlogPolicy) {
    let policy = format!("log {LOG}\nwitness w {WITNESS}\nquorum w\n");
    (
        ELSEWHERE.parse().unwrap(),
        LOG.parse().unwrap(),
        policy.parse().unwrap(),
    )
}

#[test]
fn a_receipt_made_elsewhere_is_read_written_and_verified_to_the_byte() {
    let (receipt, key, policy) = elsewhere();
    assert_eq!(receipt.to_string(), ELSEWHERE);
    assert_eq!((receipt.index(), receipt.extra()), (1, Some(&b"hello"[..])));
    let established = receipt.verify(b"b", &key, None).unwrap();
    assert_eq!(established.level, Level::Signed);
    assert_eq!(established.witnesses, None);
    for established in [
        receipt.verify(b"b", &key, Some(&policy)).unwrap(),
        receipt.verify_by(b"b", &policy).unwrap(),
    ] {
        assert_eq!(established.level, Level::Witnessed);
        assert_eq!(established.witnesses.unwrap().to_string(), "1/1");
        assert_eq!(established.checkpoint.size(), 3);
    }
}

#[test]
fn the_same_keys_make_the_same_receipt_here() {
    let log = SigningKey::from_seed("example.com/behind-the-sofa", &[1; 32]).unwrap();
    let witness = CosignerKey::from_seed("witness.example/w1", &[2; 32]).unwrap();
    assert_eq!(log.verifier_key().to_string(), LOG);
    assert_eq!(witness.verifier_key().to_string(), WITNESS);
    let [a, b, c] = [b"a", b"b", b"c"].map(|entry| leaf_hash(entry));
    let root = node_hash(&node_hash(&a, &b), &c);
    let text = format!("{}\n3\n{root}\n", log.name());
    let signed = note::sign(&text, &[&log]).unwrap();
    let checkpoint = Checkpoint::open(&signed, log.verifier_key()).unwrap();
    let cosigned = witness
        .cosign(&checkpoint, datetime!(2023-03-20 12:25:47 UTC))
        .unwrap();
    let (receipt, ..) = elsewhere();
    assert_eq!(cosigned.as_str(), receipt.note());
}

#[test]
fn a_receipt_speaks_for_its_entry_index_and_log_alone() {
    let (receipt, key, policy) = elsewhere();
    assert_eq!(
        receipt.verify(b"a", &key, None),
        Err(EvidenceError::Proof(ProofError::Root))
    );
    let with = |from: &str, to: &str| {
        let altered = ELSEWHERE.replacen(from, to, 1);
        assert_ne!(altered, ELSEWHERE);
        altered
            .parse::<Receipt>()?
            .verify(b"b", &key, Some(&policy))
    };
    for index in ["0", "2"] {
        let found = with("index 1", &format!("index {index}"));
        assert!(matches!(found, Err(EvidenceError::Proof(_))), "{index}");
    }
    assert_eq!(
        with("index 1", "index 3"),
        Err(EvidenceError::Proof(ProofError::IndexBeyondSize {
            index: 3,
            size: 3
        }))
    );
    let hash = "Aippeebat6pa5MPl5F9+l3ESp+Y1k4INvsHsc4ok+Tw=\n";
    for surplus in [format!("{hash}{hash}"), String::new()] {
        let found = with(hash, &surplus);
        assert!(matches!(found, Err(EvidenceError::Proof(_))), "{surplus}");
    }
    let stranger = SigningKey::from_seed("example.com/behind-the-sofa", &[3; 32]).unwrap();
    assert_eq!(
        receipt.verify(b"b", stranger.verifier_key(), None),
        Err(EvidenceError::Note(NoteError::Unsigned))
    );
    let elsewhere: TlogPolicy = format!("log {}\nquorum none\n", stranger.verifier_key())
        .parse()
        .unwrap();
    for found in [
        receipt.verify_by(b"b", &elsewhere),
        receipt.verify(b"b", &key, Some(&elsewhere)),
        receipt.verify_by(b"b", &"quorum none\n".parse().unwrap()),
    ] {
        assert_eq!(found, Err(EvidenceError::Note(NoteError::Unsigned)));
    }
}

#[test]
fn other_spellings_of_a_receipt_are_refused() {
    for (from, to) in [
        ("@v1", "@v2"),
        ("c2sp", "\nc2sp"),
        ("extra aGVsbG8=", "extra "),
        ("extra aGVsbG8=", "extra"),
        ("extra aGVsbG8=", "extra aGVsbG9="),
        ("extra aGVsbG8=", "extra aGVsbG8"),
        ("extra aGVsbG8=", "extra aGVsbG8=\nextra aGVsbG8="),
        ("index 1", "index 01"),
        ("index 1", "index +1"),
        ("index 1", "index -1"),
        ("index 1", "index  1"),
        ("index 1", "index 1 "),
        ("index 1", "index 18446744073709551616"),
        ("index 1", "index "),
        ("index 1\n", ""),
        ("index 1", "index 1\r"),
        ("Aippee", " Aippee"),
        ("+Tw=", "+Tx="),
        ("+Tw=", "+Tw"),
        ("\n\nexample", "\nexample"),
        ("\n\nexample", "\n\n\nexample"),
        ("\n3\n", "\n03\n"),
        ("HsE=\n\n", "HsE=\nextension\n\n"),
    ] {
        let altered = ELSEWHERE.replacen(from, to, 1);
        assert_ne!(altered, ELSEWHERE);
        assert!(altered.parse::<Receipt>().is_err(), "{from:?} to {to:?}");
    }
    let hash = "Aippeebat6pa5MPl5F9+l3ESp+Y1k4INvsHsc4ok+Tw=\n";
    assert!(
        ELSEWHERE
            .replace(hash, &hash.repeat(63))
            .parse::<Receipt>()
            .is_ok()
    );
    assert!(
        ELSEWHERE
            .replace(hash, &hash.repeat(64))
            .parse::<Receipt>()
            .is_err()
    );
}

#[test]
fn every_entry_of_a_log_has_a_receipt_that_others_accept() {
    let log = log_of(300);
    let key = log.verifier_key().unwrap();
    for index in [0, 1, 255, 256, 300] {
        let text = log.receipt(index).unwrap().to_string();
        let receipt: Receipt = text.parse().unwrap();
        let entry = log.entry(index).unwrap();
        let established = receipt.verify(entry.bytes(), key, None).unwrap();
        assert_eq!(established.checkpoint, log.checkpoint().unwrap());
        let proof = receipt.proof().iter();
        let proof: Vec<_> = proof.map(|h| tlog_tiles::Hash(*h.as_bytes())).collect();
        let theirs = signed_note::Note::from_bytes(receipt.note().as_bytes()).unwrap();
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
        tlog_tiles::check_record(
            &proof,
            checkpoint.size(),
            *checkpoint.hash(),
            index,
            tlog_tiles::record_hash(entry.bytes()),
        )
        .unwrap();
    }
    assert!(matches!(
        log.receipt(301),
        Err(AuditError::OutOfRange { .. })
    ));
    let lone = log_of(0);
    let receipt = lone.receipt(0).unwrap();
    assert!(receipt.proof().is_empty());
    let text = receipt.to_string();
    assert_eq!(text.parse::<Receipt>().unwrap(), receipt);
    let genesis = lone.entry(0).unwrap();
    let key = lone.verifier_key().unwrap();
    assert!(receipt.verify(genesis.bytes(), key, None).is_ok());
}

#[test]
fn a_receipt_under_a_checkpoint_of_another_log_is_not_given() {
    let log = log_of(10);
    let old = log.checkpoint().unwrap();
    log.log(Entry::event("more")).unwrap();
    let receipt = log.receipt_under(3, &old).unwrap();
    let entry = log.entry(3).unwrap();
    let key = log.verifier_key().unwrap();
    assert!(receipt.verify(entry.bytes(), key, None).is_ok());
    assert!(log.receipt_under(11, &old).is_err());
    // Signed with the same key, over entries that are not these.
    let fork = log_of(10).checkpoint().unwrap();
    assert!(matches!(
        log.receipt_under(3, &fork),
        Err(AuditError::Note(NoteError::Checkpoint(_)))
    ));
    let larger = log_of(30).checkpoint().unwrap();
    assert!(log.receipt_under(3, &larger).is_err());
}

#[test]
fn extra_data_is_carried_and_vouched_for_by_nobody() {
    let log = log_of(3);
    let plain = log.receipt(2).unwrap();
    let extra = plain.clone().with_extra(&b"\0\xff\n"[..]);
    let again: Receipt = extra.to_string().parse().unwrap();
    assert_eq!(again.extra(), Some(&b"\0\xff\n"[..]));
    assert_eq!(extra.with_extra([]), plain);
}

/// A log's receipt without extra data, and its entry and key.
static MADE: LazyLock<(String, Vec<u8>, VerifierKey)> = LazyLock::new(|| {
    let log = log_of(20);
    let text = log.receipt(7).unwrap().to_string();
    let entry = log.entry(7).unwrap().bytes().to_vec();
    (text, entry, log.verifier_key().unwrap().clone())
});

#[test]
fn no_byte_of_a_receipt_can_be_another() {
    let (text, entry, key) = &*MADE;
    assert!(
        text.parse::<Receipt>()
            .unwrap()
            .verify(entry, key, None)
            .is_ok()
    );
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(altered) = String::from_utf8(bytes) else {
                continue;
            };
            let believed = altered
                .parse::<Receipt>()
                .and_then(|receipt| receipt.verify(entry, key, None));
            assert!(believed.is_err(), "byte {at}, bit {bit}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_a_receipt_in_one_way_or_none(text in "(c2sp.org/tlog-proof@v1\n)?(extra [A-Za-z=]{0,8}\n)?(index [0-9]{0,3}\n)?([A-Za-z0-9+/]{43}=\n){0,2}\n?.*") {
        if let Ok(receipt) = text.parse::<Receipt>() {
            prop_assert_eq!(receipt.to_string(), text);
        }
    }

    #[test]
    fn a_damaged_receipt_is_refused_or_written_as_it_was_read(at in any::<prop::sample::Index>(), with in "[\\x00-\\x7f—]{0,3}", cut in 0_usize..4) {
        let (text, entry, key) = &*MADE;
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with.bytes());
        if let Ok(receipt) = String::from_utf8_lossy(&bytes).parse::<Receipt>() {
            prop_assert_eq!(&receipt.to_string().into_bytes(), &bytes);
            if receipt.verify(entry, key, None).is_ok() {
                // What nobody signed: data of the application's own, and signatures of nobody who is known.
                let made: Receipt = text.parse().unwrap();
                prop_assert_eq!((receipt.index(), receipt.proof()), (made.index(), made.proof()));
                prop_assert!(receipt.extra().is_some() || receipt.note() != made.note() || receipt == made);
            }
        }
    }
}
