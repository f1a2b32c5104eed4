//! Logs of an older kind: NDJSON in which each record holds the hash of the one before. Verified on the stored text, which is never written anew.

mod error;
mod import;
mod line;

use std::fmt;
use std::io::{BufRead, Read};

use sha2::{Digest as _, Sha256};

pub use self::error::{ChainError, ChainFault};
pub use self::import::Imported;
use self::line::Line;
use crate::hex::hex;

/// The longest line that is read, newline excluded.
const MAX_LINE: usize = 1 << 20;
/// What the first record calls the one before it.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How the members of a chained record are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// `previousHash`, and the record's own hash as `recordHash` or `hash`.
    CamelCase,
    /// `previous_hash`, and the record's own hash as `record_hash` or `hash`.
    SnakeCase,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CamelCase => "camelCase",
            Self::SnakeCase => "snake_case",
        })
    }
}

/// What the verification of a hash-chained file established.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a chain that verifies can have been cut off or written anew: see `weaknesses`"]
pub struct ChainVerified {
    /// Number of records.
    pub records: u64,
    /// Hash of the last record, in hexadecimal: a copy kept elsewhere shows a cut-off end.
    pub head: String,
    /// How its members are named.
    pub dialect: Dialect,
}

impl ChainVerified {
    /// What verifying such a file cannot find, in sentences.
    #[must_use]
    pub fn weaknesses(&self) -> &'static [&'static str] {
        &[
            "Truncation verifies: the newest records can be cut off unless the head hash was kept elsewhere.",
            "A complete rewrite verifies: nothing is signed, so whoever can write the file can make another chain.",
            "Roll-back verifies: an older copy of the file, put in its place, looks whole.",
        ]
    }
}

impl fmt::Display for ChainVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "chain of {} records ({}) up to {}",
            self.records, self.dialect, self.head
        )
    }
}

/// Verifies a hash-chained NDJSON log, line by line: an edited, removed, inserted or moved record is found.
///
/// The hash of a record is the SHA-256, in lower-case hexadecimal, of its JSON without its own hash, a newline, and the
/// previous record's hash (64 zeros before the first). That JSON has no white space and its keys stand in order. Here the members'
/// texts are taken as they are stored; only the record's own hash is left out, wherever it stands, and members that stand in
/// another order are put in order, none of them changed. Duplicate keys at any depth, white space between tokens and a change of dialect are refused, and
/// lines of more than 1 MiB. Memory is bounded by one line.
///
/// # Errors
/// [`ChainError`] naming the line and what is wrong with it.
///
/// ```
/// use audit_trail::verify_chain;
///
/// let record = concat!(
///     r#"{"action":"deploy","agentId":"agent-2","permitted":false,"#,
///     r#""previousHash":"0000000000000000000000000000000000000000000000000000000000000000","#,
///     r#""recordHash":"9915c90b458d3fb2422a1700fab3d4ff51b6642e8f49d1ee1ed670be01c86320","#,
///     r#""timestamp":"2026-01-01T00:00:01.000Z"}"#,
/// );
/// assert_eq!(verify_chain(record.as_bytes())?.records, 1);
/// assert!(verify_chain(record.replace("deploy", "delete").as_bytes()).is_err());
/// # Ok::<(), audit_trail::ChainError>(())
/// ```
pub fn verify_chain(reader: impl BufRead) -> Result<ChainVerified, ChainError> {
    walk(reader, |_, _, _| Ok(()))
}

/// Verifies, and shows each line that fits: its number, its text read, its hash.
fn walk(
    mut reader: impl BufRead,
    mut each: impl FnMut(u64, &Line<'_>, &str) -> Result<(), ChainError>,
) -> Result<ChainVerified, ChainError> {
    let (mut buffer, mut number) = (Vec::new(), 0_u64);
    let (mut previous, mut dialect) = (BEGINNING.to_owned(), None);
    while next_line(&mut reader, &mut buffer)? {
        number = number.saturating_add(1);
        let at = |fault| ChainError::Line {
            line: number,
            fault,
        };
        if buffer.len() > MAX_LINE {
            return Err(at(ChainFault::TooLong));
        }
        let text = std::str::from_utf8(&buffer).map_err(|e| at(ChainFault::Json(e.to_string())))?;
        let line = Line::parse(text).map_err(at)?;
        if dialect.is_some_and(|dialect| dialect != line.dialect) {
            return Err(at(ChainFault::Dialect));
        }
        if line.previous != previous {
            return Err(at(ChainFault::Previous {
                found: crate::error::shortened(line.previous),
                expected: previous,
            }));
        }
        let mut hash = Sha256::new();
        line.preimage(|part| hash.update(part));
        hash.update("\n");
        hash.update(&previous);
        let computed = hex(&hash.finalize());
        if line.hash != computed {
            return Err(at(ChainFault::Hash {
                found: crate::error::shortened(line.hash),
                computed,
            }));
        }
        dialect = Some(line.dialect);
        each(number, &line, &computed)?;
        previous = computed;
    }
    Ok(ChainVerified {
        records: number,
        head: previous,
        dialect: dialect.ok_or(ChainError::Empty)?,
    })
}

/// Reads the next line without its newline, or the beginning of one that is too long; `false` at the end.
fn next_line(reader: &mut impl BufRead, buffer: &mut Vec<u8>) -> Result<bool, ChainError> {
    buffer.clear();
    let limit = MAX_LINE.saturating_add(2) as u64;
    let read = reader
        .by_ref()
        .take(limit)
        .read_until(b'\n', buffer)
        .map_err(ChainError::Io)?;
    if buffer.last() == Some(&b'\n') {
        buffer.pop();
    }
    Ok(read > 0)
}
