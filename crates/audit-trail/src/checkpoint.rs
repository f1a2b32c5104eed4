//! Checkpoints (C2SP tlog-checkpoint): the log's signed word about how large it is and what its root is.

use std::fmt;

use crate::note::{self, Note, NoteError, SigningKey, VerifierKey};
use crate::tree::Hash;

/// The size and root of a log at one moment, signed by the log's key.
///
/// A value of this type was either signed here or its signature was verified when it was [opened](Self::open): there
/// is no unverified checkpoint. Keep its text (`Display`) somewhere that the log's writer cannot reach: whoever holds
/// it can tell later whether the log still begins with the same entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    note: String,
}

impl Checkpoint {
    /// Opens the text of a signed checkpoint; signatures of other keys are ignored.
    ///
    /// # Errors
    /// [`NoteError`] if the note is malformed, if `key` has not signed it, or if the signed text is not a checkpoint
    /// of the log that `key` is named after. Extension lines are refused.
    ///
    /// ```
    /// use audit_trail::{AuditLog, Checkpoint};
    ///
    /// let log = AuditLog::builder().build()?;
    /// let text = log.checkpoint()?.to_string();
    /// let key = log.verifier_key().unwrap();
    /// assert_eq!(Checkpoint::open(&text, key)?.size(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(text: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let note = Note::parse(text)?;
        note.verify(&[key])?;
        let (origin, size, root) = parse_body(note.text())?;
        if origin != key.name() {
            return Err(NoteError::Checkpoint(
                "its origin is not the name of the key",
            ));
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
            note: text.to_owned(),
        })
    }

    pub(crate) fn sign(key: &SigningKey, size: u64, root: Hash) -> Result<Self, NoteError> {
        Self::sign_with(&[key], size, root)
    }

    /// Signs with several keys of one name, as when one succeeds the other.
    pub(crate) fn sign_with(
        keys: &[&SigningKey],
        size: u64,
        root: Hash,
    ) -> Result<Self, NoteError> {
        let origin = keys.first().map_or("", |key| key.name());
        let note = note::sign(&format!("{origin}\n{size}\n{root}\n"), keys)?;
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
            note,
        })
    }

    /// The same checkpoint in a note that carries other signatures besides the log's.
    pub(crate) fn with_note(&self, note: String) -> Self {
        Self {
            note,
            ..self.clone()
        }
    }

    /// The name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of entries covered.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree over them.
    #[must_use]
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// The signed note, as [`Display`](fmt::Display) writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.note
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.note)
    }
}

/// Origin, size and root of a checkpoint's text. No extension lines, no leading zeros.
pub(crate) fn parse_body(text: &str) -> Result<(&str, u64, Hash), NoteError> {
    let body = text
        .strip_suffix('\n')
        .ok_or(NoteError::Checkpoint("its last line does not end"))?;
    let mut lines = body.split('\n');
    let (Some(origin), Some(size), Some(root), None) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(NoteError::Checkpoint("it has not exactly three lines"));
    };
    if origin.is_empty() {
        return Err(NoteError::Checkpoint("its origin is empty"));
    }
    let digits = !size.is_empty()
        && size.bytes().all(|b| b.is_ascii_digit())
        && (size == "0" || !size.starts_with('0'));
    let size = size
        .parse()
        .ok()
        .filter(|_| digits)
        .ok_or(NoteError::Checkpoint("its size is not a decimal number"))?;
    let root = root
        .parse()
        .map_err(|_| NoteError::Checkpoint("its root is not the base64 of 32 bytes"))?;
    Ok((origin, size, root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::empty_root;

    #[test]
    fn bodies_are_read_strictly() {
        let root = empty_root();
        assert_eq!(
            parse_body(&format!("o\n0\n{root}\n")).unwrap(),
            ("o", 0, root)
        );
        for bad in [
            format!("o\n0\n{root}"),
            format!("o\n00\n{root}\n"),
            format!("o\n01\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n-1\n{root}\n"),
            format!("o\n\n{root}\n"),
            format!("o\n18446744073709551616\n{root}\n"),
            format!("\n1\n{root}\n"),
            format!("o\n1\n{root}\nextension\n"),
            format!("o\n1\n{root}\n\n"),
            "o\n1\nAAAA\n".into(),
            "o\n1\n".into(),
        ] {
            assert!(parse_body(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_named_log_key_opens_a_checkpoint() {
        let key = SigningKey::from_seed("log", &[1; 32]).unwrap();
        let checkpoint = Checkpoint::sign(&key, 0, empty_root()).unwrap();
        assert_eq!(
            Checkpoint::open(checkpoint.as_str(), key.verifier_key()).unwrap(),
            checkpoint
        );
        let foreign = note::sign(&format!("other\n0\n{}\n", empty_root()), &[&key]).unwrap();
        assert!(matches!(
            Checkpoint::open(&foreign, key.verifier_key()),
            Err(NoteError::Checkpoint(_))
        ));
    }
}
