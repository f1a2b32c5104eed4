#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// Who is calling, and the seam that finds out.
mod agent;
mod authenticator;

// The formats.
#[cfg(feature = "jwt")]
mod jwt;
mod token;

// What is accepted of any of them.
mod acceptance;
mod builder;
mod keyring;
mod replay;
mod validity;

// Vocabulary.
mod ceiling;
mod error;
mod name;
mod segments;
#[cfg(feature = "jwt")]
mod strict_json;

// What readers promise.
#[cfg(all(feature = "jwt", any(fuzzing, test)))]
#[doc(hidden)]
pub mod fuzzing;

// Time and randomness.
mod clock;
mod random;
mod reading;

pub use agent::{AuthenticatedBy, VerifiedAgent, local_agent};
pub use authenticator::Authenticator;
pub use builder::AuthenticatorBuilder;
pub use ceiling::Ceiling;
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::IdentityError;
#[cfg(feature = "jwt")]
pub use jwt::{JwtAlgorithm, JwtAuthenticator, JwtKey, JwtKeys, JwtProfile};
pub use keyring::KeyAdmin;
pub use name::{AgentId, Audience, Issuer, KeyId, TokenId};
pub use replay::Replay;
pub use token::{
    AgentToken, SigningKey, TokenAuthenticator, TokenIssuer, TokenRequest, VerifyingKey,
};
