//! Keys of signed notes: an Ed25519 key under a name, in the text forms that other tools read and write.

use std::fmt;
use std::io;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::{Signature, Signer as _};
use sha2::{Digest as _, Sha256};

use crate::AuditError;
use crate::note::NoteError;

/// What a key signs, as the first byte of its key material says (C2SP signed-note).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyType {
    /// Plain Ed25519 over the text of a note.
    Ed25519 = 0x01,
    /// Timestamped Ed25519 cosignatures of checkpoints (C2SP tlog-cosignature).
    Cosignature = 0x04,
}

/// A name and the private key that signs under it.
///
/// Its `Debug` form shows the public half alone, and the key is wiped from memory when dropped.
/// The text form, `PRIVATE+KEY+name+hash+base64`, is a secret: see [`to_secret_text`](Self::to_secret_text).
///
/// ```
/// use audit_trail::SigningKey;
///
/// let key = SigningKey::generate("my-agent.example/log")?;
/// let kept = key.to_secret_text();
/// let again: SigningKey = kept.parse()?;
/// assert_eq!(again.verifier_key(), key.verifier_key());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

impl SigningKey {
    /// A new key with randomness from the operating system.
    ///
    /// # Errors
    /// [`AuditError::Note`] if `name` is empty or holds white space, a control character or `+`; [`AuditError::Random`] if the system gives no randomness.
    pub fn generate(name: &str) -> Result<Self, AuditError> {
        Self::generate_of_type(KeyType::Ed25519, name)
    }

    pub(crate) fn generate_of_type(kind: KeyType, name: &str) -> Result<Self, AuditError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|e| AuditError::Random(io::Error::other(e.to_string())))?;
        Ok(Self::of_type(kind, name, &seed)?)
    }

    /// The key that a 32-byte Ed25519 seed stands for.
    ///
    /// # Errors
    /// [`NoteError::Name`] if `name` is empty or holds white space, a control character or `+`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        Self::of_type(KeyType::Ed25519, name, seed)
    }

    pub(crate) fn of_type(kind: KeyType, name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(kind, name, key.verifying_key())?;
        Ok(Self { key, verifier })
    }

    /// Reads the secret text form of a key of one type.
    pub(crate) fn read(kind: KeyType, text: &str) -> Result<Self, NoteError> {
        let rest = text
            .strip_prefix("PRIVATE+KEY+")
            .ok_or(NoteError::Key("it does not begin with `PRIVATE+KEY+`"))?;
        let (name, id, seed) = decode(kind, rest)?;
        let key = Self::of_type(kind, name, &seed)?;
        if key.verifier.id != id {
            return Err(NoteError::Key("its hash does not fit its name and key"));
        }
        Ok(key)
    }

    /// The name under which it signs: the origin of the log.
    #[must_use]
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// The public half, to be given to whoever verifies.
    #[must_use]
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The secret text form `PRIVATE+KEY+name+hash+base64(0x01 ‖ seed)`, to be stored where only the log's owner can read it.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let encoded = encode(self.verifier.kind, self.key.as_bytes());
        format!(
            "PRIVATE+KEY+{}+{:08x}+{encoded}",
            self.name(),
            self.verifier.id
        )
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.verifier).finish()
    }
}

impl FromStr for SigningKey {
    type Err = NoteError;

    /// Reads the secret text form.
    ///
    /// # Errors
    /// [`NoteError::Key`] if the text has another form or its hash does not fit; the message never repeats the text.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::read(KeyType::Ed25519, text)
    }
}

/// A name and the public key that verifies what was signed under it.
///
/// Its text form is `name+hash+base64(0x01 ‖ public key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    kind: KeyType,
    name: String,
    id: u32,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    fn new(kind: KeyType, name: &str, key: ed25519_dalek::VerifyingKey) -> Result<Self, NoteError> {
        check_name(name)?;
        let mut hasher = Sha256::new();
        hasher.update(name.as_bytes());
        hasher.update([b'\n', kind as u8]);
        hasher.update(key.as_bytes());
        let hash: [u8; 32] = hasher.finalize().into();
        let [a, b, c, d, ..] = hash;
        Ok(Self {
            kind,
            name: name.to_owned(),
            id: u32::from_be_bytes([a, b, c, d]),
            key,
        })
    }

    /// Reads the text form of a key of one type.
    pub(crate) fn read(kind: KeyType, text: &str) -> Result<Self, NoteError> {
        let (name, id, bytes) = decode(kind, text)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes)
            .map_err(|_| NoteError::Key("it is not a point of the curve"))?;
        let key = Self::new(kind, name, key)?;
        if key.id != id {
            return Err(NoteError::Key("its hash does not fit its name and key"));
        }
        Ok(key)
    }

    /// The public key alone: what makes two keys the same under whatever names.
    pub(crate) fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The name: the origin of the log whose checkpoints it verifies.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)`, by which a signature names its key.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether `signature` is this key's over `message`. Strict: malleable encodings and weak keys are refused.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|s| self.key.verify_strict(message, &s).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}+{:08x}+{}",
            self.name,
            self.id,
            encode(self.kind, self.key.as_bytes())
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    /// Reads the text form.
    ///
    /// # Errors
    /// [`NoteError::Key`] if the text has another form, is no Ed25519 key, or its hash does not fit.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::read(KeyType::Ed25519, text)
    }
}

/// Names are what stands between `— ` and the signature: no white space, no control character, no `+` (C2SP signed-note).
pub(crate) fn check_name(name: &str) -> Result<(), NoteError> {
    if name.is_empty()
        || name
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '+')
    {
        return Err(NoteError::Name(crate::error::shortened(name)));
    }
    Ok(())
}

fn encode(kind: KeyType, bytes: &[u8; 32]) -> String {
    let mut material = [kind as u8; 33];
    let (_, key) = material.split_at_mut(1);
    key.copy_from_slice(bytes);
    BASE64_STANDARD.encode(material)
}

/// Splits `name+hash+base64`.
fn decode(expected: KeyType, text: &str) -> Result<(&str, u32, [u8; 32]), NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key("it has not the form `name+hash+base64`"));
    };
    if id.len() != 8 || !id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(NoteError::Key(
            "its hash is not 8 lower-case hexadecimal digits",
        ));
    }
    let id = u32::from_str_radix(id, 16)
        .map_err(|_| NoteError::Key("its hash is not 8 hexadecimal digits"))?;
    let material = BASE64_STANDARD
        .decode(material)
        .map_err(|_| NoteError::Key("its key is not base64"))?;
    let (kind, key) = material
        .split_first()
        .ok_or(NoteError::Key("its key is empty"))?;
    if *kind != expected as u8 {
        return Err(NoteError::Key(match expected {
            KeyType::Ed25519 => "its type is not Ed25519 (0x01)",
            KeyType::Cosignature => "its type is not an Ed25519 cosignature (0x04)",
        }));
    }
    let key = key
        .try_into()
        .map_err(|_| NoteError::Key("its key is not 32 bytes long"))?;
    Ok((name, id, key))
}
