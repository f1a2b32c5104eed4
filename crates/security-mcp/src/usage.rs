//! What a server says a call has cost: `result._meta["aumos/usage"]`.

use serde_json::value::RawValue;

use crate::wire::Object;

/// Key of the report within a result's `_meta`.
const KEY: &str = "aumos/usage";

/// Most digits of an amount, before or after the point.
const MAX_DIGITS: usize = 40;

/// A server's report about one call. It can raise what the call is charged, never lower it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each of these is settled in a way of its own"
)]
pub enum Usage {
    /// The server reports nothing: the hold is what the call costs.
    Unreported,
    /// What the server reports.
    Reported {
        /// Tokens used.
        tokens: Option<u64>,
        /// US dollars as plain decimal text, such as `0.0125`: digits, perhaps a point and digits. Exactly what the
        /// server wrote, for it never was a floating-point number here.
        cost_usd: Option<String>,
    },
    /// The server reports something that cannot be read: the hold is settled, and the log says why.
    Malformed(&'static str),
}

impl Usage {
    /// Reads the report from a result.
    pub(crate) fn of(result: &Object<'_>) -> Self {
        match result.value("_meta") {
            None => Self::Unreported,
            Some(meta) => Self::in_meta(meta).unwrap_or_else(Self::Malformed),
        }
    }

    fn in_meta(meta: &RawValue) -> Result<Self, &'static str> {
        if meta.get() == "null" {
            return Ok(Self::Unreported);
        }
        let meta = Object::read(meta.get(), &[KEY]).map_err(|_| "`_meta` cannot be read")?;
        let Some(report) = meta.value(KEY) else {
            return Ok(Self::Unreported);
        };
        let report = Object::read(report.get(), &["tokens", "cost_usd"])
            .map_err(|_| "`aumos/usage` is no plain object")?;
        let tokens = match report.value("tokens").map(RawValue::get) {
            None | Some("null") => None,
            Some(raw) => Some(
                whole(raw).ok_or("`tokens` must be a whole number, zero or more, below 2^64")?,
            ),
        };
        let cost_usd =
            match report.value("cost_usd").map(RawValue::get) {
                None | Some("null") => None,
                Some(raw) => Some(amount(raw).ok_or(
                    "`cost_usd` must be a decimal number, zero or more, or one in a string",
                )?),
            };
        if tokens.is_none() && cost_usd.is_none() {
            return Err("`aumos/usage` names neither `tokens` nor `cost_usd`");
        }
        Ok(Self::Reported { tokens, cost_usd })
    }
}

fn whole(raw: &str) -> Option<u64> {
    if raw.bytes().all(|byte| byte.is_ascii_digit()) {
        raw.parse().ok()
    } else {
        None
    }
}

fn amount(raw: &str) -> Option<String> {
    if raw.starts_with('"') {
        let text: String = serde_json::from_str(raw).ok()?;
        return plain_decimal(&text);
    }
    plain_decimal(raw)
}

/// Writes a decimal number out without an exponent: `1.25e-2` becomes `0.0125`. Refuses signs.
fn plain_decimal(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let all = [whole, fraction].concat();
    // Where the point goes: this many digits from the left. Zeros fill what is missing on either side.
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let (zeros, point) = match usize::try_from(point) {
        Ok(point) => (0, point),
        Err(_) => (usize::try_from(point.unsigned_abs()).ok()?, 0),
    };
    if all.len() > MAX_DIGITS || zeros > MAX_DIGITS || point > MAX_DIGITS {
        return None;
    }
    let all = format!("{}{all}", "0".repeat(zeros));
    let padded = format!("{all:0<point$}");
    let (whole, fraction) = padded.split_at_checked(point)?;
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    Some(match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(result: &str) -> Usage {
        Usage::of(&Object::read(result, &[]).unwrap())
    }

    fn reported(tokens: Option<u64>, cost: Option<&str>) -> Usage {
        Usage::Reported {
            tokens,
            cost_usd: cost.map(str::to_owned),
        }
    }

    #[test]
    fn amounts_are_read_digit_by_digit() {
        for (text, plain) in [
            ("0", "0"),
            ("0.10", "0.1"),
            ("00012.50", "12.5"),
            ("1e-07", "0.0000001"),
            ("1.25e-2", "0.0125"),
            ("12.5E+3", "12500"),
            ("1e0", "1"),
            (
                "0.000000000000000000000000000001",
                "0.000000000000000000000000000001",
            ),
            (
                "0.1000000000000000055511151231257827",
                "0.1000000000000000055511151231257827",
            ),
        ] {
            assert_eq!(plain_decimal(text).as_deref(), Some(plain), "{text}");
        }
        for text in [
            "",
            "-1",
            "+1",
            ".5",
            "5.",
            "1e",
            "1e99",
            "1e-99",
            "1e2147483647",
            "1e-2147483648",
            "NaN",
            "inf",
            "0x10",
            "1_000",
            "1,5",
            " 1",
            "1 ",
            "١",
        ] {
            assert_eq!(plain_decimal(text), None, "{text}");
        }
    }

    #[test]
    fn reports_are_read_from_meta() {
        assert_eq!(usage(r#"{"content":[]}"#), Usage::Unreported);
        assert_eq!(usage(r#"{"_meta":{"other":1}}"#), Usage::Unreported);
        assert_eq!(usage(r#"{"_meta":null}"#), Usage::Unreported);
        assert_eq!(
            usage(r#"{"_meta":{"aumos/usage":{"tokens":12,"cost_usd":0.30}}}"#),
            reported(Some(12), Some("0.3"))
        );
        assert_eq!(
            usage(r#"{"_meta":{"aumos/usage":{"cost_usd":"0.30"}}}"#),
            reported(None, Some("0.3"))
        );
        assert_eq!(
            usage(r#"{"_meta":{"aumos/usage":{"tokens":18446744073709551615}}}"#),
            reported(Some(u64::MAX), None)
        );
    }

    #[test]
    fn a_report_that_cannot_be_read_is_malformed_and_not_zero() {
        for report in [
            r#"{"tokens":-1}"#,
            r#"{"tokens":1.5}"#,
            r#"{"tokens":"12"}"#,
            r#"{"tokens":18446744073709551616}"#,
            r#"{"cost_usd":-0.1}"#,
            r#"{"cost_usd":"abc"}"#,
            r#"{"cost_usd":true}"#,
            r#"{"tokens":1,"tokens":2}"#,
            r#"{"Tokens":1}"#,
            "{}",
            "7",
            "null",
        ] {
            let result = format!(r#"{{"_meta":{{"aumos/usage":{report}}}}}"#);
            assert!(matches!(usage(&result), Usage::Malformed(_)), "{report}");
        }
        assert!(matches!(usage(r#"{"_meta":7}"#), Usage::Malformed(_)));
    }
}
