//! Cosignatures (C2SP tlog-cosignature, Ed25519): a witness's dated word that it saw a checkpoint and nothing that contradicts it.

use std::fmt;
use std::str::FromStr;

use time::OffsetDateTime;

use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::key::KeyType;
use crate::note::{self, Note, NoteError, SigningKey, VerifierKey};

/// A name and the private key with which a witness cosigns.
///
/// It is of type 0x04, so that it cannot be mistaken for the key of a log: use a key for this alone, for the name is
/// no part of what it signs. Its `Debug` form shows the public half, and the key is wiped from memory when dropped.
///
/// ```
/// use audit_trail::{AuditLog, CosignerKey};
/// use time::macros::datetime;
///
/// let witness = CosignerKey::generate("witness.example/w1")?;
/// let log = AuditLog::builder().build()?;
///
/// let cosigned = witness.cosign(&log.checkpoint()?, datetime!(2026-11-22 12:00 UTC))?;
/// let found = cosigned.cosignatures(&[witness.verifier_key()])?;
/// assert_eq!((found[0].name.as_str(), found[0].timestamp), ("witness.example/w1", 1_795_348_800));
/// # Ok::<(), audit_trail::AuditError>(())
/// ```
pub struct CosignerKey {
    key: SigningKey,
    verifier: CosignerVerifierKey,
}

impl CosignerKey {
    /// A new key with randomness from the operating system.
    ///
    /// # Errors
    /// [`AuditError::Note`] if `name` is empty or holds white space, a control character or `+`; [`AuditError::Random`] if the system gives no randomness.
    pub fn generate(name: &str) -> Result<Self, AuditError> {
        Ok(SigningKey::generate_of_type(KeyType::Cosignature, name)?.into())
    }

    /// The key that a 32-byte Ed25519 seed stands for.
    ///
    /// # Errors
    /// [`NoteError::Name`] if `name` is empty or holds white space, a control character or `+`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        SigningKey::of_type(KeyType::Cosignature, name, seed).map(Self::from)
    }

    /// The name of the witness.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.name()
    }

    /// The public half, to be given to whoever verifies.
    #[must_use]
    pub fn verifier_key(&self) -> &CosignerVerifierKey {
        &self.verifier
    }

    /// The secret text form `PRIVATE+KEY+name+hash+base64(0x04 ‖ seed)`, to be stored where only the witness can read it.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        self.key.to_secret_text()
    }

    /// The checkpoint with this key's cosignature in its note, in the place of an earlier one by the same key.
    ///
    /// It checks nothing: whether the checkpoint may be cosigned at all is for a
    /// [`Witness`](crate::witness::Witness) to know.
    ///
    /// # Errors
    /// [`NoteError::Cosignature`] if `at` is not after the epoch, [`NoteError::Malformed`] if the note is full.
    pub fn cosign(
        &self,
        checkpoint: &Checkpoint,
        at: OffsetDateTime,
    ) -> Result<Checkpoint, NoteError> {
        let note = Note::parse(checkpoint.as_str())?;
        let line = self.sign(note.text(), at)?;
        checkpoint.with_cosignatures(&line, &[&self.verifier])
    }

    /// The signature line over a checkpoint's text.
    pub(crate) fn sign(&self, text: &str, at: OffsetDateTime) -> Result<String, NoteError> {
        let timestamp = u64::try_from(at.unix_timestamp())
            .ok()
            .filter(|seconds| *seconds > 0)
            .ok_or(NoteError::Cosignature("its time is not after the epoch"))?;
        let signature = self.key.sign(message(timestamp, text).as_bytes());
        let stamped = [&timestamp.to_be_bytes()[..], &signature].concat();
        let mut line = String::new();
        note::push_line(&mut line, self.name(), self.verifier.id(), &stamped);
        Ok(line)
    }
}

impl From<SigningKey> for CosignerKey {
    fn from(key: SigningKey) -> Self {
        let verifier = CosignerVerifierKey(key.verifier_key().clone());
        Self { key, verifier }
    }
}

impl fmt::Debug for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CosignerKey").field(&self.verifier).finish()
    }
}

impl FromStr for CosignerKey {
    type Err = NoteError;

