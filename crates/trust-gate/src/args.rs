//! The digest of a call's arguments, so that a decision names exactly what it was made for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::excerpt;
use crate::hex::as_hex;

/// Containers inside containers beyond this are refused: the walk recurses.
const MAX_DEPTH: usize = 128;

/// SHA-256 of a call's arguments in canonical form; as text, 64 lower-case hexadecimal digits.
///
/// Canonical is RFC 8785 (keys sorted by UTF-16 code units, no white space, shortest number form) with one deliberate
/// difference: what is written as an integer keeps every digit instead of passing through a double, so that 2^53 and
/// 2^53 + 1 differ (design: trust-gate, Approvals).
///
/// | arguments | digests |
/// |---|---|
/// | other white space, order of keys or escapes | equal |
/// | `1`, `1.0`, `10e-1`; `0`, `-0`, `-0.0` | equal |
/// | `9007199254740992` and `9007199254740993` | differ |
/// | `1e21` and `1000000000000000000000`, a double and an integer beyond 2^53 | differ |
/// | missing, `{}` and `null` | differ: a server can tell them apart |
/// | a key twice, half of a surrogate pair, `1e400`, more than 128 nested levels | refused |
///
/// ```
/// use trust_gate::ArgsDigest;
///
/// let spaced = ArgsDigest::of_json(r#"{ "b": 1.0, "a": "x" }"#)?;
/// assert_eq!(spaced, ArgsDigest::of_json(r#"{"a":"\u0078","b":1}"#)?);
/// assert_ne!(ArgsDigest::none(), ArgsDigest::of_json("{}")?);
/// # Ok::<(), trust_gate::ArgsError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArgsDigest([u8; 32]);

impl ArgsDigest {
    /// Digests the arguments given as JSON text. Time grows with the text's length; allocates.
    ///
    /// # Errors
    /// Text that is not one JSON value, repeats a key, nests deeper than 128, or holds a number beyond a double's range.
    pub fn of_json(text: &str) -> Result<Self, ArgsError> {
        canonical(text).map(|canonical| Self::of_canonical(&canonical))
    }

    /// Digests what [`canonical`] made.
    pub(crate) fn of_canonical(canonical: &str) -> Self {
        Self(Sha256::digest(canonical).into())
    }

    /// The digest of a call without arguments. No JSON text has it: it is SHA-256 of nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

as_hex!(ArgsDigest, ArgsError, ArgsError::NotADigest);

/// Why arguments have no digest; the call is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// The text is not one JSON value.
    #[error("arguments are not valid JSON ({0}); send one JSON value")]
    NotJson(String),
    /// A key stands twice in one object, so two readers could take different values.
    #[error("arguments repeat the key `{0}`; send each key once")]
    DuplicateKey(String),
    /// Containers nest too deeply.
    #[error("arguments nest deeper than 128 levels; flatten them")]
    TooDeep,
    /// A number that no double holds.
    #[error("the number `{0}` is beyond a double's range; send it as a string")]
    NumberOutOfRange(String),
    /// The text of a digest is something else.
    #[error("`{0}` is not a digest of arguments; write 64 lower-case hexadecimal digits")]
    NotADigest(String),
}

/// The one text for all texts that mean the same arguments.
pub(crate) fn canonical(text: &str) -> Result<String, ArgsError> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map_err(|error| ArgsError::NotJson(error.to_string()))?;
    let mut canonical = String::with_capacity(text.len());
    Walk { rest: text }.value(&mut canonical, 0)?;
    Ok(canonical)
}

/// Walks text that `serde_json` has already found to be valid, so that it only has to tell tokens apart.
struct Walk<'a> {
    rest: &'a str,
}

