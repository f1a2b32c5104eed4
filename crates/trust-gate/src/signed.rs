//! Grants that an operator signs away from the gate, so that the process that enforces holds no operator's secret.

mod admin;
mod error;
mod grant;
mod signer;

pub use error::SignedGrantError;
pub use grant::SignedGrant;
pub use signer::GrantSigner;
