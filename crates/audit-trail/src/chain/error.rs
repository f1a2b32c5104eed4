//! Why a hash-chained file was not accepted.

use std::io;

use thiserror::Error;

use crate::AuditError;

/// Why a chain does not verify or cannot be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The reader failed.
    #[error("the chain could not be read: {0}")]
    Io(#[source] io::Error),
    /// There is not one record.
    #[error("there is no record in the chain")]
    Empty,
    /// A record is not what should stand there.
    #[error("line {line}: {fault}")]
    Line {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        fault: ChainFault,
    },
    /// The chain was read twice and was another the second time; what was appended so far stays.
    #[error(
        "the chain changed while it was imported; what was appended before stays, without a closing entry"
    )]
    Changed,
    /// The log did not take an entry; what was appended so far stays.
    #[error("the import stopped: {0}")]
    Log(#[from] AuditError),
}

/// What is wrong with one record of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// It is over 1 MiB.
    #[error("the line is longer than 1 MiB")]
    TooLong,
    /// It is not a JSON object with unique keys.
    #[error("not a JSON object with unique keys: {0}")]
    Json(String),
    /// There is white space between tokens: the text that was hashed is not the one that is stored.
    #[error(
        "it holds white space between tokens, which the hashed text has not; export it compactly"
    )]
    WhiteSpace,
    /// A member is missing or not of its type.
    #[error("`{0}` is missing or not what it should be")]
    Member(&'static str),
    /// Members of both dialects, or of another dialect than the lines before.
    #[error("it mixes camelCase and snake_case names of hashes")]
    Dialect,
    /// The record's own hash is there twice, under two names.
    #[error("it holds two hashes of its own")]
    TwoHashes,
    /// It does not follow the line before: something was removed, inserted or moved.
    #[error("it follows a record with the hash `{found}`, but the one before it has `{expected}`")]
    Previous {
        /// What it says of the line before, shortened.
        found: String,
        /// The hash of the line before.
        expected: String,
    },
    /// Its hash is not the one of its text: it was edited.
    #[error("its hash is `{found}`, but its text has `{computed}`")]
    Hash {
        /// What it says, shortened.
        found: String,
        /// The hash of its text.
        computed: String,
    },
    /// It verifies and cannot be recorded.
    #[error("it cannot be imported: {0}")]
    Entry(#[from] crate::EntryError),
}
