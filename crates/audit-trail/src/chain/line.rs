//! One chained record as it is stored: its members' texts, none of them decoded and written again.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{ChainFault, Dialect};

/// A record whose members were found and not yet believed.
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    pub(super) dialect: Dialect,
    pub(super) previous: &'a str,
    /// The hash that it gives itself.
    pub(super) hash: &'a str,
    /// All but its own hash, in the order of their keys.
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    key: String,
    raw_key: &'a str,
    value: &'a RawValue,
}

impl<'a> Line<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, ChainFault> {
        let json = |e: serde_json::Error| ChainFault::Json(e.to_string());
        let Unique = serde_json::from_str(text).map_err(json)?;
        let Members(mut members) = serde_json::from_str(text).map_err(json)?;
        if has_white_space(text) {
            return Err(ChainFault::WhiteSpace);
        }
        let has = |key: &str| members.iter().any(|member| member.key == key);
        let (dialect, previous, own) = match (has("previousHash"), has("previous_hash")) {
            (true, false) => (Dialect::CamelCase, "previousHash", "recordHash"),
            (false, true) => (Dialect::SnakeCase, "previous_hash", "record_hash"),
            (true, true) => return Err(ChainFault::Dialect),
            (false, false) => return Err(ChainFault::Member("previousHash")),
        };
        let own = match (has(own), has("hash")) {
            (true, true) => return Err(ChainFault::TwoHashes),
            (false, true) => "hash",
            _ => own,
        };
        let at = members.iter().position(|member| member.key == own);
        let hash = at.map(|at| members.remove(at).value);
        members.sort_by(|a, b| a.key.cmp(&b.key));
        let mut line = Self {
            text,
            dialect,
            previous: "",
            hash: hash.and_then(hex64).ok_or(ChainFault::Member(own))?,
            members,
        };
        line.previous = line
            .raw(previous)
            .and_then(hex64)
            .ok_or(ChainFault::Member(previous))?;
        Ok(line)
    }

    /// Shows the text that was hashed, piece by piece.
    pub(super) fn preimage(&self, mut see: impl FnMut(&str)) {
        let mut separator = "{";
        for member in &self.members {
            for part in [separator, member.raw_key, ":", member.value.get()] {
                see(part);
            }
            separator = ",";
        }
        see("}");
    }

    /// The member under either of its names, undecoded; `null` counts as absent.
    pub(super) fn member(&self, camel: &str, snake: &str) -> Option<&'a str> {
        self.raw(match self.dialect {
            Dialect::CamelCase => camel,
            Dialect::SnakeCase => snake,
        })
        .map(RawValue::get)
        .filter(|value| *value != "null")
    }

    /// The member as text.
    pub(super) fn string(&self, camel: &str, snake: &str) -> Option<String> {
        serde_json::from_str(self.member(camel, snake)?).ok()
    }

    fn raw(&self, key: &str) -> Option<&'a RawValue> {
        let at = self
            .members
            .binary_search_by(|member| member.key.as_str().cmp(key));
        Some(self.members.get(at.ok()?)?.value)
    }
}

/// A SHA-256 in lower-case hexadecimal between quotes.
fn hex64(value: &RawValue) -> Option<&str> {
    let text = value.get().strip_prefix('"')?.strip_suffix('"')?;
    let hex = text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    hex.then_some(text)
}

/// Whether there is white space outside strings. The text is known to be JSON.
fn has_white_space(json: &str) -> bool {
    let (mut inside, mut escaped) = (false, false);
    json.bytes().any(|b| {
        match b {
            b'"' if !escaped => inside = !inside,
            b'\\' if inside && !escaped => {
                escaped = true;
                return false;
            }
            _ => {}
        }
        escaped = false;
        !inside && b.is_ascii_whitespace()
    })
}

/// The members of one object, as stored and in the order stored.
struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Stored;
        impl<'de> Visitor<'de> for Stored {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    members.push(Member {
                        key: serde_json::from_str(key.get()).map_err(A::Error::custom)?,
                        raw_key: key.get(),
                        value,
                    });
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Stored)
    }
}

/// Any JSON value in which no object, at any depth, repeats a key.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                let key = crate::error::shortened(&key);
                return Err(A::Error::custom(format!("duplicate key `{key}`")));
            }
            keys.insert(key);
            let Unique = map.next_value()?;
        }
        Ok(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while let Some(Unique) = items.next_element()? {}
        Ok(self)
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_counts_between_tokens_only() {
        for compact in [
            r#"{"a b":"c \" d"}"#,
            r#"{"a":"\\"}"#,
            "{\"a\":\"\u{2028} \"}",
        ] {
            assert!(!has_white_space(compact), "{compact}");
        }
        for spaced in ["{ }", r#"{"a":"\\" }"#, r#"{"a": 1}"#, "{\"a\":1}\r"] {
            assert!(has_white_space(spaced), "{spaced}");
        }
    }
}
