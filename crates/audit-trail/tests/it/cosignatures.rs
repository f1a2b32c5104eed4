//! Cosignatures: lines in the log's own note, by keys that are nobody else's, each counted once.

use audit_trail::note::{self, Note};
use audit_trail::tree::{empty_root, leaf_hash};
use audit_trail::{
    Checkpoint, CosignerKey, CosignerVerifierKey, EvidenceError, NoteError, SigningKey,
    VerifierKey, verify_checkpoint,
};
use time::macros::datetime;

fn checkpoint() -> (Checkpoint, VerifierKey) {
    let log = SigningKey::from_seed("log.example", &[1; 32]).unwrap();
    let text = format!("log.example\n0\n{}\n", empty_root());
    let signed = note::sign(&text, &[&log]).unwrap();
    let key = log.verifier_key().clone();
    (Checkpoint::open(&signed, &key).unwrap(), key)
}

#[test]
fn a_cosigned_checkpoint_is_still_the_logs_checkpoint() {
    let (checkpoint, key) = checkpoint();
    let witness = CosignerKey::from_seed("w", &[2; 32]).unwrap();
    let at = datetime!(2026-11-22 12:00 UTC);
    let cosigned = witness.cosign(&checkpoint, at).unwrap();
    let opened = Checkpoint::open(cosigned.as_str(), &key).unwrap();
    assert_eq!(opened, cosigned);
    assert!(cosigned.as_str().starts_with(checkpoint.as_str()));
    let others = signed_note::Note::from_bytes(cosigned.as_str().as_bytes()).unwrap();
    let theirs = signed_note::StandardVerifier::new(&key.to_string()).unwrap();
    let known = signed_note::VerifierList::new(vec![Box::new(theirs)]);
    let (known, unknown) = others.verify(&known).unwrap();
    assert_eq!((known.len(), unknown.len()), (1, 1));
    assert_eq!(unknown[0].id(), witness.verifier_key().id());
    // Nobody's word is enough without the log's.
    let lines = cosigned.as_str().replace(
        &checkpoint.as_str()[checkpoint.as_str().find('—').unwrap()..],
        "",
    );
    assert!(matches!(
        verify_checkpoint(&lines, &key, None),
        Err(EvidenceError::Note(NoteError::Unsigned))
    ));
}

#[test]
fn keys_of_logs_and_of_witnesses_are_not_each_others() {
    let log = SigningKey::from_seed("same.example", &[5; 32]).unwrap();
    let witness = CosignerKey::from_seed("same.example", &[5; 32]).unwrap();
    assert_ne!(log.verifier_key().id(), witness.verifier_key().id());
    let (as_log, as_witness) = (
        log.verifier_key().to_string(),
        witness.verifier_key().to_string(),
    );
    assert!(as_witness.parse::<VerifierKey>().is_err());
    assert!(as_log.parse::<CosignerVerifierKey>().is_err());
    assert!(witness.to_secret_text().parse::<SigningKey>().is_err());
    assert!(log.to_secret_text().parse::<CosignerKey>().is_err());
    let again: CosignerKey = witness.to_secret_text().parse().unwrap();
    assert_eq!(again.verifier_key(), witness.verifier_key());
    assert_eq!(
        as_witness.parse::<CosignerVerifierKey>().unwrap(),
        *witness.verifier_key()
    );
    let shown = format!("{witness:?}");
    let secret = witness.to_secret_text();
    assert!(
        !shown.contains(secret.splitn(5, '+').nth(4).unwrap()),
        "{shown}"
    );
    // The id of one key type under the signature of the other.
    let (checkpoint, _) = checkpoint();
    let text = Note::parse(checkpoint.as_str()).unwrap().text();
    let signed = note::sign(text, &[&log]).unwrap();
    let line = signed.split_once("\n\n").unwrap().1;
    assert_eq!(
        checkpoint.with_cosignatures(line, &[witness.verifier_key()]),
        Err(NoteError::Unsigned)
    );
}

#[test]
fn lines_that_are_no_cosignatures_of_known_keys_add_nothing() {
    let (checkpoint, _) = checkpoint();
    let at = datetime!(2026-11-22 12:00 UTC);
    let [known, other] = [("w", [2; 32]), ("w", [3; 32])]
        .map(|(name, seed)| CosignerKey::from_seed(name, &seed).unwrap());
    let keys = [known.verifier_key()];
    let line = |key: &CosignerKey| {
        let cosigned = key.cosign(&checkpoint, at).unwrap();
        cosigned
            .as_str()
            .strip_prefix(checkpoint.as_str())
            .unwrap()
            .to_owned()
    };
    let (good, foreign) = (line(&known), line(&other));
    // The same name under another id is another key.
    assert_eq!(
        checkpoint.with_cosignatures(&foreign, &keys),
        Err(NoteError::Unsigned)
    );
    let both = checkpoint
        .with_cosignatures(&format!("{foreign}{good}"), &keys)
        .unwrap();
    assert_eq!(both.as_str(), format!("{checkpoint}{good}"));
    let twice = checkpoint
        .with_cosignatures(&format!("{good}{good}"), &keys)
        .unwrap();
    assert_eq!(twice, both);
    for bad in [
        "",
        "\n",
        "x\n",
        &good['—'.len_utf8()..],
        good.trim_end(),
        &format!("\n{good}"),
        &format!("{good}\n{good}"),
        &format!("{good}\n"),
    ] {
        assert!(checkpoint.with_cosignatures(bad, &keys).is_err(), "{bad:?}");
    }
    // A line of the known key that is not good spoils those that are.
    let (start, encoded) = good.rsplit_once(' ').unwrap();
    let flipped = if &encoded[30..31] == "A" { "B" } else { "A" };
    let altered = format!("{start} {}{flipped}{}", &encoded[..30], &encoded[31..]);
    assert_eq!(
        checkpoint.with_cosignatures(&format!("{good}{altered}"), &keys),
        Err(NoteError::Signature("w".into()))
    );
    // A cosignature of one checkpoint is none of another.
    let log = SigningKey::from_seed("log.example", &[1; 32]).unwrap();
    let text = format!("log.example\n1\n{}\n", leaf_hash(b"x"));
    let signed = note::sign(&text, &[&log]).unwrap();
    let next = Checkpoint::open(&signed, log.verifier_key()).unwrap();
    assert_eq!(
        next.with_cosignatures(&good, &keys),
        Err(NoteError::Signature("w".into()))
    );
    // A note holds a hundred signatures and not one more.
    let text = checkpoint.as_str();
    let own = text.split_once("\n\n").unwrap().1;
    let (_, key) = self::checkpoint();
    let full = Checkpoint::open(&format!("{text}{}", own.repeat(99)), &key).unwrap();
    assert!(full.with_cosignatures(&good, &keys).is_err());
}

/// Keys given twice or under another name find nothing more.
#[test]
fn a_cosignature_counts_for_its_own_key_alone() {
    let (checkpoint, _) = checkpoint();
    let witness = CosignerKey::from_seed("witness.example/w1", &[2; 32]).unwrap();
    let cosigned = witness
        .cosign(&checkpoint, datetime!(2026-11-22 12:00 UTC))
        .unwrap();
    let own = witness.verifier_key().clone();
    let renamed = CosignerKey::from_seed("witness.example/w2", &[2; 32]).unwrap();
    let keys: [&CosignerVerifierKey; 3] = [&own, renamed.verifier_key(), &own];
    assert_eq!(cosigned.cosignatures(&keys).unwrap().len(), 1);
}
