//! The safe reading of a clock: the later of wall time and elapsed time, and never earlier than before.
//!
//! A clock set back must not revive consent that has lapsed. So the gate keeps a high-water mark, and only an operator's
//! `accept_clock` starts a new one. Times are nanoseconds since 1970, saturating (years 1677 to 2262), for an atomic
//! holds them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

use crate::id::Revision;

/// How far a reading may run ahead of the mark before the mark follows. Without such a step every check on every thread
/// would write one cache line. A lapse that a decision has told of moves the mark exactly, see [`Mark::keep`].
const STEP: i64 = 1_000_000;
/// How far time may run ahead of the stored mark before it is stored again.
const STORE_STEP: i64 = 60_000_000_000;
/// How far wall time may run ahead of elapsed time and still be stored (design: trust-gate, Clock). One glitch must not
/// freeze the next process too.
const TOLERANCE: i64 = 3_600_000_000_000;

/// The mark, and where elapsed time was anchored to wall time.
#[derive(Debug)]
pub(crate) struct Mark {
    /// The act that accepted the clock last. A stored mark of an earlier epoch does not count.
    pub(crate) epoch: Revision,
    /// Wall time at the anchor less elapsed time at the anchor.
    offset: Option<i64>,
    seen: AtomicI64,
    stored: AtomicI64,
}

impl Mark {
    /// A mark that starts at `wall`, or at what the store has where that is later.
    pub(crate) fn new(
        epoch: Revision,
        stored: Option<OffsetDateTime>,
        wall: OffsetDateTime,
        elapsed: Option<Duration>,
    ) -> Self {
        let stored = stored.map_or(i64::MIN, nanos);
        let start = nanos(wall).max(stored);
        Self {
            epoch,
            offset: elapsed.map(|elapsed| start.saturating_sub(nanos_of(elapsed))),
            seen: AtomicI64::new(start),
            stored: AtomicI64::new(stored),
        }
    }

    /// The reading where wall time alone tells it, for it was not set back and has hardly moved on since it was last held
    /// against elapsed time. Only for a decision that time does not bear on.
    #[inline]
    pub(crate) fn glance(&self, wall: i64) -> Option<i64> {
        let seen = self.seen.load(Ordering::Relaxed);
        (seen <= wall && wall < seen.saturating_add(STEP)).then_some(wall)
    }

    /// The safe reading for one decision.
    #[inline]
    pub(crate) fn read(&self, wall: i64, elapsed: Option<Duration>) -> i64 {
        let seen = self.seen.load(Ordering::Relaxed);
        let by_elapsed = self.by_elapsed(elapsed).unwrap_or(i64::MIN);
        let reading = wall.max(by_elapsed).max(seen);
        if reading.saturating_sub(seen) >= STEP {
            self.keep(reading);
        }
        reading
    }

    /// Makes `at` the earliest instant that will ever be read again.
    pub(crate) fn keep(&self, at: i64) {
        if at > self.seen.load(Ordering::Relaxed) {
            self.seen.fetch_max(at, Ordering::Relaxed);
        }
    }

    /// The instant to store, if it is time to store one.
    #[inline]
    pub(crate) fn due(&self, reading: i64, wall: i64, elapsed: Option<Duration>) -> Option<i64> {
        let ahead = |at: i64| at.saturating_sub(self.stored.load(Ordering::Relaxed)) >= STORE_STEP;
        if !ahead(reading) {
            return None;
        }
        let sure = match self.by_elapsed(elapsed) {
            Some(by_elapsed) if wall > by_elapsed.saturating_add(TOLERANCE) => by_elapsed,
            Some(by_elapsed) => by_elapsed.max(wall),
            None => reading,
        };
        ahead(sure).then_some(sure)
    }

    /// Whether a restart could fall back before `at`.
    pub(crate) fn is_stored(&self, at: i64) -> bool {
        at <= self.stored.load(Ordering::Relaxed)
    }

    /// Notes what the store has.
    pub(crate) fn has_stored(&self, at: i64) {
        self.stored.fetch_max(at, Ordering::Relaxed);
    }

    #[inline]
    fn by_elapsed(&self, elapsed: Option<Duration>) -> Option<i64> {
        let (offset, elapsed) = self.offset.zip(elapsed)?;
        Some(offset.saturating_add(nanos_of(elapsed)))
    }
}

/// `at` in nanoseconds since 1970, saturating.
#[inline]
pub(crate) fn nanos(at: OffsetDateTime) -> i64 {
    // Every check does this, and wide integers are slow.
    let seconds = at.unix_timestamp().checked_mul(1_000_000_000);
    let exact = seconds.and_then(|seconds| seconds.checked_add(at.nanosecond().into()));
    exact.unwrap_or_else(|| nanos_at_the_edge(at))
}

