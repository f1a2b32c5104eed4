//! An identity provider with keys of every kind, known to everybody, and an authenticator that trusts some of them.

use std::sync::LazyLock;

use agent_identity::{
    Authenticator as _, AuthenticatorBuilder, IdentityError, JwtAlgorithm, JwtAuthenticator,
    JwtKey, JwtProfile, KeyAdmin, ManualClock, VerifiedAgent,
};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use serde_json::{Value, json};

use crate::fixture::{NOON, decode, encode};

pub(crate) const PROVIDER: &str = "https://login.example.com";

/// Keys for tests alone.
pub(crate) static KEYS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/test_only_keys.json")).unwrap());

pub(crate) const ALGORITHMS: [JwtAlgorithm; 12] = [
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

/// `gate` trusts the provider's key `k1` for one algorithm.
pub(crate) struct Fixture {
    pub(crate) gate: JwtAuthenticator,
    pub(crate) admin: KeyAdmin<JwtKey>,
    pub(crate) clock: ManualClock,
}

impl Fixture {
    pub(crate) fn new(algorithm: JwtAlgorithm) -> Self {
        Self::with(algorithm, JwtProfile::default(), |builder| builder)
    }

    pub(crate) fn with(
        algorithm: JwtAlgorithm,
        profile: JwtProfile,
        more: impl FnOnce(AuthenticatorBuilder<JwtKey>) -> AuthenticatorBuilder<JwtKey>,
    ) -> Self {
        let clock = ManualClock::new(NOON);
        let builder = JwtAuthenticator::builder("gate".parse().unwrap())
            .trust(
                PROVIDER.parse().unwrap(),
                "k1".parse().unwrap(),
                public(algorithm),
            )
            .clock(clock.clone());
        let (gate, admin) = more(builder).build(profile).unwrap();
        Self { gate, admin, clock }
    }

    pub(crate) fn present(&self, token: impl AsRef<[u8]>) -> Result<VerifiedAgent, IdentityError> {
        self.gate.authenticate(token.as_ref())
    }

    /// The code of the refusal, or `ok`.
    pub(crate) fn verdict(&self, token: impl AsRef<[u8]>) -> &'static str {
        self.present(token)
            .map_or_else(|error| error.code(), |_| "ok")
    }
}

/// Which entry of the test keys an algorithm uses.
fn kind(algorithm: JwtAlgorithm) -> &'static str {
    match algorithm {
        JwtAlgorithm::EdDsa => "ed25519",
        JwtAlgorithm::Es256 => "p256",
        JwtAlgorithm::Es384 => "p384",
        _ => "rsa",
    }
}

pub(crate) fn text(kind: &str, form: &str) -> String {
    KEYS[kind][form].as_str().unwrap().to_owned()
}

pub(crate) fn secret() -> Vec<u8> {
    decode(KEYS["secret"].as_str().unwrap())
}

pub(crate) fn is_secret(algorithm: JwtAlgorithm) -> bool {
    algorithm.as_str().starts_with("HS")
}

/// The key that verifies.
pub(crate) fn public(algorithm: JwtAlgorithm) -> JwtKey {
    if is_secret(algorithm) {
        return JwtKey::from_secret(algorithm, &secret()).unwrap();
    }
    JwtKey::from_jwk(&KEYS[kind(algorithm)]["jwk"].to_string(), algorithm).unwrap()
}

/// A token with any header and claims, signed by the test key of `algorithm`.
pub(crate) fn signed(algorithm: JwtAlgorithm, header: &str, claims: &str) -> String {
    let key = match kind(algorithm) {
        _ if is_secret(algorithm) => EncodingKey::from_secret(&secret()),
        "ed25519" => EncodingKey::from_ed_der(&decode(&text("ed25519", "private_pkcs8"))),
        "rsa" => EncodingKey::from_rsa_der(&decode(&text("rsa", "private_pkcs1"))),
        curve => EncodingKey::from_ec_der(&decode(&text(curve, "private_pkcs8"))),
    };
    signed_with(algorithm.as_str(), &key, header, claims)
}

pub(crate) fn signed_with(
    algorithm: &str,
    key: &EncodingKey,
    header: &str,
    claims: &str,
) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signer = (DEFAULT_PROVIDER.signer_factory)(&algorithm.parse().unwrap(), key).unwrap();
    format!("{message}.{}", encode(signer.sign(message.as_bytes())))
}

pub(crate) fn header(algorithm: JwtAlgorithm) -> Value {
    json!({ "alg": algorithm.as_str(), "typ": "JWT", "kid": "k1" })
}

/// Claims of a token for `ada`, valid for five minutes from noon.
pub(crate) fn claims() -> Value {
    let noon = NOON.unix_timestamp();
    json!({
        "iss": PROVIDER, "sub": "ada", "aud": "gate", "jti": "t1",
        "iat": noon, "nbf": noon, "exp": noon + 300,
    })
}

/// The token that everything else is a change of.
pub(crate) fn token(algorithm: JwtAlgorithm) -> String {
    token_saying(algorithm, &claims())
}

pub(crate) fn token_saying(algorithm: JwtAlgorithm, claims: &Value) -> String {
    signed(
        algorithm,
        &header(algorithm).to_string(),
        &claims.to_string(),
    )
}

/// `value` with one member set, or taken out with `Null`.
pub(crate) fn but(mut value: Value, member: &str, to: Value) -> Value {
    let members = value.as_object_mut().unwrap();
    if to.is_null() {
        members.remove(member);
    } else {
        members.insert(member.to_owned(), to);
    }
    value
}
