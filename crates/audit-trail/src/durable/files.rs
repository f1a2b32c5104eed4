//! Open files, a bounded number of them: the ones that were read last.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::durable::storage::{Storage, Stored};
use crate::durable::{index, segment};

const OPEN: usize = 64;

/// Which file: segments and indexes are named after their first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Segment(u64),
    Index(u64),
}

/// Opens files for reading and keeps them open while they are in use.
#[derive(Debug)]
pub(crate) struct Files {
    storage: Arc<dyn Storage>,
    /// The one read last stands last.
    open: Mutex<VecDeque<(Which, Arc<dyn Stored>)>>,
}

impl Files {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            open: Mutex::default(),
        }
    }

    /// The same directory, no file open: what is opened then is what has its name now.
    pub(crate) fn afresh(&self) -> Self {
        Self::new(Arc::clone(&self.storage))
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// The segment whose first entry is `first`.
    pub(crate) fn segment(&self, first: u64) -> io::Result<Arc<dyn Stored>> {
        self.get(Which::Segment(first))
    }

    /// The index of that segment.
    pub(crate) fn index(&self, first: u64) -> io::Result<Arc<dyn Stored>> {
        self.get(Which::Index(first))
    }

    /// Opens the index anew when it is asked for next: its file was replaced.
    pub(crate) fn forget_index(&self, first: u64) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(which, _)| *which != Which::Index(first));
    }

    fn get(&self, which: Which) -> io::Result<Arc<dyn Stored>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().rposition(|(other, _)| *other == which)
            && let Some(found) = open.remove(at)
        {
            let file = Arc::clone(&found.1);
            open.push_back(found);
            return Ok(file);
        }
        let name = match which {
            Which::Segment(first) => segment::name(first),
            Which::Index(first) => index::name(first),
        };
        let found = self.storage.open(&name, false)?;
        let file = found.ok_or(io::ErrorKind::NotFound)?;
        if open.len() >= OPEN {
            open.pop_front();
        }
        open.push_back((which, Arc::clone(&file)));
        Ok(file)
    }
}
