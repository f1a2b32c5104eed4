//! Spans of time as configuration writes them: a whole number and a unit, `36h`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de};

use crate::error::{TrustError, excerpt};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Units by their length in nanoseconds, longest first.
const UNITS: [(&str, u128); 8] = [
    ("w", 604_800 * NANOS_PER_SECOND),
    ("d", 86_400 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&write(*span))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    read(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// In the longest unit that says it exactly.
pub(crate) fn write(span: Duration) -> String {
    let nanos = span.as_nanos();
    UNITS
        .into_iter()
        .find(|(_, length)| nanos.is_multiple_of(*length) && nanos != 0)
        .and_then(|(unit, length)| {
            nanos
                .checked_div(length)
                .map(|count| format!("{count}{unit}"))
        })
        .unwrap_or_else(|| "0s".to_owned())
}

fn read(text: &str) -> Result<Duration, TrustError> {
    parse(text).ok_or_else(|| TrustError::InvalidSpan {
        value: excerpt(text),
    })
}

fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let (_, length) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let nanos = digits.parse::<u128>().ok()?.checked_mul(length)?;
    let seconds = u64::try_from(nanos.checked_div(NANOS_PER_SECOND)?).ok()?;
    let rest = u32::try_from(nanos.checked_rem(NANOS_PER_SECOND)?).ok()?;
    Some(Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in any::<u64>(), nanos in 0..1_000_000_000_u32) {
            let span = Duration::new(seconds, nanos);
            prop_assert_eq!(read(&write(span)).unwrap(), span);
        }
    }

    #[test]
    fn writes_the_longest_exact_unit() {
        let texts =
            [604_800, 172_800, 129_600, 90, 0].map(|seconds| write(Duration::from_secs(seconds)));
        assert_eq!(texts, ["1w", "2d", "36h", "90s", "0s"]);
    }

    #[test]
    fn refuses_what_is_not_a_whole_number_and_a_unit() {
        for text in [
            "",
            "7",
            "d",
            "-7d",
            "7 d",
            "1.5h",
            "7D",
            "7days",
            "99999999999999999999999w",
            "٣d",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
