//! A key together with the one algorithm that it is for: what a header says about either decides nothing.

use std::fmt;

use jsonwebtoken::crypto::rust_crypto;
use jsonwebtoken::{DecodingKey, DecodingKeyKind};

use super::algorithm::{Family, JwtAlgorithm};
use crate::error::IdentityError;
use crate::token::VerifyingKey;

/// A key that verifies JSON Web Tokens, bound to one algorithm. Its `Debug` form shows the algorithm alone.
///
/// Two are equal when they are the same key, whatever algorithm they are bound to.
#[derive(Clone)]
pub struct JwtKey {
    algorithm: JwtAlgorithm,
    material: Material,
}

#[derive(Clone)]
enum Material {
    /// Verified strictly, which the library does not do.
    Ed25519(VerifyingKey),
    Foreign(DecodingKey),
}

impl JwtKey {
    /// A secret that issuer and authenticator share, for `HS256`, `HS384` or `HS512`. No other constructor makes a key of
    /// these, so a public key is never taken for a secret.
    ///
    /// # Errors
    /// [`IdentityError::InvalidKey`] if the algorithm is not one of the three, or the secret is shorter than its hash: 32,
    /// 48 or 64 bytes (RFC 7518 §3.2).
    pub fn from_secret(algorithm: JwtAlgorithm, secret: &[u8]) -> Result<Self, IdentityError> {
        let Family::Secret(least) = algorithm.family() else {
            return Err(IdentityError::key(format!(
                "{algorithm} takes a public key and no secret"
            )));
        };
        if secret.len() < least {
            return Err(IdentityError::key(format!(
                "a secret for {algorithm} has at least {least} bytes, and this one {}",
                secret.len()
            )));
        }
        Self::foreign(algorithm, DecodingKey::from_secret(secret))
    }

    /// The one algorithm that it is for.
    #[must_use]
    pub fn algorithm(&self) -> JwtAlgorithm {
        self.algorithm
    }

    pub(super) fn ed25519(key: [u8; 32]) -> Result<Self, IdentityError> {
        Ok(Self {
            algorithm: JwtAlgorithm::EdDsa,
            material: Material::Ed25519(VerifyingKey::from_bytes(&key)?),
        })
    }

    /// From the uncompressed point `0x04 ‖ x ‖ y`.
    pub(super) fn curve(algorithm: JwtAlgorithm, point: &[u8]) -> Result<Self, IdentityError> {
        Self::foreign(algorithm, DecodingKey::from_ec_der(point))
    }

    pub(super) fn rsa(
        algorithm: JwtAlgorithm,
        modulus: &[u8],
        exponent: &[u8],
    ) -> Result<Self, IdentityError> {
        check_rsa(modulus, exponent).map_err(IdentityError::key)?;
        let key = DecodingKey::from_rsa_raw_components(modulus, exponent);
        Self::foreign(algorithm, key)
    }

    fn foreign(algorithm: JwtAlgorithm, key: DecodingKey) -> Result<Self, IdentityError> {
        // Asked once at the start, so that a key that is none is found now and not with the first token.
        (rust_crypto::DEFAULT_PROVIDER.verifier_factory)(&algorithm.foreign(), &key)
            .map_err(|_| IdentityError::key(format!("it is no key for {algorithm}")))?;
        Ok(Self {
            algorithm,
            material: Material::Foreign(key),
        })
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Ed25519(key) => key.verifies(message, signature),
            Material::Foreign(key) => {
                let algorithm = self.algorithm.foreign();
                (rust_crypto::DEFAULT_PROVIDER.verifier_factory)(&algorithm, key)
                    .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
            }
        }
    }
}

impl PartialEq for JwtKey {
    fn eq(&self, other: &Self) -> bool {
        use DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
        match (&self.material, &other.material) {
            (Material::Ed25519(one), Material::Ed25519(other)) => one == other,
            (Material::Foreign(one), Material::Foreign(other)) => {
                match (one.kind(), other.kind()) {
                    (SecretOrDer(one), SecretOrDer(other)) => one == other,
                    (RsaModulusExponent { n: one, .. }, RsaModulusExponent { n: other, .. }) => {
                        one == other
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

impl Eq for JwtKey {}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwtKey({})", self.algorithm)
    }
}

/// RFC 7518 §3.3 asks for 2048 bits at least; the library verifies with 4096 at most.
fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), &'static str> {
    let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte & 1 == 1);
    let bits = modulus.first().map_or(0, |first| {
        let bits = modulus.len().saturating_mul(8);
        bits.saturating_sub(usize::try_from(first.leading_zeros()).unwrap_or_default())
    });
    if !(2048..=4096).contains(&bits) || modulus.first() == Some(&0) || !is_odd(modulus) {
        Err("an RSA modulus is an odd number of 2048 to 4096 bits without leading zeros")
    } else if !is_odd(exponent) || matches!(exponent, [1]) || exponent.len() > 4 {
        Err("an RSA exponent is an odd number from 3 to 2^32, such as 65537")
    } else {
        Ok(())
    }
}
