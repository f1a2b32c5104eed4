//! Why a receipt was not issued, or is not to be believed.

use crate::id::RecordId;
use crate::receipt::MAX_BYTES;

/// How much of a text from outside an error quotes, in characters.
const QUOTED_CHARS: usize = 120;

/// Why a receipt was not issued or is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// A field of the controller's identity is not as it must be.
    #[error("the controller's `{field}` {problem}: `{quoted}`")]
    Controller {
        /// Which field.
        field: &'static str,
        /// What is wrong with it, and what to do.
        problem: &'static str,
        /// Its text, escaped and shortened.
        quoted: String,
    },
    /// A text is not a key.
    #[error("a receipt's key {problem}")]
    Key {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The ledger has no such record.
    #[error(
        "the ledger holds no record {record_id}; a receipt is issued by the ledger that made the record"
    )]
    NotInLedger {
        /// The record that was asked for.
        record_id: RecordId,
    },
    /// The receipt is longer than any that is issued.
    #[error("the receipt has {bytes} bytes; none is longer than {MAX_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is not JSON as receipts are written in.
    #[error("the receipt cannot be read: {problem}")]
    NotJson {
        /// What is wrong with it, escaped and shortened.
        problem: String,
    },
    /// It is signed under a key that is not among those that were given.
    #[error(
        "the receipt names a key that is not known here: `{key_id}`; obtain it from the controller"
    )]
    UnknownKey {
        /// The key id that it names, escaped and shortened.
        key_id: String,
    },
    /// The signature does not fit: something in it was changed, or another key signed it.
    #[error(
        "the receipt's signature does not fit what it says; it was changed after it was issued, or never was"
    )]
    Forged,
    /// It is well signed, and not of the form that this version writes.
    #[error("the receipt is signed, but not of the form that this version issues: {problem}")]
    Unfamiliar {
        /// What is unfamiliar, escaped and shortened.
        problem: String,
    },
}

/// Text from outside as an error may show it: escaped and shortened.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted: String = text
        .chars()
        .take(QUOTED_CHARS)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        quoted.push('…');
    }
    quoted
}
