//! Rouses a thread that sleeps until there is work, at the price of one load for whoever brings work while it is awake.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The bell of one sleeping thread.
///
/// Whoever brings work makes it visible first (sequentially consistent) and rings then; the sleeper announces that it sleeps first and looks for
/// work then. So one of the two sees the other.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    asleep: AtomicBool,
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    /// Rouses the sleeper if it sleeps.
    pub(crate) fn ring(&self) {
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.rouse();
        }
    }

    /// Rouses the sleeper, and if it does not sleep yet, keeps it from doing so once.
    pub(crate) fn rouse(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Sleeps until rung, unless `work` says that there is some; at most for `limit`.
    pub(crate) fn sleep(&self, limit: Option<Duration>, work: impl FnOnce() -> bool) {
        self.asleep.store(true, Ordering::SeqCst);
        if !work() {
            let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
            let mut rung = match limit {
                None => self
                    .changed
                    .wait_while(rung, |rung| !*rung)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(limit) => {
                    self.changed
                        .wait_timeout_while(rung, limit, |rung| !*rung)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
            *rung = false;
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// Sleeps until roused, not when merely rung; at most for `limit`.
    pub(crate) fn rest(&self, limit: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut rung, _) = self
            .changed
            .wait_timeout_while(rung, limit, |rung| !*rung)
            .unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }
}
