//! Reading entries strictly: what serde would let pass and the schema does not. A field is absent or there, never `null`; objects are objects, never arrays.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use uuid::Uuid;

use crate::EntryError;
use crate::emit::emit;
use crate::fields::Fields;
use crate::personal::is_digest;

/// Reads the bytes of an entry and checks every rule of the schema.
pub(crate) fn parse(bytes: &[u8]) -> Result<Fields<'static>, EntryError> {
    if bytes.len() > crate::MAX_ENTRY {
        return Err(EntryError::TooLarge { len: bytes.len() });
    }
    let malformed = |problem: String| EntryError::Malformed { problem };
    let text = std::str::from_utf8(bytes).map_err(|e| malformed(e.to_string()))?;
    let Present(fields): Present<Fields<'static>> =
        serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
    let (Some(id), Some(namespace), Some(ts)) = (fields.id, fields.namespace.as_deref(), fields.ts)
    else {
        return Err(malformed(
            "`id`, `namespace` and `ts` are required".to_owned(),
        ));
    };
    // Writing checks texts and numbers; what it writes is of no interest here.
    emit(
        &fields,
        id,
        namespace,
        ts,
        &mut String::with_capacity(bytes.len()),
    )?;
    Ok(fields)
}

/// A value that is there and not `null`.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A text that is there and not `null`.
pub(crate) fn text<'de, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'a, str>>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(Cow::Owned(text)))
}

/// An object that is there and not `null`.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Present::deserialize(deserializer).map(|Present(value)| Some(value))
}

/// A list of objects.
pub(crate) fn objects<'de, 'a, D: Deserializer<'de>, T: Deserialize<'de> + Clone>(
    deserializer: D,
) -> Result<Cow<'a, [T]>, D::Error> {
    let items = Vec::<Present<T>>::deserialize(deserializer)?;
    Ok(items.into_iter().map(|Present(item)| item).collect())
}

/// Digests of disclosures: at least one, sorted, each once.
pub(crate) fn commitments<'de, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Cow<'a, [Cow<'a, str>]>, D::Error> {
    let digests = Vec::<String>::deserialize(deserializer)?;
    let sorted = digests.is_sorted_by(|a, b| a < b);
    if digests.is_empty() || !sorted || !digests.iter().all(|text| is_digest(text)) {
        return Err(D::Error::custom(
            "`_sd` is not a sorted list of different base64url digests",
        ));
    }
    Ok(digests.into_iter().map(Cow::Owned).collect())
}

/// A UUID of version 7 as hyphenated lower-case text.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match Uuid::try_parse(&text) {
        Ok(id) if id.hyphenated().to_string() == text => Ok(Some(id)),
        _ => Err(D::Error::custom(EntryError::Id {
            id: crate::error::shortened(&text),
        })),
    }
}

/// A structure written as an object; derived readers would take an array as well.
struct Present<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Present<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = Present<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Present)
            }
        }
        deserializer.deserialize_map(Object(PhantomData))
    }
}
