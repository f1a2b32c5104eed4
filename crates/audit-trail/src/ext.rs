//! The one open field of an entry: a JSON object of the caller's, kept as given except that keys are sorted.

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

use crate::{EntryError, MAX_ENTRY, canonical};

/// A JSON object that rides along in an entry's `ext`.
///
/// Its keys are sorted and its white space removed at every level; numbers keep their exact text and may be finite floats.
/// It lives under its own key, so nothing in it can pass for a field of the entry.
///
/// ```
/// use audit_trail::Ext;
///
/// let ext = Ext::parse(r#"{ "b": 1.50, "a": [true, null] }"#)?;
/// assert_eq!(ext.as_str(), r#"{"a":[true,null],"b":1.50}"#);
/// assert!(Ext::parse(r#"{"a":1,"\u0061":2}"#).is_err());
/// # Ok::<(), audit_trail::EntryError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ext(String);

impl Ext {
    /// Reads the text of a JSON object.
    ///
    /// # Errors
    /// [`EntryError::Ext`] if it is not a JSON object, repeats a key at any level, nests deeper than 64, holds a number
    /// beyond the range of a double, or is longer than an entry may be.
    pub fn parse(json: &str) -> Result<Self, EntryError> {
        if json.len() > MAX_ENTRY {
            return Err(EntryError::TooLarge { len: json.len() });
        }
        canonical::object(json).map(Self)
    }

    /// The JSON object that `value` serialises to.
    ///
    /// Floats that are not finite become `null`, as `serde_json` writes them.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and if `value` cannot be serialised.
    pub fn encode(value: &(impl Serialize + ?Sized)) -> Result<Self, EntryError> {
        Self::parse(&serde_json::to_string(value).map_err(|error| canonical::problem(&error))?)
    }

    /// The JSON text: compact, keys sorted.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The object as a value, in which numbers are what `serde_json` makes of them.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Ext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_values_and_sorts_keys_at_every_level() {
        let ext = Ext::parse("{\"z\":{\"b\":-0.0,\"a\":1E5},\"é\":\"\\u00e9\\n\",\"\":[{},[],\"\"],\"n\":123456789012345678901234567890}").unwrap();
        assert_eq!(
            ext.as_str(),
            "{\"\":[{},[],\"\"],\"n\":123456789012345678901234567890,\"z\":{\"a\":1E5,\"b\":-0.0},\"é\":\"é\\n\"}"
        );
        assert_eq!(Ext::parse(ext.as_str()).unwrap(), ext);
        assert_eq!(ext.to_value()["z"]["a"], serde_json::json!(1e5));
    }

    #[test]
    fn refuses_what_readers_would_read_differently() {
        let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(Ext::parse(&deep(63)).is_ok());
        for bad in [
            "",
            "1",
            "[]",
            "null",
            "\"{}\"",
            "{",
            "{}{}",
            "{\"a\":1,}",
            "{\"a\":1,\"a\":1}",
            "{\"x\":[{\"a\":1,\"\\u0061\":1}]}",
            "{\"a\":1e999}",
            "{\"a\":-1e999}",
            "{\"a\":NaN}",
            "{\"a\":Infinity}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\n\"}",
            "{'a':1}",
            &deep(64),
            &deep(20_000),
            &format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_ENTRY)),
        ] {
            assert!(Ext::parse(bad).is_err(), "{}", crate::error::shortened(bad));
        }
    }
}
