//! Decimal text as an integer in small units, because the way through a float loses digits.

pub(super) const NOT_DECIMAL: &str = "write it as `2.50`, without sign, currency or exponent";
const NOT_NUMBER: &str = "it is not a decimal number";
const NEGATIVE: &str = "it is negative";
const TOO_FINE: &str = "it has more digits behind the point than can be held exactly";
pub(super) const TOO_LARGE: &str = "it is too large";

/// `12.50` in units of 10^-`places`.
pub(super) fn plain(text: &str, places: u32) -> Result<u128, &'static str> {
    scaled(text, 0, places).map_err(|why| if why == NOT_NUMBER { NOT_DECIMAL } else { why })
}

/// `1.25e-7`, or without exponent, in units of 10^-`places`.
pub(super) fn scientific(text: &str, places: u32) -> Result<u128, &'static str> {
    match text.split_once(['e', 'E']) {
        None => scaled(text, 0, places),
        Some((mantissa, exponent)) => {
            let exponent = exponent.parse().map_err(|_| NOT_NUMBER)?;
            scaled(mantissa, exponent, places)
        }
    }
}

fn scaled(mantissa: &str, exponent: i32, places: u32) -> Result<u128, &'static str> {
    if mantissa.starts_with('-') {
        return Err(NEGATIVE);
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(NOT_NUMBER);
    }
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let zeros = digits.len().saturating_sub(significant.len());
    let length = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let power = i64::from(exponent)
        .saturating_add(i64::from(places))
        .saturating_add(length(zeros))
        .saturating_sub(length(fraction.len()));
    if power < 0 {
        return Err(TOO_FINE);
    }
    let power = u32::try_from(power).map_err(|_| TOO_LARGE)?;
    let significant: u128 = significant.parse().map_err(|_| TOO_LARGE)?;
    10_u128
        .checked_pow(power)
        .and_then(|unit| unit.checked_mul(significant))
        .ok_or(TOO_LARGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_digit_exactly() {
        for (text, units) in [
            ("0", 0),
            ("0.000", 0),
            ("0e99999", 0),
            ("1", 1_000),
            ("1.5", 1_500),
            ("001.500000", 1_500),
            ("1.25e2", 125_000),
            ("1.25E+2", 125_000),
            ("5e-3", 5),
            ("500e-5", 5),
            ("0.0005e1", 5),
            ("340282366920938463463374607431768211.455", u128::MAX),
        ] {
            assert_eq!(scientific(text, 3), Ok(units), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_exact() {
        for (text, why) in [
            ("", NOT_NUMBER),
            (".5", NOT_NUMBER),
            ("5.", NOT_NUMBER),
            ("+5", NOT_NUMBER),
            ("1e", NOT_NUMBER),
            ("1e1.5", NOT_NUMBER),
            ("e5", NOT_NUMBER),
            ("1e99999999999", NOT_NUMBER),
            ("NaN", NOT_NUMBER),
            ("inf", NOT_NUMBER),
            ("١", NOT_NUMBER),
            ("1_000", NOT_NUMBER),
            ("-1", NEGATIVE),
            ("-0", NEGATIVE),
            ("0.0001", TOO_FINE),
            ("1e-4", TOO_FINE),
            ("1e-2147483648", TOO_FINE),
            ("1e2147483647", TOO_LARGE),
            ("1e36", TOO_LARGE),
            ("340282366920938463463374607431768211.456", TOO_LARGE),
        ] {
            assert_eq!(scientific(text, 3), Err(why), "{text:?}");
        }
        assert_eq!(plain("1e2", 3), Err(NOT_DECIMAL));
    }
}
