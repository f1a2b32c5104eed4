//! The handle that records.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;
use std::task::Waker;

use uuid::Uuid;

use crate::acknowledge::{Acknowledgement, Pending};
use crate::builder::AuditLogBuilder;
use crate::bundle::Meta;
use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::commit::Shared;
use crate::durable::writing::Writing;
use crate::emit::emit;
use crate::entry::{Entry, micros};
use crate::personal::seal;
use crate::reader::AuditReader;
use crate::tree::leaf_hash;
use crate::vault::Keeper;
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
    backing: Backing,
    level: Acknowledgement,
    pub(crate) vault: Option<Keeper>,
    /// A key of `ext` that entries through this handle must not have.
    reserved: Option<&'static str>,
}

/// Where entries go.
#[derive(Debug, Clone)]
pub(crate) enum Backing {
    Memory(Arc<Shared>),
    Directory(Arc<Writing>),
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
    /// Begins a new log, or goes on with one that is in a [directory](AuditLogBuilder::directory).
    pub fn builder() -> AuditLogBuilder {
        AuditLogBuilder::new()
    }

    pub(crate) fn of(
        reader: AuditReader,
        backing: Backing,
        level: Acknowledgement,
        vault: Option<Keeper>,
    ) -> Self {
        Self {
            reader,
            backing,
            level,
            vault,
            reserved: None,
        }
    }

    /// A handle to the same log that refuses entries with this key in their [`ext`](Entry::ext).
    ///
    /// For whoever keeps a journal in the log under that key, and hands out the log: what comes back when the journal is read
    /// is then what its owner wrote.
    ///
    /// ```
    /// use audit_trail::{AuditLog, Entry, Ext};
    ///
    /// let log = AuditLog::builder().build()?;
    /// let forged = Entry::event("note").ext(Ext::parse(r#"{"journal":{}}"#)?);
    /// assert!(log.reserving("journal").log(forged.clone()).is_err());
    /// assert!(log.log(forged).is_ok());
    /// # Ok::<(), audit_trail::AuditError>(())
    /// ```
    #[must_use]
    pub fn reserving(&self, key: &'static str) -> Self {
        Self {
            reserved: Some(key),
            ..self.clone()
        }
    }

    /// How far an entry has to get before [`log`](Self::log) returns: what was asked of the [builder](AuditLogBuilder::acknowledge).
    #[must_use]
    pub fn level(&self) -> Acknowledgement {
        self.level
    }

    /// Takes up the wait for an entry that was submitted, by its id and index: see [`Pending::appended`].
    pub fn pending(&self, id: Uuid, index: u64) -> Pending {
        self.pending_of(Appended { id, index })
    }

    /// A handle that reads and cannot write.
    #[must_use]
    pub fn reader(&self) -> AuditReader {
        self.reader.clone()
    }

