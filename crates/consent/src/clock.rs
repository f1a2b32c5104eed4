//! The clock is handed in, so that one reading can serve a whole decision and a test can set the time.
//!
//! This is the one file that asks the operating system.

use std::any::TypeId;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

use crate::mark::{nanos, nanos_of};

/// Where the time comes from. Any closure that returns an [`OffsetDateTime`] is a clock.
pub trait Clock: Send + Sync + 'static {
    /// Wall time now, UTC.
    fn now(&self) -> OffsetDateTime;

    /// Time since some fixed point that no one can set back (boot time, counting suspend).
    /// `None`: this clock is its own authority.
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
///
/// On Linux elapsed time counts suspend; elsewhere it may stand still meanwhile.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl SystemClock {
    /// The system's clock.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this file owns the operating system's clock"
    )]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    #[cfg(target_os = "linux")]
    fn elapsed(&self) -> Option<Duration> {
        use rustix::time::{ClockId, clock_gettime};
        Duration::try_from(clock_gettime(ClockId::Boottime)).ok()
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(
        clippy::disallowed_methods,
        reason = "this file owns the operating system's clock"
    )]
    fn elapsed(&self) -> Option<Duration> {
        use std::sync::LazyLock;
        use std::time::Instant;
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        Some(START.elapsed())
    }
}

/// A clock as the gate reads it.
pub(crate) enum Timepiece {
    /// The system's, whose nanoseconds need not become a date first: that costs as much as reading them.
    System,
    /// Any other.
    Given(Box<dyn Clock>),
}

impl Timepiece {
    pub(crate) fn new<C: Clock>(clock: C) -> Self {
        if TypeId::of::<C>() == TypeId::of::<SystemClock>() {
            Self::System
        } else {
            Self::Given(Box::new(clock))
        }
    }

    /// Wall time now, for an act that keeps it as a date.
    pub(crate) fn now(&self) -> OffsetDateTime {
        match self {
            Self::System => SystemClock.now(),
            Self::Given(clock) => clock.now(),
        }
    }

    /// Wall time now in nanoseconds since 1970, saturating.
    #[inline]
    #[expect(
        clippy::disallowed_methods,
        reason = "this file owns the operating system's clock"
    )]
    pub(crate) fn wall(&self) -> i64 {
        match self {
            Self::System => match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
                Ok(since) => nanos_of(since),
                Err(_) => nanos(SystemClock.now()),
            },
            Self::Given(clock) => nanos(clock.now()),
        }
    }

    pub(crate) const fn is_system(&self) -> bool {
        matches!(self, Self::System)
    }

    pub(crate) fn elapsed(&self) -> Option<Duration> {
        match self {
            Self::System => SystemClock.elapsed(),
            Self::Given(clock) => clock.elapsed(),
        }
    }
}

/// A clock that stands still until it is told otherwise; clones share it.
///
/// ```
/// # use consent::{Clock, ManualClock};
/// # use std::time::Duration;
/// # use time::OffsetDateTime;
/// let clock = ManualClock::new(OffsetDateTime::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(60));
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
        self.with(|hands| hands.wall = wall);
    }

    /// Sets the time since boot alone; `None` takes it away.
    pub fn set_elapsed(&self, elapsed: Option<Duration>) {
        self.with(|hands| hands.elapsed = elapsed);
    }

    /// Lets time pass: wall time and, where there is one, elapsed time move on by `by`, as far as they go.
    pub fn advance(&self, by: Duration) {
        self.with(|hands| {
            let by_wall = time::Duration::try_from(by).unwrap_or(time::Duration::MAX);
            hands.wall = hands.wall.saturating_add(by_wall);
            hands.elapsed = hands.elapsed.map(|elapsed| elapsed.saturating_add(by));
        });
    }

    fn with<T>(&self, f: impl FnOnce(&mut Hands) -> T) -> T {
        // Nothing in here can panic half-way, so a poisoned lock still guards whole hands.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        self.with(|hands| hands.wall)
    }

    fn elapsed(&self) -> Option<Duration> {
        self.with(|hands| hands.elapsed)
    }
}
