//! Sessions by name. The only file that knows `dashmap`; no guard of its leaves it, and no other code runs under one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;

use crate::id::SessionId;
use crate::tree::Tree;

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: DashMap<SessionId, Arc<Tree>>,
    count: AtomicUsize,
}

impl Sessions {
    pub(crate) fn find(&self, id: &SessionId) -> Option<Arc<Tree>> {
        self.by_id.get(id).map(|tree| Arc::clone(tree.value()))
    }

    /// Adds a session. Callers add one at a time, each under the registry's lock.
    pub(crate) fn insert(&self, id: SessionId, tree: Arc<Tree>) {
        if self.by_id.insert(id, tree).is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}