    /// Appends an entry and returns when it is acknowledged at the log's [level](AuditLogBuilder::acknowledge).
    ///
    /// When it returns `Ok`, every reader in this process that looks from then on sees the entry and all before it, unless the level is `Buffered` and
    /// the log is in a directory: then readers see it when it is durable. Where the log has a sink, the sink has taken it.
    ///
    /// # Errors
    /// [`AuditError::Entry`] if a field breaks the schema and [`AuditError::Random`] if there is no randomness for an id:
    /// nothing was appended and the log goes on. [`AuditError::QueueFull`] and [`AuditError::DiskFull`]: nothing was appended, later it may be.
    /// [`AuditError::Sink`] if the sink failed, [`AuditError::Storage`] if the disk did, now or earlier, and
    /// [`AuditError::Poisoned`]: nothing is recorded any more.
    ///
    /// # Concurrency
    /// In memory it waits for nobody but, rarely, for a thread that merges what waits. With a sink it waits until the sink
    /// has taken the entry; threads that come meanwhile are written together. In a directory it waits for a sync, which serves all threads that wait.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an entry is recorded once, and `log(Entry::event(..))` reads as it should"
    )]
    pub fn log(&self, entry: Entry<'_>) -> Result<Appended, AuditError> {
        self.refuse_reserved(&entry)?;
        let appended = self.append(&entry)?;
        self.backing.wait(appended.index, self.level)?;
        Ok(appended)
    }

    /// As [`log`](Self::log), for entries of the log's own as well, and not waiting for witnesses.
    pub(crate) fn say(&self, entry: &Entry<'_>) -> Result<Appended, AuditError> {
        let appended = self.append(entry)?;
        let level = self.level.min(Acknowledgement::Signed);
        self.backing.wait(appended.index, level)?;
        Ok(appended)
    }

    /// Appends an entry and returns at once with a handle to wait for it, so that one thread can have many on their way.
    ///
    /// # Errors
    /// As [`log`](Self::log), as far as it shows before the entry is written. Waits where the queue is full, unless the log was told to
    /// [refuse](AuditLogBuilder::when_full).
    ///
    /// ```
    /// use audit_trail::{Acknowledgement, AuditLog, Entry};
    ///
    /// let log = AuditLog::builder().build()?;
    /// let pending = log.submit(Entry::event("started"))?;
    /// assert_eq!(pending.wait(Acknowledgement::Buffered)?.index, 1);
    /// # Ok::<(), audit_trail::AuditError>(())
    /// ```
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an entry is recorded once, as with `log`"
    )]
    pub fn submit(&self, entry: Entry<'_>) -> Result<Pending, AuditError> {
        self.refuse_reserved(&entry)?;
        let appended = self.append(&entry)?;
        self.backing.ring();
        Ok(self.pending_of(appended))
    }

    /// Returns when everything appended before is durable; in memory at once.
    ///
    /// # Errors
    /// [`AuditError::Storage`] if the disk failed before.
    pub fn flush(&self) -> Result<(), AuditError> {
        match &self.backing {
            Backing::Memory(_) => Ok(()),
            Backing::Directory(writing) => writing.pipeline.flush(),
        }
    }

    /// A new record id, for entries that are to share it, made of the clock's time and randomness.
    ///
    /// # Errors
    /// [`AuditError::Random`] if the operating system gives no randomness.
    pub fn next_id(&self) -> Result<Uuid, AuditError> {
        let now = micros(self.backing.clock().now())?;
        id::next(now).map_err(AuditError::Random)
    }

    /// Signs a checkpoint of everything logged so far and hands it to the sink, if there is one; in a directory, publishes it there with its tiles.
    ///
    /// Call it at the end. Dropping the last handle does the same, but cannot tell whether it worked.
    ///
    /// # Errors
    /// [`AuditError::Sink`] and [`AuditError::Storage`] if sink or disk failed, now or earlier; [`AuditError::Poisoned`].
    pub fn publish_checkpoint(&self) -> Result<Checkpoint, AuditError> {
        match &self.backing {
            Backing::Memory(shared) => {
                let mut state = shared.current()?;
                shared.publish(&mut state)
            }
            Backing::Directory(writing) => writing.publish(),
        }
    }

    /// The newest checkpoint that a quorum of witnesses has cosigned, since this handle's process opened the log.
    #[must_use]
    pub fn witnessed_checkpoint(&self) -> Option<Checkpoint> {
        match &self.backing {
            Backing::Memory(_) => None,
            Backing::Directory(writing) => writing.witnessed(),
        }
    }

    /// Which witnesses cosigned when they were asked last, and what kept the others from it; `None` if they were not asked yet.
    #[must_use]
    pub fn witnesses_told(&self) -> Option<String> {
        match &self.backing {
            Backing::Memory(_) => None,
            Backing::Directory(writing) => writing.witnesses_told(),
        }
    }

    /// Puts an entry into the log, or into the queue to it.
    ///
    /// The order is: the vault's lock, room in the queue, the vault's disk, the queue. Whoever erases holds the lock and waits for room, so that nobody
    /// may hold room and wait for the lock.
    pub(crate) fn append(&self, entry: &Entry<'_>) -> Result<Appended, AuditError> {
        self.prepare(entry, |text, meta, keep| {
            let index = match &self.backing {
                Backing::Memory(shared) => {
                    keep()?;
                    shared.append(text, meta)?
                }
                Backing::Directory(writing) => {
                    writing.pipeline.enter(text.len())?;
                    writing.pipeline.enqueue(text, meta, keep)?
                }
            };
            Ok(Appended { id: meta.id, index })
        })
    }

    /// How many entries were taken and are not on disk yet; none in memory, where there is nothing to wait for. Never waits.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        match &self.backing {
            Backing::Memory(_) => 0,
            Backing::Directory(writing) => writing.pipeline.backlog(),
        }
    }

    /// As [`submit`](Self::submit), without waiting: where it would have to, how many bytes of entry there must be room for.
    pub(crate) fn try_submit(
        &self,
        entry: &Entry<'_>,
    ) -> Result<Result<Pending, usize>, AuditError> {
        self.refuse_reserved(entry)?;
        let Backing::Directory(writing) = &self.backing else {
            return Ok(Ok(self.pending_of(self.append(entry)?)));
        };
        let appended = self.prepare(entry, |text, meta, keep| {
            let Some(entered) = writing.pipeline.try_enter(text.len()) else {
                return Ok(Err(text.len()));
            };
            entered?;
            let index = writing.pipeline.enqueue(text, meta, keep)?;
            Ok(Ok(Appended { id: meta.id, index }))
        })?;
        self.backing.ring();
        Ok(appended.map(|appended| self.pending_of(appended)))
    }

    pub(crate) fn backing(&self) -> &Backing {
        &self.backing
    }

    fn pending_of(&self, appended: Appended) -> Pending {
        Pending::new(appended, self.backing.clone(), self.reader.clone())
    }

    /// Refuses entries that are not for whoever holds this handle to write.
    fn refuse_reserved(&self, entry: &Entry<'_>) -> Result<(), AuditError> {
        let fields = entry.fields();
        if fields.kind.is_own() {
            return Err(EntryError::Reserved { kind: fields.kind }.into());
        }
        let reserved = self.reserved.filter(|key| {
            let ext = fields.ext.as_ref();
            ext.is_some_and(|ext| ext.to_value().get(key).is_some())
        });
        match reserved {
            Some(key) => Err(EntryError::ReservedExt { key }.into()),
            None => Ok(()),
        }
    }

    /// Writes and hashes an entry, and lends it to `put` with what hands its personal data to the vault.
    fn prepare<T>(
        &self,
        entry: &Entry<'_>,
        put: impl FnOnce(&str, Meta, Keep<'_>) -> Result<T, AuditError>,
    ) -> Result<T, AuditError> {
        let sealed = seal(entry)?;
        let mut entry = entry;
        let committed;
        if let Some(sealed) = &sealed {
            committed = entry.with_fields(sealed.fields.clone());
            entry = &committed;
        }
        with_scratch(|text| {
            let meta = encode(entry, self.reader.namespace(), self.backing.clock(), text)?;
            let vault = match &sealed {
                Some(_) => Some(self.vault.as_ref().ok_or(AuditError::NoVault)?.read()?),
                None => None,
            };
            let keep = || match (&sealed, &vault) {
                (Some(sealed), Some(vault)) => sealed.keep(vault),
                _ => Ok(()),
            };
            put(text, meta, &keep)
        })
    }
}

