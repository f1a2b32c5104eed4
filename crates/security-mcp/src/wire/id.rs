//! Request ids: the two types MCP allows, told apart exactly.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Fault;

/// Longest string id, in bytes after decoding. Ids are kept while their requests are in flight.
pub(super) const MAX_TEXT: usize = 256;

/// Largest integer that every JSON reader holds exactly (RFC 7493, section 2.2). Beyond it two ids can become one.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The id of a JSON-RPC request. `1` and `"1"` are different ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "MCP allows these two types and no other"
)]
pub enum RequestId {
    /// An integer within ±(2^53 − 1).
    Number(i64),
    /// A string of at most 256 bytes.
    Text(String),
}

impl RequestId {
    /// Reads an id from the text of one JSON value.
    pub(crate) fn read(raw: &str) -> Result<Self, Fault> {
        if raw.starts_with('"') {
            let text: String = serde_json::from_str(raw).map_err(|_| Fault::BadId)?;
            return if text.len() <= MAX_TEXT {
                Ok(Self::Text(text))
            } else {
                Err(Fault::BadId)
            };
        }
        // "-0" parses as an integer here and as a double elsewhere.
        match raw.parse::<i64>() {
            Ok(number) if number.unsigned_abs() <= MAX_NUMBER && raw != "-0" => {
                Ok(Self::Number(number))
            }
            _ => Err(Fault::BadId),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_strings_and_exact_integers_only() {
        assert_eq!(RequestId::read("7"), Ok(RequestId::Number(7)));
        assert_eq!(RequestId::read("-7"), Ok(RequestId::Number(-7)));
        assert_eq!(RequestId::read("\"7\""), Ok(RequestId::Text("7".into())));
        assert_eq!(
            RequestId::read("\"\\u0061\""),
            Ok(RequestId::Text("a".into()))
        );
        assert_eq!(
            RequestId::read("9007199254740991"),
            Ok(RequestId::Number(9_007_199_254_740_991))
        );
        for wrong in [
            "9007199254740992",
            "-9007199254740992",
            "99999999999999999999",
            "1.0",
            "1e2",
            "-0",
            "null",
            "true",
            "[1]",
            "{}",
            "\"\\ud800\"",
        ] {
            assert_eq!(RequestId::read(wrong), Err(Fault::BadId), "{wrong}");
        }
        let long = format!("\"{}\"", "x".repeat(MAX_TEXT + 1));
        assert_eq!(RequestId::read(&long), Err(Fault::BadId));
    }
}
