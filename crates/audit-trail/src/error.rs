//! What can go wrong: one error for entries that break the schema, one for the log. Those of notes, proofs and verification stand with their modules.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

use crate::note::NoteError;

/// Why bytes or fields are not an entry of schema v1. Nothing was appended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// A field is there and empty.
    #[error("`{field}` is empty; leave it out instead")]
    Empty {
        /// Path of the field.
        field: String,
    },
    /// A string is over [`MAX_TEXT`](crate::MAX_TEXT).
    #[error("`{field}` is {len} bytes long; at most 4096 are recorded")]
    TooLong {
        /// Path of the field.
        field: String,
        /// Its length in bytes of UTF-8.
        len: usize,
    },
    /// A string holds a control character (Unicode category Cc).
    #[error("`{field}` holds the control character U+{code:04X}; replace it before it is recorded")]
    Control {
        /// Path of the field.
        field: String,
        /// The character's code point.
        code: u32,
    },
    /// A number is outside ±(2^53 − 1), or a decimal string is not a plain decimal number.
    #[error("`{field}` is `{value}`; it must be an integer below 2^53 or a decimal string")]
    Quantity {
        /// Path of the field.
        field: String,
        /// The value, shortened.
        value: String,
    },
    /// The time is not within ±(2^53 − 1) microseconds of the epoch.
    #[error("the time is out of range; entries hold microseconds below 2^53 (years 1684 to 2255)")]
    Time,
    /// The id is not a UUID of version 7 in hyphenated lower case.
    #[error("the id `{id}` is not a version 7 UUID in lower case")]
    Id {
        /// The id, shortened.
        id: String,
    },
    /// A name is not one of the closed vocabulary.
    #[error("`{value}` is not a value of `{field}`")]
    Unknown {
        /// Path of the field.
        field: &'static str,
        /// The value, shortened.
        value: String,
    },
    /// The name of a personal field is that of a field of entries, or was given twice.
    #[error(
        "`{name}` cannot name a personal field: entries have such a field, or it was given twice"
    )]
    PersonalName {
        /// The name, shortened.
        name: String,
    },
    /// Only the log itself writes entries of this [kind](crate::Kind::is_own).
    #[error("entries of kind `{kind}` are written by the log itself")]
    Reserved {
        /// The kind.
        kind: crate::Kind,
    },
    /// `ext` has a key under which the log's owner keeps something of its own: see [`AuditLog::reserving`](crate::AuditLog::reserving).
    #[error("`ext` has the key `{key}`, which the log's owner keeps for itself; use another one")]
    ReservedExt {
        /// The key.
        key: &'static str,
    },
    /// The whole entry is over [`MAX_ENTRY`](crate::MAX_ENTRY).
    #[error("the entry is {len} bytes long; at most 61440 are recorded")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
    },
    /// `ext` is not a JSON object that can be kept as it is.
    #[error("`ext` {problem}")]
    Ext {
        /// What is wrong with it.
        problem: String,
    },
    /// The bytes are not JSON of this schema.
    #[error("not an entry of schema v1: {problem}")]
    Malformed {
        /// What the parser found.
        problem: String,
    },
}

/// What the log answers when it cannot do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The entry breaks the schema; nothing was appended.
    #[error("the entry was not recorded: {0}")]
    Entry(#[from] EntryError),
    /// The builder was given something that cannot work; no log was made.
    #[error("{0}")]
    Config(String),
    /// The entry holds personal data, or a subject is to be erased, and the log has no vault; nothing was done.
    #[error("the log has no vault for personal data; give one to its builder")]
    NoVault,
    /// The vault failed; no entry was appended with personal data that it did not keep.
    #[error("the vault of personal data failed: {0}")]
    Vault(#[source] io::Error),
    /// A key or a name is not usable.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The operating system gave no randomness; nothing was appended.
    #[error("no randomness for an id or a key: {0}")]
    Random(#[source] io::Error),
    /// The sink failed, now or earlier. What it did not take is not visible, and nothing more is recorded.
    #[error("the log's sink failed, and nothing more is recorded: {0}")]
    Sink(#[source] Arc<io::Error>),
    /// The file system failed. After a failed write or sync nothing more is recorded: open the log anew, which reads what is there.
    #[error("{what} failed: {source}")]
    Storage {
        /// What was tried, and on which file.
        what: String,
        /// The operating system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// A file of the log is damaged where only tampering or a failing disk can have damaged it. Nothing was changed.
    #[error("{file} is corrupt in bytes {} to {}: {problem}; keep the file and restore it from a copy", .range.start, .range.end)]
    Corrupt {
        /// The file, named within the log's directory.
        file: String,
        /// The bytes that cannot be right.
        range: Range<u64>,
        /// What is wrong with them.
        problem: String,
    },
    /// What is in the directory is behind, or other than, what a checkpoint that survives says: an older copy was put back, the newest entries were cut off, or the log was rewritten.
    #[error(
        "rollback detected: {evidence} covers {covered} entries, and {problem}; nothing is written to this log"
    )]
    RollbackDetected {
        /// Which checkpoint says so.
        evidence: String,
        /// Number of entries that it covers.
        covered: u64,
        /// What was found instead.
        problem: String,
    },
    /// Another process, or another handle of this one, writes to the directory.
    #[error("the log in `{directory}` is open for writing elsewhere; only one writer at a time")]
    Locked {
        /// The directory.
        directory: String,
    },
    /// The queue is full and the log was told not to wait; nothing was appended.
    #[error("the log's queue is full; the entry was not recorded")]
    QueueFull,
    /// There is no room for the next segment; nothing was appended. The log goes on by itself when there is room again.
    #[error("the disk is full: no room for the log's next segment; the entry was not recorded")]
    DiskFull,
    /// Entries do not get that far in this log.
    #[error(
        "this log does not acknowledge at the level `{level}`: `durable` and `signed` need a directory, `witnessed` needs witnesses"
    )]
    Level {
        /// The level asked for.
        level: crate::acknowledge::Acknowledgement,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// The writer of an export failed; the log is unharmed.
    #[error("the export could not be written: {0}")]
    Export(#[source] io::Error),
    /// The entry was there and has left memory; only hashes of it are kept.
    #[error("entry {index} is no longer held; the oldest one held is {held_from}")]
    Evicted {
        /// What was asked for.
        index: u64,
        /// The oldest index that can be read.
        held_from: u64,
    },
    /// There is no such entry or tree size yet.
    #[error("{index} is beyond the log's size of {size}")]
    OutOfRange {
        /// What was asked for.
        index: u64,
        /// The log's size.
        size: u64,
    },
    /// The cursor is not one of this log and this filter.
    #[error("the cursor {0}; start again without one")]
    Cursor(&'static str),
    /// There is no signing key, and no checkpoint was read.
    #[error("there is no signed checkpoint: this log was read without its key or holds none")]
    NoCheckpoint,
    /// A thread panicked inside the log; nothing more is recorded or read.
    #[error("a thread panicked inside the log; it records nothing more")]
    Poisoned,
}

impl AuditError {
    /// For `map_err`: says what was tried.
    pub(crate) fn storage(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Storage {
            what: what.into(),
            source: Arc::new(error),
        }
    }
}

/// The beginning of `text`, short enough for a message, without control characters.
pub(crate) fn shortened(text: &str) -> String {
    const KEEP: usize = 64;
    let mut short: String = text
        .chars()
        .take(KEEP)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(KEEP).is_some() {
        short.push('…');
    }
    short
}
