//! Writing any JSON object canonically in one pass over its text: sorted keys, no white space, every text in its one spelling. It is on the way of each
//! entry that carries something of its caller's, so nothing is read twice.

use std::borrow::Cow;

use crate::EntryError;
use crate::hex::hex;

/// Objects and arrays inside each other.
const MAX_DEPTH: usize = 64;

/// The JSON object `text` with sorted keys and without white space.
///
/// # Errors
/// It is not a JSON object, repeats a key, nests too deep, or holds what readers would read differently.
pub(crate) fn object(text: &str) -> Result<String, EntryError> {
    let mut pass = Pass {
        text,
        at: 0,
        out: String::with_capacity(text.len()),
        members: Vec::new(),
        scratch: String::new(),
    };
    pass.skip_space();
    if pass.peek() != Some(b'{') {
        return Err(refused("is not a JSON object"));
    }
    pass.value(MAX_DEPTH)?;
    pass.skip_space();
    if pass.peek().is_some() {
        return Err(pass.unexpected());
    }
    Ok(pass.out)
}

/// Where reading and writing stand.
struct Pass<'a> {
    text: &'a str,
    at: usize,
    out: String,
    /// Of the objects that are being written, the outermost first.
    members: Vec<Member<'a>>,
    scratch: String,
}

/// One member of an object, and where it stands in what is written.
struct Member<'a> {
    key: Cow<'a, str>,
    from: usize,
    to: usize,
}

impl<'a> Pass<'a> {
    fn value(&mut self, depth: usize) -> Result<(), EntryError> {
        match self.peek() {
            Some(b'{') => self.members(deeper(depth)?),
            Some(b'[') => self.items(deeper(depth)?),
            Some(b'"') => {
                let text = self.string()?;
                self.write(&text)
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => ["true", "false", "null"]
                .into_iter()
                .find(|literal| self.rest().starts_with(literal))
                .map(|literal| {
                    self.step(literal.len());
                    self.out.push_str(literal);
                })
                .ok_or_else(|| self.unexpected()),
        }
    }

    fn members(&mut self, depth: usize) -> Result<(), EntryError> {
        let (base, start) = (self.members.len(), self.out.len());
        let mut is_sorted = true;
        self.begin('{');
        while !self.ended(b'}', base != self.members.len())? {
            let from = self.out.len();
            let key = self.string()?;
            self.write(&key)?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected());
            }
            self.begin(':');
            self.value(depth)?;
            let before = self.members.get(base..).and_then(<[_]>::last);
            is_sorted &= before.is_none_or(|before| before.key < key);
            let to = self.out.len();
            self.members.push(Member { key, from, to });
        }
        if !is_sorted {
            self.sort(base, start)?;
        }
        self.members.truncate(base);
        self.out.push('}');
        Ok(())
    }

    /// Puts the members of the object that began at `start` in order.
    fn sort(&mut self, base: usize, start: usize) -> Result<(), EntryError> {
        let members = self.members.get_mut(base..).unwrap_or_default();
        members.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        self.scratch.clear();
        let mut before: Option<&Member<'_>> = None;
        for member in &*members {
            if before.is_some_and(|before| before.key == member.key) {
                let key = crate::error::shortened(&member.key);
                return Err(refused(format!(
                    "is not acceptable JSON: duplicate key `{key}`"
                )));
            }
            self.scratch.push(if before.is_some() { ',' } else { '{' });
            self.scratch
                .push_str(self.out.get(member.from..member.to).unwrap_or_default());
            before = Some(member);
        }
        self.out.truncate(start);
        self.out.push_str(&self.scratch);
        Ok(())
    }

    fn items(&mut self, depth: usize) -> Result<(), EntryError> {
        self.begin('[');
        let mut is_further = false;
        while !self.ended(b']', is_further)? {
            self.value(depth)?;
            is_further = true;
        }
        self.out.push(']');
        Ok(())
    }

    /// Takes a sign and what space there is after it.
    fn begin(&mut self, sign: char) {
        self.step(1);
        self.out.push(sign);
        self.skip_space();
    }

    /// Whether the object or array ends here; if not, its next part does begin here.
    fn ended(&mut self, end: u8, is_further: bool) -> Result<bool, EntryError> {
        self.skip_space();
        match self.peek() {
            Some(sign) if sign == end => {
                self.step(1);
                Ok(true)
            }
            Some(b',') if is_further => {
                self.begin(',');
                Ok(false)
            }
            Some(_) if !is_further => Ok(false),
            _ => Err(self.unexpected()),
        }
    }

    /// Reads a text; borrowed where it is written as it stands.
    fn string(&mut self) -> Result<Cow<'a, str>, EntryError> {
        let rest = self.rest();
        let Some(inside) = rest.strip_prefix('"') else {
            return Err(self.unexpected());
        };
        let mut is_plain = true;
        let mut is_escaped = false;
        let end = inside.bytes().position(|byte| {
            if is_escaped {
                is_escaped = false;
                return false;
            }
            match byte {
                b'"' => return true,
                b'\\' => {
                    is_escaped = true;
                    is_plain = false;
                }
                // Control characters: those of ASCII, and what may be one beyond.
                0..=0x1f | 0x7f | 0xc2 => is_plain = false,
                _ => {}
            }
            false
        });
        let Some(end) = end else {
            return Err(refused("is not acceptable JSON: a text does not end"));
        };
        let length = end.saturating_add(2);
        self.step(length);
        if is_plain {
            return Ok(Cow::Borrowed(inside.get(..end).unwrap_or_default()));
        }
        // Decoding refuses what other readers could not decode: lone surrogates.
        serde_json::from_str(rest.get(..length).unwrap_or_default())
            .map(Cow::Owned)
            .map_err(|error| problem(&error))
    }

    #[expect(
        clippy::ptr_arg,
        reason = "what is borrowed is known to need no escape"
    )]
    fn write(&mut self, text: &Cow<'_, str>) -> Result<(), EntryError> {
        match text {
            Cow::Borrowed(plain) => {
                self.out.push('"');
                self.out.push_str(plain);
                self.out.push('"');
                Ok(())
            }
            Cow::Owned(text) => write_string(text, &mut self.out),
        }
    }

    fn number(&mut self) -> Result<(), EntryError> {
        let rest = self.rest();
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.bytes().take_while(is_part).count();
        let number = rest.get(..length).unwrap_or_default();
        if !is_number(number.as_bytes()) {
            return Err(self.unexpected());
        }
        // So few digits without an exponent are in the range of a double.
        let is_small = length < 300 && !number.contains(['e', 'E']);
        if !is_small && !number.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(refused(format!(
                "holds the number `{}`, which is not finite",
                crate::error::shortened(number)
            )));
        }
        self.step(length);
        self.out.push_str(number);
        Ok(())
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step(1);
        }
    }

    fn unexpected(&self) -> EntryError {
        refused(format!(
            "is not acceptable JSON: it does not go on as JSON at byte {}",
            self.at
        ))
    }
}

