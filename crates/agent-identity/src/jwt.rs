//! JSON Web Tokens (RFC 7519) of an identity provider, by the rules of RFC 8725.
//!
//! Only the signature is left to `jsonwebtoken`, and that by its pure backend called straight, so that no other part of
//! the program can put another in its place. Everything else is read here: its reader takes repeated members, and its
//! clock is the operating system's.

mod algorithm;
mod authenticator;
mod claims;
mod header;
mod jwk;
mod key;
mod profile;

pub use algorithm::JwtAlgorithm;
pub use authenticator::JwtAuthenticator;
pub use jwk::JwtKeys;
pub use key::JwtKey;
pub use profile::JwtProfile;

/// The longest token that is read, in bytes.
const LIMIT: usize = 8192;
