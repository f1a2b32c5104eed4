//! JSON Web Tokens.

use ed25519_dalek::Signer as _;

use super::{NOON, present};
use crate::authenticator::Authenticator;
use crate::segments::encode;
use crate::{IdentityError, JwtAlgorithm, JwtAuthenticator, JwtKey, JwtProfile, ManualClock};

pub(super) const ALGORITHMS: [JwtAlgorithm; 12] = [
    JwtAlgorithm::EdDsa,
    JwtAlgorithm::Es256,
    JwtAlgorithm::Es384,
    JwtAlgorithm::Rs256,
    JwtAlgorithm::Rs384,
    JwtAlgorithm::Rs512,
    JwtAlgorithm::Ps256,
    JwtAlgorithm::Ps384,
    JwtAlgorithm::Ps512,
    JwtAlgorithm::Hs256,
    JwtAlgorithm::Hs384,
    JwtAlgorithm::Hs512,
];
const PROVIDER: &str = "https://login.example.com";
const SEED: [u8; 32] = [42; 32];
const STRANGER: [u8; 32] = [43; 32];

/// Header and claims, a line each.
const PAYLOADS: &[&str] = &[
    "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"k1\"}\n{\"iss\":\"https://login.example.com\",\"sub\":\"ada\",\"aud\":[\"gate\",\"other\"],\"jti\":\"t1\",\"iat\":1795348800,\"nbf\":1795348800,\"exp\":1795349100,\"ceiling\":2,\"name\":\"desk\"}",
    "{\"alg\":\"EdDSA\"}\n{\"iss\":\"https://login.example.com\",\"sub\":\"ada\",\"aud\":\"gate\",\"jti\":\"t1\",\"iat\":1795348800,\"exp\":1795349100}",
    "{\"alg\":\"RS256\",\"typ\":\"application/at+jwt\",\"kid\":\"rsa\"}\n{}",
];

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let payloads = PAYLOADS.iter().map(|text| text.as_bytes().to_vec());
    payloads
        .chain(PAYLOADS.iter().map(|text| sealed(text.as_bytes())))
        .collect()
}

/// Tokens; and the same as a header and claims, a line each, which are signed here, for no fuzzer can.
pub fn jwt(bytes: &[u8]) {
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

/// A gate that trusts other keys, or none of ours by this name, recognises nobody.
pub(super) fn accepts_nothing(gate: &impl Authenticator) {
    for seed in seeds() {
        assert!(gate.authenticate(&seed).is_err(), "a forgery");
    }
}

fn sealed(lines: &[u8]) -> Vec<u8> {
    let mut lines = lines.splitn(2, |byte| *byte == b'\n');
    let header = encode(lines.next().unwrap_or_default());
    let signed = format!("{header}.{}", encode(lines.next().unwrap_or_default()));
    let signature = ed25519_dalek::SigningKey::from_bytes(&SEED).sign(signed.as_bytes());
    format!("{signed}.{}", encode(&signature.to_bytes())).into_bytes()
}

fn gate(seed: &[u8; 32]) -> Result<JwtAuthenticator, IdentityError> {
    let public = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key();
    let jwk = format!(
        r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#,
        encode(public.as_bytes())
    );
    let builder = JwtAuthenticator::builder("gate".parse()?);
    let key = JwtKey::from_jwk(&jwk, JwtAlgorithm::EdDsa)?;
    let builder = builder.trust(PROVIDER.parse()?, "k1".parse()?, key);
    let profile = JwtProfile::default()
        .ceiling_claim("ceiling")?
        .name_claim("name")?;
    Ok(builder.clock(ManualClock::new(NOON)).build(profile)?.0)
}
