//! How far the log is durable, told by its writer, and waking of those who wait for more.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long announcements are collected before a sleeping follower looks at them: nobody but readers who come meanwhile works for each commit.
const COLLECT: Duration = Duration::from_millis(5);

/// A number that only grows, and a bell.
#[derive(Debug, Default)]
pub(crate) struct News {
    inner: Mutex<Inner>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    announced: u64,
    waiting: usize,
    closed: bool,
}

impl News {
    /// Rings only if somebody waits.
    pub(crate) fn announce(&self, size: u64) {
        let mut inner = self.lock();
        inner.announced = inner.announced.max(size);
        if inner.waiting > 0 {
            self.bell.notify_all();
        }
    }

    pub(crate) fn announced(&self) -> u64 {
        self.lock().announced
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.bell.notify_all();
    }

    /// Waits until more than `size` is announced, and a little longer so as to learn of more at once. `None` once closed.
    pub(crate) fn beyond(&self, size: u64) -> Option<u64> {
        let mut inner = self.lock();
        if inner.announced <= size {
            inner.waiting = inner.waiting.saturating_add(1);
            let waited = self
                .bell
                .wait_while(inner, |inner| inner.announced <= size && !inner.closed);
            inner = waited.unwrap_or_else(PoisonError::into_inner);
            inner.waiting = inner.waiting.saturating_sub(1);
        }
        let waited = self
            .bell
            .wait_timeout_while(inner, COLLECT, |inner| !inner.closed);
        let (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!inner.closed).then_some(inner.announced)
    }

    /// Waits until more than `size` is announced, at most for so long. Says whether it is.
    pub(crate) fn wait(&self, size: u64, timeout: Duration) -> bool {
        let mut inner = self.lock();
        inner.waiting = inner.waiting.saturating_add(1);
        let waited = self.bell.wait_timeout_while(inner, timeout, |inner| {
            inner.announced <= size && !inner.closed
        });
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        inner.waiting = inner.waiting.saturating_sub(1);
        inner.announced > size
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
