//! Two readings of one clock, each the one that lets fewer tokens pass.
//!
//! Whoever can set the clock must gain nothing. An expiry is held against the *latest* time that is known: wall time, the
//! time that has passed since the start, or what was read before. A beginning is held against wall time alone, for a
//! clock that once ran ahead must not let tokens in early for ever after.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

use crate::clock::Clock;

/// One moment, read both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// What the wall clock shows.
    pub(crate) wall: OffsetDateTime,
    /// The latest time that is known. Never goes back.
    pub(crate) latest: OffsetDateTime,
}

/// A clock with the latest time it ever showed, in memory.
pub(crate) struct Readings {
    clock: Box<dyn Clock>,
    anchor: OffsetDateTime,
    anchor_elapsed: Option<Duration>,
    latest: Mutex<OffsetDateTime>,
}

impl Readings {
    pub(crate) fn new(clock: Box<dyn Clock>) -> Self {
        let anchor = clock.now();
        Self {
            anchor,
            anchor_elapsed: clock.elapsed(),
            latest: Mutex::new(anchor),
            clock,
        }
    }

    pub(crate) fn read(&self) -> Reading {
        let wall = self.clock.now();
        let passed = self
            .clock
            .elapsed()
            .zip(self.anchor_elapsed)
            .map(|(now, then)| now.saturating_sub(then))
            .map_or(time::Duration::ZERO, |passed| {
                time::Duration::try_from(passed).unwrap_or(time::Duration::MAX)
            });
        // One word, whole at every moment: a thread that panicked meanwhile left nothing half done.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = wall.max(self.anchor.saturating_add(passed)).max(*latest);
        Reading {
            wall,
            latest: *latest,
        }
    }
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readings")
            .field("latest", &self.latest)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use time::macros::datetime;

    const NOON: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_clock_set_back_sets_back_wall_time_alone() {
        let clock = ManualClock::new(NOON);
        let readings = Readings::new(Box::new(clock.clone()));
        clock.set(NOON - HOUR);
        assert_eq!(
            readings.read(),
            Reading {
                wall: NOON - HOUR,
                latest: NOON
            }
        );
    }

    #[test]
    fn time_goes_on_behind_a_clock_that_was_set_back() {
        let clock = ManualClock::new(NOON);
        clock.set_elapsed(Some(HOUR));
        let readings = Readings::new(Box::new(clock.clone()));
        clock.set(NOON - HOUR);
        clock.advance(HOUR * 3);
        assert_eq!(readings.read().wall, NOON + HOUR * 2);
        assert_eq!(readings.read().latest, NOON + HOUR * 3);
    }

    #[test]
    fn what_was_read_stays_the_latest_and_lets_nothing_begin_early() {
        let clock = ManualClock::new(NOON);
        let readings = Readings::new(Box::new(clock.clone()));
        clock.set(NOON + HOUR * 24);
        assert_eq!(readings.read().latest, NOON + HOUR * 24);
        clock.set(NOON);
        assert_eq!(
            readings.read(),
            Reading {
                wall: NOON,
                latest: NOON + HOUR * 24
            }
        );
    }

    #[test]
    fn saturates_at_the_end_of_time() {
        let clock = ManualClock::new(NOON);
        clock.set_elapsed(Some(Duration::ZERO));
        let readings = Readings::new(Box::new(clock.clone()));
        clock.set_elapsed(Some(Duration::MAX));
        assert!(readings.read().latest > datetime!(9999-12-31 0:00 UTC));
    }
}
