//! The digest of a call's arguments, so that a decision names exactly what it was made for.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

/// Containers inside containers beyond this are refused.
const MAX_DEPTH: usize = 128;

/// SHA-256 of a call's arguments in canonical form.
///
/// Canonical is RFC 8785 (keys sorted by UTF-16 code units, no white space, shortest number form) with one
/// deliberate difference: integers keep every digit instead of passing through a double, so that 2^53 and 2^53 + 1 differ
/// (design: trust-gate, Approvals).
///
/// ```
/// use security_bundle::ArgsDigest;
///
/// let spaced = ArgsDigest::of_json(r#"{ "b": 1.0, "a": "x" }"#)?;
/// assert_eq!(spaced, ArgsDigest::of_json(r#"{"a":"\u0078","b":1}"#)?);
/// # Ok::<(), security_bundle::ArgsError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArgsDigest([u8; 32]);

impl ArgsDigest {
    /// Digests the arguments given as JSON text. Linear in the text's length; allocates.
    ///
    /// # Errors
    /// Text that is not one JSON value, repeats a key, nests deeper than 128, or holds a number beyond a double's range.
    pub fn of_json(text: &str) -> Result<Self, ArgsError> {
        serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map_err(|error| ArgsError::NotJson(error.to_string()))?;
        let mut canonical = String::with_capacity(text.len());
        Walk { rest: text }.value(&mut canonical, 0)?;
        Ok(Self(Sha256::digest(canonical.as_bytes()).into()))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ArgsDigest {
    /// 64 hexadecimal digits, lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ArgsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArgsDigest({self})")
    }
}

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
}

/// Walks text that `serde_json` has already found to be valid, so that it only has to tell tokens apart.
struct Walk<'a> {
    rest: &'a str,
}

impl<'a> Walk<'a> {
    fn value(&mut self, out: &mut String, depth: usize) -> Result<(), ArgsError> {
        if depth > MAX_DEPTH {
            return Err(ArgsError::TooDeep);
        }
        let inner = depth.saturating_add(1);
        match self.peek() {
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
                return Err(ArgsError::DuplicateKey(key.chars().take(64).collect()));
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
        .ok_or_else(|| ArgsError::NumberOutOfRange(token.chars().take(64).collect()))?;
    out.push_str(ryu_js::Buffer::new().format_finite(value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Result<String, ArgsError> {
        serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map_err(|error| ArgsError::NotJson(error.to_string()))?;
        let mut out = String::new();
        Walk { rest: text }.value(&mut out, 0)?;
        Ok(out)
    }

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

    #[test]
    fn two_to_the_53_and_its_successor_differ() {
        assert_ne!(
            ArgsDigest::of_json("9007199254740992").unwrap(),
            ArgsDigest::of_json("9007199254740993").unwrap()
        );
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        assert!(matches!(
            ArgsDigest::of_json(r#"{"name":1,"na\u006de":2}"#),
            Err(ArgsError::DuplicateKey(key)) if key == "name"
        ));
        assert_eq!(
            ArgsDigest::of_json("1e999"),
            Err(ArgsError::NumberOutOfRange("1e999".into()))
        );
        for text in ["", "{", "[1,]", "{} {}", "nul", "\"\\ud800\""] {
            assert!(ArgsDigest::of_json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_deep_nesting_without_recursing_into_it() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(ArgsDigest::of_json(&deep).is_err());
        let allowed = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(ArgsDigest::of_json(&allowed).is_ok());
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
