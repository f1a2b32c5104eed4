//! What can keep a journal in a directory from being opened, read or written.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What keeps a [`DurableJournal`](super::DurableJournal) from its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurableError {
    /// There is no journal, and none was to be created.
    #[error("there is no journal in `{}`: create one if this is the right directory", dir.display())]
    NotFound {
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// Somebody has it open, in this process or another.
    #[error("the journal in `{}` is open already: one process at a time writes to it", dir.display())]
    InUse {
        /// Where it is.
        dir: PathBuf,
    },
    /// It was written by another version.
    #[error(
        "the journal is of format `{found}`, and this version reads `{}`",
        super::tables::FORMAT
    )]
    UnknownFormat {
        /// Its format, shortened.
        found: String,
    },
    /// What is there is no journal, or no longer a whole one.
    #[error("the journal is damaged: {why}")]
    Damaged {
        /// What is wrong with it.
        why: String,
    },
    /// Something could not be stored, now or before. What the disk has of it is unknown until the journal is opened again.
    #[error("the journal has stopped, and takes nothing more until it is opened again: {why}")]
    Stopped {
        /// What could not be done.
        why: String,
    },
    /// More events wait to be stored than there is room for.
    #[error("{most} events wait to be stored, and there is no room for more")]
    Full {
        /// How many may wait.
        most: usize,
    },
    /// An event or a snapshot has no form as text.
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
    #[error("the database of the journal failed")]
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
        Self::damaged(format_args!("revision {revision}: {why}"))
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
