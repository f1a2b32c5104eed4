//! How far something has got, and who waits for it to get further: each waiter is woken once, by itself, when its entry is reached.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::thread::Thread;

#[derive(Debug)]
pub(crate) struct Progress {
    reached: AtomicU64,
    waiting: Mutex<BTreeMap<u64, Vec<Waker>>>,
}

impl Progress {
    pub(crate) fn new(reached: u64) -> Self {
        Self {
            reached: AtomicU64::new(reached),
            waiting: Mutex::default(),
        }
    }

    /// All entries below this are there.
    pub(crate) fn reached(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    /// Wakes those whose entries are below `to`; before that, says to `others` whether more wait.
    pub(crate) fn advance_and(&self, to: u64, others: impl FnOnce(bool)) {
        self.reached.fetch_max(to, Ordering::AcqRel);
        let mut waiting = self.lock();
        let rest = waiting.split_off(&to);
        let ready = std::mem::replace(&mut *waiting, rest);
        let more = !waiting.is_empty();
        drop(waiting);
        others(more);
        wake(ready);
    }

    /// Wakes those whose entries are below `to`.
    pub(crate) fn advance(&self, to: u64) {
        self.advance_and(to, |_| {});
    }

    /// Wakes everybody, as when nothing more will come.
    pub(crate) fn end(&self) {
        let all = std::mem::take(&mut *self.lock());
        wake(all);
    }

    /// Has `waker` woken when entry `index` is reached; the caller looks again afterwards, for that may have happened meanwhile.
    pub(crate) fn register(&self, index: u64, waker: &Waker) {
        let mut waiting = self.lock();
        let there = waiting.entry(index).or_default();
        if !there.iter().any(|other| other.will_wake(waker)) {
            there.push(waker.clone());
        }
    }

    /// Forgets a waker that nobody waits with any more.
    pub(crate) fn forget(&self, index: u64, waker: &Waker) {
        let mut waiting = self.lock();
        if let Some(there) = waiting.get_mut(&index) {
            there.retain(|other| !other.will_wake(waker));
            if there.is_empty() {
                waiting.remove(&index);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<Waker>>> {
        // A list of wakers is whole at every moment.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waiters: BTreeMap<u64, Vec<Waker>>) {
    waiters.into_values().flatten().for_each(Waker::wake);
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A waker for the calling thread, which parks itself after registering.
pub(crate) fn own_waker() -> Waker {
    thread_local!(static OWN: Waker = Waker::from(Arc::new(Unpark(std::thread::current()))));
    OWN.with(Waker::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waiter_is_woken_when_its_entry_is_reached_and_not_before() {
        let progress = Progress::new(3);
        let (a, b) = (Arc::new(Count::default()), Arc::new(Count::default()));
        progress.register(4, &Waker::from(Arc::clone(&a)));
        progress.register(4, &Waker::from(Arc::clone(&a)));
        progress.register(6, &Waker::from(Arc::clone(&b)));
        progress.advance_and(4, |others| assert!(others));
        assert_eq!((a.get(), b.get()), (0, 0));
        progress.advance_and(6, |others| assert!(others));
        assert_eq!((a.get(), b.get()), (1, 0));
        progress.end();
        assert_eq!((a.get(), b.get(), progress.reached()), (1, 1, 6));
        progress.advance_and(7, |others| assert!(!others));
    }

    #[derive(Default)]
    struct Count(AtomicU64);

    impl Count {
        fn get(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
