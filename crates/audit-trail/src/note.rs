//! Signed notes (C2SP signed-note): a text, a blank line, and one line for each signature. Checkpoints travel in them.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use thiserror::Error;

pub use crate::key::{SigningKey, VerifierKey};

/// Signatures that a note may carry, known or not.
const MAX_SIGNATURES: usize = 100;

/// Why a key, a note or a checkpoint was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The name of a key is unusable.
    #[error(
        "`{0}` cannot name a key: it must not be empty or hold white space, control characters or `+`"
    )]
    Name(String),
    /// The text of a key is malformed. The message does not repeat it.
    #[error("not a key of a signed note: {0}")]
    Key(&'static str),
    /// The note is malformed.
    #[error("malformed note: {0}")]
    Malformed(&'static str),
    /// A signature that names a known key was not made by it over this text.
    #[error("the signature of `{0}` does not verify")]
    Signature(String),
    /// None of the known keys has signed.
    #[error("no known key has signed the note")]
    Unsigned,
    /// A checkpoint cannot be cosigned.
    #[error("not cosigned: {0}")]
    Cosignature(&'static str),
    /// The signed text is not a checkpoint of the key's log.
    #[error("malformed checkpoint: {0}")]
    Checkpoint(&'static str),
}

/// A well-formed note whose signatures are not verified yet.
///
/// ```
/// use audit_trail::SigningKey;
/// use audit_trail::note::{self, Note};
///
/// let key = SigningKey::generate("example.org/notes")?;
/// let signed = note::sign("remember this\n", &[&key])?;
/// let note = Note::parse(&signed)?;
/// let signers = note.verify(&[key.verifier_key()])?;
/// assert_eq!(signers[0].name(), "example.org/notes");
/// assert_eq!(note.text(), "remember this\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Note<'a> {
    text: &'a str,
    signatures: Vec<Line<'a>>,
}

/// A signature line.
#[derive(Debug, Clone)]
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: u32,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Note<'a> {
    /// Splits a note into its text and its signatures.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] if it has not the form of the specification.
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        if note.bytes().any(|b| b < b' ' && b != b'\n') {
            return Err(NoteError::Malformed("it holds a control character"));
        }
        // The last blank line ends the text, which keeps its own newline.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed(
            "it has no blank line before its signatures",
        ))?;
        let text = note.get(..text.len().saturating_add(1)).unwrap_or_default();
        let lines = lines
            .strip_suffix('\n')
            .ok_or(NoteError::Malformed("its last line does not end"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::Malformed("it carries more than 100 signatures"));
            }
            signatures.push(Line::parse(line)?);
        }
        Ok(Self { text, signatures })
    }

    /// The signature lines, known or not, in order.
    pub(crate) fn lines(&self) -> &[Line<'a>] {
        &self.signatures
    }

    /// The text, with its final newline. Not to be believed before [`verify`](Self::verify).
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The keys among `known` that have signed; signatures of others are ignored.
    ///
    /// # Errors
    /// [`NoteError::Signature`] if a signature that names a known key is not valid, [`NoteError::Unsigned`] if no known key has signed.
    pub fn verify<'k>(&self, known: &[&'k VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signers: Vec<&VerifierKey> = Vec::new();
        for line in &self.signatures {
            let Some(key) = known
                .iter()
                .find(|k| k.id() == line.id && k.name() == line.name)
            else {
                continue;
            };
            if !key.verifies(self.text.as_bytes(), &line.signature) {
                return Err(NoteError::Signature(line.name.to_owned()));
            }
            if !signers.contains(key) {
                signers.push(key);
            }
        }
        if signers.is_empty() {
            Err(NoteError::Unsigned)
        } else {
            Ok(signers)
        }
    }
}

