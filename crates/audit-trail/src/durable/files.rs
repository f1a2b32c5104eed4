//! The files of finished segments and of their indexes, few of them open: those that were read last. A log of a thousand segments needs no more than one of ten.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::durable::frame::SegmentId;
use crate::durable::index::sealed::{Finished, Sealed};
use crate::durable::recent::Recent;
use crate::durable::segment::Start;
use crate::durable::storage::{Storage, Stored};
use crate::durable::{index, segment};

/// How many are kept open where nobody says otherwise.
pub(crate) const OPEN_FILES: usize = 16;

/// Opens files for reading and keeps some of them open. Whoever holds one goes on with it, whatever becomes of its name.
#[derive(Debug)]
pub(crate) struct Files {
    storage: Arc<dyn Storage>,
    limit: usize,
    segments: Mutex<Recent<Arc<dyn Stored>>>,
    indexes: Mutex<Recent<Arc<Sealed>>>,
}

impl Files {
    /// Half of `limit` goes to segments and half to indexes; of each, one at least.
    pub(crate) fn new(storage: Arc<dyn Storage>, limit: usize) -> Self {
        Self {
            storage,
            limit,
            segments: Mutex::new(Recent::new(limit / 2)),
            indexes: Mutex::new(Recent::new(limit / 2)),
        }
    }

    /// The same directory, no file open: what is opened then is what has its name now.
    pub(crate) fn afresh(&self) -> Self {
        Self::new(Arc::clone(&self.storage), self.limit)
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// The segment whose first entry is `first`.
    ///
    /// Where it is `known`, and has to be opened, the file must be that same segment still: `InvalidData` if it is another one.
    pub(crate) fn segment(
        &self,
        first: u64,
        known: Option<SegmentId>,
    ) -> io::Result<Arc<dyn Stored>> {
        lock(&self.segments).get(first, || {
            let file = self.open(&segment::name(first))?;
            if let Some(known) = known {
                let start = Start::read(&*file)?;
                let same = start.is_some_and(|start| start.id == known && start.first() == first);
                same.then_some(()).ok_or(io::ErrorKind::InvalidData)?;
            }
            Ok(file)
        })
    }

    /// The index of that segment. `InvalidData` unless it is one, and the one that is `expected`.
    pub(crate) fn index(
        &self,
        first: u64,
        expected: impl FnOnce(&Finished) -> bool,
    ) -> io::Result<Arc<Sealed>> {
        let mut indexes = lock(&self.indexes);
        let sealed = indexes.get(first, || {
            let file = self.open(&index::name(first))?;
            Sealed::read(file).map(Arc::new)
        })?;
        if expected(&sealed.about) {
            return Ok(sealed);
        }
        indexes.forget(first);
        Err(io::ErrorKind::InvalidData.into())
    }

    /// Opens the index anew when it is asked for next: its file was replaced.
    pub(crate) fn forget_index(&self, first: u64) {
        lock(&self.indexes).forget(first);
    }

    /// Uses this index until it has not been asked for a while: then what is on disk.
    pub(crate) fn use_index(&self, sealed: Arc<Sealed>) {
        lock(&self.indexes).put(sealed.about.first, sealed);
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn Stored>> {
        let file = self.storage.open(name, false)?;
        Ok(file.ok_or(io::ErrorKind::NotFound)?)
    }
}

fn lock<T>(recent: &Mutex<Recent<T>>) -> MutexGuard<'_, Recent<T>> {
    // Nothing in there is left half done by a panic.
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}
