//! Instants as the gate compares them: whole nanoseconds in one word, saturating, so that no arithmetic can fail.

use std::time::Duration;

use time::OffsetDateTime;

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
    pub(crate) fn after(self, by: Duration) -> Self {
        let by = i128::try_from(by.as_nanos()).unwrap_or(i128::MAX);
        Self(i64::try_from(i128::from(self.0).saturating_add(by)).unwrap_or(i64::MAX))
    }

    pub(crate) fn to_datetime(self) -> OffsetDateTime {
        // Every i64 of nanoseconds is within the range of dates.
        OffsetDateTime::from_unix_timestamp_nanos(self.0.into())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl From<OffsetDateTime> for Moment {
    fn from(datetime: OffsetDateTime) -> Self {
        let nanos = datetime.unix_timestamp_nanos();
        Self(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }
}
