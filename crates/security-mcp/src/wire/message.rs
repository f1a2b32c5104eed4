//! One line as one JSON-RPC message, read so that no other reader can take it for another.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::object::{MAX_MEMBERS, Text, has_duplicates};
use super::{Fault, Object, RequestId};

/// Deepest nesting of arrays and objects. Within what `serde_json`, Python and Node read with their defaults.
pub(super) const MAX_DEPTH: usize = 100;

/// Keys to which JSON-RPC gives a meaning.
const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// A message, its payload still raw.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    Request {
        id: RequestId,
        method: Cow<'a, str>,
        params: Option<&'a RawValue>,
    },
    Notification {
        method: Cow<'a, str>,
        params: Option<&'a RawValue>,
    },
    Response {
        /// `None` only with an error: the peer could not tell which request it was about.
        id: Option<RequestId>,
        outcome: Outcome<'a>,
    },
}

/// What a response carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'a> {
    Result(&'a RawValue),
    Error(&'a RawValue),
}

/// Reads one line. The payload is checked for depth only; see [`unambiguous`].
pub(crate) fn read(line: &[u8]) -> Result<Message<'_>, Fault> {
    let text = std::str::from_utf8(line).map_err(|_| Fault::NotUtf8)?;
    no_inner_carriage_return(line)?;
    let envelope = Object::read(text, &ENVELOPE).map_err(|fault| match fault {
        Fault::NotObject if text.trim_start().starts_with('[') => Fault::Batch,
        other => other,
    })?;
    within_depth(line)?;
    if envelope.string("jsonrpc").as_deref() != Some("2.0") {
        return Err(Fault::BadVersion);
    }
    let id = envelope.value("id");
    let method = envelope.value("method");
    let params = envelope.value("params");
    match (method, envelope.value("result"), envelope.value("error")) {
        (Some(_), None, None) => {
            let method = envelope.string("method").ok_or(Fault::BadMethod)?;
            match id {
                Some(id) => Ok(Message::Request {
                    id: RequestId::read(id.get())?,
                    method,
                    params,
                }),
                None => Ok(Message::Notification { method, params }),
            }
        }
        (None, Some(result), None) if params.is_none() => {
            let id = RequestId::read(id.ok_or(Fault::BadId)?.get())?;
            Ok(Message::Response {
                id: Some(id),
                outcome: Outcome::Result(result),
            })
        }
        (None, None, Some(error)) if params.is_none() => {
            let id = match id.map(RawValue::get) {
                None | Some("null") => None,
                Some(id) => Some(RequestId::read(id)?),
            };
            Ok(Message::Response {
                id,
                outcome: Outcome::Error(error),
            })
        }
        _ => Err(Fault::BadShape),
    }
}

/// Refuses a message in which any object, however deep, names a key twice, or which holds a string or number that
/// readers disagree about (a lone surrogate, `1e400`).
pub(crate) fn unambiguous(line: &[u8]) -> Result<(), Fault> {
    let found = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(line);
    let read = Whole(&found).deserialize(&mut reader);
    match read.and_then(|()| reader.end()) {
        Ok(()) => Ok(()),
        Err(_) => Err(found.get().unwrap_or(Fault::Unreadable)),
    }
}

/// What could be seen of a message that could not be read, for telling whoever waits for it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Peeked {
    pub(crate) id: Option<RequestId>,
    pub(crate) has_method: bool,
}

/// Looks into a message that is faulty or breaks off. Nothing is decided on what this finds.
pub(crate) fn peek(line: &[u8]) -> Peeked {
    struct Peek<'p>(&'p mut Peeked);
    impl<'de> Visitor<'de> for Peek<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some((Text(key), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                if key == "id" && self.0.id.is_none() {
                    self.0.id = RequestId::read(value.get()).ok();
                }
                self.0.has_method |= key == "method";
            }
            Ok(())
        }
    }

    let text = match std::str::from_utf8(line) {
        Ok(text) => Some(text),
        Err(error) => line
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok()),
    };
    let mut found = Peeked::default();
    let mut reader = serde_json::Deserializer::from_str(text.unwrap_or_default());
    // Where the text breaks off the reading fails; what was found before stays found.
    drop(reader.deserialize_map(Peek(&mut found)));
    found
}

/// A carriage return may end a line, but not stand inside: readers that take it for the end of a line (Python's text
/// mode does) would see other messages than this gate. The Unicode separators U+0085, U+2028 and U+2029 are no such
/// danger: JSON allows them in strings only, and what lies between two of them cannot hold a key of the protocol, for
/// outside of strings there are no letters to make one of.
fn no_inner_carriage_return(line: &[u8]) -> Result<(), Fault> {
    let body = line.strip_suffix(b"\n").unwrap_or(line);
    let body = body.strip_suffix(b"\r").unwrap_or(body);
    if body.contains(&b'\r') {
        return Err(Fault::CarriageReturn);
    }
    Ok(())
}

