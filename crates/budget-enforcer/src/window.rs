//! Which window of a period an instant falls in: a pure function of time, so that nothing depends on a timer.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::error::BudgetError;
use crate::moment::Moment;
use crate::period::Period;

const HOUR: i64 = 3_600_000_000;

/// A time zone by its IANA name. The rules come with this crate, so that two hosts agree about the same window.
///
/// ```
/// # use budget_enforcer::Zone;
/// let zone: Zone = "Europe/Berlin".parse()?;
/// assert_eq!(zone.name(), "Europe/Berlin");
/// # Ok::<(), budget_enforcer::BudgetError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time, the default.
    #[must_use]
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl FromStr for Zone {
    type Err = BudgetError;

    fn from_str(name: &str) -> Result<Self, BudgetError> {
        match TimeZoneDatabase::bundled().get(name) {
            Ok(zone) if !zone.is_unknown() => Ok(Self(zone)),
            Ok(_) | Err(_) => Err(BudgetError::unknown_zone(name)),
        }
    }
}

impl TryFrom<String> for Zone {
    type Error = BudgetError;

    fn try_from(name: String) -> Result<Self, BudgetError> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({:?})", self.name())
    }
}

/// A stretch of time with a budget of its own: from `start_at`, included, to `end_at`, not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// When it starts. A lifetime's is the earliest instant that there is.
    pub start_at: OffsetDateTime,
    /// When the next one starts; `None`: never.
    pub end_at: Option<OffsetDateTime>,
}

/// A period in a zone, with the anchor that fixed lengths are counted from.
///
/// ```
/// # use budget_enforcer::{Period, Schedule, Zone};
/// # use time::macros::datetime;
/// let days = Schedule::new(Period::Daily, "America/New_York".parse()?, datetime!(2026-01-01 0:00 UTC));
/// let window = days.window(datetime!(2026-03-08 12:00 UTC)); // the clocks go forward: 23 hours
/// assert_eq!(window.start_at, datetime!(2026-03-08 5:00 UTC));
/// assert_eq!(window.end_at, Some(datetime!(2026-03-09 4:00 UTC)));
/// # Ok::<(), budget_enforcer::BudgetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Schedule {
    period: Period,
    zone: Zone,
    anchor: Moment,
}

impl Schedule {
    /// Windows of `period`; calendar periods in `zone`, fixed lengths from `anchor` on.
    #[must_use]
    pub fn new(period: Period, zone: Zone, anchor: OffsetDateTime) -> Self {
        Self::anchored(period, zone, Moment::from(anchor))
    }

    /// The window that `at` falls in. Times are rounded down to whole microseconds. Where the calendar ends (year 9999),
    /// the window never does.
    #[must_use]
    pub fn window(&self, at: OffsetDateTime) -> Window {
        let span = self.span(Moment::from(at));
        Window {
            start_at: span.start.to_time(),
            end_at: span.end.to_end(),
        }
    }

    pub(crate) const fn period(&self) -> Period {
        self.period
    }

    pub(crate) const fn zone(&self) -> &Zone {
        &self.zone
    }

    pub(crate) const fn anchor(&self) -> Moment {
        self.anchor
    }

    pub(crate) const fn anchored(period: Period, zone: Zone, anchor: Moment) -> Self {
        Self {
            period,
            zone,
            anchor,
        }
    }

    pub(crate) const fn lifetime() -> Self {
        Self::anchored(Period::Lifetime, Zone::utc(), Moment::DAWN)
    }

    pub(crate) const fn is_lifetime(&self) -> bool {
        matches!(self.period, Period::Lifetime)
    }

    /// The window that comes `most` windows after `span`, or the last one that has begun by `at`, and how many after it that is. Only where
    /// windows have a fixed length.
    pub(crate) fn ahead(&self, span: Span, most: u64, at: Moment) -> Option<(u64, Span)> {
        let length = match self.period {
            Period::Hourly | Period::Every(_) => span.end.since(span.start),
            _ => return None,
        };
        let between = at.since(span.start).as_micros();
        let windows = between.checked_div(length.as_micros())?;
        let windows = u64::try_from(windows).unwrap_or(u64::MAX).min(most);
        let micros = length.as_micros().saturating_mul(u128::from(windows));
        let start = span
            .start
            .plus(Duration::from_micros(u64::try_from(micros).ok()?));
        (windows > 0).then(|| (windows, self.span(start)))
    }

