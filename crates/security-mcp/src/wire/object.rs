//! One level of a JSON object: decoded keys, raw values, nothing lost and nothing guessed.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Fault;

/// Most members one object may have. It bounds the memory that reading a line takes.
pub(super) const MAX_MEMBERS: usize = 65_536;

/// The members of an object in their order.
///
/// Keys are compared after decoding (`"na\u006de"` is `name`). Values stay the bytes that came.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// Reads the object in `text`, in which the protocol gives `gated` keys a meaning.
    ///
    /// Refuses a key that occurs twice, and one that equals a gated key but for its case: some readers (Go's
    /// `encoding/json` is one) match keys without regard to case, and would see another message than this gate.
    pub(crate) fn read(text: &'a str, gated: &[&str]) -> Result<Self, Fault> {
        let members = match serde_json::from_str::<Members<'a>>(text) {
            Ok(members) => members.0,
            Err(error) => return Err(why_unread(text, error.is_data())),
        };
        if members.len() > MAX_MEMBERS {
            return Err(Fault::TooManyMembers);
        }
        if has_duplicates(members.iter().map(|(key, _)| &**key)) {
            return Err(Fault::DuplicateKey);
        }
        let ambiguous = |key: &str| gated.iter().any(|name| key != *name && folds_to(key, name));
        if members.iter().any(|(key, _)| ambiguous(key)) {
            return Err(Fault::AmbiguousKey);
        }
        Ok(Self { members })
    }

    /// The raw value under `name`.
    pub(crate) fn value(&self, name: &str) -> Option<&'a RawValue> {
        let member = self.members.iter().find(|(key, _)| key == name);
        member.map(|(_, value)| *value)
    }

    /// The string under `name`, decoded. `None`: absent or not a string that can be decoded.
    pub(crate) fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        let value = self.value(name)?;
        serde_json::from_str::<Text<'a>>(value.get())
            .ok()
            .map(|text| text.0)
    }

    /// Whether the object has a member `name`, whatever its value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// All values in their order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &'a RawValue> {
        self.members.iter().map(|(_, value)| *value)
    }
}

/// Tells what is not JSON at all from what is, but no object or with a key that cannot be decoded.
fn why_unread(text: &str, other_type: bool) -> Fault {
    match serde_json::from_str::<IgnoredAny>(text) {
        Err(_) => Fault::NotJson,
        Ok(_) if other_type => Fault::NotObject,
        Ok(_) => Fault::Unreadable,
    }
}

/// Whether a key occurs twice. Sorts, so that no choice of keys makes it slow.
pub(super) fn has_duplicates<'k>(keys: impl Iterator<Item = &'k str>) -> bool {
    let mut keys: Vec<&str> = keys.collect();
    keys.sort_unstable();
    keys.windows(2)
        .any(|pair| matches!(pair, [one, other] if one == other))
}

/// Equality under Unicode case folding, as far as it touches ASCII names (`ſ` is `s`, the Kelvin sign is `k`).
fn folds_to(key: &str, name: &str) -> bool {
    fold(key).eq(fold(name))
}

fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

/// A string that borrows from the input where it holds no escape.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(key), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    // One too many is enough to know; the rest is skipped, not kept.
                    if members.len() <= MAX_MEMBERS {
                        members.push((key, value));
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_compare_after_decoding() {
        let object = Object::read(r#"{"na\u006de":"x","v": [1, 2]}"#, &["name"]).unwrap();
        assert_eq!(object.string("name").as_deref(), Some("x"));
        assert_eq!(object.value("v").unwrap().get(), "[1, 2]");
        assert_eq!(
            Object::read(r#"{"name":1,"n\u0061me":2}"#, &[]).unwrap_err(),
            Fault::DuplicateKey
        );
    }

    #[test]
    fn a_key_that_differs_only_in_case_is_ambiguous() {
        for key in ["Name", "NAME", "namE"] {
            let text = format!(r#"{{"name":"a","{key}":"b"}}"#);
            assert_eq!(
                Object::read(&text, &["name"]).unwrap_err(),
                Fault::AmbiguousKey
            );
        }
        assert_eq!(
            Object::read(r#"{"paramſ":1}"#, &["params"]).unwrap_err(),
            Fault::AmbiguousKey
        );
        assert_eq!(
            Object::read("{\"tas\u{212a}\":1}", &["task"]).unwrap_err(),
            Fault::AmbiguousKey
        );
        assert!(Object::read(r#"{"Name":1}"#, &[]).is_ok());
    }

    #[test]
    fn too_many_members_are_refused() {
        let many = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!("\"{n}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(Object::read(&many(MAX_MEMBERS), &[]).is_ok());
        assert_eq!(
            Object::read(&many(MAX_MEMBERS + 1), &[]).unwrap_err(),
            Fault::TooManyMembers
        );
    }

    #[test]
    fn what_is_no_object_says_so() {
        assert_eq!(Object::read("[1]", &[]).unwrap_err(), Fault::NotObject);
        assert_eq!(Object::read("[1", &[]).unwrap_err(), Fault::NotJson);
        assert_eq!(Object::read("\"x\"", &[]).unwrap_err(), Fault::NotObject);
        assert_eq!(Object::read("{\"a\":", &[]).unwrap_err(), Fault::NotJson);
        assert_eq!(
            Object::read("{\"\\ud800\":1}", &[]).unwrap_err(),
            Fault::Unreadable
        );
    }
}
