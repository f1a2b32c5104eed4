//! A forked child has the parent's memory and none of its threads: what was opened before is of no use in it, and says so.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::pyfunction;

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Which process this is, counted by forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Generation {
    pub(crate) fn current() -> Self {
        Self(GENERATION.load(Ordering::Relaxed))
    }

    /// Whether this is still the process in which it was taken.
    pub(crate) fn is_here(self) -> bool {
        self == Self::current()
    }
}

/// Says that this process is a fork; `os.register_at_fork` calls it in the child.
#[pyfunction(name = "_note_fork")]
pub(crate) fn note_fork() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
