//! How long a budget lasts before it starts again, as operators write it.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::BudgetError;

/// The shortest fixed length, in seconds.
const SHORTEST: u64 = 60;

/// How often a budget starts again.
///
/// Written `hourly`, `daily`, `weekly`, `monthly`, `yearly`, `lifetime` (or `total`), or `every 36h` for a fixed length
/// in `s`, `m`, `h`, `d` (24 hours) or `w`, at least a minute.
///
/// ```
/// # use budget_enforcer::{BudgetError, Period};
/// assert_eq!("total".parse::<Period>()?, Period::Lifetime);
/// assert_eq!("every 36h".parse::<Period>()?.to_string(), "every 36h");
/// assert!(matches!("fortnightly".parse::<Period>(), Err(BudgetError::InvalidPeriod { .. })));
/// # Ok::<(), BudgetError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Period {
    /// UTC hours.
    Hourly,
    /// Days of a zone, of 23, 24 or 25 hours.
    Daily,
    /// Weeks of a zone, from Monday.
    Weekly,
    /// Months of a zone, from the 1st.
    Monthly,
    /// Years of a zone, from 1 January.
    Yearly,
    /// Never starts again.
    #[default]
    Lifetime,
    /// A fixed length, counted from the budget's creation.
    Every(Length),
}

/// A fixed length of at least a minute, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Length(NonZeroU64);

impl Length {
    /// From seconds; `None` below a minute.
    #[must_use]
    pub fn from_secs(seconds: u64) -> Option<Self> {
        NonZeroU64::new(seconds)
            .filter(|seconds| seconds.get() >= SHORTEST)
            .map(Self)
    }

    /// In seconds, at least 60.
    #[must_use]
    pub const fn seconds(self) -> NonZeroU64 {
        self.0
    }
}

impl FromStr for Period {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        Ok(match text {
            "hourly" => Self::Hourly,
            "daily" => Self::Daily,
            "weekly" => Self::Weekly,
            "monthly" => Self::Monthly,
            "yearly" => Self::Yearly,
            "lifetime" | "total" => Self::Lifetime,
            _ => text
                .strip_prefix("every ")
                .and_then(seconds)
                .and_then(Length::from_secs)
                .map(Self::Every)
                .ok_or_else(|| BudgetError::invalid_period(text))?,
        })
    }
}

impl TryFrom<String> for Period {
    type Error = BudgetError;

    fn try_from(text: String) -> Result<Self, BudgetError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Lifetime => "lifetime",
            Self::Every(length) => return write!(f, "every {}", Text(length.0.get())),
        })
    }
}

/// Durations in configuration, written `90s`, `5m`, `36h`, `7d`.
pub(crate) mod text {
    use super::{Duration, Text, seconds};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(
        length: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Text(length.as_secs()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        seconds(&text).map(Duration::from_secs).ok_or_else(|| {
            D::Error::custom(format_args!(
                "`{}` is not a length of time such as `90s`, `5m`, `36h`, `7d`",
                crate::error::Shown(&text)
            ))
        })
    }
}

const UNITS: [(char, u64); 5] = [
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

fn seconds(text: &str) -> Option<u64> {
    let (_, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
    let number = text.get(..text.len().checked_sub(1)?)?;
    // A sign would be read too.
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(*seconds)
}

/// Seconds in the largest unit that holds them exactly, weeks left out: `36h`, `7d`.
struct Text(u64);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS
            .iter()
            .skip(1)
            .find(|(_, seconds)| self.0 > 0 && self.0.is_multiple_of(*seconds));
        let (unit, seconds) = exact.copied().unwrap_or(('s', 1));
        write!(f, "{}{unit}", self.0.checked_div(seconds).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_shows() {
        for text in [
            "hourly",
            "daily",
            "weekly",
            "monthly",
            "yearly",
            "lifetime",
            "every 36h",
            "every 7d",
            "every 90s",
        ] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        assert_eq!(
            "every 2w".parse::<Period>().unwrap().to_string(),
            "every 14d"
        );
        assert_eq!(
            "every 1440m".parse::<Period>().unwrap().to_string(),
            "every 1d"
        );
    }

    #[test]
    fn a_length_of_nothing_is_shown_in_seconds() {
        assert_eq!(Text(0).to_string(), "0s");
    }

    #[test]
    fn refuses_unknown_periods_by_name() {
        for text in [
            "",
            "Daily",
            " daily",
            "every",
            "every h",
            "every 0h",
            "every 59s",
            "every -1h",
            "every +36h",
            "every １h",
            "every 1e3h",
            "every  36h",
            "every 1.5h",
            "every 36 h",
            "every 36",
            "every 99999999999999999999h",
            "every 9999999999999999999w",
            "every 1é",
            "fortnightly",
        ] {
            let error = text.parse::<Period>().unwrap_err();
            assert!(
                matches!(error, BudgetError::InvalidPeriod { .. }),
                "{text:?}: {error}"
            );
        }
    }
}
