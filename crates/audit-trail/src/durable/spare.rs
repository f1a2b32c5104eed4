//! The next segment, made before it is needed: that a disk is full shows while there is still room to say so.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::AuditError;
use crate::durable::segment;
use crate::durable::storage::{Storage, Stored};

/// The spare is made under this name and keeps it until it becomes a segment.
pub(crate) const SPARE: &str = "seg/spare";

const UNFINISHED: &str = "seg/spare.new";

/// Makes spares and hands them out. Shared between the writer, who takes them, and a thread that has time to make them.
#[derive(Debug)]
pub(crate) struct Spares {
    storage: Arc<dyn Storage>,
    size: u64,
    spare: Mutex<Option<Arc<dyn Stored>>>,
    ready: AtomicBool,
}

impl Spares {
    /// Takes over the spare that an earlier process left, if it is whole and of this size; anything else makes room.
    pub(crate) fn new(storage: Arc<dyn Storage>, size: u64) -> Result<Self, AuditError> {
        let failed = || AuditError::storage(SPARE);
        storage.remove(UNFINISHED).map_err(failed())?;
        let there = storage.open(SPARE, true).map_err(failed())?;
        let whole = match &there {
            Some(file) => is_whole(&**file, size).map_err(failed())?,
            None => false,
        };
        if !whole {
            storage.remove(SPARE).map_err(failed())?;
        }
        let spare = there.filter(|_| whole);
        Ok(Self {
            storage,
            size,
            ready: AtomicBool::new(spare.is_some()),
            spare: Mutex::new(spare),
        })
    }

    /// Makes the spare if there is none. Blocks for as long as it takes to write its zeros.
    ///
    /// # Errors
    /// [`AuditError::DiskFull`] without room, [`AuditError::Storage`] for any other failure.
    pub(crate) fn prepare(&self) -> Result<(), AuditError> {
        let mut spare = self.lock();
        if spare.is_none() {
            *spare = Some(self.make()?);
            self.ready.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Lends the spare to `begin`, which turns it into a segment and gives it that name; waits while it is being made, and makes it if nobody has.
    ///
    /// Until `begin` is done nobody makes the next spare: it would have the name of this one.
    pub(crate) fn turn<T>(
        &self,
        begin: impl FnOnce(Arc<dyn Stored>) -> T,
    ) -> Result<T, AuditError> {
        let mut spare = self.lock();
        self.ready.store(false, Ordering::SeqCst);
        let file = match spare.take() {
            Some(file) => file,
            None => self.make()?,
        };
        let segment = begin(file);
        drop(spare);
        Ok(segment)
    }

    /// Whether the spare is there. Does not wait.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    fn make(&self) -> Result<Arc<dyn Stored>, AuditError> {
        // It gets its name when it is whole.
        let made = segment::zeroed(&*self.storage, UNFINISHED, self.size).and_then(|file| {
            self.storage.rename(UNFINISHED, SPARE)?;
            self.storage.sync_dir(segment::DIR)?;
            Ok(file)
        });
        made.map_err(|error| {
            // Whatever there is of it takes up room that somebody may need to get out of trouble.
            drop(self.storage.remove(UNFINISHED));
            match error.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge => AuditError::DiskFull,
                _ => AuditError::storage("making the next segment")(error),
            }
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<dyn Stored>>> {
        // Nothing in here is left half done by a panic.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a spare has its size, and no process died while it turned it into a segment: that begins with the first block.
fn is_whole(file: &dyn Stored, size: u64) -> io::Result<bool> {
    if file.size()? != size {
        return Ok(false);
    }
    let mut block = vec![0; segment::BLOCK];
    file.read_at(&mut block, 0)?;
    Ok(block.iter().all(|b| *b == 0))
}
