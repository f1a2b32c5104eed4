//! Amounts in entries: whole numbers that every JSON reader keeps exact, or decimal text. Never a float.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// The largest integer written as a JSON number: 2^53 − 1.
pub(crate) const MAX_INTEGER: i64 = (1 << 53) - 1;

/// An amount. Integers are written as JSON numbers, decimals as strings.
///
/// ```
/// use audit_trail::Quantity;
///
/// let tokens = Quantity::from(1_500_u64);
/// let dollars = Quantity::from("0.0150");
/// assert_eq!(tokens.to_string(), "1500");
/// assert_eq!(dollars.to_string(), "0.0150");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quantity<'a> {
    /// A whole number, within ±(2^53 − 1).
    Integer(i64),
    /// A number as decimal text: `-?(0|[1-9][0-9]*)(\.[0-9]+)?`.
    Decimal(Cow<'a, str>),
}

impl From<u64> for Quantity<'_> {
    /// Numbers of 2^53 and more become decimal text.
    fn from(n: u64) -> Self {
        match i64::try_from(n) {
            Ok(n) if n <= MAX_INTEGER => Self::Integer(n),
            _ => Self::Decimal(n.to_string().into()),
        }
    }
}

impl<'a> From<&'a str> for Quantity<'a> {
    fn from(decimal: &'a str) -> Self {
        Self::Decimal(Cow::Borrowed(decimal))
    }
}

impl From<String> for Quantity<'_> {
    fn from(decimal: String) -> Self {
        Self::Decimal(Cow::Owned(decimal))
    }
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(n) => n.fmt(f),
            Self::Decimal(text) => f.write_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Quantity<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Quantity<'static>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer below 2^53 or a decimal string")
            }
            fn visit_i64<E: Error>(self, n: i64) -> Result<Self::Value, E> {
                Ok(Quantity::Integer(n))
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<Self::Value, E> {
                i64::try_from(n)
                    .map(Quantity::Integer)
                    .map_err(|_| E::custom("integer too large"))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Quantity::Decimal(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Whether `text` is a plain decimal number: no sign but `-`, no exponent, no leading zeros.
pub(crate) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    all_digits(whole) && all_digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_plain_numbers() {
        for good in [
            "0",
            "-1",
            "10.50",
            "0.000001",
            "123456789012345678901234567890",
        ] {
            assert!(is_decimal(good), "{good}");
        }
        for bad in [
            "", "-", ".5", "1.", "01", "+1", "1e3", "NaN", "inf", "1_000", " 1", "--1", "1.2.3",
            "١",
        ] {
            assert!(!is_decimal(bad), "{bad}");
        }
    }

    #[test]
    fn integers_that_json_readers_would_round_become_text() {
        assert_eq!(
            Quantity::from((1_u64 << 53) - 1),
            Quantity::Integer(MAX_INTEGER)
        );
        assert_eq!(
            Quantity::from(1_u64 << 53),
            Quantity::Decimal("9007199254740992".into())
        );
        assert_eq!(Quantity::from(u64::MAX).to_string(), "18446744073709551615");
    }
}
