//! The safe reading of a clock: the earlier one, so that a jump of wall time hands out no new budget.
//!
//! Wall time is held against the time since boot from one anchor on. Up to an hour of difference is believed (clocks are
//! corrected); beyond it the reading goes on with elapsed time until the two agree again or an operator accepts the
//! clock (design: trust-gate, Clock). That a clock set back changes nothing is the trees' part: each keeps its own mark.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::moment::Moment;

const TOLERANCE: Duration = Duration::from_secs(3600);

/// How far the time may be ahead of a cheap reading, generously: closer than this to an end it is read precisely.
pub(crate) const COARSE: Duration = Duration::from_secs(1);

pub(crate) struct Timekeeper {
    clock: Box<dyn Clock>,
    /// Wall time minus elapsed time, as it was at the anchor.
    anchor: Mutex<Moment>,
    /// No wall time up to here needs to be held against elapsed time: it was, and elapsed time only grows.
    believed_until: AtomicI64,
}

impl Timekeeper {
    pub(crate) fn new(clock: Box<dyn Clock>) -> Self {
        let keeper = Self {
            clock,
            anchor: Mutex::new(Moment::DAWN),
            believed_until: AtomicI64::new(i64::MIN),
        };
        keeper.accept(keeper.wall());
        keeper
    }

    /// What the clock shows now.
    pub(crate) fn wall(&self) -> Moment {
        Moment::from(self.clock.now())
    }

    /// What the clock shows now, made safe.
    pub(crate) fn now(&self) -> Moment {
        self.safe(self.wall())
    }

    /// What the clock shows coarsely, made safe: [`now`](Self::now) or some milliseconds before it, for a fraction of the price.
    #[inline]
    pub(crate) fn coarse(&self) -> Moment {
        self.safe(Moment::from_micros(self.clock.coarse_micros()))
    }

    /// `wall` where it can be believed, else where elapsed time says that we are.
    #[inline]
    pub(crate) fn safe(&self, wall: Moment) -> Moment {
        if wall.micros() <= self.believed_until.load(Ordering::Relaxed) {
            wall
        } else {
            self.judge(wall)
        }
    }

    /// Anchors `wall`, which the clock has just shown, to elapsed time afresh.
    pub(crate) fn accept(&self, wall: Moment) {
        let until = match (self.clock.elapsed(), self.anchor.lock()) {
            (Some(elapsed), Ok(mut anchor)) => {
                *anchor = wall.minus(elapsed);
                wall.plus(TOLERANCE)
            }
            (None, _) => Moment::NEVER,
            (Some(_), Err(_)) => return,
        };
        self.believed_until.store(until.micros(), Ordering::Relaxed);
    }

    #[cold]
    fn judge(&self, wall: Moment) -> Moment {
        let Some(elapsed) = self.clock.elapsed() else {
            return wall;
        };
        let Ok(anchor) = self.anchor.lock() else {
            return Moment::from_micros(self.believed_until.load(Ordering::Relaxed));
        };
        let expected = anchor.plus(elapsed);
        let until = expected.plus(TOLERANCE);
        self.believed_until.store(until.micros(), Ordering::Relaxed);
        if wall <= until { wall } else { expected }
    }
}

impl fmt::Debug for Timekeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timekeeper")
            .field("anchor", &self.anchor)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;
    use crate::clock::ManualClock;

    const START: time::OffsetDateTime = datetime!(2026-01-01 00:00 UTC);
    const HOUR: Duration = Duration::from_secs(3600);

    fn keeper(elapsed: Option<Duration>) -> (ManualClock, Timekeeper) {
        let clock = ManualClock::new(START);
        clock.set_elapsed(elapsed);
        (clock.clone(), Timekeeper::new(Box::new(clock)))
    }

    #[test]
    fn believes_a_jump_of_an_hour_and_not_one_of_a_microsecond_more() {
        let (clock, keeper) = keeper(Some(Duration::from_secs(10)));
        clock.set(START + HOUR);
        assert_eq!(keeper.now(), Moment::from(START + HOUR));
        clock.set(START + HOUR + Duration::from_micros(1));
        assert_eq!(keeper.now(), Moment::from(START));
    }

    #[test]
    fn small_jumps_do_not_add_up_to_a_large_one() {
        let (clock, keeper) = keeper(Some(Duration::ZERO));
        for jumps in 1..=3_u32 {
            clock.set(START + HOUR / 2 * jumps);
            keeper.now();
        }
        assert_eq!(
            keeper.now(),
            Moment::from(START),
            "half past one is 90 minutes that never passed"
        );
    }

    #[test]
    fn elapsed_time_confirms_a_jump_in_the_end() {
        let (clock, keeper) = keeper(Some(Duration::ZERO));
        clock.set(START + 5 * HOUR);
        assert_eq!(keeper.now(), Moment::from(START));
        clock.set_elapsed(Some(4 * HOUR));
        assert_eq!(keeper.now(), Moment::from(START + 5 * HOUR));
    }

    #[test]
    fn an_operator_can_accept_a_jump() {
        let (clock, keeper) = keeper(Some(Duration::ZERO));
        clock.set(START + 500 * HOUR);
        assert_eq!(keeper.now(), Moment::from(START));
        keeper.accept(keeper.wall());
        assert_eq!(keeper.now(), Moment::from(START + 500 * HOUR));
        clock.set(START + 502 * HOUR);
        assert_eq!(keeper.now(), Moment::from(START + 500 * HOUR));
    }

    #[test]
    fn a_clock_without_elapsed_time_is_its_own_authority() {
        let (clock, keeper) = keeper(None);
        clock.set(START + 500 * HOUR);
        assert_eq!(keeper.now(), Moment::from(START + 500 * HOUR));
    }

    /// A clock whose cheap reading lags, as the kernel's does.
    struct Lagging(ManualClock);

    impl Clock for Lagging {
        fn now(&self) -> time::OffsetDateTime {
            self.0.now()
        }

        fn coarse(&self) -> time::OffsetDateTime {
            self.0.now() - Duration::from_millis(10)
        }

        fn elapsed(&self) -> Option<Duration> {
            self.0.elapsed()
        }
    }

    #[test]
    fn a_coarse_reading_lags_and_is_made_safe_like_a_precise_one() {
        let clock = ManualClock::new(START);
        clock.set_elapsed(Some(Duration::ZERO));
        let keeper = Timekeeper::new(Box::new(Lagging(clock.clone())));
        let lag = Duration::from_millis(10);
        assert_eq!(keeper.coarse(), Moment::from(START - lag));
        clock.set(START + HOUR + lag);
        assert_eq!(keeper.coarse(), Moment::from(START + HOUR), "believed");
        clock.set(START + HOUR + lag + Duration::from_micros(1));
        assert_eq!(keeper.coarse(), Moment::from(START), "not believed");
        clock.set_elapsed(Some(HOUR));
        assert_eq!(
            keeper.coarse(),
            Moment::from(START + HOUR + Duration::from_micros(1)),
            "confirmed by elapsed time"
        );
        clock.set(START - HOUR);
        assert_eq!(
            keeper.coarse(),
            Moment::from(START - HOUR - lag),
            "set back: as it is"
        );
    }
}