/// RFC 8259, section 6.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.first() == Some(&b'0')) {
        return false;
    }
    let mut text = text.get(whole..).unwrap_or_default();
    if let Some(fraction) = text.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        text = fraction.get(count..).unwrap_or_default();
    }
    let exponent = text.strip_prefix(b"e").or_else(|| text.strip_prefix(b"E"));
    if let Some(exponent) = exponent {
        let unsigned = exponent
            .strip_prefix(b"+")
            .or_else(|| exponent.strip_prefix(b"-"))
            .unwrap_or(exponent);
        let count = digits(unsigned);
        return count > 0 && count == unsigned.len();
    }
    text.is_empty()
}

fn deeper(depth: usize) -> Result<usize, EntryError> {
    depth
        .checked_sub(1)
        .ok_or_else(|| refused(format!("nests deeper than {MAX_DEPTH}")))
}

/// Writes a string with every control character escaped, those beyond ASCII as well: a terminal acts on them, too.
fn write_string(text: &str, out: &mut String) -> Result<(), EntryError> {
    let quoted = serde_json::to_string(text).map_err(|error| problem(&error))?;
    for c in quoted.chars() {
        if c.is_control() {
            out.push_str("\\u00");
            out.push_str(&hex(&[u8::try_from(c).unwrap_or_default()]));
        } else {
            out.push(c);
        }
    }
    Ok(())
}

pub(crate) fn problem(error: &serde_json::Error) -> EntryError {
    refused(format!("is not acceptable JSON: {error}"))
}

