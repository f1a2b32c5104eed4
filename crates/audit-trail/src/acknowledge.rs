//! How far an entry must have got before its append is acknowledged, and the handle with which one waits for it.

use std::fmt;

use crate::AuditError;
use crate::log::{Appended, Backing};
use crate::reader::AuditReader;
use crate::receipt::Receipt;

/// How far an entry has got. Each level includes those before it (design: audit-trail, Commit).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Acknowledgement {
    /// It has its index and waits in memory. A crash loses it.
    Buffered,
    /// It is on disk, synced: a crash or a power failure does not lose it.
    Durable,
    /// And so is a signed checkpoint that covers it: a [receipt](Pending::receipt) can be had.
    Signed,
    /// And a quorum of witnesses has cosigned a checkpoint that covers it: not even the key's holder can take it back unseen.
    Witnessed,
}

impl Acknowledgement {
    /// The name, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buffered => "buffered",
            Self::Durable => "durable",
            Self::Signed => "signed",
            Self::Witnessed => "witnessed",
        }
    }
}

impl fmt::Display for Acknowledgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry that was [submitted](crate::AuditLog::submit) and has its place, and may not be on disk yet.
///
/// Dropping it waits for nothing: the entry is committed all the same.
#[derive(Debug, Clone)]
#[must_use = "what was submitted is not durable before it was waited for"]
pub struct Pending {
    appended: Appended,
    backing: Backing,
    reader: AuditReader,
}

impl Pending {
    pub(crate) fn new(appended: Appended, backing: Backing, reader: AuditReader) -> Self {
        Self {
            appended,
            backing,
            reader,
        }
    }

    /// The entry's id and index. The index is certain only once the entry is durable: a log that fails before gives it to nobody.
    #[must_use]
    pub fn appended(&self) -> Appended {
        self.appended
    }

    /// Returns when the entry has got so far. Blocks: from async code, see the feature `tokio`.
    ///
    /// In memory there is no `Durable`: a log without a directory answers [`AuditError::Level`] for it, unless it has a sink, for which `Durable` means
    /// that the sink has taken the entry.
    ///
    /// # Errors
    /// [`AuditError::Storage`] if the file system failed before the entry got so far, [`AuditError::Level`] for a level that this log does not reach.
    pub fn wait(&self, level: Acknowledgement) -> Result<Appended, AuditError> {
        self.backing.wait(self.appended.index, level)?;
        Ok(self.appended)
    }

    /// Waits until a signed checkpoint covers the entry and gives the proof that it does, to be kept elsewhere (C2SP tlog-proof).
    ///
    /// # Errors
    /// As [`wait`](Self::wait), and as [`AuditReader::receipt`].
    pub fn receipt(&self) -> Result<Receipt, AuditError> {
        // In memory every entry is covered by a checkpoint as soon as somebody asks for one.
        if let Backing::Directory(_) = self.backing {
            self.backing
                .wait(self.appended.index, Acknowledgement::Signed)?;
        }
        self.reader.receipt(self.appended.index)
    }

    pub(crate) fn backing(&self) -> &Backing {
        &self.backing
    }
}
