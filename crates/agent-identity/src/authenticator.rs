//! The seam between whoever asks *who is calling* and the ways to find out.

use crate::agent::VerifiedAgent;
use crate::error::IdentityError;

/// Finds out who is calling from what the caller presents.
///
/// Sealed: the authenticators of this crate are the only ones, so that "a [`VerifiedAgent`] came from one of them" can be
/// read off this crate alone.
///
/// ```compile_fail,E0277
/// # use agent_identity::{Authenticator, IdentityError, VerifiedAgent, local_agent};
/// struct Believes;
/// impl Authenticator for Believes {
///     fn authenticate(&self, credential: &[u8]) -> Result<VerifiedAgent, IdentityError> {
///         Ok(local_agent(std::str::from_utf8(credential).unwrap().parse()?))
///     }
/// }
/// ```
pub trait Authenticator: sealed::Sealed + Send + Sync {
    /// Who presents `credential`: the token's bytes, with nothing before or after them.
    ///
    /// Does not block on anything but other calls; allocates.
    ///
    /// # Errors
    /// An [`IdentityError`] that says why nobody was recognised. Nothing was changed: a token that was refused is not
    /// used up.
    fn authenticate(&self, credential: &[u8]) -> Result<VerifiedAgent, IdentityError>;
}

pub(crate) mod sealed {
    /// Named by no one outside this crate.
    #[expect(unnameable_types, reason = "that it cannot be named is what seals")]
    pub trait Sealed {}
}