    /// Reads the secret text form.
    ///
    /// # Errors
    /// [`NoteError::Key`] if the text has another form or its hash does not fit; the message never repeats the text.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        SigningKey::read(KeyType::Cosignature, text).map(Self::from)
    }
}

/// A name and the public key that verifies a witness's cosignatures.
///
/// Its text form is `name+hash+base64(0x04 ‖ public key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct CosignerVerifierKey(VerifierKey);

impl CosignerVerifierKey {
    /// The name of the witness.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The first four bytes of `SHA-256(name ‖ 0x0A ‖ 0x04 ‖ public key)`, by which a cosignature names its key.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether the note carries a valid cosignature of this key, and no other that only claims to be.
    pub(crate) fn has_signed(&self, note: &Note<'_>) -> bool {
        let mut own = note
            .lines()
            .iter()
            .filter(|line| line.id == self.id() && line.name == self.name())
            .map(|line| self.timestamp(note.text(), &line.signature))
            .peekable();
        own.peek().is_some() && own.all(|timestamp| timestamp.is_some())
    }

    pub(crate) fn public(&self) -> &[u8; 32] {
        self.0.public()
    }

    /// The time that a signature of this key over `text` states.
    fn timestamp(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (timestamp, signature) = signature.split_first_chunk()?;
        let timestamp = u64::from_be_bytes(*timestamp);
        let valid = (1..=i64::MAX.cast_unsigned()).contains(&timestamp)
            && self
                .0
                .verifies(message(timestamp, text).as_bytes(), signature);
        valid.then_some(timestamp)
    }
}

impl fmt::Display for CosignerVerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CosignerVerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CosignerVerifierKey({self})")
    }
}

impl FromStr for CosignerVerifierKey {
    type Err = NoteError;

    /// Reads the text form.
    ///
    /// # Errors
    /// [`NoteError::Key`] if the text has another form, is no key for Ed25519 cosignatures, or its hash does not fit.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        VerifierKey::read(KeyType::Cosignature, text).map(Self)
    }
}

/// A cosignature that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cosignature {
    /// The name of the witness's key.
    pub name: String,
    /// The id of the witness's key.
    pub id: u32,
    /// When the witness says that it signed, in seconds since the epoch; never 0.
    pub timestamp: u64,
}

impl Checkpoint {
    /// The cosignatures by keys among `known`, each key once, in the order of the note. Those of others are ignored.
    ///
    /// # Errors
    /// [`NoteError::Signature`] if a signature that names a known key is not valid, or states the time 0.
    pub fn cosignatures(
        &self,
        known: &[&CosignerVerifierKey],
    ) -> Result<Vec<Cosignature>, NoteError> {
        let note = Note::parse(self.as_str())?;
        let mut found: Vec<Cosignature> = Vec::new();
        for line in note.lines() {
            let Some(key) = known
                .iter()
                .find(|key| key.id() == line.id && key.name() == line.name)
            else {
                continue;
            };
            let timestamp = key
                .timestamp(note.text(), &line.signature)
                .ok_or_else(|| NoteError::Signature(line.name.to_owned()))?;
            if !found.iter().any(|c| c.id == line.id && c.name == line.name) {
                found.push(Cosignature {
                    name: line.name.to_owned(),
                    id: line.id,
                    timestamp,
                });
            }
        }
        Ok(found)
    }

    /// The checkpoint with the cosignatures of `lines`, as a witness answers them, that are by keys among `known`.
    ///
    /// Each takes the place of an earlier one by the same key; lines by others are left out.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] if `lines` are not signature lines or too many, [`NoteError::Signature`] if one that
    /// names a known key is not valid, [`NoteError::Unsigned`] if none names a known key.
    pub fn with_cosignatures(
        &self,
        lines: &str,
        known: &[&CosignerVerifierKey],
    ) -> Result<Self, NoteError> {
        let old = Note::parse(self.as_str())?;
        let text = old.text();
        let answered = self.with_note(format!("{text}\n{lines}"));
        let new = Note::parse(answered.as_str())?;
        // A blank line among the answered ones would move the end of the text.
        if new.text() != text {
            return Err(NoteError::Malformed("a signature line is empty"));
        }
        let signers = answered.cosignatures(known)?;
        if signers.is_empty() {
            return Err(NoteError::Unsigned);
        }
        let is_theirs = |line: &note::Line<'_>| {
            signers
                .iter()
                .any(|c| c.id == line.id && c.name == line.name)
        };
        let mut note = format!("{text}\n");
        for line in old.lines().iter().filter(|line| !is_theirs(line)) {
            note::push_line(&mut note, line.name, line.id, &line.signature);
        }
        for signer in &signers {
            if let Some(line) = new
                .lines()
                .iter()
                .find(|line| line.id == signer.id && line.name == signer.name)
            {
                note::push_line(&mut note, line.name, line.id, &line.signature);
            }
        }
        Note::parse(&note)?;
        Ok(self.with_note(note))
    }
}

