//! The rules of a witness: never two histories of one log, never an older state after a newer one.

use std::fmt;
use std::io;
use std::sync::Mutex;

use thiserror::Error;

use super::request::{AddCheckpoint, Head, RequestError};
use super::store::WitnessStore;
use crate::clock::Clock;
use crate::cosignature::CosignerKey;
use crate::note::{self, Note, NoteError, VerifierKey};
use crate::tree::{ProofError, empty_root, verify_consistency};

/// A request is 63 hashes and a checkpoint with at most some dozens of signatures.
const MAX_REQUEST: usize = 256 * 1024;

/// A witness for a fixed set of logs.
///
/// For each log, named by the origin in its checkpoints, it remembers the newest checkpoint that it has cosigned. Checking
/// against it, storing the new one and answering are one step that no other request can come between; the store is
/// written before the cosignature leaves.
///
/// ```
/// use audit_trail::witness::{AddCheckpoint, Refusal, Witness, WitnessDir};
/// use audit_trail::{AuditLog, CosignerKey, Entry, SystemClock};
///
/// let log = AuditLog::builder().build()?;
/// let dir = tempfile::tempdir()?;
/// let key = CosignerKey::generate("witness.example/w1")?;
/// let known = key.verifier_key().clone();
/// let logs = vec![log.verifier_key().unwrap().clone()];
/// let witness = Witness::new(key, logs, WitnessDir::open(dir.path())?, SystemClock);
///
/// let first = log.checkpoint()?;
/// let request = AddCheckpoint::new(0, Vec::new(), first.as_str())?;
/// let lines = witness.add_checkpoint(request.to_string().as_bytes())?;
/// assert_eq!(first.with_cosignatures(&lines, &[&known])?.cosignatures(&[&known])?.len(), 1);
///
/// // It knows one entry now, so nobody can pretend that it knows none.
/// let again = witness.add_checkpoint(request.to_string().as_bytes());
/// assert!(matches!(again, Err(Refusal::Conflict { size: 1 })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Witness<S> {
    key: CosignerKey,
    logs: Vec<VerifierKey>,
    clock: Box<dyn Clock>,
    store: Mutex<S>,
}