    pub(crate) fn span(&self, at: Moment) -> Span {
        let span = match self.period {
            Period::Lifetime => None,
            Period::Hourly => fixed(HOUR, 0, at),
            Period::Every(length) => i64::try_from(length.seconds().get())
                .ok()
                .and_then(|seconds| seconds.checked_mul(1_000_000))
                .and_then(|micros| fixed(micros, self.anchor.micros(), at)),
            Period::Daily | Period::Weekly | Period::Monthly | Period::Yearly => self.calendar(at),
        };
        span.unwrap_or(Span {
            start: Moment::DAWN,
            end: Moment::NEVER,
        })
    }

    fn calendar(&self, at: Moment) -> Option<Span> {
        let zone = &self.zone.0;
        let local = zone.to_datetime(Timestamp::from_microsecond(at.micros()).ok()?);
        let mut first = self.first_day(local.date())?;
        let mut span = Span {
            start: begin(zone, first)?,
            end: begin(zone, self.next_first_day(first)?)?,
        };
        // Where clocks are set back across midnight a date comes twice, and belongs to the window that came first
        // only until the next one has begun.
        while span.end <= at {
            first = self.next_first_day(first)?;
            span = Span {
                start: span.end,
                end: begin(zone, self.next_first_day(first)?)?,
            };
        }
        Some(span)
    }

    fn first_day(&self, day: Date) -> Option<Date> {
        match self.period {
            Period::Weekly => {
                let since_monday = i64::from(day.weekday().since(Weekday::Monday));
                day.checked_sub(since_monday.days()).ok()
            }
            Period::Monthly => Some(day.first_of_month()),
            Period::Yearly => Some(day.first_of_year()),
            _ => Some(day),
        }
    }

    fn next_first_day(&self, first: Date) -> Option<Date> {
        let step = match self.period {
            Period::Weekly => 1.week(),
            Period::Monthly => 1.month(),
            Period::Yearly => 1.year(),
            _ => 1.day(),
        };
        first.checked_add(step).ok()
    }
}

/// A window in the engine's own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) start: Moment,
    pub(crate) end: Moment,
}

fn fixed(length: i64, anchor: i64, at: Moment) -> Option<Span> {
    let into = at
        .micros()
        .checked_sub(anchor)?
        .checked_rem_euclid(length)?;
    let start = at.micros().checked_sub(into)?;
    Some(Span {
        start: Moment::from_micros(start),
        end: Moment::from_micros(start.checked_add(length)?),
    })
}

