//! Which rules a decision was made by, where they can change in several places at once: no decision is made by some of the old and
//! some of the new.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Odd while rules are being changed.
#[derive(Debug, Default)]
pub(crate) struct Epoch {
    number: AtomicU64,
    changing: Mutex<()>,
}

impl Epoch {
    /// The number of now. Waits while rules are being changed.
    pub(crate) fn now(&self) -> u64 {
        loop {
            let number = self.number.load(Ordering::SeqCst);
            if number.is_multiple_of(2) {
                return number;
            }
            drop(self.changing.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Whether nothing has changed since, and nothing is changing.
    pub(crate) fn is(&self, number: u64) -> bool {
        self.number.load(Ordering::SeqCst) == number
    }

    /// Changes the rules, alone. Also after a panic in `change` decisions go on, by whatever is in force then.
    pub(crate) fn change<T>(&self, change: impl FnOnce() -> T) -> T {
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.number.fetch_add(1, Ordering::SeqCst);
        let changed = Changed(self);
        let done = change();
        drop(changed);
        drop(changing);
        done
    }
}

struct Changed<'a>(&'a Epoch);

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        self.0.number.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn whoever_begins_during_a_change_begins_after_it() {
        let epoch = Arc::new(Epoch::default());
        let before = epoch.now();
        let begun = epoch.change(|| {
            assert!(!epoch.is(before));
            thread::spawn({
                let epoch = Arc::clone(&epoch);
                move || epoch.now()
            })
        });
        assert_eq!(begun.join().unwrap(), before + 2);
        assert!(!epoch.is(before) && epoch.is(before + 2));
    }

    #[test]
    fn a_panic_in_a_change_does_not_stop_decisions() {
        let epoch = Epoch::default();
        let changed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            epoch.change(|| panic!("planted"));
        }));
        assert!(changed.is_err());
        assert_eq!(epoch.now(), 2);
    }
}