/// Counts brackets outside of strings: no recursion, whatever comes.
fn within_depth(line: &[u8]) -> Result<(), Fault> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth = depth.saturating_add(1);
                if depth > MAX_DEPTH {
                    return Err(Fault::TooDeep);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Walks a whole value. Bounded by [`MAX_DEPTH`], which `within_depth` has checked before.
struct Whole<'c>(&'c Cell<Option<Fault>>);

impl Whole<'_> {
    fn fail<E: serde::de::Error>(&self, fault: Fault) -> E {
        self.0.set(Some(fault));
        E::custom(fault)
    }
}

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Whole(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            if keys.len() >= MAX_MEMBERS {
                return Err(self.fail(Fault::TooManyMembers));
            }
            keys.push(key);
            map.next_value_seed(Whole(self.0))?;
        }
        if has_duplicates(keys.iter().map(|key| &**key)) {
            return Err(self.fail(Fault::DuplicateKey));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: &str) -> Fault {
        read(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn tells_the_kinds_of_message_apart() {
        assert!(matches!(
            read(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
            Ok(Message::Request { .. })
        ));
        assert!(matches!(
            read(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            Ok(Message::Notification { .. })
        ));
        assert!(matches!(
            read(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            Ok(Message::Response { .. })
        ));
        assert!(matches!(
            read(br#"{"jsonrpc":"2.0","id":null,"error":{}}"#),
            Ok(Message::Response { id: None, .. })
        ));
    }

    #[test]
    fn refuses_what_is_no_single_message() {
        assert_eq!(fault("[]"), Fault::Batch);
        assert_eq!(fault("[1"), Fault::NotJson);
        assert_eq!(fault("7"), Fault::NotObject);
        assert_eq!(fault("{}"), Fault::BadVersion);
        assert_eq!(fault(r#"{"jsonrpc":"2.0"}"#), Fault::BadShape);
        assert_eq!(fault(r#"{"jsonrpc":2.0,"method":"x"}"#), Fault::BadVersion);
        assert_eq!(fault(r#"{"jsonrpc":"2.0","method":7}"#), Fault::BadMethod);
        assert_eq!(
            fault(r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#),
            Fault::BadId
        );
        assert_eq!(fault(r#"{"jsonrpc":"2.0","result":{}}"#), Fault::BadId);
        assert_eq!(
            fault(r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#),
            Fault::BadShape
        );
        assert_eq!(
            fault(r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#),
            Fault::BadShape
        );
        assert_eq!(
            fault(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#),
            Fault::DuplicateKey
        );
        assert_eq!(fault("\u{feff}{}"), Fault::NotJson);
        assert_eq!(read(b"\"\xff\"").unwrap_err(), Fault::NotUtf8);
    }

    #[test]
    fn a_carriage_return_may_only_end_the_line() {
        assert!(read(b"{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\r\n").is_ok());
        assert_eq!(
            fault("{\"jsonrpc\":\"2.0\",\r\"method\":\"x\"}"),
            Fault::CarriageReturn
        );
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let nested = |depth: usize| {
            let inner = depth - 1;
            format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":{}{}}}",
                "[".repeat(inner),
                "]".repeat(inner)
            )
        };
        let deepest = nested(MAX_DEPTH);
        assert!(read(deepest.as_bytes()).is_ok());
        assert_eq!(unambiguous(deepest.as_bytes()), Ok(()));
        assert_eq!(fault(&nested(MAX_DEPTH + 1)), Fault::TooDeep);
        assert_eq!(fault(&nested(1_000_000)), Fault::TooDeep);
        let quoted = format!(
            r#"{{"jsonrpc":"2.0","method":"\"{}"}}"#,
            "[".repeat(MAX_DEPTH)
        );
        assert!(read(quoted.as_bytes()).is_ok());
    }

    #[test]
    fn finds_duplicates_at_any_depth() {
        assert_eq!(unambiguous(br#"{"a":{"x":1},"b":{"x":1}}"#), Ok(()));
        assert_eq!(
            unambiguous(br#"{"a":[{"b":{"x":1,"\u0078":2}}]}"#),
            Err(Fault::DuplicateKey)
        );
        assert_eq!(unambiguous(br#"{"a":1e400}"#), Err(Fault::Unreadable));
        assert_eq!(unambiguous(br#"{"a":"\ud800"}"#), Err(Fault::Unreadable));
        assert_eq!(unambiguous(br#"{"a":01}"#), Err(Fault::Unreadable));
        assert_eq!(unambiguous(br#"{"a":-0.0}"#), Ok(()));
    }

    #[test]
    fn an_id_is_found_in_a_beginning() {
        let look = |line: &[u8]| {
            let peeked = peek(line);
            (peeked.id, peeked.has_method)
        };
        let seven = Some(RequestId::Number(7));
        assert_eq!(
            look(br#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"te"#),
            (seven.clone(), false)
        );
        assert_eq!(look(b"{\"id\":7,\"x\":\"\xff"), (seven.clone(), false));
        assert_eq!(look(br#"{"method":"x","id":7,"params":["#), (seven, true));
        assert_eq!(look(br#"{"result":{"id":7},"x"#), (None, false));
        assert_eq!(look(b"[1,2"), (None, false));
    }
}
