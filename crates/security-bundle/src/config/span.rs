//! A length of time in the configuration, as the components write theirs: a whole number and one unit, `2m`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de};

use super::node::shown;

const UNITS: [(&str, u64); 5] = [
    ("w", 604_800),
    ("d", 86_400),
    ("h", 3_600),
    ("m", 60),
    ("s", 1),
];

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(source)?;
    parse(&text).map(Some).ok_or_else(|| {
        de::Error::custom(format!(
            "`{}` is not a length of time: write a whole number above 0 and a unit, such as `90s`, `2m` or `1h`",
            shown(&text)
        ))
    })
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
pub(super) fn serialize<S: Serializer>(
    span: &Option<Duration>,
    target: S,
) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => target.collect_str(&Written(*span)),
        None => target.serialize_none(),
    }
}

fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let (_, length) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let seconds = digits.parse::<u64>().ok()?.checked_mul(length)?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// In the longest unit that says it exactly; what is below a second only code can have written.
pub(super) struct Written(pub(super) Duration);

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0.as_secs();
        let unit = UNITS
            .into_iter()
            .find(|(_, length)| seconds > 0 && seconds.is_multiple_of(*length));
        match unit.and_then(|(name, length)| Some((name, seconds.checked_div(length)?))) {
            Some((name, count)) if self.0.subsec_nanos() == 0 => write!(f, "{count}{name}"),
            _ => write!(f, "{:?}", self.0),
        }
    }
}
