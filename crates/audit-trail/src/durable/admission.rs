//! Who may still put entries into the queue: it is bounded, and what is in it must fit into the room that is left on disk.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::task::Waker;

use crate::AuditError;

/// What an appending thread meets with when the queue is full.
#[expect(clippy::exhaustive_enums, reason = "one waits or one does not")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It waits until there is room.
    #[default]
    Wait,
    /// It gets [`AuditError::QueueFull`].
    Refuse,
}

const OPEN: u8 = 0;
/// The next segment is being made, and this one is nearly full.
const PAUSED: u8 = 1;
/// There is no room for the next segment.
const FULL: u8 = 2;
const CLOSED: u8 = 3;

/// Counts what is in the queue, by weight: an entry's bytes and those of a frame of its own.
#[derive(Debug)]
pub(crate) struct Admission {
    state: AtomicU8,
    inside: AtomicU64,
    capacity: u64,
    when_full: WhenFull,
    /// Refused for want of room on disk since it was last told.
    refused: AtomicU64,
    outside: AtomicUsize,
    /// Tasks that wait, while a thread's place is at the door itself.
    door: Mutex<Vec<Waker>>,
    changed: Condvar,
}

impl Admission {
    pub(crate) fn new(capacity: u64, when_full: WhenFull) -> Self {
        Self {
            state: AtomicU8::new(OPEN),
            inside: AtomicU64::new(0),
            capacity,
            when_full,
            refused: AtomicU64::new(0),
            outside: AtomicUsize::new(0),
            door: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Lets an entry of this weight in, or says why not. Waits where the log was told to wait.
    pub(crate) fn enter(&self, weight: u64) -> Result<(), AuditError> {
        loop {
            if let Some(entered) = self.try_enter(weight) {
                return entered;
            }
            if self.when_full == WhenFull::Refuse && self.state.load(Ordering::SeqCst) == OPEN {
                return Err(AuditError::QueueFull);
            }
            let door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
            self.outside.fetch_add(1, Ordering::SeqCst);
            // Whoever makes room after this sees that somebody is outside and comes to the door.
            if self.may_enter(weight) {
                self.outside.fetch_sub(1, Ordering::SeqCst);
                continue;
            }
            drop(
                self.changed
                    .wait(door)
                    .unwrap_or_else(PoisonError::into_inner),
            );
            self.outside.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// As [`enter`](Self::enter), without waiting: `None` if it would have to.
    pub(crate) fn try_enter(&self, weight: u64) -> Option<Result<(), AuditError>> {
        match self.state.load(Ordering::SeqCst) {
            OPEN => {}
            PAUSED => return None,
            FULL => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Some(Err(AuditError::DiskFull));
            }
            _ => return Some(Err(AuditError::Closed)),
        }
        let entered = self
            .inside
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |inside| {
                inside
                    .checked_add(weight)
                    .filter(|inside| *inside <= self.capacity)
            });
        if entered.is_err() {
            return None;
        }
        // Looked at again: once the door is shut, what is inside only gets less.
        if self.state.load(Ordering::SeqCst) == OPEN {
            return Some(Ok(()));
        }
        self.leave(weight);
        None
    }

    /// Whether there may be room for so much; if not, has `waker` woken when there may be.
    pub(crate) fn poll(&self, weight: u64, waker: &Waker) -> bool {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        if door.is_empty() {
            self.outside.fetch_add(1, Ordering::SeqCst);
        }
        if self.may_enter(weight) {
            if door.is_empty() {
                self.outside.fetch_sub(1, Ordering::SeqCst);
            }
            return true;
        }
        if !door.iter().any(|other| other.will_wake(waker)) {
            door.push(waker.clone());
        }
        false
    }

    /// Forgets a waker that nobody waits with any more.
    pub(crate) fn forget(&self, waker: &Waker) {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        let before = door.len();
        door.retain(|other| !other.will_wake(waker));
        if door.is_empty() && before > 0 {
            self.outside.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Lets the log's own entries in, for which room is kept.
    pub(crate) fn force(&self, weight: u64) {
        self.inside.fetch_add(weight, Ordering::SeqCst);
    }

    /// What weighed so much is out of the queue.
    pub(crate) fn leave(&self, weight: u64) {
        self.inside.fetch_sub(weight, Ordering::SeqCst);
        self.call();
    }

    /// Most that is ever inside.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(crate) fn pause(&self) {
        let _unless_open =
            self.state
                .compare_exchange(OPEN, PAUSED, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Says that the disk is full. `true` if it was not known.
    pub(crate) fn shut(&self) -> bool {
        let known = self.change(FULL) == FULL;
        !known
    }

    /// Says that there is room. How many were refused meanwhile.
    pub(crate) fn open(&self) -> u64 {
        self.change(OPEN);
        self.refused.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.state.store(CLOSED, Ordering::SeqCst);
        self.call();
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.state.load(Ordering::SeqCst) == PAUSED
    }

    pub(crate) fn is_full(&self) -> bool {
        self.state.load(Ordering::SeqCst) == FULL
    }

    /// Has everybody outside look again.
    pub(crate) fn call(&self) {
        if self.outside.load(Ordering::SeqCst) > 0 {
            let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
            let tasks = std::mem::take(&mut *door);
            if !tasks.is_empty() {
                self.outside.fetch_sub(1, Ordering::SeqCst);
            }
            drop(door);
            self.changed.notify_all();
            tasks.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether [`try_enter`](Self::try_enter) would answer, as far as can be seen.
    fn may_enter(&self, weight: u64) -> bool {
        match self.state.load(Ordering::SeqCst) {
            OPEN => self.inside.load(Ordering::SeqCst).saturating_add(weight) <= self.capacity,
            PAUSED => false,
            _ => true,
        }
    }

    /// Changes the state unless the log is closed; gives the state before.
    fn change(&self, to: u8) -> u8 {
        let before = self
            .state
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |state| {
                (state != CLOSED).then_some(to)
            })
            .unwrap_or_else(|state| state);
        self.call();
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_capacity_is_inside() {
        let admission = Admission::new(10, WhenFull::Refuse);
        admission.enter(6).unwrap();
        assert!(matches!(admission.enter(5), Err(AuditError::QueueFull)));
        admission.enter(4).unwrap();
        admission.leave(6);
        admission.enter(6).unwrap();
    }

    #[test]
    fn whoever_waits_gets_in_when_there_is_room_or_learns_why_not() {
        let admission = Admission::new(10, WhenFull::Wait);
        admission.enter(10).unwrap();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..4).map(|_| scope.spawn(|| admission.enter(5))).collect();
            admission.leave(10);
            while admission.inside.load(Ordering::SeqCst) < 10 {
                std::thread::yield_now();
            }
            admission.shut();
            let results: Vec<_> = waiting.into_iter().map(|t| t.join().unwrap()).collect();
            assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 2);
            assert_eq!(
                results
                    .iter()
                    .filter(|r| matches!(r, Err(AuditError::DiskFull)))
                    .count(),
                2
            );
        });
        assert_eq!(admission.open(), 2);
        admission.close();
        assert!(matches!(admission.enter(1), Err(AuditError::Closed)));
        admission.open();
        assert!(matches!(admission.enter(1), Err(AuditError::Closed)));
    }
}
