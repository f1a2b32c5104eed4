//! An issuer and an authenticator that trust each other, at a time that stands still, and short ways to use them.

use std::time::Duration;

use agent_identity::{
    Authenticator as _, AuthenticatorBuilder, IdentityError, KeyAdmin, ManualClock, SigningKey,
    TokenAuthenticator, TokenIssuer, TokenRequest, VerifiedAgent, VerifyingKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const NOON: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// `launcher` issues under its key `k1`; `gate` accepts.
pub(crate) struct Fixture {
    pub(crate) gate: TokenAuthenticator,
    pub(crate) admin: KeyAdmin<VerifyingKey>,
    pub(crate) clock: ManualClock,
    pub(crate) issuer: TokenIssuer,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(
        more: impl FnOnce(AuthenticatorBuilder<VerifyingKey>) -> AuthenticatorBuilder<VerifyingKey>,
    ) -> Self {
        let clock = ManualClock::new(NOON);
        let builder = TokenAuthenticator::builder("gate".parse().unwrap())
            .trust(
                "launcher".parse().unwrap(),
                "k1".parse().unwrap(),
                key(1).verifying_key(),
            )
            .clock(clock.clone());
        let (gate, admin) = more(builder).build().unwrap();
        Self {
            gate,
            admin,
            issuer: issuer("launcher", "k1", 1).clock(clock.clone()),
            clock,
        }
    }

    /// A token for `ada`, valid for five minutes.
    pub(crate) fn token(&self) -> String {
        self.token_of(&ask())
    }

    pub(crate) fn token_of(&self, request: &TokenRequest) -> String {
        self.issuer.issue(request).unwrap().into_string()
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

/// A request for a token of `ada` at `gate`.
pub(crate) fn ask() -> TokenRequest {
    TokenRequest::new("ada".parse().unwrap(), "gate".parse().unwrap())
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub(crate) fn issuer(name: &str, id: &str, seed: u8) -> TokenIssuer {
    TokenIssuer::new(name.parse().unwrap(), id.parse().unwrap(), key(seed))
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A token written from the description of the format alone, with whatever payload.
pub(crate) fn by_hand(payload: &[u8], seed: u8) -> String {
    use ed25519_dalek::Signer as _;
    let payload = encode(payload);
    let signed = format!("agent-identity token v1\n{payload}");
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let signature = encode(key.sign(signed.as_bytes()).to_bytes());
    format!("aid1.{payload}.{signature}")
}
