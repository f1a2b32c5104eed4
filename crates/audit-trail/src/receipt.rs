//! Receipts (C2SP tlog-proof): all that is needed to show, offline and to anybody, that an entry is in the log.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use thiserror::Error;

use crate::AuditError;
use crate::checkpoint::{Checkpoint, parse_body};
use crate::note::{Note, NoteError, VerifierKey};
use crate::policy::TlogPolicy;
use crate::reader::AuditReader;
use crate::tree::{Hash, ProofError};
use crate::verdict::{Level, Witnesses};
use crate::verify::verify_inclusion;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// No path in a tree of 2^64 leaves is longer.
const MAX_PROOF: usize = 64;

/// An entry's index, the path from it to the root, and the signed checkpoint with that root.
///
/// Its text form (`Display`, `FromStr`) is a `.tlog-proof` file. Nothing in it is believed before it is
/// [verified](Self::verify) with the entry's bytes and a key or policy from elsewhere.
///
/// ```
/// use audit_trail::{AuditLog, Entry, Level, Receipt};
///
/// let log = AuditLog::builder().build()?;
/// let appended = log.log(Entry::event("deployed"))?;
/// let text = log.receipt(appended.index)?.to_string();
///
/// // Elsewhere, later:
/// let receipt: Receipt = text.parse()?;
/// let entry = log.entry(receipt.index())?;
/// let established = receipt.verify(entry.bytes(), log.verifier_key().unwrap(), None)?;
/// assert_eq!(established.level, Level::Signed);
/// assert!(receipt.verify(b"something else", log.verifier_key().unwrap(), None).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    index: u64,
    proof: Vec<Hash>,
    note: String,
    extra: Option<Vec<u8>>,
}

/// What a checkpoint or a receipt establishes about what it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a signature alone and a quorum of witnesses are both a success: look at `level`"]
pub struct Established {
    /// [`Level::Signed`], or [`Level::Witnessed`] where a policy asked for witnesses.
    pub level: Level,
    /// The checkpoint, which can serve as a pin from now on.
    pub checkpoint: Checkpoint,
    /// The witnesses that were counted, where there was a policy.
    pub witnesses: Option<Witnesses>,
}

