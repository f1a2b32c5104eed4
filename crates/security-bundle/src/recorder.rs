//! The seam to the audit log: whoever records decides what an acknowledgement means, and a decision waits for it.

mod steady;

use std::error::Error;

use async_trait::async_trait;
use audit_trail::{Acknowledgement, AuditLog, Entry};
use uuid::Uuid;

pub(crate) use self::steady::Steady;

/// Where decisions are recorded. [`AuditLog`] is one; bring another to record elsewhere, or to test what happens when it fails.
///
/// An entry that was acknowledged must never be lost.
#[async_trait]
pub trait Recorder: Send + Sync + 'static {
    /// Takes the entry, in the order of the calls. Must not wait for anything slow: that is what
    /// [`acknowledged`](Self::acknowledged) is for.
    ///
    /// # Errors
    /// The entry is not recorded and will not be.
    fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError>;

    /// Waits until the entry is stored. Not called for an entry that was acknowledged at once.
    ///
    /// # Errors
    /// The entry cannot be stored.
    async fn acknowledged(&self, entry: &Recorded) -> Result<(), RecordError>;

    /// The same, blocking the thread.
    ///
    /// # Errors
    /// The entry cannot be stored.
    fn wait(&self, entry: &Recorded) -> Result<(), RecordError>;

    /// How many entries are taken and not stored yet, for whoever observes it; `None` where the recorder does not know.
    fn backlog(&self) -> Option<u64> {
        None
    }
}

/// An entry that a [`Recorder`] has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by every recorder")]
pub struct Recorded {
    /// The entry's id.
    pub id: Uuid,
    /// Its place in the log.
    pub index: u64,
    /// Whether it is stored already, so that nobody has to wait.
    pub stored: bool,
}

/// Why an entry could not be recorded.
#[derive(Debug, thiserror::Error)]
#[error("the audit log did not take the entry: {0}")]
pub struct RecordError(#[source] pub Box<dyn Error + Send + Sync>);

impl RecordError {
    pub(crate) fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// In memory an entry is stored once it is taken. In a directory it is stored once it has got as far as the log was told to
/// [acknowledge](audit_trail::AuditLogBuilder::acknowledge); those of many threads and tasks get there together.
#[async_trait]
impl Recorder for AuditLog {
    fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
        let pending = self.submit(entry).map_err(RecordError::new)?;
        let appended = pending.appended();
        Ok(Recorded {
            id: appended.id,
            index: appended.index,
            stored: self.level() == Acknowledgement::Buffered,
        })
    }

    async fn acknowledged(&self, entry: &Recorded) -> Result<(), RecordError> {
        let pending = self.pending(entry.id, entry.index);
        let stored = pending.acknowledged(self.level()).await;
        stored.map(|_| ()).map_err(RecordError::new)
    }

    fn wait(&self, entry: &Recorded) -> Result<(), RecordError> {
        let pending = self.pending(entry.id, entry.index);
        let stored = pending.wait(self.level());
        stored.map(|_| ()).map_err(RecordError::new)
    }

    fn backlog(&self) -> Option<u64> {
        Some(AuditLog::backlog(self))
    }
}
