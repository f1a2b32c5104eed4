//! Money as an integer, because a ceiling made of floats is not one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::BudgetError;

const NANOS_PER_USD: u64 = 1_000_000_000;
const DIGITS: usize = 9;

/// US dollars in whole nano-dollars: token prices need seven digits behind the point.
///
/// From 0 to 18 446 744 073.709551615. [`Display`](fmt::Display) shows four digits behind the point, rounded half up, or as many as the
/// format asks for; [`exact`](Self::exact) shows all of them. Serialised as the exact text.
///
/// ```
/// # use budget_enforcer::Usd;
/// let price: Usd = "0.0000025".parse()?;
/// assert_eq!(price.nanos(), 2_500);
/// assert_eq!(format!("{price} {price:.7} {}", price.exact()), "0.0000 0.0000025 0.0000025");
/// # Ok::<(), budget_enforcer::BudgetError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Usd(u64);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From nano-dollars: 1 USD is 1 000 000 000.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// In nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// From a float, rounded to the nearest nano-dollar (half of one up), so that 0.1 + 0.2 fits 0.3. For callers that have
    /// nothing better.
    ///
    /// # Errors
    /// [`BudgetError::InvalidUsd`] for NaN, infinite, negative and too large values.
    pub fn try_from_f64(dollars: f64) -> Result<Self, BudgetError> {
        let refuse = |why| BudgetError::invalid_usd(dollars, why);
        if dollars.is_nan() {
            return Err(refuse("it is not a number"));
        }
        if dollars.is_infinite() {
            return Err(refuse("it is infinite"));
        }
        if dollars < 0.0 {
            return Err(refuse("it is negative"));
        }
        nearest_nanos(dollars)
            .map(Self)
            .ok_or_else(|| refuse(TOO_LARGE))
    }

    /// The sum, or `None` where it is too large.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` where it would be negative.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// All the digits that there are, at least two behind the point: what [`FromStr`] reads back as the same amount.
    #[must_use]
    pub fn exact(self) -> impl fmt::Display {
        Exact(self)
    }

    fn parts(self) -> (u64, u64) {
        (self.0 / NANOS_PER_USD, self.0 % NANOS_PER_USD)
    }
}

/// A finite float that is not negative in billionths, as an integer from its bits: a multiplication of floats would round once
/// more, and the wrong way where it comes to rest on a half.
fn nearest_nanos(dollars: f64) -> Option<u64> {
    const FRACTION: u64 = (1 << 52) - 1;
    const EXPONENT: u64 = (1 << 11) - 1;
    let bits = dollars.to_bits();
    let exponent = u32::try_from((bits >> 52) & EXPONENT).ok()?;
    // What is too small to have the leading bit rounds to nothing with it or without.
    let significand = (bits & FRACTION) | (1 << 52);
    let nanos = u128::from(significand).checked_mul(u128::from(NANOS_PER_USD))?;
    // The value is `significand` divided by two to this power; from 2^52 dollars on there is no such power, nor such an amount.
    let below = 1075_u32.checked_sub(exponent)?;
    let half = 1_u128.checked_shl(below.checked_sub(1)?);
    let rounded = half.and_then(|half| nanos.checked_add(half)?.checked_shr(below));
    u64::try_from(rounded.unwrap_or(0)).ok()
}

const TOO_LARGE: &str = "it is larger than 18446744073.709551615";

impl FromStr for Usd {
    type Err = BudgetError;

    /// Reads `100`, `1.50`, `0.000000001`: digits, and at most nine of them behind a point.
    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let refuse = |why| BudgetError::invalid_usd(text, why);
        if text.starts_with('-') {
            return Err(refuse("it is negative"));
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(refuse(
                "write it as `12.50`, without sign, currency or exponent",
            ));
        }
        if fraction.len() > DIGITS {
            return Err(refuse("it has more than nine digits behind the point"));
        }
        let nanos = format!("{fraction:0<DIGITS$}")
            .parse::<u64>()
            .map_err(|_| refuse(TOO_LARGE))?;
        let whole = whole.parse::<u64>().map_err(|_| refuse(TOO_LARGE))?;
        whole
            .checked_mul(NANOS_PER_USD)
            .and_then(|whole| whole.checked_add(nanos))
            .map(Self)
            .ok_or_else(|| refuse(TOO_LARGE))
    }
}

impl TryFrom<String> for Usd {
    type Error = BudgetError;

    fn try_from(text: String) -> Result<Self, BudgetError> {
        text.parse()
    }
}

impl From<Usd> for String {
    fn from(amount: Usd) -> Self {
        amount.exact().to_string()
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(4).min(DIGITS);
        let unit = 10_u64
            .saturating_pow(u32::try_from(DIGITS.saturating_sub(digits)).unwrap_or(0))
            .max(1);
        // In u128, for the largest amounts round up beyond u64.
        let rounded = u128::from(self.0)
            .saturating_add(u128::from(unit / 2))
            .checked_div(u128::from(unit))
            .unwrap_or(0);
        let per_usd = u128::from(NANOS_PER_USD.checked_div(unit).unwrap_or(1)).max(1);
        let whole = rounded.checked_div(per_usd).unwrap_or(0);
        if digits == 0 {
            return f.pad_integral(true, "", &whole.to_string());
        }
        let fraction = rounded.checked_rem(per_usd).unwrap_or(0);
        f.write_fmt(format_args!("{whole}.{fraction:0digits$}"))
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Usd({})", self.exact())
    }
}

