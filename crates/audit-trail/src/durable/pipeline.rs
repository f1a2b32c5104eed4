//! From appending threads to the disk: entries wait in the order of their numbers, and whoever comes first commits all that wait with one sync.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::task::Waker;

use crate::AuditError;
use crate::bundle::Meta;
use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::durable::admission::Admission;
use crate::durable::bell::Bell;
use crate::durable::catalog::Catalog;
use crate::durable::progress::{Progress, own_waker};
use crate::durable::spare::Spares;
use crate::durable::writer::{Failure, Writer};
use crate::entry::micros;
use crate::log::Keep;
use crate::note::SigningKey;
use crate::shards::{Buffer, Shards};

/// Bytes kept free for what the log itself has to say.
pub(crate) const OWN_ROOM: u64 = 16 * 1024;

/// The queue and the writer behind it.
pub(crate) struct Pipeline {
    shards: Shards,
    inner: Mutex<Inner>,
    pub(crate) admission: Admission,
    /// Entries that are on disk.
    pub(crate) durable: Progress,
    /// Entries that a quorum of witnesses has seen.
    pub(crate) witnessed: Progress,
    pub(crate) spares: Arc<Spares>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) clock: Box<dyn Clock>,
    /// Bytes that an entry costs on disk besides its own, at most.
    overhead: u64,
    failure: OnceLock<Failure>,
    /// The thread that commits what nobody waits for.
    committer: Bell,
    /// The thread that makes spares and publishes.
    pub(crate) keeper: Bell,
    /// The thread that asks witnesses.
    pub(crate) witness: Bell,
    closing: AtomicBool,
}

struct Inner {
    writer: Writer,
    recycled: Vec<Buffer>,
}

