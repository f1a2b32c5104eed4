//! The gate's own time: the latest of what clocks say, which never goes back.
//!
//! Wall time can be set; elapsed time cannot, but stops with the machine. Where they disagree the later one is read,
//! because later means less trust. What was read stays read: the mark keeps the reading from going back, in memory to
//! the millisecond and exactly at each fall of a level that a decision has seen.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::event::Revision;
use crate::moment::Moment;

/// How far the reading may run ahead of the mark before the mark follows. Bounds how often threads write to one word.
const MARK_STEP: Duration = Duration::from_millis(1);
/// How far the time worth keeping may run ahead of the stored mark before it is stored.
const STORE_STEP: Duration = Duration::from_secs(60);
/// How far wall time may jump ahead of elapsed time and still be worth keeping (design: trust-gate, Clock).
const TOLERANCE: Duration = Duration::from_secs(3_600);

/// The time from one anchor on. Accepting the clock starts a new timeline; nothing else ends one.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// The act that began it, which the stored mark names so that marks of an abandoned timeline are not mistaken.
    pub(crate) epoch: Revision,
    anchor: Moment,
    anchor_elapsed: Option<Duration>,
    mark: AtomicI64,
    stored: AtomicI64,
}

impl Timeline {
    /// Begins at the later of wall time and the mark that was kept.
    pub(crate) fn new(
        epoch: Revision,
        mark: Option<Moment>,
        wall: Moment,
        elapsed: Option<Duration>,
    ) -> Self {
        let anchor = mark.map_or(wall, |mark| mark.max(wall));
        Self {
            epoch,
            anchor,
            anchor_elapsed: elapsed,
            mark: AtomicI64::new(anchor.as_nanos()),
            stored: AtomicI64::new(mark.unwrap_or(Moment::EARLIEST).as_nanos()),
        }
    }

    /// The reading if elapsed time need not be asked: wall time has not moved on noticeably since it last was.
    #[inline]
    pub(crate) fn glance(&self, wall: Moment) -> Option<Moment> {
        let mark = self.mark();
        (wall < mark.after(MARK_STEP)).then(|| mark.max(wall))
    }

    /// The reading: the latest of wall time, the anchor moved on by elapsed time, and what was read before.
    pub(crate) fn read(&self, wall: Moment, elapsed: Option<Duration>) -> Moment {
        let mark = self.mark();
        let at = wall.max(self.by_elapsed(elapsed)).max(mark);
        if at >= mark.after(MARK_STEP) {
            self.advance(at);
        }
        at
    }

    /// Sees to it that no earlier time is read again.
    #[inline]
    pub(crate) fn advance(&self, at: Moment) {
        if at > self.mark() {
            self.mark.fetch_max(at.as_nanos(), Ordering::AcqRel);
        }
    }

    /// The time that a restart should begin from, if it is time to store it. A jump of wall time that elapsed time does
    /// not bear out is not worth keeping: one glitch would freeze the next process too.
    pub(crate) fn worth_storing(&self, wall: Moment, elapsed: Option<Duration>) -> Option<Moment> {
        let sure = match (self.anchor_elapsed, elapsed) {
            (Some(_), Some(_)) => {
                let by_elapsed = self.by_elapsed(elapsed);
                if wall <= by_elapsed.after(TOLERANCE) {
                    wall.max(by_elapsed)
                } else {
                    by_elapsed
                }
            }
            _ => wall.max(self.mark()),
        };
        (sure >= self.stored().after(STORE_STEP)).then_some(sure)
    }

    /// Whether a fall at `at` is not yet covered by the stored mark. It must be, or a restart could undo it.
    #[inline]
    pub(crate) fn must_store(&self, at: Moment) -> bool {
        at > self.stored()
    }

    /// Notes that a mark was stored.
    pub(crate) fn has_stored(&self, at: Moment) {
        self.stored.fetch_max(at.as_nanos(), Ordering::AcqRel);
    }

    fn by_elapsed(&self, elapsed: Option<Duration>) -> Moment {
        let passed = elapsed
            .zip(self.anchor_elapsed)
            .map(|(now, then)| now.saturating_sub(then));
        self.anchor.after(passed.unwrap_or_default())
    }

    #[inline]
    fn mark(&self) -> Moment {
        Moment::from_nanos(self.mark.load(Ordering::Acquire))
    }

    #[inline]
    fn stored(&self) -> Moment {
        Moment::from_nanos(self.stored.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn hours(count: u32) -> Moment {
        Moment::from_nanos(0).after(HOUR * count)
    }

    fn from_hour_ten(elapsed: Option<Duration>) -> Timeline {
        Timeline::new(Revision::ZERO, None, hours(10), elapsed)
    }

    #[test]
    fn a_clock_set_back_does_not_stop_time() {
        let timeline = from_hour_ten(Some(HOUR));
        assert_eq!(timeline.read(hours(5), Some(HOUR * 4)), hours(13));
    }

    #[test]
    fn a_clock_set_back_without_elapsed_time_holds_the_reading() {
        let timeline = from_hour_ten(None);
        assert_eq!(timeline.read(hours(12), None), hours(12));
        assert_eq!(timeline.read(hours(5), None), hours(12));
        assert_eq!(timeline.glance(hours(5)), Some(hours(12)));
    }

    #[test]
    fn a_jump_forward_is_read_but_not_kept_until_elapsed_time_bears_it_out() {
        let timeline = from_hour_ten(Some(HOUR));
        assert_eq!(timeline.read(hours(500), Some(HOUR)), hours(500));
        assert_eq!(
            timeline.worth_storing(hours(500), Some(HOUR)),
            Some(hours(10))
        );
        assert_eq!(
            timeline.read(hours(11), Some(HOUR)),
            hours(500),
            "sticky in memory"
        );
        assert_eq!(
            timeline.worth_storing(hours(500), Some(HOUR * 490)),
            Some(hours(500)),
            "now within the tolerance"
        );
    }

    #[test]
    fn a_small_jump_forward_is_kept() {
        let timeline = from_hour_ten(Some(HOUR));
        assert_eq!(
            timeline.worth_storing(hours(11), Some(HOUR)),
            Some(hours(11))
        );
    }

    #[test]
    fn the_stored_mark_moves_by_the_minute() {
        let timeline = from_hour_ten(None);
        timeline.has_stored(hours(10));
        let later = |seconds| hours(10).after(Duration::from_secs(seconds));
        assert_eq!(timeline.worth_storing(later(59), None), None);
        assert_eq!(timeline.worth_storing(later(60), None), Some(later(60)));
    }

    #[test]
    fn an_older_wall_clock_begins_at_the_kept_mark() {
        let timeline = Timeline::new(Revision::ZERO, Some(hours(20)), hours(3), Some(HOUR));
        assert_eq!(timeline.read(hours(3), Some(HOUR * 2)), hours(21));
    }
}
