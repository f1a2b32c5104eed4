//! The clock is handed in: one reading can then serve a whole decision, and a test can say what time it is.
//!
//! This is the only file that asks the operating system for the time.

use std::any::TypeId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

use crate::moment::Moment;

/// Where the time comes from. A closure that returns an [`OffsetDateTime`] is a clock.
pub trait Clock: Send + Sync + 'static {
    /// Wall time now, UTC.
    fn now(&self) -> OffsetDateTime;

    /// Time since some fixed point that no one can set back (boot time, counting suspend). `None`: this clock is its
    /// own authority.
    fn elapsed(&self) -> Option<Duration> {
        None
    }
}

impl<F: Fn() -> OffsetDateTime + Send + Sync + 'static> Clock for F {
    fn now(&self) -> OffsetDateTime {
        self()
    }
}

/// The operating system's wall clock, checked against the time since boot.
///
/// Suspended time counts on Linux. Elsewhere the monotonic clock serves, which may stand still meanwhile.
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
        reason = "this file owns the operating system's clocks"
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
        reason = "this file owns the operating system's clocks"
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

    #[inline]
    #[expect(
        clippy::disallowed_methods,
        reason = "this file owns the operating system's clocks"
    )]
    pub(crate) fn wall(&self) -> Moment {
        match self {
            Self::System => match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
                Ok(since) => Moment::from_nanos(0).after(since),
                Err(_) => SystemClock.now().into(),
            },
            Self::Given(clock) => clock.now().into(),
        }
    }

    pub(crate) fn elapsed(&self) -> Option<Duration> {
        match self {
            Self::System => SystemClock.elapsed(),
            Self::Given(clock) => clock.elapsed(),
        }
    }
}

/// A clock for tests, set by hand. Clones show the same time.
///
/// ```
/// # use std::time::Duration;
/// # use time::OffsetDateTime;
/// # use trust_gate::{Clock, ManualClock};
/// let clock = ManualClock::new(OffsetDateTime::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().unix_timestamp(), 60);
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Face>>);

#[derive(Debug, Clone, Copy)]
struct Face {
    wall: OffsetDateTime,
    elapsed: Option<Duration>,
}

impl ManualClock {
    /// A clock that shows `wall` and is its own authority, until [`set_elapsed`](Self::set_elapsed) is called.
    #[must_use]
    pub fn new(wall: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(Face {
            wall,
            elapsed: None,
        })))
    }

    /// Sets wall time alone, as somebody with access to the machine might.
    pub fn set(&self, wall: OffsetDateTime) {
        self.face().wall = wall;
    }

    /// Sets elapsed time alone; `None` takes it away.
    pub fn set_elapsed(&self, elapsed: Option<Duration>) {
        self.face().elapsed = elapsed;
    }

    /// Lets time pass: moves wall time and, where there is one, elapsed time. Saturates.
    pub fn advance(&self, by: Duration) {
        let mut face = self.face();
        let span = time::Duration::try_from(by).unwrap_or(time::Duration::MAX);
        face.wall = face.wall.saturating_add(span);
        face.elapsed = face.elapsed.map(|elapsed| elapsed.saturating_add(by));
    }

    fn face(&self) -> MutexGuard<'_, Face> {
        // Both fields are whole at every moment, so a thread that panicked meanwhile left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        self.face().wall
    }

    fn elapsed(&self) -> Option<Duration> {
        self.face().elapsed
    }
}