/// Why a checkpoint or a receipt establishes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The text is not a receipt.
    #[error("malformed receipt: {0}")]
    Malformed(&'static str),
    /// The checkpoint is malformed or its signatures are not what they should be.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The proof does not lead from the entry to the checkpoint's root.
    #[error("the entry is not shown to be in the log: {0}")]
    Proof(#[from] ProofError),
    /// The witnesses that have cosigned are no quorum of the policy.
    #[error("only {0} of the policy's witnesses have cosigned, which is no quorum")]
    NotWitnessed(Witnesses),
}

/// Opens a checkpoint signed by the log's `key`; with a policy, a quorum of its witnesses must have cosigned it.
///
/// A policy that asks for no witness (`quorum none`) leaves the level at [`Level::Signed`].
///
/// # Errors
/// [`EvidenceError::Note`] if it is malformed, if the log's signature is missing or any known one is not valid, or if
/// the policy names logs and this one is not among them; [`EvidenceError::NotWitnessed`].
pub fn verify_checkpoint(
    note: &str,
    key: &VerifierKey,
    policy: Option<&TlogPolicy>,
) -> Result<Established, EvidenceError> {
    establish(Checkpoint::open(note, key)?, policy)
}

fn establish(
    checkpoint: Checkpoint,
    policy: Option<&TlogPolicy>,
) -> Result<Established, EvidenceError> {
    let quorum = policy
        .map(|policy| policy.evaluate(&checkpoint))
        .transpose()?;
    if let Some(quorum) = quorum.as_ref().filter(|quorum| !quorum.satisfied) {
        return Err(EvidenceError::NotWitnessed(quorum.witnesses()));
    }
    Ok(Established {
        level: quorum
            .as_ref()
            .map_or(Level::Signed, |quorum| quorum.raise(Level::Signed)),
        checkpoint,
        witnesses: quorum.map(|quorum| quorum.witnesses()),
    })
}

impl Receipt {
    /// The entry's place in the log.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The inclusion path, from the leaf's sibling up.
    #[must_use]
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// The checkpoint's note, not verified.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What somebody added, which nothing vouches for.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The receipt with data of the application's own, which no signature covers; without any if `extra` is empty.
    #[must_use]
    pub fn with_extra(mut self, extra: impl Into<Vec<u8>>) -> Self {
        self.extra = Some(extra.into()).filter(|extra| !extra.is_empty());
        self
    }

    /// Checks that `entry`, its exact bytes, stands at the receipt's index in the log of `key`; with a policy, that a quorum of its witnesses has cosigned.
    ///
    /// # Errors
    /// As [`verify_checkpoint`], and [`EvidenceError::Proof`] if the checkpoint does not cover this entry at this index.
    pub fn verify(
        &self,
        entry: &[u8],
        key: &VerifierKey,
        policy: Option<&TlogPolicy>,
    ) -> Result<Established, EvidenceError> {
        self.covers(entry, verify_checkpoint(&self.note, key, policy)?)
    }

    /// As [`verify`](Self::verify) with the key of the log that the policy names.
    ///
    /// # Errors
    /// As [`verify`](Self::verify); a policy that names no log believes none.
    pub fn verify_by(
        &self,
        entry: &[u8],
        policy: &TlogPolicy,
    ) -> Result<Established, EvidenceError> {
        self.covers(entry, establish(policy.open(&self.note)?, Some(policy))?)
    }

    fn covers(&self, entry: &[u8], established: Established) -> Result<Established, EvidenceError> {
        verify_inclusion(entry, self.index, &self.proof, &established.checkpoint)?;
        Ok(established)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64_STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for Receipt {
    type Err = EvidenceError;

    /// Reads the text form; what is read is written again to the same byte.
    ///
    /// # Errors
    /// [`EvidenceError::Malformed`] or [`EvidenceError::Note`] if it has another form. Signatures and the path are not checked.
    fn from_str(text: &str) -> Result<Self, EvidenceError> {
        let malformed = EvidenceError::Malformed;
        let (head, note) = text
            .split_once("\n\n")
            .ok_or(malformed("it has no blank line before its checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed("it does not begin with `c2sp.org/tlog-proof@v1`"));
        }
        let mut next = lines.next().unwrap_or_default();
        let mut extra = None;
        if let Some(encoded) = next.strip_prefix("extra ") {
            let bytes = BASE64_STANDARD.decode(encoded).ok();
            let bytes = bytes.filter(|bytes| !bytes.is_empty());
            extra = Some(bytes.ok_or(malformed("its extra data is not base64, or empty"))?);
            next = lines.next().unwrap_or_default();
        }
        let index = next
            .strip_prefix("index ")
            .and_then(decimal)
            .ok_or(malformed("its index is not a decimal number"))?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == MAX_PROOF {
                return Err(malformed("its path has more than 64 hashes"));
            }
            let hash = line.parse();
            proof.push(hash.map_err(|_| malformed("its path holds what is not a hash"))?);
        }
        parse_body(Note::parse(note)?.text())?;
        Ok(Self {
            index,
            proof,
            note: note.to_owned(),
            extra,
        })
    }
}

/// A decimal number without sign or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

impl AuditReader {
    /// The receipt of the entry at `index` under [`checkpoint`](Self::checkpoint), to be handed to whom it concerns.
    ///
    /// # Errors
    /// [`AuditError::OutOfRange`] if the checkpoint does not cover it, [`AuditError::Evicted`] if it is no longer held,
    /// [`AuditError::NoCheckpoint`] for a log read without its key.
    pub fn receipt(&self, index: u64) -> Result<Receipt, AuditError> {
        self.receipt_under(index, &self.checkpoint()?)
    }

    /// The receipt of the entry at `index` under a checkpoint of this log, such as one that witnesses have cosigned.
    ///
    /// # Errors
    /// As [`receipt`](Self::receipt), and [`AuditError::Note`] if the checkpoint does not cover the entries of this log.
    pub fn receipt_under(
        &self,
        index: u64,
        checkpoint: &Checkpoint,
    ) -> Result<Receipt, AuditError> {
        let proof = self.inclusion_proof(index, checkpoint.size())?;
        verify_inclusion(self.entry(index)?.bytes(), index, &proof, checkpoint)
            .map_err(|_| NoteError::Checkpoint("it does not cover the entries of this log"))?;
        Ok(Receipt {
            index,
            proof,
            note: checkpoint.to_string(),
            extra: None,
        })
    }
}
