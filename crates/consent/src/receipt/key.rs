//! The keys of receipts: Ed25519 (RFC 8032), named by a hash of the public half.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ed25519_dalek::{Signature, Signer as _};
use sha2::{Digest as _, Sha256};

use crate::receipt::ReceiptError;

/// What a signature covers before the receipt itself, so that it can never be taken for a signature of anything else.
const DOMAIN: &[u8] = b"consent receipt v1\n";
/// The DER of an Ed25519 `SubjectPublicKeyInfo` before the key's 32 bytes (RFC 8410).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The private key that receipts are signed with. Its `Debug` form shows the public half alone, and it is wiped from
/// memory when dropped.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// The public key that receipts are verified with.
///
/// Its text form is the `x` of an Ed25519 JSON Web Key: 43 characters of base64url (RFC 8037).
///
/// ```
/// use consent::receipt::{SigningKey, VerifyingKey};
///
/// let key = SigningKey::from_seed(&[7; 32]).verifying_key();
/// let read: VerifyingKey = key.to_string().parse()?;
/// assert_eq!(read, key);
/// # Ok::<(), consent::receipt::ReceiptError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

/// The name of a key: `ni:///sha-256;…`, the hash of its `SubjectPublicKeyInfo` (RFC 6920).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

impl SigningKey {
    /// The key that a seed of 32 random bytes stands for. Keep the seed as secret as the key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The public half, to be given to whoever verifies.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// The signature of a canonical receipt, without its own value.
    pub(crate) fn sign(&self, canonical: &str) -> [u8; 64] {
        self.0.sign(&message(canonical)).to_bytes()
    }
}

impl VerifyingKey {
    /// The name of this key in a receipt.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut hasher = Sha256::new();
        hasher.update(SPKI);
        hasher.update(self.0.as_bytes());
        KeyId(hasher.finalize().into())
    }

    /// Whether `signature` is this key's. Strict: malleable encodings and weak keys are refused.
    pub(super) fn verifies(&self, canonical: &str, signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| {
            self.0
                .verify_strict(&message(canonical), &signature)
                .is_ok()
        })
    }
}

fn message(canonical: &str) -> Vec<u8> {
    [DOMAIN, canonical.as_bytes()].concat()
}

impl FromStr for VerifyingKey {
    type Err = ReceiptError;

    /// Reads the text form.
    ///
    /// # Errors
    /// [`ReceiptError::Key`] for anything else, and for a weak key, under which forgeries are possible.
    fn from_str(text: &str) -> Result<Self, ReceiptError> {
        let key = |problem| ReceiptError::Key { problem };
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or(key("is 43 characters of base64url, without padding"))?;
        let read = ed25519_dalek::VerifyingKey::from_bytes(&bytes)
            .map_err(|_| key("is no Ed25519 public key"))?;
        if read.is_weak() {
            return Err(key("is weak; make a new one"));
        }
        Ok(Self(read))
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hash_iri(&self.0))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifying_key())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// The IRI that names something by its SHA-256 (RFC 6920).
pub(super) fn hash_iri(sha256: &[u8; 32]) -> String {
    format!("{HASH_IRI}{}", BASE64_URL_SAFE_NO_PAD.encode(sha256))
}

/// The SHA-256 that such an IRI holds.
pub(super) fn hash_of_iri(iri: &str) -> Option<[u8; 32]> {
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(iri.strip_prefix(HASH_IRI)?)
        .ok()?;
    bytes.try_into().ok()
}

const HASH_IRI: &str = "ni:///sha-256;";

#[cfg(test)]
mod tests {
    use super::*;

    /// The Ed25519 example key of RFC 8037, appendix A.2.
    #[test]
    fn a_keys_text_is_the_x_of_its_json_web_key() {
        let text = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let key: VerifyingKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
    }

    #[test]
    fn what_is_no_key_or_a_weak_one_is_refused() {
        let small_order = BASE64_URL_SAFE_NO_PAD.encode({
            let mut point = [0; 32];
            point[0] = 1;
            point
        });
        let key = SigningKey::from_seed(&[1; 32]).verifying_key().to_string();
        for bad in [
            "",
            &key[..42],
            &format!("{key}="),
            &format!("{key}A"),
            &small_order,
        ] {
            assert!(bad.parse::<VerifyingKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_private_key_does_not_show_itself() {
        let key = SigningKey::from_seed(&[1; 32]);
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("SigningKey({})", key.verifying_key()));
    }

    #[test]
    fn a_hash_survives_its_iri() {
        assert_eq!(hash_of_iri(&hash_iri(&[9; 32])), Some([9; 32]));
        assert_eq!(hash_of_iri("ni:///sha-256;AAAA"), None);
        assert_eq!(hash_of_iri("ni:///sha-512;AAAA"), None);
    }
}