impl Pipeline {
    pub(crate) fn new(
        writer: Writer,
        spares: Arc<Spares>,
        catalog: Arc<Catalog>,
        clock: Box<dyn Clock>,
        admission: Admission,
    ) -> Self {
        let size = writer.size();
        Self {
            shards: Shards::new(size),
            admission,
            durable: Progress::new(size),
            witnessed: Progress::new(0),
            spares,
            catalog,
            clock,
            overhead: overhead(writer.verifier_key().name()),
            inner: Mutex::new(Inner {
                writer,
                recycled: Vec::new(),
            }),
            failure: OnceLock::new(),
            committer: Bell::default(),
            keeper: Bell::default(),
            witness: Bell::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// Makes room in the queue for an entry of `len` bytes, which must follow. Waits where the log was told to.
    pub(crate) fn enter(&self, len: usize) -> Result<(), AuditError> {
        self.check()?;
        self.admission
            .enter(self.weight(len))
            .map_err(|error| self.check().err().unwrap_or(error))
    }

    /// As [`enter`](Self::enter), without waiting: `None` if it would have to.
    pub(crate) fn try_enter(&self, len: usize) -> Option<Result<(), AuditError>> {
        if let Err(error) = self.check() {
            return Some(Err(error));
        }
        self.admission.try_enter(self.weight(len))
    }

    /// Whether there may be room in the queue for an entry of `len` bytes; if not, has `waker` woken when there may be.
    pub(crate) fn may_have_room(&self, len: usize, waker: &Waker) -> bool {
        self.admission.poll(self.weight(len), waker)
    }

    /// Puts an entry into the room that was made for it, after its personal data is kept, and says which index it gets.
    pub(crate) fn enqueue(
        &self,
        text: &str,
        meta: Meta,
        keep: Keep<'_>,
    ) -> Result<u64, AuditError> {
        let index = keep().and_then(|()| self.shards.append(text, meta));
        match index {
            Ok((index, _)) => Ok(index),
            Err(error) => {
                self.admission.leave(self.weight(text.len()));
                Err(error)
            }
        }
    }

    /// Puts an entry of the log's own into the queue, for which room is kept.
    pub(crate) fn push_own(&self, text: &str, meta: Meta) -> Result<u64, AuditError> {
        self.check()?;
        self.admission.force(self.weight(text.len()));
        self.enqueue(text, meta, &|| Ok(()))
    }

    /// Has the entries in the queue committed by and by.
    pub(crate) fn ring(&self) {
        self.committer.ring();
    }

    /// Returns when entry `index` is on disk; commits it itself if nobody else is at it.
    pub(crate) fn wait(&self, index: u64) -> Result<(), AuditError> {
        let waker = own_waker();
        loop {
            if self.durable.reached() > index {
                return Ok(());
            }
            self.check()?;
            match self.inner.try_lock() {
                Ok(inner) => drop(self.commit(inner, None)),
                Err(TryLockError::Poisoned(_)) => self.fail(AuditError::Poisoned),
                Err(TryLockError::WouldBlock) => {
                    self.durable.register(index, &waker);
                    if self.durable.reached() <= index && self.check().is_ok() {
                        // Whoever has the lock may have looked for waiters already, or not be there to commit.
                        self.committer.ring();
                        std::thread::park();
                    }
                }
            }
        }
    }

    /// Whether entry `index` is on disk; if not, has `waker` woken when it is, or never will be.
    pub(crate) fn poll(&self, index: u64, waker: &Waker) -> Option<Result<(), AuditError>> {
        let answer = || {
            if self.durable.reached() > index {
                return Some(Ok(()));
            }
            self.check().err().map(Err)
        };
        answer().or_else(|| {
            self.durable.register(index, waker);
            self.committer.ring();
            answer()
        })
    }

    /// Forgets a waker that nobody waits with any more.
    pub(crate) fn forget(&self, index: u64, waker: &Waker) {
        self.durable.forget(index, waker);
        self.witnessed.forget(index, waker);
    }

    /// How many entries were taken and are not durable.
    pub(crate) fn backlog(&self) -> u64 {
        // Read first, so that what becomes durable meanwhile only makes it too small.
        let taken = self.shards.taken();
        taken.saturating_sub(self.durable.reached())
    }

    /// Makes everything durable that was pushed before.
    pub(crate) fn flush(&self) -> Result<(), AuditError> {
        match self.shards.taken().checked_sub(1) {
            Some(last) => self.wait(last),
            None => Ok(()),
        }
    }

    /// The newest signed checkpoint that is on disk.
    pub(crate) fn checkpoint(&self) -> Result<Option<Checkpoint>, AuditError> {
        Ok(self.lock()?.writer.last().cloned())
    }

    /// Signs with `successor` from now on. `entry` puts the entry that says so into the queue; its checkpoint carries both signatures.
    pub(crate) fn succeed(
        &self,
        successor: SigningKey,
        entry: impl FnOnce() -> Result<u64, AuditError>,
    ) -> Result<u64, AuditError> {
        self.admission.force(OWN_ROOM);
        let committed = self.lock().and_then(|inner| {
            let index = entry()?;
            self.commit(inner, Some(successor)).map(|()| index)
        });
        self.admission.leave(OWN_ROOM);
        committed
    }

    /// Commits what is in the queue until the log is closed. For a thread of its own.
    pub(crate) fn commit_for_others(&self) {
        loop {
            self.committer
                .sleep(None, || self.has_work() || self.is_closing());
            while self.has_work() {
                match self.inner.lock() {
                    Ok(inner) => drop(self.commit(inner, None)),
                    Err(_) => return self.fail(AuditError::Poisoned),
                }
            }
            if self.is_closing() {
                return;
            }
        }
    }

    /// Lets nothing more in and has the threads end once the queue is empty.
    pub(crate) fn close(&self) {
        self.admission.close();
        self.closing.store(true, Ordering::SeqCst);
        self.committer.rouse();
        self.keeper.rouse();
        self.witness.rouse();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// What ended the log, if something did.
    pub(crate) fn check(&self) -> Result<(), AuditError> {
        match self.failure.get() {
            Some(failure) => Err(failure.error()),
            None => Ok(()),
        }
    }

    /// Ends the log for a reason that is not the writer's.
    pub(crate) fn fail(&self, error: AuditError) {
        drop(self.failure.set(Failure::of(error)));
        self.admission.close();
        self.durable.end();
        self.witnessed.end();
    }

    /// Whether there is room for all that may be in the queue, and for the log's own words, without a spare.
    pub(crate) fn has_room(&self) -> Result<bool, AuditError> {
        Ok(self.is_roomy(&self.lock()?.writer))
    }

    fn is_roomy(&self, writer: &Writer) -> bool {
        writer.left()
            >= self
                .admission
                .capacity()
                .saturating_mul(2)
                .saturating_add(OWN_ROOM)
    }

    fn has_work(&self) -> bool {
        self.failure.get().is_none() && self.shards.taken() > self.durable.reached()
    }

    /// Commits all that waits, and tells everybody. An error is remembered and met with by whoever waits.
    fn commit(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        successor: Option<SigningKey>,
    ) -> Result<(), AuditError> {
        let watched = Watched(self);
        let result = self.drain(&mut inner, successor).inspect_err(|error| {
            // Whatever it was, entries that were taken out of the queue are not on disk.
            drop(self.failure.set(Failure::again(error)));
        });
        drop(watched);
        let size = inner.writer.size();
        drop(inner);
        self.announce(size);
        result
    }

    fn drain(&self, inner: &mut Inner, successor: Option<SigningKey>) -> Result<(), AuditError> {
        self.check()?;
        let batch = self.shards.drain(&mut inner.recycled)?;
        let before = inner.writer.size();
        let (mut entries, mut weight) = (Vec::new(), 0_u64);
        for (text, meta) in batch.in_order(before)? {
            weight = weight.saturating_add(self.weight(text.len()));
            entries.push((text, meta.leaf));
        }
        let now = micros(self.clock.now()).unwrap_or_default();
        let result = inner.writer.commit(&entries, now, successor);
        drop(entries);
        // Before the weight is given back: what is let in then counts on the room that is left.
        if !self.is_roomy(&inner.writer) && !self.spares.is_ready() {
            self.admission.pause();
        }
        self.catalog.announce(inner.writer.size());
        self.admission.leave(weight);
        batch.recycle(&mut inner.recycled);
        result
    }

    /// Wakes those whose entries are on disk, and the threads that have to do with it.
    fn announce(&self, size: u64) {
        self.durable.advance_and(size, |others| {
            // First those are seen to who still wait: waking the others takes its time.
            if others && self.has_work() {
                self.committer.ring();
            }
        });
        if self.failure.get().is_some() {
            self.admission.close();
            self.durable.end();
            self.witnessed.end();
        }
        self.witness.ring();
        if self.admission.is_paused() {
            self.keeper.rouse();
        } else {
            self.keeper.ring();
        }
    }

    fn weight(&self, len: usize) -> u64 {
        self.overhead.saturating_add(len as u64)
    }

    fn lock(&self) -> Result<MutexGuard<'_, Inner>, AuditError> {
        self.inner.lock().map_err(|_| AuditError::Poisoned)
    }
}

/// Ends the log if the thread that commits panics: those who sleep would wait for it for ever.
struct Watched<'p>(&'p Pipeline);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(AuditError::Poisoned);
        }
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("durable", &self.durable.reached())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// Bytes of a frame of its own for an entry of a log with this name: header, lengths, padding, and a checkpoint with up to two signatures.
fn overhead(name: &str) -> u64 {
    const FIXED: u64 = 80 + 340;
    (name.len() as u64).saturating_mul(3).saturating_add(FIXED)
}
