//! A door for fuzzers to everything that reads what others wrote: each function takes any bytes and panics where a promise is broken.
//!
//! What is promised: nothing panics or hangs; nobody is recognised by what was not signed, and by what was signed once at most; a token lowers
//! trust and never raises it. In tests the same functions run on good bytes, damaged ones, and bytes that never were anything.

mod jwt;
mod keys;
mod texts;
mod token;

use time::OffsetDateTime;
use time::macros::datetime;

pub use jwt::jwt;
pub use keys::{jwk, jwks};
pub use texts::text;
pub use token::token;

use crate::agent::VerifiedAgent;
use crate::authenticator::Authenticator;

/// What a fuzzer calls.
pub type Target = fn(&[u8]);

/// Every target and its name.
pub const TARGETS: [(&str, Target); 5] = [
    ("token", token),
    ("jwt", jwt),
    ("jwks", jwks),
    ("jwk", jwk),
    ("text", text),
];

const NOON: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

/// Good bytes for the target of that name, to begin with.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = match target {
        "token" => return token::seeds(),
        "jwt" => return jwt::seeds(),
        "jwks" => keys::JWKS,
        "jwk" => keys::JWK,
        "text" => texts::SEEDS,
        _ => &[],
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Presents a credential: to a gate that trusts its key, where it counts once if at all, and to one that trusts another key of the same name.
/// Says whether anybody was recognised.
fn present(gate: &impl Authenticator, stranger: &impl Authenticator, credential: &[u8]) -> bool {
    let other = stranger.authenticate(credential);
    assert!(other.is_err(), "this key has signed nothing");
    match gate.authenticate(credential) {
        Ok(agent) => {
            promises(&agent);
            let again = gate.authenticate(credential).map_err(|error| error.code());
            assert_eq!(again.err(), Some("replayed"), "a token counts twice");
            true
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.chars().any(char::is_control), "{message:?}");
            assert!(
                message.len() < 2048,
                "the whole value stands in the message"
            );
            false
        }
    }
}

fn promises(agent: &VerifiedAgent) {
    assert!(agent.is_valid_at(NOON) && agent.valid_until() > Some(NOON));
    assert!(agent.issuer().is_some() && agent.key_id().is_some());
    for level in 0..=u8::MAX {
        assert!(agent.lower(level) <= level, "a token raises");
    }
    let names = [Some(agent.id().as_str()), agent.claimed_name()];
    for name in names.into_iter().flatten() {
        assert_eq!(
            name.parse::<crate::AgentId>()
                .ok()
                .as_ref()
                .map(crate::AgentId::as_str),
            Some(name)
        );
    }
}

#[cfg(test)]
mod tests;
