//! Instants as the gate compares them: whole nanoseconds in one word, saturating, so that no arithmetic can fail.

use std::time::Duration;

use time::OffsetDateTime;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Nanoseconds since 1970 UTC. Readings outside 1677..2262 are taken as the nearest end of that range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

impl Moment {
    pub(crate) const EARLIEST: Self = Self(i64::MIN);

    pub(crate) const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    pub(crate) const fn as_nanos(self) -> i64 {
        self.0
    }

    /// This moment and so much later.
    #[inline]
    pub(crate) fn after(self, by: Duration) -> Self {
        // A product that no u64 holds is longer than the whole range of moments.
        let seconds = by.as_secs().saturating_mul(NANOS_PER_SECOND.unsigned_abs());
        let rest = i64::from(by.subsec_nanos());
        Self(self.0.saturating_add_unsigned(seconds).saturating_add(rest))
    }

    pub(crate) fn to_datetime(self) -> OffsetDateTime {
        // Every i64 of nanoseconds is within the range of dates.
        OffsetDateTime::from_unix_timestamp_nanos(self.0.into())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// For the first second of the range and for what lies outside it.
    #[cold]
    fn at_the_edge(datetime: OffsetDateTime) -> Self {
        let nanos = datetime.unix_timestamp_nanos();
        Self(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl From<OffsetDateTime> for Moment {
    #[inline]
    fn from(datetime: OffsetDateTime) -> Self {
        // Every decision does this, and wide integers are slow.
        let seconds = datetime.unix_timestamp().checked_mul(NANOS_PER_SECOND);
        let exact = seconds.and_then(|seconds| seconds.checked_add(datetime.nanosecond().into()));
        exact.map_or_else(|| Self::at_the_edge(datetime), Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    proptest! {
        #[test]
        fn a_moment_survives_being_a_date(nanos: i64) {
            let moment = Moment::from_nanos(nanos);
            prop_assert_eq!(Moment::from(moment.to_datetime()), moment);
        }

        #[test]
        fn later_is_exact_or_the_end(nanos: i64, seconds: u64, rest in 0..1_000_000_000_u32) {
            for seconds in [seconds, seconds % 20_000_000_000, seconds % 100] {
                let by = Duration::new(seconds, rest);
                let exact = i128::from(nanos) + i128::try_from(by.as_nanos()).unwrap();
                let expected = i64::try_from(exact).unwrap_or(i64::MAX);
                prop_assert_eq!(Moment::from_nanos(nanos).after(by).as_nanos(), expected);
            }
        }
    }

    #[test]
    fn dates_outside_the_range_are_its_ends() {
        for (nanos, date) in [
            (i64::MIN, datetime!(-9999-01-01 0:00 UTC)),
            (i64::MIN, datetime!(1677-09-21 0:12:43.145 UTC)),
            (i64::MIN, Moment::EARLIEST.to_datetime()),
            (i64::MAX, datetime!(2262-04-11 23:47:17 UTC)),
            (i64::MAX, datetime!(9999-12-31 23:59:59 UTC)),
        ] {
            assert_eq!(Moment::from(date).as_nanos(), nanos, "{date}");
        }
        let near = Moment::from_nanos(i64::MIN + 5);
        assert_eq!(Moment::from(near.to_datetime()), near);
    }
}