/// The first instant of a date: midnight, or what follows where the clocks skip midnight, or the earlier of two midnights.
fn begin(zone: &TimeZone, day: Date) -> Option<Moment> {
    let midnight: DateTime = day.at(0, 0, 0, 0);
    let local = zone.to_ambiguous_timestamp(midnight);
    let skipped = matches!(local.offset(), AmbiguousOffset::Gap { .. });
    let mut first = local.compatible().ok()?;
    if skipped {
        // As long after the clocks went forward as midnight is after what they skipped: the day began when they did.
        let after = first.checked_add(1.nanosecond()).ok()?;
        first = zone.preceding(after).next()?.timestamp();
    }
    Some(Moment::from_micros(first.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn bounds(period: &str, zone: &str, at: OffsetDateTime) -> (OffsetDateTime, OffsetDateTime) {
        let schedule = Schedule::new(
            period.parse().unwrap(),
            zone.parse().unwrap(),
            datetime!(2026-01-01 06:30 UTC),
        );
        let window = schedule.window(at);
        (window.start_at, window.end_at.unwrap())
    }

    #[test]
    fn windows_follow_the_calendar_of_their_zone() {
        #[rustfmt::skip]
        let table = [
            ("hourly", "UTC", datetime!(2026-03-29 01:59:59.999999 UTC), datetime!(2026-03-29 01:00 UTC), datetime!(2026-03-29 02:00 UTC)),
            ("hourly", "Asia/Kolkata", datetime!(2026-03-29 01:15 UTC), datetime!(2026-03-29 01:00 UTC), datetime!(2026-03-29 02:00 UTC)),
            ("daily", "UTC", datetime!(2026-02-28 23:59 UTC), datetime!(2026-02-28 00:00 UTC), datetime!(2026-03-01 00:00 UTC)),
            ("daily", "UTC", datetime!(2028-02-29 00:00 UTC), datetime!(2028-02-29 00:00 UTC), datetime!(2028-03-01 00:00 UTC)),
            ("daily", "Asia/Kolkata", datetime!(2026-01-01 18:29 UTC), datetime!(2025-12-31 18:30 UTC), datetime!(2026-01-01 18:30 UTC)),
            ("daily", "Asia/Kolkata", datetime!(2026-01-01 18:30 UTC), datetime!(2026-01-01 18:30 UTC), datetime!(2026-01-02 18:30 UTC)),
            // 23 and 25 hours
            ("daily", "America/New_York", datetime!(2026-03-08 20:00 UTC), datetime!(2026-03-08 05:00 UTC), datetime!(2026-03-09 04:00 UTC)),
            ("daily", "America/New_York", datetime!(2026-11-01 05:30 UTC), datetime!(2026-11-01 04:00 UTC), datetime!(2026-11-02 05:00 UTC)),
            ("daily", "Europe/Berlin", datetime!(2026-03-29 12:00 UTC), datetime!(2026-03-28 23:00 UTC), datetime!(2026-03-29 22:00 UTC)),
            // half an hour of daylight saving
            ("daily", "Australia/Lord_Howe", datetime!(2026-04-04 20:00 UTC), datetime!(2026-04-04 13:00 UTC), datetime!(2026-04-05 13:30 UTC)),
            // no midnight on that day: it begins at 01:00
            ("daily", "America/Sao_Paulo", datetime!(2018-11-04 12:00 UTC), datetime!(2018-11-04 03:00 UTC), datetime!(2018-11-05 02:00 UTC)),
            // clocks go forward from 23:30 to 00:30: the day begins there, and not at an hour's distance from a midnight that was not
            ("daily", "America/Toronto", datetime!(1919-03-31 04:29:59.999999 UTC), datetime!(1919-03-30 05:00 UTC), datetime!(1919-03-31 04:30 UTC)),
            ("daily", "America/Toronto", datetime!(1919-03-31 04:30 UTC), datetime!(1919-03-31 04:30 UTC), datetime!(1919-04-01 04:00 UTC)),
            // midnight comes twice: the first one counts
            ("daily", "America/Havana", datetime!(2026-11-01 04:30 UTC), datetime!(2026-11-01 04:00 UTC), datetime!(2026-11-02 05:00 UTC)),
            ("daily", "America/Havana", datetime!(2026-11-01 05:30 UTC), datetime!(2026-11-01 04:00 UTC), datetime!(2026-11-02 05:00 UTC)),
            // clocks go back from 00:01 to 23:01 of the day before: the new day stays begun
            ("daily", "America/St_Johns", datetime!(2009-11-01 02:30 UTC), datetime!(2009-11-01 02:30 UTC), datetime!(2009-11-02 03:30 UTC)),
            ("daily", "America/St_Johns", datetime!(2009-11-01 03:00 UTC), datetime!(2009-11-01 02:30 UTC), datetime!(2009-11-02 03:30 UTC)),
            // Samoa had no 30 December 2011
            ("daily", "Pacific/Apia", datetime!(2011-12-30 09:59 UTC), datetime!(2011-12-29 10:00 UTC), datetime!(2011-12-30 10:00 UTC)),
            ("daily", "Pacific/Apia", datetime!(2011-12-30 10:00 UTC), datetime!(2011-12-30 10:00 UTC), datetime!(2011-12-31 10:00 UTC)),
            ("weekly", "UTC", datetime!(2026-11-22 23:59 UTC), datetime!(2026-11-16 00:00 UTC), datetime!(2026-11-23 00:00 UTC)),
            ("weekly", "UTC", datetime!(2026-11-23 00:00 UTC), datetime!(2026-11-23 00:00 UTC), datetime!(2026-11-30 00:00 UTC)),
            ("weekly", "America/New_York", datetime!(2026-03-08 12:00 UTC), datetime!(2026-03-02 05:00 UTC), datetime!(2026-03-09 04:00 UTC)),
            ("monthly", "UTC", datetime!(2028-02-29 12:00 UTC), datetime!(2028-02-01 00:00 UTC), datetime!(2028-03-01 00:00 UTC)),
            ("monthly", "Europe/Berlin", datetime!(2026-10-31 23:30 UTC), datetime!(2026-10-31 23:00 UTC), datetime!(2026-11-30 23:00 UTC)),
            ("monthly", "Pacific/Apia", datetime!(2011-12-31 00:00 UTC), datetime!(2011-12-01 10:00 UTC), datetime!(2011-12-31 10:00 UTC)),
            ("yearly", "UTC", datetime!(2028-12-31 23:59 UTC), datetime!(2028-01-01 00:00 UTC), datetime!(2029-01-01 00:00 UTC)),
            ("yearly", "Asia/Kolkata", datetime!(2025-12-31 18:30 UTC), datetime!(2025-12-31 18:30 UTC), datetime!(2026-12-31 18:30 UTC)),
            // fixed lengths count from the anchor, backwards too, and know no zone
            ("every 36h", "America/New_York", datetime!(2026-01-02 18:29 UTC), datetime!(2026-01-01 06:30 UTC), datetime!(2026-01-02 18:30 UTC)),
            ("every 36h", "UTC", datetime!(2026-01-02 18:30 UTC), datetime!(2026-01-02 18:30 UTC), datetime!(2026-01-04 06:30 UTC)),
            ("every 36h", "UTC", datetime!(2026-01-01 06:29 UTC), datetime!(2025-12-30 18:30 UTC), datetime!(2026-01-01 06:30 UTC)),
        ];
        for (period, zone, at, start, end) in table {
            assert_eq!(
                bounds(period, zone, at),
                (start, end),
                "{period} {zone} {at}"
            );
        }
    }

    #[test]
    fn a_lifetime_never_ends() {
        let schedule = Schedule::new(Period::Lifetime, Zone::utc(), OffsetDateTime::UNIX_EPOCH);
        assert_eq!(schedule.window(datetime!(2026-01-01 0:00 UTC)).end_at, None);
        assert!(schedule.is_lifetime());
        assert!(
            !Schedule::new(Period::Daily, Zone::utc(), datetime!(2026-01-01 0:00 UTC))
                .is_lifetime()
        );
    }

    #[test]
    fn zones_are_shown_and_stored_by_their_name() {
        for name in ["UTC", "Europe/Berlin", "America/St_Johns"] {
            let zone: Zone = name.parse().unwrap();
            assert_eq!((zone.name(), zone.to_string().as_str()), (name, name));
            assert_eq!(format!("{zone:?}"), format!("Zone({name:?})"));
            let json = serde_json::to_string(&zone).unwrap();
            assert_eq!(json, format!("{name:?}"));
            assert_eq!(serde_json::from_str::<Zone>(&json).unwrap(), zone);
        }
        assert_eq!(Zone::default(), "UTC".parse().unwrap());
    }

    #[test]
    fn the_end_of_the_calendar_never_ends() {
        let schedule = Schedule::new(Period::Yearly, Zone::utc(), OffsetDateTime::UNIX_EPOCH);
        assert_eq!(
            schedule.window(datetime!(9999-12-31 23:00 UTC)).end_at,
            None
        );
    }

    #[test]
    fn unknown_zones_are_refused() {
        for name in ["", "Mars/Olympus", "Etc/Unknown", "../UTC", "UTC "] {
            assert!(
                matches!(name.parse::<Zone>(), Err(BudgetError::UnknownZone { .. })),
                "{name:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Windows tile time: each instant is in its window, and the next window begins where it ends.
        #[test]
        fn windows_tile_time(
            seconds in -4_000_000_000_i64..4_000_000_000,
            period in prop::sample::select(vec!["hourly", "daily", "weekly", "monthly", "yearly", "every 36h", "every 61s"]),
            zone in prop::sample::select(vec!["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns",
                "America/Havana", "Asia/Kolkata", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Gaza", "Antarctica/Troll",
                "America/Toronto", "Pacific/Kwajalein", "America/Juneau"]),
        ) {
            let schedule = Schedule::new(period.parse().unwrap(), zone.parse().unwrap(), datetime!(2026-01-01 06:30 UTC));
            let at = Moment::from_micros(seconds * 1_000_000);
            let span = schedule.span(at);
            prop_assert!(span.start <= at && at < span.end, "{span:?}");
            prop_assert_eq!(schedule.span(span.start), span);
            prop_assert_eq!(schedule.span(Moment::from_micros(span.end.micros() - 1)), span);
            prop_assert_eq!(schedule.span(span.end).start, span.end);
        }
    }
}
