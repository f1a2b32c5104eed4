//! What a verification says: how much was established, or what is wrong and where.

use std::fmt;
use std::io;
use std::ops::Range;

use thiserror::Error;

use crate::EntryError;
use crate::note::NoteError;
use crate::tiles::TileError;
use crate::tree::Hash;

/// How strong the evidence is, from weak to strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// The entries are well-formed and hash to the root. Whoever wrote the file can have written any other.
    Tree,
    /// A checkpoint signed by the log's key covers them: evident against everybody without the key.
    Signed,
    /// And they agree with a checkpoint that the caller kept: evident against the key's holder too, up to that size.
    Pinned,
    /// A quorum of the caller's policy has cosigned the checkpoint: who holds the key cannot show others another history, either.
    Witnessed,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tree => "tree",
            Self::Signed => "signed",
            Self::Pinned => "pinned",
            Self::Witnessed => "witnessed",
        })
    }
}

/// How many of a policy's witnesses have cosigned. Displayed as `2/3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Witnesses {
    /// Number of witnesses whose cosignature was verified, each counted once.
    pub signed: u64,
    /// Number of witnesses in the policy.
    pub known: u64,
}

impl fmt::Display for Witnesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.signed, self.known)
    }
}

/// What a verification established.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a log can verify and still not be covered to its end: look at `fully_covered`"]
pub struct Verified {
    /// How strong the evidence is, for the entries below `covered_size`.
    pub level: Level,
    /// Number of entries in the log.
    pub size: u64,
    /// The first entry that was there to be read; those before it are known by hashes alone.
    pub first_index: u64,
    /// Entries below this are covered by a signed checkpoint; those from here on by nothing yet.
    pub covered_size: u64,
    /// Root of the tree over all entries.
    pub root: Hash,
    /// Checkpoints that were checked.
    pub checkpoints: u64,
    /// Size of the pin that was checked.
    pub pinned_size: Option<u64>,
    /// The witnesses that were counted, where the caller gave a policy.
    pub witnesses: Option<Witnesses>,
}

impl Verified {
    /// Whether every entry from the first to the last was there and is covered by a signed checkpoint.
    ///
    /// `false` says that something may have been cut off or added at the end, or that the beginning was not there. What
    /// was cut off together with the checkpoints that covered it shows against a pin alone.
    #[must_use]
    pub fn fully_covered(&self) -> bool {
        self.level >= Level::Signed
            && self.first_index == 0
            && self.covered_size == self.size
            && self.size > 0
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            level,
            size,
            covered_size,
            first_index,
            ..
        } = self;
        write!(f, "{level}")?;
        if let Some(witnesses) = self.witnesses.filter(|_| *level == Level::Witnessed) {
            write!(f, "({witnesses})")?;
        }
        write!(f, ": covered up to {covered_size} of {size} entries")?;
        if let Some(pinned) = self.pinned_size {
            write!(f, ", pinned up to {pinned}")?;
        }
        if *first_index > 0 {
            write!(f, "; the first {first_index} were not there to be read")?;
        }
        Ok(())
    }
}

/// Why a log does not verify, and where.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The reader failed.
    #[error("the log could not be read: {0}")]
    Io(#[source] io::Error),
    /// A line is not what should stand there.
    #[error("line {line}: {fault}")]
    Line {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// There is nothing in it, not even a genesis entry.
    #[error("there is no entry")]
    Empty,
    /// The pin covers more entries than there are: the newest were cut off, or an older state was put back.
    #[error(
        "the log was cut off or rolled back: the kept checkpoint covers {pinned} entries, the log has {size}"
    )]
    Truncated {
        /// Size of the pin.
        pinned: u64,
        /// Entries in the log.
        size: u64,
    },
    /// The log does not begin with the entries that the pin covers.
    #[error("the first {size} entries are not those of the kept checkpoint")]
    PinMismatch {
        /// Size of the pin.
        size: u64,
    },
    /// The pin is of another log.
    #[error("the kept checkpoint is of the log `{pin}`, not of `{log}`")]
    PinOrigin {
        /// Origin of the pin.
        pin: String,
        /// Origin of the log.
        log: String,
    },
    /// The pin ends within the part that was not there to be read.
    #[error(
        "the kept checkpoint covers {pinned} entries, and the first {first_index} are no longer there to compare"
    )]
    PinUnreachable {
        /// Size of the pin.
        pinned: u64,
        /// The first entry that was there.
        first_index: u64,
    },
    /// In memory, the entries do not hash to the log's root.
    #[error("the entries in memory do not hash to the root at size {size}")]
    Root {
        /// Size at which they should.
        size: u64,
    },
    /// A file of the tiled log is not what it should be.
    #[error("{path}: {fault}")]
    Tile {
        /// Its path.
        path: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// An entry is not what should stand there.
    #[error("entry {index}: {fault}")]
    Entry {
        /// Its index.
        index: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The witnesses that have cosigned are no quorum of the policy.
    #[error("only {0} of the policy's witnesses have cosigned, which is no quorum")]
    NotWitnessed(Witnesses),
    /// A segment of the log's directory is not what it should be.
    #[error("{file}, bytes {} to {}, from entry {index} on: {problem}", .range.start, .range.end)]
    Segment {
        /// The file, named within the directory.
        file: String,
        /// The bytes that cannot be right.
        range: Range<u64>,
        /// The first entry that is in question.
        index: u64,
        /// What is wrong.
        problem: String,
    },
    /// The checkpoint that the log's directory publishes does not agree with its segments.
    #[error("the published checkpoint covers {covered} entries, and {problem}")]
    Published {
        /// How many entries it says that it covers; 0 if it cannot be read.
        covered: u64,
        /// What is wrong.
        problem: String,
    },
    /// The log is not the one that was meant: none of the keys that have signed it is the caller's.
    #[error("the log was never signed by the key `{key}`")]
    Key {
        /// The caller's key.
        key: String,
    },
    /// The log itself cannot be read.
    #[error("{0}")]
    Log(String),
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is longer than any line of a log.
    #[error("longer than any line of a log")]
    TooLong,
    /// It does not end in a newline: the file was cut within it, or is still being written.
    #[error("does not end in a newline")]
    Torn,
    /// It breaks the schema.
    #[error("{0}")]
    Entry(#[from] EntryError),
    /// The first entry is not the genesis entry of this log, or a later one is a genesis entry.
    #[error("entry 0, and only that, must be the genesis entry of this log")]
    Genesis,
    /// A mark (checkpoint, extract, pruned) is malformed or stands where it cannot.
    #[error("malformed or misplaced mark")]
    Mark,
    /// The file is a selection of entries.
    #[error("this file is an extract; only a whole log can be verified")]
    Extract,
    /// A checkpoint is malformed or not signed by the log's key.
    #[error("{0}")]
    Checkpoint(#[from] NoteError),
    /// A checkpoint covers another number of entries than stand before it: some were removed or added.
    #[error("the checkpoint covers {covers} entries, {before} stand before it")]
    CheckpointSize {
        /// What the checkpoint says.
        covers: u64,
        /// What stands before it.
        before: u64,
    },
    /// It is not there.
    #[error("is not there")]
    Missing,
    /// It is not a bundle of as many entries as its path says.
    #[error("{0}")]
    Bundle(#[from] TileError),
    /// It holds other hashes than the entries below it have: it or they were changed.
    #[error("does not hold the hashes of the entries below it")]
    Hashes,
    /// The entries before a checkpoint are not those that it covers: some were changed, exchanged or reordered.
    #[error("the entries up to here are not those that the checkpoint covers")]
    CheckpointRoot,
}
