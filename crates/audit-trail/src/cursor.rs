//! Where a query stopped, as an opaque text that a client can bring back.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};

use crate::AuditError;

/// The place after a page, pinned to the size that the log had when the query began.
///
/// It is good for the same log and the same filter only. It is not a secret and not signed: a made-up one can at most show
/// entries that the query could show anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    /// Stands for log and filter.
    pub(crate) digest: u64,
    /// Where the query began, and the size that the log had then: entries that came later are not in it.
    pub(crate) start: u64,
    pub(crate) size: u64,
    /// The next index to look at.
    pub(crate) next: u64,
}

const VERSION: u8 = 1;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        for number in [self.digest, self.start, self.size, self.next] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = AuditError;

    /// # Errors
    /// [`AuditError::Cursor`] if the text was never a cursor.
    fn from_str(text: &str) -> Result<Self, AuditError> {
        let malformed = || AuditError::Cursor("is malformed");
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| malformed())?;
        let (numbers, rest) = match bytes.split_first() {
            Some((&VERSION, body)) => body.as_chunks::<8>(),
            _ => return Err(malformed()),
        };
        let &[digest, start, size, next] = numbers else {
            return Err(malformed());
        };
        if !rest.is_empty() {
            return Err(malformed());
        }
        let [digest, start, size, next] = [digest, start, size, next].map(u64::from_be_bytes);
        if !(start..size).contains(&next) {
            return Err(malformed());
        }
        Ok(Self {
            digest,
            start,
            size,
            next,
        })
    }
}

impl TryFrom<String> for Cursor {
    type Error = AuditError;

    fn try_from(text: String) -> Result<Self, AuditError> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote_and_nothing_else() {
        let cursor = Cursor {
            digest: 7,
            start: 0,
            size: 300,
            next: 299,
        };
        let text = cursor.to_string();
        assert_eq!(text.parse::<Cursor>().unwrap(), cursor);
        assert_eq!(
            serde_json::from_str::<Cursor>(&format!("\"{text}\"")).unwrap(),
            cursor
        );
        for bad in [
            "",
            "AQ",
            "AQ==",
            &text[1..],
            &format!("{text}AA"),
            &text.replace('A', "B"),
        ] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
        assert!(
            Cursor {
                next: 300,
                ..cursor
            }
            .to_string()
            .parse::<Cursor>()
            .is_err()
        );
    }
}
