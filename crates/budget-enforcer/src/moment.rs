//! Instants as whole microseconds since the Unix epoch: inside, time is only compared and moved by a length.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, PrimitiveDateTime};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Moment(i64);

impl Moment {
    /// Later than every instant that a clock can show: the end of a window that never ends.
    pub(crate) const NEVER: Self = Self(i64::MAX);
    /// Earlier than every instant that a clock can show.
    pub(crate) const DAWN: Self = Self(i64::MIN);

    pub(crate) const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub(crate) const fn micros(self) -> i64 {
        self.0
    }

    pub(crate) fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }

    pub(crate) fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }

    /// How much later `self` is; zero when it is not later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub(crate) fn to_time(self) -> OffsetDateTime {
        let seconds = self.0.div_euclid(1_000_000);
        let nanos = u32::try_from(self.0.rem_euclid(1_000_000))
            .unwrap_or(0)
            .saturating_mul(1_000);
        let time = OffsetDateTime::from_unix_timestamp(seconds)
            .and_then(|time| time.replace_nanosecond(nanos));
        time.unwrap_or(if self.0 < 0 {
            PrimitiveDateTime::MIN.assume_utc()
        } else {
            PrimitiveDateTime::MAX.assume_utc()
        })
    }

    /// `None` where the window never ends.
    pub(crate) fn to_end(self) -> Option<OffsetDateTime> {
        (self != Self::NEVER).then(|| self.to_time())
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self::DAWN
    }
}

impl From<OffsetDateTime> for Moment {
    fn from(at: OffsetDateTime) -> Self {
        Self(
            at.unix_timestamp()
                .saturating_mul(1_000_000)
                .saturating_add(i64::from(at.microsecond())),
        )
    }
}

fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}
