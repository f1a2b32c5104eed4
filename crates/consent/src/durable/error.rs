//! What can keep a store in a directory from being opened, read or written.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::tables::{FORMAT, MARK_KEY};

/// What keeps a [`DurableStore`](super::DurableStore) from its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurableError {
    /// There is no store, and none was to be created.
    #[error("there is no store in `{}`: create one if this is the right directory", dir.display())]
    NotFound {
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// Somebody has it open, in this process or another.
    #[error("the store in `{}` is open already: one process at a time writes to it", dir.display())]
    InUse {
        /// Where it is.
        dir: PathBuf,
    },
    /// It was written by another version.
    #[error("the store is of format `{found}`, and this version reads `{FORMAT}`")]
    UnknownFormat {
        /// Its format, shortened.
        found: String,
    },
    /// What is there is no store, or no longer a whole one.
    #[error("the store is damaged: {why}")]
    Damaged {
        /// What is wrong with it.
        why: String,
    },
    /// Something could not be stored, now or before. What the disk has of it is unknown until the store is opened again.
    #[error("the store has stopped, and takes nothing more until it is opened again: {why}")]
    Stopped {
        /// What could not be done.
        why: String,
    },
    /// An event does not carry the number that is due. Nothing was stored.
    #[error("an event is numbered {found} where {due} is due: number events on from the last one")]
    Misnumbered {
        /// The number that it carries.
        found: u64,
        /// The number that is due.
        due: u64,
    },
    /// An event or a mark has no form as text. Nothing was stored.
    #[error("this cannot be written down")]
    Unwritable(#[source] Box<dyn Error + Send + Sync>),
    /// The file system refused something.
    #[error("cannot {what} `{}`", path.display())]
    Io {
        /// What was to be done.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The database could not read or write.
    #[error("the database of the store failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
}

impl DurableError {
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn damaged(why: impl fmt::Display) -> Self {
        Self::Damaged {
            why: why.to_string(),
        }
    }

    pub(super) fn damaged_at(revision: u64, why: impl fmt::Display) -> Self {
        if revision == MARK_KEY {
            Self::damaged(format_args!("the mark: {why}"))
        } else {
            Self::damaged(format_args!("revision {revision}: {why}"))
        }
    }

    /// Itself and what caused it, in one line.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
