//! What a log sends to a witness: the size that the witness is thought to know, the proof from there, and the new checkpoint.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::checkpoint::parse_body;
use crate::note::{Note, NoteError};
use crate::receipt::decimal;
use crate::tree::Hash;

/// Hashes that a consistency proof may have.
const MAX_PROOF: usize = 63;

/// The body of an `add-checkpoint` request.
///
/// ```
/// use audit_trail::AuditLog;
/// use audit_trail::witness::AddCheckpoint;
///
/// let log = AuditLog::builder().build()?;
/// let checkpoint = log.checkpoint()?;
/// let request = AddCheckpoint::new(0, Vec::new(), checkpoint.as_str())?;
/// let body = request.to_string();
/// assert!(body.starts_with("old 0\n\n"));
/// assert_eq!(body.parse::<AddCheckpoint>()?, request);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<Hash>,
    note: String,
}

/// Why a text is not an `add-checkpoint` request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It has another form.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// Its checkpoint is malformed.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl AddCheckpoint {
    /// A request to cosign the checkpoint in `note`, which by `proof` continues the tree of `old` entries.
    ///
    /// # Errors
    /// [`RequestError`] if the proof has more than 63 hashes or the note is not that of a checkpoint.
    pub fn new(old: u64, proof: Vec<Hash>, note: &str) -> Result<Self, RequestError> {
        if proof.len() > MAX_PROOF {
            return Err(RequestError::Malformed("its proof has more than 63 hashes"));
        }
        Head::parse(Note::parse(note)?.text())?;
        Ok(Self {
            old,
            proof,
            note: note.to_owned(),
        })
    }

    /// The size that the witness is thought to know; 0 if it is thought to know nothing.
    #[must_use]
    pub fn old(&self) -> u64 {
        self.old
    }

    /// The consistency proof from the old size.
    #[must_use]
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// The checkpoint's note, not verified.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for AddCheckpoint {
    type Err = RequestError;

    /// Reads a body; what is read is written again to the same byte.
    ///
    /// # Errors
    /// [`RequestError`] if it has another form. Signatures and the proof are not checked.
    fn from_str(text: &str) -> Result<Self, RequestError> {
        let malformed = RequestError::Malformed;
        let (head, note) = text
            .split_once("\n\n")
            .ok_or(malformed("it has no blank line before its checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines
            .next()
            .and_then(|line| decimal(line.strip_prefix("old ")?))
            .ok_or(malformed(
                "its first line is not `old` and a decimal number",
            ))?;
        let mut proof = Vec::new();
        for line in lines.by_ref().take(MAX_PROOF.saturating_add(1)) {
            let hash = line.parse();
            proof.push(hash.map_err(|_| malformed("its proof holds what is not a hash"))?);
        }
        Self::new(old, proof, note)
    }
}

/// What a witness looks at in a checkpoint of any log. Unlike the logs of this crate, others may add lines of their own.
pub(super) struct Head<'a> {
    pub(super) origin: &'a str,
    pub(super) size: u64,
    pub(super) root: Hash,
}

impl<'a> Head<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, NoteError> {
        let end = text
            .match_indices('\n')
            .nth(2)
            .map_or(text.len(), |(at, _)| at.saturating_add(1));
        let (body, extension) = text.split_at_checked(end).unwrap_or((text, ""));
        if extension.split_terminator('\n').any(str::is_empty) {
            return Err(NoteError::Checkpoint("an extension line is empty"));
        }
        let (origin, size, root) = parse_body(body)?;
        Ok(Self { origin, size, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::empty_root;

    #[test]
    fn extension_lines_are_for_the_log_to_add_and_not_empty() {
        let root = empty_root();
        let head = Head::parse(&format!("o\n0\n{root}\n")).map(|h| h.size);
        assert_eq!(head, Ok(0));
        assert!(Head::parse(&format!("o\n0\n{root}\nmore\nlines\n")).is_ok());
        assert!(Head::parse(&format!("o\n0\n{root}\n\nlines\n")).is_err());
        assert!(Head::parse(&format!("o\n0\n{root}\nmore\n\n")).is_err());
        assert!(Head::parse(&format!("o\n0\n{root}")).is_err());
        assert!(Head::parse("o\n0\n").is_err());
    }
}
