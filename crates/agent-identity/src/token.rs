//! Compact agent tokens: one format, one algorithm, nothing to choose and so nothing to confuse.
//!
//! `aid1.` payload `.` signature, the latter two in base64url without padding. The payload is a JSON object in canonical
//! form (RFC 8785), and a token whose payload is not byte for byte what this crate would write is refused: no unknown or
//! repeated member, no white space, no second spelling of a text or a number. The Ed25519 signature is over
//! `"agent-identity token v1\n"` and the payload's text, so that it can be mistaken for no signature of another purpose.
//!
//! | member | |
//! |---|---|
//! | `agent` | whose token it is |
//! | `audience` | who may accept it |
//! | `ceiling` | optional; the highest trust level that it leaves, 0 to 5 |
//! | `expires_at`, `issued_at`, `not_before` | whole seconds since 1970 |
//! | `issuer`, `key_id` | whose signature it bears, and by which key |
//! | `name` | optional; what people call the agent |
//! | `token_id` | what a replay is recognised by |

mod authenticator;
mod claims;
mod issuer;
mod key;

pub use authenticator::TokenAuthenticator;
pub use issuer::{AgentToken, TokenIssuer, TokenRequest};
pub use key::{SigningKey, VerifyingKey};

/// What every token begins with: the format and its version.
const TAG: &str = "aid1";
/// The longest token that is read, in bytes. None that is made comes near.
const LIMIT: usize = 4096;
/// What is signed ahead of the payload's text.
const DOMAIN: &[u8] = b"agent-identity token v1\n";

/// What the signature is over.
fn signed_text(payload: &str) -> Vec<u8> {
    [DOMAIN, payload.as_bytes()].concat()
}