/// For the first second of the range and for what lies outside it.
#[cold]
fn nanos_at_the_edge(at: OffsetDateTime) -> i64 {
    let nanos = at.unix_timestamp_nanos();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// The instant of `nanos`.
pub(crate) fn instant(nanos: i64) -> OffsetDateTime {
    // Every i64 of nanoseconds lies well inside the years that a date can hold.
    OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A span in nanoseconds, saturating.
#[inline]
pub(crate) fn nanos_of(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn mark(stored: Option<OffsetDateTime>, elapsed: Option<u64>) -> Mark {
        Mark::new(
            Revision::ZERO,
            stored,
            at(1000),
            elapsed.map(Duration::from_secs),
        )
    }

    #[test]
    fn takes_the_later_of_wall_and_elapsed_time() {
        let mark = mark(None, Some(50));
        assert_eq!(
            mark.read(nanos(at(1001)), Some(Duration::from_secs(60))),
            nanos(at(1010))
        );
        assert_eq!(
            mark.read(nanos(at(1020)), Some(Duration::from_secs(61))),
            nanos(at(1020))
        );
    }

    #[test]
    fn never_goes_back() {
        let mark = mark(None, None);
        assert_eq!(mark.read(nanos(at(2000)), None), nanos(at(2000)));
        assert_eq!(mark.read(nanos(at(1500)), None), nanos(at(2000)));
    }

    #[test]
    fn within_a_step_the_mark_follows_only_what_was_kept() {
        let mark = mark(None, None);
        let soon = at(1000) + time::Duration::microseconds(500);
        assert_eq!(mark.read(nanos(soon), None), nanos(soon));
        assert_eq!(mark.read(nanos(at(1000)), None), nanos(at(1000)));
        mark.keep(nanos(soon));
        assert_eq!(mark.read(nanos(at(1000)), None), nanos(soon));
    }

    #[test]
    fn a_glance_is_within_a_step_of_what_was_seen() {
        let mark = mark(None, Some(50));
        let seen = nanos(at(1000));
        assert_eq!(mark.glance(seen), Some(seen));
        assert_eq!(mark.glance(seen + STEP - 1), Some(seen + STEP - 1));
        assert_eq!(mark.glance(seen + STEP), None);
        assert_eq!(mark.glance(seen - 1), None, "set back");
    }

    #[test]
    fn starts_at_the_stored_mark_when_the_wall_is_behind_it() {
        let mark = mark(Some(at(5000)), Some(0));
        assert_eq!(
            mark.read(nanos(at(1000)), Some(Duration::from_secs(7))),
            nanos(at(5007))
        );
    }

    #[test]
    fn is_stored_at_first_and_then_once_a_minute() {
        let mark = mark(None, None);
        let due = |seconds| mark.due(nanos(at(seconds)), nanos(at(seconds)), None);
        assert_eq!(due(1000), Some(nanos(at(1000))));
        mark.has_stored(nanos(at(1000)));
        assert_eq!(due(1059), None);
        assert_eq!(due(1060), Some(nanos(at(1060))));
    }

    #[test]
    fn a_jump_that_elapsed_time_does_not_bear_out_is_read_and_not_stored() {
        let mark = mark(Some(at(1000)), Some(0));
        let due = |wall, elapsed| {
            let elapsed = Some(Duration::from_secs(elapsed));
            {
                let wall = nanos(at(wall));
                mark.due(mark.read(wall, elapsed), wall, elapsed)
            }
        };
        assert_eq!(due(1000 + 3601, 0), None);
        assert_eq!(due(1000 + 3600, 0), Some(nanos(at(4600))));
        assert_eq!(due(1_000_000, 60), Some(nanos(at(1060))));
        assert_eq!(
            mark.read(nanos(at(1000)), Some(Duration::from_secs(60))),
            nanos(at(1_000_000))
        );
    }

    #[test]
    fn saturates_at_the_ends_of_time() {
        let year_9999 = time::macros::datetime!(9999-12-31 23:59:59 UTC);
        let year_1 = time::macros::datetime!(0001-01-01 0:00 UTC);
        assert_eq!((nanos(year_9999), nanos(year_1)), (i64::MAX, i64::MIN));
        assert_eq!(nanos(instant(i64::MAX)), i64::MAX);
        assert_eq!(nanos(instant(i64::MIN)), i64::MIN);
        let mark = Mark::new(Revision::ZERO, None, year_9999, Some(Duration::MAX));
        assert_eq!(mark.read(nanos(year_1), Some(Duration::MAX)), i64::MAX);
    }
}