struct Exact(Usd);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, nanos) = self.0.parts();
        let all = format!("{nanos:09}");
        let short = all.trim_end_matches('0');
        write!(f, "{whole}.{short:0<2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn reads_every_digit_exactly() {
        for (text, nanos) in [
            ("0", 0),
            ("100", 100_000_000_000),
            ("1.5", 1_500_000_000),
            ("0.000000001", 1),
            ("007.10", 7_100_000_000),
            ("18446744073.709551615", u64::MAX),
        ] {
            assert_eq!(usd(text).nanos(), nanos, "{text}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_hold_exactly() {
        for text in [
            "",
            ".",
            ".5",
            "5.",
            "-1",
            "-0",
            "+1",
            "1e3",
            "1,5",
            "$1",
            " 1",
            "1 ",
            "NaN",
            "inf",
            "0x1",
            "1.0000000000",
            "18446744073.709551616",
            "18446744074",
            "99999999999999999999999",
            "1.2.3",
            "١",
        ] {
            assert!(
                matches!(text.parse::<Usd>(), Err(BudgetError::InvalidUsd { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn rounds_floats_to_the_nearest_nano() {
        assert_eq!(Usd::try_from_f64(0.1 + 0.2).unwrap(), usd("0.3"));
        assert_eq!(Usd::try_from_f64(0.999_999_999_9).unwrap(), usd("1"));
        assert_eq!(Usd::try_from_f64(0.000_000_000_4).unwrap(), Usd::ZERO);
        assert_eq!(
            Usd::try_from_f64(18_446_744_073.5).unwrap(),
            usd("18446744073.5")
        );
        assert_eq!(Usd::try_from_f64(-0.0).unwrap(), Usd::ZERO);
        assert_eq!(Usd::try_from_f64(f64::from_bits(1)).unwrap(), Usd::ZERO);
        // 2^-10 USD is 976 562.5 nano-dollars.
        assert_eq!(Usd::try_from_f64(1.0 / 1024.0).unwrap().nanos(), 976_563);
        // The nearest floats to 4.5 and 6.5 nano-dollars are a trace less, and a trace more; a product of floats is 4.5 exactly.
        assert_eq!(Usd::try_from_f64(0.000_000_004_5).unwrap().nanos(), 4);
        assert_eq!(Usd::try_from_f64(0.000_000_006_5).unwrap().nanos(), 7);
    }

    #[test]
    fn refuses_floats_that_are_no_amount() {
        for float in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.01,
            18_446_744_074.0,
            9_007_199_254_740_992.0,
            1e300,
            f64::MAX,
        ] {
            assert!(
                matches!(
                    Usd::try_from_f64(float),
                    Err(BudgetError::InvalidUsd { .. })
                ),
                "{float}"
            );
        }
    }

    #[test]
    fn sums_and_differences_stop_at_the_ends() {
        let (least, most) = (Usd::from_nanos(1), Usd::from_nanos(u64::MAX));
        assert_eq!(usd("0.1").checked_add(usd("0.2")), Some(usd("0.3")));
        assert_eq!(most.checked_add(Usd::ZERO), Some(most));
        assert_eq!(most.checked_add(least), None);
        assert_eq!(usd("0.3").checked_sub(usd("0.1")), Some(usd("0.2")));
        assert_eq!(most.checked_sub(most), Some(Usd::ZERO));
        assert_eq!(Usd::ZERO.checked_sub(least), None);
    }

    #[test]
    fn shows_four_digits_or_as_many_as_asked() {
        assert_eq!(usd("1.5").to_string(), "1.5000");
        assert_eq!(usd("0.00005").to_string(), "0.0001");
        assert_eq!(usd("0.99996").to_string(), "1.0000");
        assert_eq!(
            format!(
                "{:.2}|{:.0}|{:.9}|{:.30}",
                usd("10"),
                usd("9.5"),
                usd("0.1"),
                usd("0.1")
            ),
            "10.00|10|0.100000000|0.100000000"
        );
        assert_eq!(format!("{:.0}", Usd::from_nanos(u64::MAX)), "18446744074");
    }

    #[test]
    fn exact_text_reads_back() {
        for nanos in [
            0,
            1,
            10,
            999_999_999,
            1_000_000_000,
            1_230_000_000,
            u64::MAX,
        ] {
            let amount = Usd::from_nanos(nanos);
            assert_eq!(usd(&amount.exact().to_string()), amount);
            let json = serde_json::to_string(&amount).unwrap();
            assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), amount);
        }
        assert_eq!(usd("5").exact().to_string(), "5.00");
        assert_eq!(usd("0.1230").exact().to_string(), "0.123");
        assert_eq!(format!("{:?}", usd("0.000000001")), "Usd(0.000000001)");
        assert!(
            serde_json::from_str::<Usd>("0.1").is_err(),
            "a float in a file is not exact"
        );
    }
}
