//! Time is handed in, so that one reading serves a whole decision and a test can turn the hands.
//!
//! This is the only file that asks the operating system.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

use crate::moment::Moment;

/// Where the time comes from. Any closure that returns an [`OffsetDateTime`] is a clock.
pub trait Clock: Send + Sync + 'static {
    /// Wall time now, UTC.
    fn now(&self) -> OffsetDateTime;

    /// Wall time a little ago: never later than [`now`](Self::now), and normally at most 10 milliseconds behind it. Read
    /// where cheap matters more than exact: whoever is within a moment of the end of a window asks `now`.
    ///
    /// A clock that has no cheaper reading leaves it as it is, which is `now`.
    fn coarse(&self) -> OffsetDateTime {
        self.now()
    }

    /// [`coarse`](Self::coarse) in whole microseconds since the Unix epoch, rounded down. The two say the same: a clock
    /// that has the number at hand saves taking a date apart again, which is most of the price.
    #[doc(hidden)]
    fn coarse_micros(&self) -> i64 {
        Moment::from(self.coarse()).micros()
    }

    /// Time since some fixed point that no one can set back (boot time, counting suspend).
    /// `None`: this clock is its own authority, and a jump forward of its wall time is believed.
    fn elapsed(&self) -> Option<Duration> {
        None
    }
}

impl<F: Fn() -> OffsetDateTime + Send + Sync + 'static> Clock for F {
    fn now(&self) -> OffsetDateTime {
        self()
    }
}

/// The operating system's wall clock, held against the time since boot.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this file owns the operating system's clock"
    )]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    #[cfg(target_os = "linux")]
    fn coarse(&self) -> OffsetDateTime {
        Moment::from_micros(self.coarse_micros()).to_time()
    }

    #[cfg(target_os = "linux")]
    fn coarse_micros(&self) -> i64 {
        // As of the kernel's last tick, of which there are at least a hundred a second.
        let tick = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        tick.tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(tick.tv_nsec / 1_000)
    }

    fn elapsed(&self) -> Option<Duration> {
        #[cfg(target_os = "linux")]
        const STEADY: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        const STEADY: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        Duration::try_from(rustix::time::clock_gettime(STEADY)).ok()
    }
}

/// A clock that stands still until it is told otherwise; its clones share the hands.
///
/// ```
/// # use std::time::Duration;
/// # use budget_enforcer::{Clock, ManualClock};
/// # use time::OffsetDateTime;
/// let clock = ManualClock::new(OffsetDateTime::UNIX_EPOCH);
/// clock.clone().advance(Duration::from_secs(60));
/// assert_eq!(clock.now().unix_timestamp(), 60);
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug, Clone, Copy)]
struct Hands {
    wall: OffsetDateTime,
    elapsed: Option<Duration>,
}

impl ManualClock {
    /// A clock that shows `wall` and has no elapsed time.
    #[must_use]
    pub fn new(wall: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            wall,
            elapsed: None,
        })))
    }

    /// Sets wall time alone, forwards or back, as an administrator of the machine might.
    pub fn set(&self, wall: OffsetDateTime) {
        self.turn(|hands| hands.wall = wall);
    }

    /// Sets the time since boot alone; `None` takes it away.
    pub fn set_elapsed(&self, elapsed: Option<Duration>) {
        self.turn(|hands| hands.elapsed = elapsed);
    }

    /// Lets time pass: wall time and, where there is one, elapsed time move on, as far as they go.
    pub fn advance(&self, by: Duration) {
        self.turn(|hands| {
            let wall_by = time::Duration::try_from(by).unwrap_or(time::Duration::MAX);
            hands.wall = hands.wall.saturating_add(wall_by);
            hands.elapsed = hands.elapsed.map(|elapsed| elapsed.saturating_add(by));
        });
    }

    fn turn<T>(&self, f: impl FnOnce(&mut Hands) -> T) -> T {
        // Nothing that runs in here panics half-way, so even a poisoned lock guards whole hands.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        self.turn(|hands| hands.wall)
    }

    fn elapsed(&self) -> Option<Duration> {
        self.turn(|hands| hands.elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coarse_reading_is_never_later_than_a_precise_one() {
        for _ in 0..10_000 {
            let before = SystemClock.now();
            let coarse = SystemClock.coarse();
            let coarse_micros = SystemClock.coarse_micros();
            let after = SystemClock.now();
            assert!(coarse <= after, "{coarse} {after}");
            assert!(Moment::from_micros(coarse_micros) <= Moment::from(after));
            // Against the reading before it, so that a pause in between widens nothing; a tick is 1 to 10 ms, and the rest
            // of the second is for a machine under load.
            let second = Duration::from_secs(1);
            assert!(coarse >= before - second, "{before} {coarse}");
            assert!(Moment::from_micros(coarse_micros) >= Moment::from(before - second));
        }
    }

    #[test]
    fn a_clock_without_a_cheaper_reading_reads_the_same() {
        let clock = ManualClock::new(time::macros::datetime!(2026-11-22 12:00:00.123_456_7 +1));
        assert_eq!(clock.coarse(), clock.now());
        assert_eq!(clock.coarse_micros(), 1_795_345_200_123_456);
        let at = clock.now();
        assert_eq!((move || at).coarse_micros(), clock.coarse_micros());
    }
}
