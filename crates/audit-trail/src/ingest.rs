//! Entries that come as JSON, from programs that do not link this crate: as strict as reading a log, with the log's own parts left to the log.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Deserializer;
use time::OffsetDateTime;

use crate::EntryError;
use crate::entry::Entry;
use crate::error::shortened;
use crate::fields::Fields;
use crate::strict;

impl Entry<'static> {
    /// Reads an entry that is to be appended to a log of `namespace`, from a JSON object with the keys of schema v1.
    ///
    /// `id`, `ts` and `namespace` may be left out; the log adds them. `kind` may be left out where `event` is there and `decision` is not: it is an
    /// [`Event`](crate::Kind::Event) then. Unknown and repeated keys, `null` and wrong types are refused at every level, as are another namespace and the kinds
    /// that a log writes itself (`genesis`, `key_rotation`, `erasure`, `recovery`, `gap`). Lengths of texts are checked when it is logged.
    ///
    /// # Errors
    /// [`EntryError`] saying which rule the text breaks.
    ///
    /// ```
    /// use audit_trail::{AuditLog, Entry};
    ///
    /// let log = AuditLog::builder().build()?;
    /// let entry = Entry::from_json(log.namespace(), br#"{"event":"tool-call-complete","session":"s-1"}"#)?;
    /// let appended = log.log(entry)?;
    /// assert_eq!(log.entry(appended.index)?.session(), Some("s-1"));
    /// # Ok::<(), audit_trail::AuditError>(())
    /// ```
    pub fn from_json(namespace: &str, json: &[u8]) -> Result<Self, EntryError> {
        if json.len() > crate::MAX_ENTRY {
            return Err(EntryError::TooLarge { len: json.len() });
        }
        let text = std::str::from_utf8(json).map_err(|e| malformed(e.to_string()))?;
        let given: Given = object(text)?;
        let fields: Fields<'static> = match (given.kind, given.event, given.decision) {
            (None, Some(_), None) => object(&as_event(text))?,
            (None, _, Some(_)) => {
                return Err(malformed(
                    "`kind` is missing; with a `decision` it must be there".into(),
                ));
            }
            (None, None, None) => {
                return Err(malformed(
                    "`kind` is missing; it may be left out of an `event` alone".into(),
                ));
            }
            (Some(_), ..) => object(text)?,
        };
        if !fields.sd.is_empty() {
            return Err(malformed(
                "`_sd` is written by the log itself; it would claim the personal data of another entry".into(),
            ));
        }
        if fields.kind.is_own() {
            return Err(EntryError::Reserved { kind: fields.kind });
        }
        if let Some(other) = fields
            .namespace
            .as_deref()
            .filter(|other| *other != namespace)
        {
            let other = shortened(other);
            return Err(malformed(format!(
                "its namespace is `{other}`, the log's is `{}`",
                shortened(namespace)
            )));
        }
        let at = fields.ts.map(time_of).transpose()?;
        let mut entry = Self::of(fields.kind).with_fields(fields);
        if let Some(at) = at {
            entry = entry.at(at);
        }
        Ok(entry)
    }
}

/// What decides how the rest is read.
#[derive(Deserialize)]
struct Given {
    #[serde(default, deserialize_with = "strict::present")]
    kind: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "strict::present")]
    event: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "strict::present")]
    decision: Option<IgnoredAny>,
}

/// An object and nothing after it.
fn object<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, EntryError> {
    let mut reader = Deserializer::from_str(text);
    let value = strict::object(&mut reader).and_then(|value| reader.end().map(|()| value));
    value
        .map_err(|e| malformed(e.to_string()))?
        .ok_or_else(|| malformed("not an object".into()))
}

/// The same object, with the kind in it: it is one, for it was read, and it is not empty.
fn as_event(text: &str) -> String {
    text.replacen('{', "{\"kind\":\"event\",", 1)
}

fn time_of(ts: i64) -> Result<OffsetDateTime, EntryError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ts).saturating_mul(1000))
        .map_err(|_| EntryError::Time)
}

fn malformed(problem: String) -> EntryError {
    EntryError::Malformed { problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuditLog;
    use crate::kind::Kind;

    fn read(json: &str) -> Result<Entry<'static>, String> {
        Entry::from_json("test", json.as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_given_is_recorded_and_the_rest_is_added() {
        let log = AuditLog::builder().namespace("test").build().unwrap();
        let whole = concat!(
            r#"{"action":{"name":"send_mail"},"agent":"a","decision":{"outcome":"deny","reason_code":"x"},"#,
            r#""id":"019ab000-0000-7000-8000-000000000001","kind":"decision","namespace":"test","ts":-1}"#,
        );
        let index = log.log(read(whole).unwrap()).unwrap().index;
        assert_eq!(log.entry(index).unwrap().bytes(), whole.as_bytes());
        let index = log
            .log(read(" { \"event\" : \"started\" } ").unwrap())
            .unwrap()
            .index;
        let entry = log.entry(index).unwrap();
        assert_eq!(
            (entry.kind(), entry.event(), entry.namespace()),
            (Kind::Event, Some("started"), "test")
        );
    }

    #[test]
    fn refuses_what_two_readers_could_understand_differently() {
        for (json, why) in [
            ("", "EOF"),
            ("[]", "expected an object"),
            ("{}", "`kind` is missing"),
            (r#"{"event":"a"}{}"#, "trailing"),
            (r#"{"event":"a","event":"b"}"#, "duplicate field `event`"),
            (
                r#"{"event":"a","kind":"event","kind":"event"}"#,
                "duplicate field `kind`",
            ),
            (
                r#"{"event":"a","\u006bind":"event","kind":"event"}"#,
                "duplicate field `kind`",
            ),
            (r#"{"event":"a","kind":null}"#, "null"),
            (r#"{"event":"a","agent":null}"#, "null"),
            (r#"{"event":"a","agent":7}"#, "expected a string"),
            (r#"{"event":"a","agnet":"b"}"#, "unknown field `agnet`"),
            (r#"{"event":"a","ext":{"x":1,"x":2}}"#, "duplicate key `x`"),
            (
                r#"{"event":"a","decision":{"outcome":"allow","reason_code":"x"}}"#,
                "`kind` is missing",
            ),
            (r#"{"event":"a","kind":"genesis"}"#, "by the log itself"),
            (
                r#"{"event":"a","kind":"key_rotation"}"#,
                "by the log itself",
            ),
            (r#"{"event":"a","kind":"gap"}"#, "by the log itself"),
            (
                r#"{"event":"a","namespace":"other"}"#,
                "its namespace is `other`",
            ),
            (r#"{"event":"a","ts":1.5}"#, "floating point"),
            (
                r#"{"event":"a","ts":9223372036854775807}"#,
                "time is out of range",
            ),
            (r#"{"event":"a","id":"7"}"#, "version 7 UUID"),
        ] {
            let said = read(json).map(|_| ()).expect_err(json);
            assert!(said.contains(why), "{json}: {said}");
        }
        let long = format!(r#"{{"event":"a"{}}}"#, " ".repeat(crate::MAX_ENTRY));
        assert!(read(&long).is_err());
    }
}
