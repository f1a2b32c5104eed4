//! The atomics of what is lock-free, in one place, so that a model checker can stand in for them (`tests/loom`).

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
