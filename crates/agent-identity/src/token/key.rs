//! The Ed25519 keys of compact tokens: the secret half with who issues, the public half with who accepts.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer as _};

use crate::error::IdentityError;
use crate::random;
use crate::segments::{decode, encode};

/// The private key of an issuer. Wiped from memory when dropped; its `Debug` form shows the public half alone.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// A new key with randomness from the operating system.
    ///
    /// # Errors
    /// [`IdentityError::Random`] if the system gives none.
    pub fn generate() -> Result<Self, IdentityError> {
        Ok(Self::from_seed(&random::bytes()?))
    }

    /// The key that a 32-byte Ed25519 seed stands for (RFC 8032 §5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self {
            key: ed25519_dalek::SigningKey::from_bytes(seed),
        }
    }

    /// The seed: the secret itself, to be stored where only the issuer can read it.
    #[must_use]
    pub fn to_seed(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The public half, to be given to whoever accepts the tokens.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey {
            key: self.key.verifying_key(),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey")
            .field(&self.verifying_key())
            .finish()
    }
}

/// The public key of an issuer. Its text form is base64url without padding, as the `x` of a JWK (RFC 8037).
///
/// ```
/// # use agent_identity::{SigningKey, VerifyingKey};
/// let key = SigningKey::generate()?.verifying_key();
/// assert_eq!(key.to_string().parse::<VerifyingKey>()?, key);
/// # Ok::<(), agent_identity::IdentityError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    key: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    /// The key with these 32 bytes (RFC 8032 §5.1.2).
    ///
    /// # Errors
    /// [`IdentityError::InvalidKey`] if they are no point of the curve, or a weak one under which anybody can sign.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, IdentityError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .map_err(|_| IdentityError::key("it is not a point of the Ed25519 curve"))?;
        if key.is_weak() {
            return Err(IdentityError::key(
                "it is a weak Ed25519 key, under which anybody can sign",
            ));
        }
        Ok(Self { key })
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Whether `signature` is this key's over `message`. Strict: malleable encodings and weak points are refused.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|s| self.key.verify_strict(message, &s).is_ok())
    }
}

impl FromStr for VerifyingKey {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let bytes: [u8; 32] = decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| IdentityError::key("it is not 32 bytes in base64url without padding"))?;
        Self::from_bytes(&bytes)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(self.key.as_bytes()))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}
