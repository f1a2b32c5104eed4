//! Receipts: nothing is believed that was not signed, and what is believed is written as it was read.

use serde_json::Value;

use super::sample::{KEY, STRANGER, controller};
use super::stage::{Journal, Stage};
use crate::receipt::verify::with_signature;
use crate::receipt::{Controller, SigningKey, VerifiedReceipt, json, verify};

/// Receipts; and the same signed here, for no fuzzer can. Controllers, too, as a configuration has them.
pub fn receipt(bytes: &[u8]) {
    let key = SigningKey::from_seed(&KEY);
    let public = [key.verifying_key()];
    let stranger = [SigningKey::from_seed(&STRANGER).verifying_key()];
    assert!(verify(bytes, &stranger).is_err(), "it has signed nothing");
    if let Ok(verified) = verify(bytes, &public) {
        let known = super::seeds("receipt");
        let is_ours = known
            .iter()
            .any(|ours| json::read(ours).ok() == json::read(bytes).ok());
        assert!(is_ours, "a forgery");
        rewritten(&verified);
    }
    if let Some(sealed) = sealed(bytes, &key) {
        assert!(verify(sealed.as_bytes(), &stranger).is_err());
        if let Ok(verified) = verify(sealed.as_bytes(), &public) {
            assert_eq!(verified.receipt().to_json_ld(), sealed, "it says more");
            rewritten(&verified);
        }
    }
    if let Ok(controller) = serde_json::from_slice::<Controller>(bytes) {
        issue(controller);
    }
}

/// The document with a signature that holds.
pub(super) fn sealed(bytes: &[u8], key: &SigningKey) -> Option<String> {
    let mut document = json::read(bytes).ok()?;
    let proof = document.get_mut("sec:proof")?.as_object_mut()?;
    proof.remove("sec:proofValue");
    let id = Value::from(key.verifying_key().id().to_string());
    proof.insert("sec:verificationMethod".to_owned(), id);
    let signature = key.sign(&json::canonical(&document));
    Some(json::canonical(&with_signature(document, &signature)))
}

fn rewritten(verified: &VerifiedReceipt) {
    let public = [SigningKey::from_seed(&KEY).verifying_key()];
    let receipt = verified.receipt();
    let again = verify(receipt.to_json_ld().as_bytes(), &public);
    assert_eq!(again.ok().as_ref(), Some(verified), "written otherwise");
    let _ = receipt.state();
    assert!(verified.matches(receipt.record()));
}

/// Whoever may be a controller can have receipts issued.
fn issue(it: Controller) {
    assert!(controller(&it).is_some(), "read, and refused");
    if let Ok(stage) = Stage::open(Journal::default()) {
        assert!(stage.issues(it), "no receipt can be issued in this name");
    }
}
