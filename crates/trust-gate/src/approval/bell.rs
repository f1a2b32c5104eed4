//! Whoever waits for an answer is woken when there is one, or when its time is up.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

/// How long a waiter sleeps before it looks at the clock again, which may have been set meanwhile.
pub(crate) const GLANCE: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Bell {
    waiting: Mutex<Waiting>,
    rung: Condvar,
}

#[derive(Debug, Default)]
pub(crate) struct Waiting {
    wakers: Vec<(u64, Waker)>,
    last: u64,
    /// A thread looks at the clock for those that cannot do it themselves.
    pub(crate) is_watched: bool,
}

/// A waker that is not needed any more. To be dropped when nothing is locked: a task may go with it, and with that a future
/// that waits here too.
#[derive(Debug)]
#[must_use = "drop it after the lock"]
pub(crate) struct Forgotten(#[expect(dead_code, reason = "only to be dropped")] Waker);

impl Waiting {
    /// A number of its own for whoever waits.
    pub(crate) fn enrol(&mut self) -> u64 {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    /// Has `waker` woken at the next ring, and gives back the one that would have been.
    pub(crate) fn wake_later(&mut self, number: u64, waker: Waker) -> Option<Forgotten> {
        let before = self.forget(number);
        self.wakers.push((number, waker));
        before
    }

    fn forget(&mut self, number: u64) -> Option<Forgotten> {
        let place = self
            .wakers
            .iter()
            .position(|(enrolled, _)| *enrolled == number)?;
        let (_, waker) = self.wakers.swap_remove(place);
        Some(Forgotten(waker))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }
}

impl Bell {
    /// What is seen under this lock and found wanting is followed by a ring when it changes.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A list of wakers is whole at every moment.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody, to look for themselves.
    pub(crate) fn ring(&self) {
        let wakers = std::mem::take(&mut self.lock().wakers);
        self.rung.notify_all();
        for (_, waker) in wakers {
            waker.wake();
        }
    }

    /// Whoever enrolled under this number waits no more.
    pub(crate) fn leave(&self, number: u64) {
        let mut waiting = self.lock();
        let forgotten = waiting.forget(number);
        if waiting.is_empty() {
            // The thread that watches for them ends now and not at its next glance.
            self.rung.notify_all();
        }
        drop(waiting);
        drop(forgotten);
    }

    /// Sleeps until a ring, and no longer than a glance.
    pub(crate) fn doze<'a>(&self, waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        match self.rung.wait_timeout(waiting, GLANCE) {
            Ok((waiting, _)) => waiting,
            Err(poison) => poison.into_inner().0,
        }
    }
}