impl<'a> Line<'a> {
    /// Reads `— name base64(id ‖ signature)`.
    fn parse(line: &'a str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed("a signature line has not the form `— name base64`");
        let Some((name, encoded)) = line
            .strip_prefix("— ")
            .and_then(|rest| rest.split_once(' '))
        else {
            return Err(malformed);
        };
        let bytes = BASE64_STANDARD
            .decode(encoded)
            .map_err(|_| NoteError::Malformed("a signature is not base64"))?;
        let Some((id, signature)) = bytes
            .split_first_chunk::<4>()
            .filter(|(_, s)| !s.is_empty())
        else {
            return Err(malformed);
        };
        crate::key::check_name(name).map_err(|_| malformed)?;
        Ok(Self {
            name,
            id: u32::from_be_bytes(*id),
            signature: signature.to_vec(),
        })
    }
}

/// The note of `text` signed by `keys`.
///
/// # Errors
/// [`NoteError::Malformed`] if the text does not end in a newline or holds another control character.
pub fn sign(text: &str, keys: &[&SigningKey]) -> Result<String, NoteError> {
    if !text.ends_with('\n') || text.bytes().any(|b| b < b' ' && b != b'\n') {
        return Err(NoteError::Malformed(
            "its text must end in a newline and hold no other control character",
        ));
    }
    let mut note = format!("{text}\n");
    for key in keys {
        let signature = key.sign(text.as_bytes());
        push_line(&mut note, key.name(), key.verifier_key().id(), &signature);
    }
    Ok(note)
}

/// Writes `— name base64(id ‖ signature)`.
pub(crate) fn push_line(note: &mut String, name: &str, id: u32, signature: &[u8]) {
    note.push_str("— ");
    note.push_str(name);
    note.push(' ');
    BASE64_STANDARD.encode_string([&id.to_be_bytes(), signature].concat(), note);
    note.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_ends_at_the_last_blank_line() {
        let key = SigningKey::from_seed("k", &[7; 32]).unwrap();
        let signed = sign("a\n\nb\n", &[&key]).unwrap();
        let note = Note::parse(&signed).unwrap();
        assert_eq!(note.text(), "a\n\nb\n");
        note.verify(&[key.verifier_key()]).unwrap();
    }

    #[test]
    fn unknown_signatures_are_ignored_and_bad_known_ones_are_not() {
        let key = SigningKey::from_seed("k", &[7; 32]).unwrap();
        let other = SigningKey::from_seed("other", &[8; 32]).unwrap();
        let signed = sign("text\n", &[&other, &key]).unwrap();
        let note = Note::parse(&signed).unwrap();
        assert_eq!(
            note.verify(&[key.verifier_key()]).unwrap(),
            [key.verifier_key()]
        );
        let stranger = SigningKey::from_seed("k", &[9; 32]).unwrap();
        assert_eq!(
            note.verify(&[stranger.verifier_key()]),
            Err(NoteError::Unsigned)
        );
        let altered = signed.replace("text", "test");
        let note = Note::parse(&altered).unwrap();
        assert_eq!(
            note.verify(&[key.verifier_key()]),
            Err(NoteError::Signature("k".into()))
        );
    }

    #[test]
    fn malformed_notes_are_refused() {
        let key = SigningKey::from_seed("k", &[7; 32]).unwrap();
        let good = sign("text\n", &[&key]).unwrap();
        let line = good.split_once("\n\n").unwrap().1.to_owned();
        for bad in [
            String::new(),
            "text\n".into(),
            "text\n\n".into(),
            good.trim_end().to_owned(),
            good.replace("— ", "- "),
            good.replace("— k ", "— k+ "),
            good.replace("— k ", "—  "),
            good.replace("\n\n", "\n \n"),
            good.replace("text", "te\txt"),
            format!("text\n\n{}", line.repeat(101)),
            "text\n\n— k AAAA\n".into(),
            "text\n\n— k AAAAAA=\n".into(),
        ] {
            assert!(Note::parse(&bad).is_err(), "{bad:?}");
        }
        assert!(Note::parse(&format!("text\n\n{}", line.repeat(100))).is_ok());
    }
}
