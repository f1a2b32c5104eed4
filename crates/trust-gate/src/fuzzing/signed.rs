//! Signed grants: one text for one grant, and nothing counts that was not signed.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ed25519_dalek::{Signer as _, SigningKey};

use super::sample::{SAMPLE, SEED, STRANGER};
use super::stage::{Journal, Stage, everything};
use crate::{OperatorKey, SignedGrant, TrustError};

/// What is signed ahead of the grant.
const DOMAIN: &[u8] = b"trust-gate signed grant v1\n";

/// Signed grants; and the same as the JSON of a grant alone, which is signed here, for no fuzzer can.
pub fn signed(bytes: &[u8]) {
    let key = SigningKey::from_bytes(&SEED);
    let signature = key.sign(&[DOMAIN, bytes].concat()).to_bytes();
    let [payload, signature] =
        [bytes, &signature].map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let sealed = format!("tg1.{payload}.{signature}");
    let is_ours = |text: &str| text == sealed || SAMPLE.signed.contains(&text.as_bytes().to_vec());
    for text in [std::str::from_utf8(bytes).unwrap_or_default(), &sealed] {
        let Ok(grant) = text.parse::<SignedGrant>() else {
            continue;
        };
        assert_eq!(
            grant.to_string(),
            text,
            "written otherwise than it was read"
        );
        assert!(
            grant.verify(&public(&STRANGER)).is_err(),
            "it signed nothing"
        );
        if grant.verify(&public(&SEED)).is_ok() {
            assert!(is_ours(text), "a forgery: {text}");
        }
        drop(present(&grant));
    }
}

/// Presents the grant to a gate that trusts the key: it counts once, if at all.
pub(super) fn present(grant: &SignedGrant) -> Result<(), TrustError> {
    let stage = Stage::open(everything()?, Journal::default())?;
    let (ada, ops) = ("ada".parse()?, "ops@example.com".parse()?);
    let text = grant.to_string();
    assert!(
        stage.admin.assign_signed(&text).is_err(),
        "no key is trusted"
    );
    stage.admin.trust_key(&ada, public(&SEED), &ops, "")?;
    let event = stage.admin.assign_signed(&text)?;
    assert!(grant.verify(&public(&SEED)).is_ok(), "it was not signed");
    assert_eq!(event.by.as_ref(), Some(&ada), "in somebody else's name");
    assert!(stage.admin.assign_signed(&text).is_err(), "it counts twice");
    stage.probe();
    Ok(())
}

pub(super) fn public(seed: &[u8; 32]) -> OperatorKey {
    let key = SigningKey::from_bytes(seed).verifying_key();
    OperatorKey::from_bytes(key.to_bytes())
}