fn refused(problem: impl Into<String>) -> EntryError {
    EntryError::Ext {
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt;

    use proptest::prelude::*;
    use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
    use serde_json::value::RawValue;

    use super::*;

    /// An object, by way of its parts: also such as no writer would write, and now and then none that is to be kept.
    fn texts() -> impl Strategy<Value = String> {
        prop::collection::vec((string(), values()), 0..4).prop_map(|members| {
            let members = members.iter().map(|(key, value)| format!("{key}:{value}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        })
    }

    fn values() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][-+]?[0-9]{1,3})?",
            string(),
        ];
        scalar.prop_recursive(5, 40, 5, |inner| {
            let space = "[ \t\n\r]{0,2}";
            let items = prop::collection::vec((space, inner.clone(), space), 0..5);
            let members = prop::collection::vec((space, string(), space, inner, space), 0..5);
            prop_oneof![
                items.prop_map(|items| {
                    let items = items.iter().map(|(a, item, b)| format!("{a}{item}{b}"));
                    format!("[{}]", items.collect::<Vec<_>>().join(","))
                }),
                members.prop_map(|members| {
                    let members = members
                        .iter()
                        .map(|(a, key, b, value, c)| format!("{a}{key}{b}:{c}{value}{a}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    fn letter(dice: u8) -> String {
        char::from(b'a'.wrapping_add(dice)).to_string()
    }

    fn string() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[a-c]{0,3}",
            Just("\\u0061".to_owned()),
            Just("\\ud83d\\ude00".to_owned()),
            Just("\\ud800".to_owned()),
            Just("\\\\".to_owned()),
            Just("\\\"".to_owned()),
            Just("\\/".to_owned()),
            Just("\\x".to_owned()),
            Just("\u{7f}".to_owned()),
            Just("\u{85}".to_owned()),
            Just("\u{e9}\u{1f600}".to_owned()),
            Just("\n".to_owned()),
        ];
        let parts = prop::collection::vec((0..24_u8, part), 0..4);
        parts.prop_map(|parts| {
            // Mostly letters, so that most texts are JSON and some keys are there twice.
            let parts = parts
                .into_iter()
                .map(|(dice, part)| if dice < 18 { letter(dice) } else { part });
            format!("\"{}\"", parts.collect::<String>())
        })
    }

    /// The same by way of serde, which reads each level again.
    fn by_serde(raw: &RawValue, depth: usize, out: &mut String) -> Result<(), EntryError> {
        let text = raw.get();
        match text.as_bytes()[0] {
            b'{' => {
                let depth = deeper(depth)?;
                let Members(members) = serde_json::from_str(text).map_err(|e| problem(&e))?;
                let mut separator = '{';
                for (key, value) in &members {
                    out.push(separator);
                    write_string(key, out)?;
                    out.push(':');
                    by_serde(value, depth, out)?;
                    separator = ',';
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
            b'[' => {
                let depth = deeper(depth)?;
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|e| problem(&e))?;
                let mut separator = '[';
                for item in &items {
                    out.push(separator);
                    by_serde(item, depth, out)?;
                    separator = ',';
                }
                out.push_str(if items.is_empty() { "[]" } else { "]" });
            }
            b'"' => {
                let decoded: String = serde_json::from_str(text).map_err(|e| problem(&e))?;
                write_string(&decoded, out)?;
            }
            b'-' | b'0'..=b'9' if !text.parse::<f64>().is_ok_and(f64::is_finite) => {
                return Err(refused("infinite"));
            }
            _ => out.push_str(text),
        }
        Ok(())
    }

    /// The members of one object, sorted, each key once.
    struct Members<'a>(BTreeMap<String, &'a RawValue>);

    impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Unique;
            impl<'de> Visitor<'de> for Unique {
                type Value = Members<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                    let mut members = BTreeMap::new();
                    while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                        if members.insert(key, value).is_some() {
                            return Err(Error::custom("duplicate key"));
                        }
                    }
                    Ok(Members(members))
                }
            }
            deserializer.deserialize_map(Unique)
        }
    }

    fn reference(text: &str) -> Option<String> {
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        let mut out = String::new();
        by_serde(raw, MAX_DEPTH, &mut out).ok()?;
        out.starts_with('{').then_some(out)
    }

    proptest! {
        #[test]
        fn one_pass_writes_what_reading_level_by_level_writes(text in texts()) {
            prop_assert_eq!(object(&text).ok(), reference(&text));
        }

        #[test]
        fn one_pass_refuses_what_is_no_json(text in texts(), at in any::<prop::sample::Index>(), put in "[\\[\\]{},:\"0-9eE.+\\\\ tn-]{0,1}") {
            let mut broken: Vec<char> = text.chars().collect();
            let at = at.index(broken.len());
            broken.splice(at..=at, put.chars());
            let broken: String = broken.into_iter().collect();
            prop_assert_eq!(object(&broken).ok(), reference(&broken));
        }

        #[test]
        fn what_is_canonical_stays_as_it_is(text in texts()) {
            if let Ok(written) = object(&text) {
                prop_assert_eq!(object(&written).ok(), Some(written));
            }
        }
    }
}