/// Hands an entry's personal data to the vault.
pub(crate) type Keep<'k> = &'k dyn Fn() -> Result<(), AuditError>;

impl Deref for AuditLog {
    type Target = AuditReader;

    fn deref(&self) -> &AuditReader {
        &self.reader
    }
}

impl Backing {
    fn clock(&self) -> &dyn Clock {
        match self {
            Self::Memory(shared) => &*shared.clock,
            Self::Directory(writing) => &*writing.pipeline.clock,
        }
    }

    /// Returns when entry `index` has got as far as `level`.
    pub(crate) fn wait(&self, index: u64, level: Acknowledgement) -> Result<(), AuditError> {
        if level == Acknowledgement::Buffered {
            self.ring();
            return Ok(());
        }
        match self {
            Self::Memory(shared) => shared.reaches(level),
            Self::Directory(writing) if level == Acknowledgement::Witnessed => {
                writing.wait_witnessed(index)
            }
            Self::Directory(writing) => writing.pipeline.wait(index),
        }
    }

    /// Whether entry `index` has got as far as `level`; if not, has `waker` woken when it has, or never will.
    pub(crate) fn poll(
        &self,
        index: u64,
        level: Acknowledgement,
        waker: &Waker,
    ) -> Option<Result<(), AuditError>> {
        match self {
            Self::Memory(shared) => Some(shared.reaches(level)),
            Self::Directory(_) if level == Acknowledgement::Buffered => Some(Ok(())),
            Self::Directory(writing) if level == Acknowledgement::Witnessed => {
                writing.poll_witnessed(index, waker)
            }
            Self::Directory(writing) => writing.pipeline.poll(index, waker),
        }
    }

    /// Whether there may be room in the queue for so many bytes of entry; if not, has `waker` woken when there may be.
    pub(crate) fn may_have_room(&self, len: usize, waker: &Waker) -> bool {
        match self {
            Self::Memory(_) => true,
            Self::Directory(writing) => writing.pipeline.may_have_room(len, waker),
        }
    }

    /// Forgets a waker that nobody waits with any more.
    pub(crate) fn forget(&self, index: u64, waker: &Waker) {
        if let Self::Directory(writing) = self {
            writing.pipeline.forget(index, waker);
        }
    }

    /// As [`forget`](Self::forget), for one that waited for room.
    pub(crate) fn forget_room(&self, waker: &Waker) {
        if let Self::Directory(writing) = self {
            writing.pipeline.admission.forget(waker);
        }
    }

    /// Has what is in the queue committed by and by.
    fn ring(&self) {
        if let Self::Directory(writing) = self {
            writing.pipeline.ring();
        }
    }
}

/// Writes and hashes an entry into `text`, which is empty.
pub(crate) fn encode(
    entry: &Entry<'_>,
    namespace: &str,
    clock: &dyn Clock,
    text: &mut String,
) -> Result<Meta, AuditError> {
    let fields = entry.fields();
    let ts = micros(entry.time().unwrap_or_else(|| clock.now()))?;
    let id = match fields.id {
        Some(id) => id,
        None => id::next(ts).map_err(AuditError::Random)?,
    };
    emit(fields, id, namespace, ts, text)?;
    Ok(Meta {
        leaf: leaf_hash(text.as_bytes()),
        id,
        ts,
        kind: fields.kind,
        outcome: fields.decision.as_ref().map(|decision| decision.outcome),
    })
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
