//! JSON with one reading and one spelling: no key twice, nothing but texts, lists and objects.
//!
//! A signature covers the canonical spelling, so a receipt that was laid out anew still verifies. Since there are no
//! numbers, all that RFC 8785 asks for is the order of keys and the escapes of texts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads a document. What two readers could read differently is refused; nesting is bounded by the reader (128).
pub(crate) fn read(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(bytes).map(|Strict(value)| value)
}

/// The spelling of RFC 8785: keys sorted by UTF-16 code units, no white space, the shortest escapes.
pub(crate) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            out.push('{');
            for (nth, (key, value)) in members.into_iter().enumerate() {
                out.push_str(if nth == 0 { "" } else { "," });
                text(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (nth, item) in items.iter().enumerate() {
                out.push_str(if nth == 0 { "" } else { "," });
                write(item, out);
            }
            out.push(']');
        }
        Value::String(string) => text(string, out),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

/// `serde_json` escapes exactly what RFC 8785 escapes, in the same form.
fn text(text: &str, out: &mut String) {
    out.push_str(&Value::from(text).to_string());
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or an object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((key, Strict(value))) = access.next_entry::<String, _>()? {
            if members.contains_key(&key) {
                return Err(A::Error::custom(format_args!(
                    "the key `{key}` is there twice"
                )));
            }
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8785, section 3.2.3, and the texts of 3.2.2.2.
    #[test]
    fn keys_are_sorted_by_utf_16_and_texts_escaped_shortest() {
        let value = read(r#" {"\u20ac":"1","\r":"2","\ufb33":"3","1":"4","\ud83d\ude00":"5","\u0080":"6","\u00f6":"7"}"#.as_bytes()).unwrap();
        assert_eq!(
            canonical(&value),
            "{\"\\r\":\"2\",\"1\":\"4\",\"\u{80}\":\"6\",\"ö\":\"7\",\"€\":\"1\",\"😀\":\"5\",\"\u{fb33}\":\"3\"}"
        );
        let value =
            read(br#"["\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/\u007f\u2028", [], {}]"#)
                .unwrap();
        assert_eq!(
            canonical(&value),
            "[\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\u{2028}\",[],{}]"
        );
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for bad in [
            r#"{"a":"1","a":"1"}"#,
            r#"{"x":{"a":"1","\u0061":"2"}}"#,
            r#"{"a":1}"#,
            r#"{"a":null}"#,
            r#"{"a":true}"#,
            r#"{"a":"1"} x"#,
            r#"{"a":"1""#,
            r#"{"a":"\ud800"}"#,
            "{\"a\":\"\n\"}",
            "\u{feff}{}",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(read(b"{\"a\":\"\xff\"}").is_err());
        assert!(read("[".repeat(100_000).as_bytes()).is_err());
    }
}