impl<'a> Walk<'a> {
    fn value(&mut self, out: &mut String, depth: usize) -> Result<(), ArgsError> {
        let inner = depth.saturating_add(1);
        match self.peek() {
            Some('{' | '[') if inner > MAX_DEPTH => Err(ArgsError::TooDeep),
            Some('{') => self.object(out, inner),
            Some('[') => self.array(out, inner),
            Some('"') => {
                let text = self.string()?;
                write_string(out, &text)
            }
            Some('-' | '0'..='9') => number(
                self.take(|c| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')),
                out,
            ),
            _ => {
                out.push_str(self.take(|c| !c.is_ascii_alphabetic()));
                Ok(())
            }
        }
    }

    fn object(&mut self, out: &mut String, depth: usize) -> Result<(), ArgsError> {
        // Sorted as UTF-16, which differs from the order of code points above the basic plane.
        let mut members: BTreeMap<Vec<u16>, String> = BTreeMap::new();
        self.bump();
        while self.peek() != Some('}') {
            let key = self.string()?;
            self.bump();
            let mut member = String::new();
            write_string(&mut member, &key)?;
            member.push(':');
            self.value(&mut member, depth)?;
            if members
                .insert(key.encode_utf16().collect(), member)
                .is_some()
            {
                return Err(ArgsError::DuplicateKey(excerpt(&key)));
            }
            self.comma()?;
        }
        self.bump();
        out.push('{');
        for (position, member) in members.into_values().enumerate() {
            if position > 0 {
                out.push(',');
            }
            out.push_str(&member);
        }
        out.push('}');
        Ok(())
    }

    fn array(&mut self, out: &mut String, depth: usize) -> Result<(), ArgsError> {
        self.bump();
        out.push('[');
        let mut first = true;
        while self.peek() != Some(']') {
            if !first {
                out.push(',');
            }
            first = false;
            self.value(out, depth)?;
            self.comma()?;
        }
        self.bump();
        out.push(']');
        Ok(())
    }

    fn string(&mut self) -> Result<String, ArgsError> {
        self.peek();
        let mut stream = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
        let text = stream
            .next()
            .ok_or_else(unfinished)?
            .map_err(|error| ArgsError::NotJson(error.to_string()))?;
        let read = stream.byte_offset();
        self.rest = self.rest.get(read..).ok_or_else(unfinished)?;
        self.peek();
        Ok(text)
    }

    /// Skips white space and shows the next character.
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.rest.chars().next()
    }

    /// Passes one ASCII token (a bracket, a colon or a comma).
    fn bump(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or("");
    }

    fn comma(&mut self) -> Result<(), ArgsError> {
        match self.peek() {
            Some(',') => {
                self.bump();
                Ok(())
            }
            Some('}' | ']') => Ok(()),
            _ => Err(unfinished()),
        }
    }

    fn take(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(end).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        token
    }
}

fn unfinished() -> ArgsError {
    ArgsError::NotJson("unexpected end".to_owned())
}

fn write_string(out: &mut String, text: &str) -> Result<(), ArgsError> {
    let quoted =
        serde_json::to_string(text).map_err(|error| ArgsError::NotJson(error.to_string()))?;
    out.push_str(&quoted);
    Ok(())
}

fn number(token: &str, out: &mut String) -> Result<(), ArgsError> {
    if !token.contains(['.', 'e', 'E']) {
        out.push_str(if token == "-0" { "0" } else { token });
        return Ok(());
    }
    let value: f64 = token
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .ok_or_else(|| ArgsError::NumberOutOfRange(excerpt(token)))?;
    out.push_str(ryu_js::Buffer::new().format_finite(value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_keys_by_utf_16_as_rfc_8785_section_3_2_3_asks() {
        let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let order = ["\\r", "1", "\u{80}", "ö", "€", "😀", "\u{fb33}"];
        let found = canonical(text).unwrap();
        let places: Vec<usize> = order
            .iter()
            .map(|key| found.find(&format!("\"{key}\":")).unwrap())
            .collect();
        assert!(places.is_sorted(), "{found}");
    }

    #[test]
    fn numbers_take_their_shortest_form_and_integers_keep_every_digit() {
        let text = "[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001, -0, -0.0, 9007199254740993, 123456789012345678901234567890]";
        insta::assert_snapshot!(canonical(text).unwrap(), @"[333333333.3333333,1e+30,4.5,0.002,1e-27,0,0,9007199254740993,123456789012345678901234567890]");
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_ignores_white_space(text in "[ \\[\\]{}:,\"a-c0-9.eE\\\\-]{0,40}") {
            if let Ok(digest) = ArgsDigest::of_json(&text) {
                let spaced = format!("\n\t {text} \r");
                proptest::prop_assert_eq!(ArgsDigest::of_json(&spaced), Ok(digest));
            }
        }
    }
}