/// Why a witness did not cosign. What it remembers is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request has not the form of the protocol.
    #[error(transparent)]
    Malformed(#[from] RequestError),
    /// The request's old size is larger than its checkpoint.
    #[error("the old size {old} is larger than the checkpoint's {new}")]
    Shrinks {
        /// The request's old size.
        old: u64,
        /// The checkpoint's size.
        new: u64,
    },
    /// The log is not one of this witness.
    #[error("this witness does not know the log")]
    UnknownLog,
    /// No key of the log has signed, or not this text.
    #[error("not signed by the log: {0}")]
    Unsigned(#[source] NoteError),
    /// The request begins at another size than the witness has cosigned last.
    #[error("the witness knows the log at size {size}")]
    Conflict {
        /// The size that it has cosigned last; 0 if none.
        size: u64,
    },
    /// The checkpoint does not continue the one that was cosigned last.
    #[error("the checkpoint does not continue the one cosigned last: {0}")]
    Inconsistent(#[source] ProofError),
    /// The witness cannot read or write what it remembers, or its clock is wrong.
    #[error("the witness cannot answer: {0}")]
    Store(#[source] io::Error),
}

impl Refusal {
    /// The HTTP status that the protocol gives it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Shrinks { .. } => 400,
            Self::Unsigned(_) => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::Inconsistent(_) => 422,
            Self::Store(_) => 500,
        }
    }
}

impl<S: WitnessStore> Witness<S> {
    /// A witness that cosigns with `key` what is signed by `logs`, whose names are the origins of their checkpoints.
    ///
    /// Two keys of one name are two keys of one log.
    pub fn new(key: CosignerKey, logs: Vec<VerifierKey>, store: S, clock: impl Clock) -> Self {
        Self {
            key,
            logs,
            clock: Box::new(clock),
            store: Mutex::new(store),
        }
    }

    /// Answers the body of an `add-checkpoint` request with a signature line, once the checkpoint is stored.
    ///
    /// Blocks while the store writes, and while another request is answered.
    ///
    /// # Errors
    /// [`Refusal`], whose [`status`](Refusal::status) is the answer over HTTP.
    pub fn add_checkpoint(&self, body: &[u8]) -> Result<String, Refusal> {
        let malformed = |problem| Refusal::Malformed(RequestError::Malformed(problem));
        if body.len() > MAX_REQUEST {
            return Err(malformed("it is longer than 256 KiB"));
        }
        let body = std::str::from_utf8(body).map_err(|_| malformed("it is not UTF-8"))?;
        let request: AddCheckpoint = body.parse()?;
        let note = Note::parse(request.note()).map_err(RequestError::from)?;
        let head = Head::parse(note.text()).map_err(RequestError::from)?;
        let logs = self.keys_of(head.origin)?;
        note.verify(&logs).map_err(Refusal::Unsigned)?;
        if request.old() > head.size {
            return Err(Refusal::Shrinks {
                old: request.old(),
                new: head.size,
            });
        }

        let mut store = self.store.lock().map_err(|_| poisoned())?;
        let (known, known_root) = match self.recall(&*store, head.origin)? {
            Some(last) => {
                let last = Note::parse(&last)
                    .and_then(|note| Head::parse(note.text()).map(|head| (head.size, head.root)));
                last.map_err(|e| damaged(&e))?
            }
            None => (0, empty_root()),
        };
        if request.old() != known {
            return Err(Refusal::Conflict { size: known });
        }
        verify_consistency(known, &known_root, head.size, &head.root, request.proof())
            .map_err(Refusal::Inconsistent)?;
        let line = self
            .key
            .sign(note.text(), self.clock.now())
            .map_err(|error| Refusal::Store(io::Error::other(error)))?;
        let cosigned = record(&note, &logs, &line);
        store.save(head.origin, &cosigned).map_err(Refusal::Store)?;
        Ok(line)
    }

    /// The newest checkpoint of a log that this witness has cosigned, with its cosignature; `None` if there is none.
    ///
    /// # Errors
    /// [`Refusal::UnknownLog`], or [`Refusal::Store`] if the store fails or holds what this witness did not sign.
    pub fn checkpoint(&self, origin: &str) -> Result<Option<String>, Refusal> {
        self.keys_of(origin)?;
        let store = self.store.lock().map_err(|_| poisoned())?;
        self.recall(&*store, origin)
    }

    /// The origins of the logs that it knows.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.logs.iter().map(VerifierKey::name)
    }

    fn keys_of(&self, origin: &str) -> Result<Vec<&VerifierKey>, Refusal> {
        let keys: Vec<_> = self.logs.iter().filter(|k| k.name() == origin).collect();
        if keys.is_empty() {
            Err(Refusal::UnknownLog)
        } else {
            Ok(keys)
        }
    }

    /// What is stored of a log, if it is this witness's own: anything else must not pass for a memory, nor for none.
    fn recall(&self, store: &S, origin: &str) -> Result<Option<String>, Refusal> {
        let Some(stored) = store.load(origin).map_err(Refusal::Store)? else {
            return Ok(None);
        };
        let note = Note::parse(&stored).map_err(|e| damaged(&e))?;
        let own = Head::parse(note.text()).is_ok_and(|head| head.origin == origin)
            && self.key.verifier_key().has_signed(&note);
        if own {
            Ok(Some(stored))
        } else {
            Err(damaged(&NoteError::Unsigned))
        }
    }
}

/// The note with one verified signature of each log key and the new one: what the witness answers for, and no more.
fn record(note: &Note<'_>, logs: &[&VerifierKey], line: &str) -> String {
    let mut text = format!("{}\n", note.text());
    for key in logs {
        if let Some(signature) = note
            .lines()
            .iter()
            .find(|line| line.id == key.id() && line.name == key.name())
        {
            note::push_line(&mut text, key.name(), key.id(), &signature.signature);
        }
    }
    text.push_str(line);
    text
}

impl<S: fmt::Debug> fmt::Debug for Witness<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("key", &self.key)
            .field("logs", &self.logs)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

fn damaged(error: &NoteError) -> Refusal {
    Refusal::Store(io::Error::new(
        io::ErrorKind::InvalidData,
        format!("what it remembers is damaged: {error}"),
    ))
}

fn poisoned() -> Refusal {
    Refusal::Store(io::Error::other("a thread panicked inside the store"))
}