/// What is signed: a header that keeps it apart from all other signatures, the time, and the checkpoint's text.
fn message(timestamp: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {timestamp}\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::empty_root;
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use time::macros::datetime;

    fn checkpoint() -> Checkpoint {
        let log = SigningKey::from_seed("log.example", &[1; 32]).unwrap();
        Checkpoint::sign(&log, 0, empty_root()).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_has_this_shape() {
        let witness = CosignerKey::from_seed("w", &[2; 32]).unwrap();
        let line = witness
            .sign("o\n0\nroot\n", datetime!(2023-03-20 12:25:47 UTC))
            .unwrap();
        let encoded = line.strip_prefix("— w ").unwrap().trim_end();
        let bytes = BASE64_STANDARD.decode(encoded).unwrap();
        assert_eq!(bytes.len(), 4 + 8 + 64);
        assert_eq!(bytes[4..12], 1_679_315_147_u64.to_be_bytes());
        let signed = b"cosignature/v1\ntime 1679315147\no\n0\nroot\n";
        assert!(witness.verifier.0.verifies(signed, &bytes[12..]));
    }

    #[test]
    fn a_second_cosignature_by_one_key_takes_the_place_of_the_first() {
        let witness = CosignerKey::from_seed("w", &[2; 32]).unwrap();
        let first = witness
            .cosign(&checkpoint(), datetime!(2026-01-01 0:00 UTC))
            .unwrap();
        let second = witness
            .cosign(&first, datetime!(2026-01-02 0:00 UTC))
            .unwrap();
        assert_eq!(second.as_str().lines().count(), 6);
        let found = second.cosignatures(&[witness.verifier_key()]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].timestamp, 1_767_312_000);
    }

    #[test]
    fn what_a_witness_answers_cannot_lengthen_the_text() {
        let witness = CosignerKey::from_seed("w", &[2; 32]).unwrap();
        let note = checkpoint();
        let text = Note::parse(note.as_str()).unwrap().text();
        // Over a text of its own the signature is good; over the checkpoint's it would spoil the note.
        let longer = format!("{text}\nmore\n");
        let line = witness
            .sign(&longer, datetime!(2026-01-01 0:00 UTC))
            .unwrap();
        assert_eq!(
            note.with_cosignatures(&format!("more\n\n{line}"), &[witness.verifier_key()]),
            Err(NoteError::Malformed("a signature line is empty"))
        );
    }

    #[test]
    fn neither_the_epoch_nor_a_time_before_it_is_signed_or_believed() {
        let witness = CosignerKey::from_seed("w", &[2; 32]).unwrap();
        for at in [
            datetime!(1970-01-01 0:00 UTC),
            datetime!(1969-01-01 0:00 UTC),
        ] {
            assert!(witness.cosign(&checkpoint(), at).is_err());
        }
        let note = checkpoint();
        let text = Note::parse(note.as_str()).unwrap().text();
        for timestamp in [0, u64::MAX] {
            let signature = witness.key.sign(message(timestamp, text).as_bytes());
            let stamped = [&timestamp.to_be_bytes()[..], &signature].concat();
            let mut line = String::new();
            note::push_line(&mut line, "w", witness.verifier.id(), &stamped);
            assert_eq!(
                note.with_cosignatures(&line, &[witness.verifier_key()]),
                Err(NoteError::Signature("w".into()))
            );
        }
    }
}
