//! Compact tokens.

use ed25519_dalek::Signer as _;

use super::{NOON, present};
use crate::segments::encode;
use crate::{IdentityError, ManualClock, SigningKey, TokenAuthenticator};

/// Ahead of the payload's text in what is signed.
const DOMAIN: &[u8] = b"agent-identity token v1\n";
const SEED: [u8; 32] = [42; 32];
const STRANGER: [u8; 32] = [43; 32];

const PAYLOADS: &[&str] = &[
    r#"{"agent":"ada","audience":"gate","ceiling":2,"expires_at":1795349100,"issued_at":1795348800,"issuer":"launcher","key_id":"k1","name":"desk \"β\"","not_before":1795348800,"token_id":"t"}"#,
    r#"{"agent":"ada","audience":"gate","expires_at":1795349100,"issued_at":1795348800,"issuer":"launcher","key_id":"k1","not_before":1795348800,"token_id":"t"}"#,
];

/// Payloads, and tokens of them: the same in every process, or a token of yesterday would pass for a forgery.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let payloads = PAYLOADS.iter().map(|text| text.as_bytes().to_vec());
    payloads
        .chain(PAYLOADS.iter().map(|text| sealed(text.as_bytes())))
        .collect()
}

/// Tokens; and the same as a payload alone, which is signed here, for no fuzzer can.
pub fn token(bytes: &[u8]) {
    recognises(bytes);
}

/// Whether anybody is recognised by either.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    let (Ok(gate), Ok(stranger)) = (gate(&SEED), gate(&STRANGER)) else {
        return false;
    };
    let recognised = present(&gate, &stranger, bytes);
    if recognised {
        assert!(seeds().iter().any(|ours| ours == bytes), "a forgery");
    }
    present(&gate, &stranger, &sealed(bytes)) || recognised
}

fn sealed(payload: &[u8]) -> Vec<u8> {
    let payload = encode(payload);
    let signed = [DOMAIN, payload.as_bytes()].concat();
    let signature = ed25519_dalek::SigningKey::from_bytes(&SEED).sign(&signed);
    format!("aid1.{payload}.{}", encode(&signature.to_bytes())).into_bytes()
}

fn gate(seed: &[u8; 32]) -> Result<TokenAuthenticator, IdentityError> {
    let key = SigningKey::from_seed(seed).verifying_key();
    let builder = TokenAuthenticator::builder("gate".parse()?);
    let builder = builder.trust("launcher".parse()?, "k1".parse()?, key);
    Ok(builder.clock(ManualClock::new(NOON)).build()?.0)
}
