//! JSON into the common form. Each value's place in the text gives its line, and its own characters its number.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::{Depth, Entry, Node, Value};
use super::source::{ConfigError, Lines};

pub(super) fn read(text: &str) -> Result<Node, ConfigError> {
    let told = |error: &serde_json::Error| {
        let message = error.to_string();
        let message = message
            .rsplit_once(" at line ")
            .map_or(&*message, |(what, _)| what);
        ConfigError::on_line(error.line().max(1), message)
    };
    let root: &RawValue = serde_json::from_str(text).map_err(|error| told(&error))?;
    let reader = Reader {
        start: text.as_ptr().addr(),
        lines: Lines::of(text),
    };
    reader.value(root, Depth::default())
}

struct Reader {
    start: usize,
    lines: Lines,
}

impl Reader {
    fn value(&self, raw: &RawValue, depth: Depth) -> Result<Node, ConfigError> {
        let line = self.line(raw);
        let again =
            |error: serde_json::Error| ConfigError::on_line(line, format!("invalid JSON: {error}"));
        let text = raw.get();
        let value = match text.as_bytes().first() {
            Some(b'{') => {
                let Members(members) = serde_json::from_str(text).map_err(again)?;
                let depth = depth.deeper(line)?;
                let entries = members
                    .into_iter()
                    .map(|(key, value)| {
                        Ok(Entry {
                            key,
                            line: self.line(value),
                            value: self.value(value, depth)?,
                        })
                    })
                    .collect::<Result<_, ConfigError>>()?;
                return Node::table(line, entries);
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(again)?;
                let depth = depth.deeper(line)?;
                Value::List(
                    items
                        .into_iter()
                        .map(|item| self.value(item, depth))
                        .collect::<Result<_, _>>()?,
                )
            }
            Some(b'"') => Value::Text(serde_json::from_str(text).map_err(again)?),
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'n') => return Ok(Node::empty(line)),
            _ if text.contains(['.', 'e', 'E']) => return Ok(Node::fraction(line, text)),
            _ => return Ok(Node::integer(line, text.parse().ok(), text)),
        };
        Ok(Node { line, value })
    }

    /// A raw value is a part of the text that it was read from.
    fn line(&self, raw: &RawValue) -> usize {
        let offset = raw.get().as_ptr().addr().checked_sub(self.start);
        self.lines.at(offset.unwrap_or_default())
    }
}

/// An object's members as written, duplicates and all.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        source.deserialize_map(Collect)
    }
}
