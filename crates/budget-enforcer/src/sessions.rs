//! Sessions by name. The only file that knows `dashmap`; no guard of its leaves it, and no other code runs under one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;

use crate::id::SessionId;
use crate::path::Path;

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: DashMap<SessionId, Arc<Path>>,
    count: AtomicUsize,
}

impl Sessions {
    pub(crate) fn find(&self, id: &SessionId) -> Option<Arc<Path>> {
        self.by_id.get(id).map(|path| Arc::clone(path.value()))
    }

    /// Adds a session. Callers add one at a time, each under the registry's lock.
    pub(crate) fn insert(&self, id: SessionId, path: Arc<Path>) {
        if self.by_id.insert(id, path).is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}
