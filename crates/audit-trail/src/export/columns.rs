//! A record as flat columns: the same texts under the same names in every format that is a list of names and values.

use crate::kind::Outcome;
use crate::record::Record;

/// Name and value of each column that an entry's texts fill, in a fixed order.
pub(crate) fn columns(record: &Record) -> [(&'static str, Option<&str>); 13] {
    let action = record.action();
    let decision = record.decision();
    [
        ("namespace", Some(record.namespace())),
        ("agent", record.agent()),
        ("session", record.session()),
        ("action", action.map(|action| &*action.name)),
        (
            "action_type",
            action.and_then(|action| action.action_type.as_deref()),
        ),
        ("resource", record.resource()),
        ("scope", record.scope()),
        ("outcome", record.outcome().map(Outcome::as_str)),
        (
            "reason_code",
            decision.map(|decision| &*decision.reason_code),
        ),
        (
            "stage",
            decision.and_then(|decision| decision.stage.as_deref()),
        ),
        ("operator", record.operator()),
        ("event", record.event()),
        ("reason", record.reason()),
    ]
}

/// The exact entry as text.
pub(crate) fn entry(record: &Record) -> &str {
    // Records are made of text, so this is never empty.
    std::str::from_utf8(record.bytes()).unwrap_or_default()
}

/// When it happened in whole milliseconds since the epoch, rounded down.
pub(crate) fn millis(record: &Record) -> i64 {
    record.ts().div_euclid(1000)
}
