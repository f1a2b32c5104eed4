//! Texts that people write: amounts of money, settings, names.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::read;
use crate::{
    BudgetEnforcerConfig, BudgetId, IdempotencyKey, OperatorId, Period, ReservationId, Schedule,
    SessionId, Threshold, TransactionId, Usd, Zone,
};

pub(super) const USD: &[&str] = &[
    "18446744073.709551615",
    "0.000000001",
    "100",
    "007.10",
    "\0\0\0\0\0\0P?",
];
pub(super) const SETTINGS: &[&str] = &[
    "daily\nEurope/Berlin\n1774746000000000\n0",
    "every 36h\nUTC\n1763812800000000\n1763812800000001",
    "monthly\nPacific/Apia\n1325239200000000\n7",
    "hourly\nAsia/Kathmandu\n-1\n60",
    "0.75",
    "90s",
    "7d",
];
pub(super) const ID: &[&str] = &[
    "llm-calls",
    "r-0-1f",
    "t-ffffffffffffffff-0",
    "01a20320-a200-7000-8000-000000000001",
];

/// Amounts of money: as text, and the first eight bytes as a float.
pub fn usd(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(amount) = reads_back::<Usd>(text, |amount| amount.exact().to_string())
    {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let nanos = format!("{whole}{fraction:0<9}").parse();
        assert_eq!(nanos, Ok(amount.nanos()), "a digit was lost");
        for digits in 0..=9 {
            let shown: Result<Usd, _> = format!("{amount:.digits$}").parse();
            assert!(
                shown.is_err()
                    || shown
                        .is_ok_and(|shown| shown.nanos().abs_diff(amount.nanos()) <= 500_000_000),
                "it is shown as another amount"
            );
        }
    }
    let Some(float) = bytes.first_chunk().copied().map(f64::from_le_bytes) else {
        return;
    };
    assert_eq!(
        Usd::try_from_f64(float).ok().map(Usd::nanos),
        nearest(float),
        "{float:e} is rounded otherwise"
    );
}

/// The nearest nano-dollar, by the digits of the float: all that it has are no more than 1074.
fn nearest(float: f64) -> Option<u64> {
    if !float.is_finite() || float < 0.0 {
        return None;
    }
    let digits = format!("{:.1074}", float.abs());
    let (whole, fraction) = digits.split_once('.')?;
    let (nanos, rest) = fraction.split_at_checked(9)?;
    let down: u64 = format!("{whole}{nanos}").parse().ok()?;
    down.checked_add(u64::from(rest >= "5"))
}

/// A period, a zone, an instant and an anchor, line by line; a threshold; a length of time.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    drop(reads_back::<Threshold>(text, ToString::to_string));
    let config = serde_json::json!({ "default_ttl": text }).to_string();
    if let Some(config) = read::<BudgetEnforcerConfig>(config.as_bytes()) {
        let seconds = config.default_ttl.as_secs();
        assert_eq!(config.default_ttl.subsec_nanos(), 0);
        let (number, unit) = text.split_at(text.len().saturating_sub(1));
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => 604_800,
        };
        // Where only the unit stands, the number is none.
        let by_hand = number
            .parse::<u128>()
            .map(|number| number.saturating_mul(unit));
        assert_eq!(
            by_hand,
            Ok(u128::from(seconds)),
            "{text:?} is another length"
        );
    }
    let mut lines = text.split('\n');
    let period = reads_back::<Period>(lines.next().unwrap_or_default(), ToString::to_string);
    let zone = reads_back::<Zone>(lines.next().unwrap_or("UTC"), ToString::to_string);
    let (Ok(period), Ok(zone)) = (period, zone) else {
        return;
    };
    let [at, anchor] = [(); 2].map(|()| instant(lines.next().unwrap_or_default()));
    let schedule = Schedule::new(period, zone, anchor);
    let window = schedule.window(at);
    let has_begun = window.start_at <= at || period == Period::Lifetime;
    assert!(has_begun, "{window:?} has not begun at {at}");
    // The last instants that can be shown are in windows whose end cannot be.
    let ends = window.end_at.filter(|end| end.year() < 9999);
    assert!(
        ends.is_none_or(|end| at < end),
        "{window:?} is over at {at}"
    );
    assert_eq!(
        schedule.window(window.start_at),
        window,
        "it is not one window"
    );
}

/// Microseconds since 1970.
fn instant(text: &str) -> OffsetDateTime {
    let micros: i64 = text.parse().unwrap_or_default();
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros).saturating_mul(1000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Names that people give, and those that are made here.
pub fn id(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let names = [
        reads_back::<BudgetId>(text, ToString::to_string).is_ok(),
        reads_back::<SessionId>(text, ToString::to_string).is_ok(),
        reads_back::<OperatorId>(text, ToString::to_string).is_ok(),
    ];
    let is_name = (1..=256).contains(&text.len())
        && text.trim() == text
        && !text.chars().any(char::is_control);
    assert_eq!(names, [is_name; 3], "{text:?}");
    if let Ok(id) = reads_back::<ReservationId>(text, ToString::to_string) {
        assert_eq!(id.to_string(), text, "there is one form of a name");
    }
    if let Ok(id) = reads_back::<TransactionId>(text, ToString::to_string) {
        assert_eq!(id.to_string(), text, "there is one form of a name");
    }
    drop(reads_back::<IdempotencyKey>(text, ToString::to_string));
}

/// The value of the text, after seeing that `written` reads as it, and that files have it the same.
fn reads_back<T>(text: &str, written: impl Fn(&T) -> String) -> Result<T, T::Err>
where
    T: FromStr<Err: Debug + Display> + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let value = text.parse::<T>();
    let in_file = serde_json::to_vec(text)
        .ok()
        .and_then(|json| read::<T>(&json));
    let value = match value {
        Ok(value) => value,
        Err(error) => {
            assert_eq!(in_file, None, "a file accepts {text:?}");
            assert!(error.to_string().len() < 1000, "an error is shortened");
            return Err(error);
        }
    };
    assert_eq!(
        in_file.as_ref(),
        Some(&value),
        "a file means something else by {text:?}"
    );
    let again = written(&value).parse::<T>().ok();
    assert_eq!(
        again.as_ref(),
        Some(&value),
        "it is read otherwise than it was written"
    );
    Ok(value)
}
