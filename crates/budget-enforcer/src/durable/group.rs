//! One write for many callers. Whoever waits and finds nobody writing, writes what all of them have brought.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::error::DurableError;
use crate::journal::{Revision, StoreError};

/// How many items may wait to be stored.
pub(super) const MOST_WAITING: usize = 1_000_000;

pub(super) struct Group<T> {
    state: Mutex<State<T>>,
    /// A write has ended.
    ended: Condvar,
}

struct State<T> {
    /// The items after `stored` that nobody is writing.
    waiting: Vec<T>,
    taken: u64,
    stored: u64,
    is_writing: bool,
    /// Why nothing more is taken.
    stopped: Option<String>,
}

impl<T> Group<T> {
    /// With everything up to `revision` stored.
    pub(super) fn at(revision: u64) -> Self {
        let state = State {
            waiting: Vec::new(),
            taken: revision,
            stored: revision,
            is_writing: false,
            stopped: None,
        };
        Self {
            state: Mutex::new(state),
            ended: Condvar::new(),
        }
    }

    /// Takes `items` after `expected`.
    pub(super) fn push(&self, expected: Revision, items: Vec<T>) -> Result<(), StoreError> {
        let mut state = self.lock();
        state.check()?;
        let taken = state.taken;
        if taken != expected.number() {
            return Err(StoreError::Conflict {
                expected,
                actual: Revision::new(taken),
            });
        }
        let waiting = state.waiting.len().saturating_add(items.len());
        if waiting > MOST_WAITING {
            return Err(StoreError::failed(DurableError::Full {
                most: MOST_WAITING,
            }));
        }
        state.taken = taken.saturating_add(u64::try_from(items.len()).unwrap_or(u64::MAX));
        state.waiting.extend(items);
        Ok(())
    }

    /// Returns once everything up to `revision` is stored. `write` stores items of which the first has the given number; it is
    /// called by one thread at a time, in order, and never again after it failed or panicked.
    pub(super) fn wait(
        &self,
        revision: u64,
        write: impl Fn(u64, &[T]) -> Result<(), DurableError>,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        loop {
            if state.stored >= revision {
                return Ok(());
            }
            state.check()?;
            if state.taken < revision {
                return Err(StoreError::Conflict {
                    expected: Revision::new(revision),
                    actual: Revision::new(state.taken),
                });
            }
            if state.is_writing {
                state = self
                    .ended
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_writing = true;
            let items = std::mem::take(&mut state.waiting);
            let (first, last) = (state.stored.saturating_add(1), state.taken);
            drop(state);
            let mut turn = Turn {
                group: self,
                outcome: Err("writing panicked".to_owned()),
            };
            turn.outcome = write(first, &items)
                .map(|()| last)
                .map_err(|error| error.chain());
            drop(turn);
            state = self.lock();
        }
    }

    /// The number of the newest item that was taken.
    pub(super) fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// The number of the newest item that is stored.
    pub(super) fn stored(&self) -> u64 {
        self.lock().stored
    }

    /// A panic of whoever wrote has been noted by its turn, and nothing else in here panics.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn check(&self) -> Result<(), StoreError> {
        match &self.stopped {
            None => Ok(()),
            Some(why) => Err(StoreError::failed(DurableError::Stopped {
                why: why.clone(),
            })),
        }
    }
}

/// The turn of one thread to write. It ends however the thread leaves, for others wait for that.
struct Turn<'g, T> {
    group: &'g Group<T>,
    /// Up to where it has stored, or why not.
    outcome: Result<u64, String>,
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let mut state = self.group.lock();
        state.is_writing = false;
        match &self.outcome {
            Ok(last) => state.stored = *last,
            Err(why) => state.stopped = Some(why.clone()),
        }
        drop(state);
        self.group.ended.notify_all();
    }
}

impl<T> fmt::Debug for Group<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Group")
            .field("taken", &state.taken)
            .field("stored", &state.stored)
            .field("stopped", &state.stopped)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    fn stopped(error: &StoreError) -> bool {
        use std::error::Error as _;
        matches!(
            error.source().and_then(|source| source.downcast_ref()),
            Some(DurableError::Stopped { .. })
        )
    }

    #[test]
    fn every_item_is_written_once_and_in_order_by_one_thread_at_a_time() {
        const THREADS: u64 = 8;
        const EACH: u64 = 500;
        let group = Group::at(10);
        let (order, written) = (Mutex::new(10), Mutex::new(Vec::new()));
        let (is_writing, writes) = (AtomicBool::new(false), AtomicUsize::new(0));
        let write = |first: u64, items: &[u64]| {
            assert!(!is_writing.swap(true, Ordering::SeqCst));
            assert_eq!(items.first(), Some(&first));
            written.lock().unwrap().extend_from_slice(items);
            writes.fetch_add(1, Ordering::SeqCst);
            std::thread::yield_now();
            assert!(is_writing.swap(false, Ordering::SeqCst));
            Ok(())
        };
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        let mine = {
                            let mut order = order.lock().unwrap();
                            group.push(Revision::new(*order), vec![*order + 1]).unwrap();
                            *order += 1;
                            *order
                        };
                        group.wait(mine, write).unwrap();
                        assert!(group.stored() >= mine);
                    }
                });
            }
        });
        let all: Vec<u64> = (11..=10 + THREADS * EACH).collect();
        assert_eq!(*written.lock().unwrap(), all);
        assert!(
            writes.load(Ordering::SeqCst) < all.len(),
            "nobody ever wrote for another"
        );
    }

    #[test]
    fn a_write_that_failed_is_the_last_one() {
        let group = Group::at(0);
        group.push(Revision::ZERO, vec![1]).unwrap();
        group.wait(1, |_, _| Ok(())).unwrap();
        group.push(Revision::new(1), vec![2]).unwrap();
        let failing = |_, _: &[i32]| Err(DurableError::damaged("planted"));
        assert!(stopped(&group.wait(2, failing).unwrap_err()));
        let never = |_, _: &[i32]| panic!("asked to write once more");
        assert!(stopped(&group.wait(2, never).unwrap_err()));
        assert!(stopped(&group.push(Revision::new(2), vec![3]).unwrap_err()));
        group.wait(1, never).unwrap();
    }

    #[test]
    fn a_write_that_panicked_leaves_nobody_waiting() {
        let group = Group::at(0);
        group.push(Revision::ZERO, vec![1]).unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            group.wait(1, |_, _| panic!("planted"))
        }));
        assert!(panicked.is_err());
        assert!(stopped(&group.wait(1, |_, _| Ok(())).unwrap_err()));
    }

    #[test]
    fn what_was_never_taken_is_not_waited_for() {
        let group = Group::<()>::at(3);
        assert!(matches!(
            group.wait(4, |_, _| Ok(())),
            Err(StoreError::Conflict { .. })
        ));
    }

    #[test]
    fn no_more_than_a_million_wait() {
        let group = Group::at(0);
        group.push(Revision::ZERO, vec![(); MOST_WAITING]).unwrap();
        let most = Revision::new(MOST_WAITING as u64);
        assert!(group.push(most, vec![()]).is_err());
        group.wait(most.number(), |_, _| Ok(())).unwrap();
        group.push(most, vec![()]).unwrap();
    }
}
