//! The handle that records.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;

use uuid::Uuid;

use crate::builder::AuditLogBuilder;
use crate::bundle::Meta;
use crate::checkpoint::Checkpoint;
use crate::commit::Shared;
use crate::emit::emit;
use crate::entry::{Entry, micros};
use crate::kind::Kind;
use crate::reader::AuditReader;
use crate::tree::leaf_hash;
use crate::{AuditError, EntryError, MAX_ENTRY, id};

/// An append-only log. Clones are handles to the same log; all of them may append at once, and read what an [`AuditReader`] reads.
///
/// There is no method that changes or removes an entry:
///
/// ```compile_fail,E0599
/// let log = audit_trail::AuditLog::builder().build().unwrap();
/// log.remove(0);
/// ```
///
/// and whoever must not write gets a reader, which cannot:
///
/// ```compile_fail,E0599
/// # use audit_trail::{AuditLog, Entry};
/// let reader = AuditLog::builder().build().unwrap().reader();
/// reader.log(Entry::event("not by a reader"));
/// ```
#[derive(Debug, Clone)]
pub struct AuditLog {
    reader: AuditReader,
}

/// Where an entry went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// The record's id.
    pub id: Uuid,
    /// Its place in the log.
    pub index: u64,
}

impl AuditLog {
    /// Begins a new log.
    pub fn builder() -> AuditLogBuilder {
        AuditLogBuilder::new()
    }

    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self {
            reader: AuditReader(shared),
        }
    }

    /// A handle that reads and cannot write.
    #[must_use]
    pub fn reader(&self) -> AuditReader {
        self.reader.clone()
    }

    /// Appends an entry.
    ///
    /// When it returns `Ok`, every reader that looks from then on sees the entry and all before it; where the log has a
    /// sink, the sink has taken it.
    ///
    /// # Errors
    /// [`AuditError::Entry`] if a field breaks the schema and [`AuditError::Random`] if there is no randomness for an id:
    /// nothing was appended and the log goes on. [`AuditError::Sink`] if the sink failed, now or earlier, and
    /// [`AuditError::Poisoned`]: nothing is recorded any more.
    ///
    /// # Concurrency
    /// In memory it waits for nobody but, rarely, for a thread that merges what waits. With a sink it waits until the sink
    /// has taken the entry; threads that come meanwhile are written together.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an entry is recorded once, and `log(Entry::event(..))` reads as it should"
    )]
    pub fn log(&self, entry: Entry<'_>) -> Result<Appended, AuditError> {
        if entry.fields().kind == Kind::Genesis {
            return Err(EntryError::Reserved.into());
        }
        self.append(&entry)
    }

    /// A new record id, for entries that are to share it, made of the clock's time and randomness.
    ///
    /// # Errors
    /// [`AuditError::Random`] if the operating system gives no randomness.
    pub fn next_id(&self) -> Result<Uuid, AuditError> {
        let now = micros(self.reader.0.clock.now())?;
        id::next(now).map_err(AuditError::Random)
    }

    /// Signs a checkpoint of everything logged so far and hands it to the sink, if there is one.
    ///
    /// Call it at the end. Dropping the last handle does the same, but cannot tell whether it worked.
    ///
    /// # Errors
    /// [`AuditError::Sink`] if the sink failed, now or earlier; [`AuditError::Poisoned`].
    pub fn publish_checkpoint(&self) -> Result<Checkpoint, AuditError> {
        let shared = &self.reader.0;
        let mut state = shared.current()?;
        shared.publish(&mut state)
    }

    pub(crate) fn append(&self, entry: &Entry<'_>) -> Result<Appended, AuditError> {
        let shared = &self.reader.0;
        let fields = entry.fields();
        let ts = micros(entry.time().unwrap_or_else(|| shared.clock.now()))?;
        let id = match fields.id {
            Some(id) => id,
            None => id::next(ts).map_err(AuditError::Random)?,
        };
        with_scratch(|text| {
            emit(fields, id, &shared.namespace, ts, text)?;
            let outcome = fields.decision.as_ref().map(|decision| decision.outcome);
            let meta = Meta {
                leaf: leaf_hash(text.as_bytes()),
                id,
                ts,
                kind: fields.kind,
                outcome,
            };
            let index = shared.append(text, meta)?;
            Ok(Appended { id, index })
        })
    }
}

impl Deref for AuditLog {
    type Target = AuditReader;

    fn deref(&self) -> &AuditReader {
        &self.reader
    }
}

/// Lends the calling thread's empty text buffer. One that grew far is not kept.
fn with_scratch<T>(work: impl FnOnce(&mut String) -> T) -> T {
    thread_local!(static SCRATCH: Cell<String> = const { Cell::new(String::new()) });
    let mut text = SCRATCH.take();
    text.clear();
    let result = work(&mut text);
    if text.capacity() <= 2 * MAX_ENTRY {
        SCRATCH.set(text);
    }
    result
}
