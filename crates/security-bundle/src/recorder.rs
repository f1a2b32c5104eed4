//! The seam to the audit log: whoever records decides what an acknowledgement means, and a decision waits for it.

use std::error::Error;

use async_trait::async_trait;
use audit_trail::{AuditLog, Entry};
use uuid::Uuid;

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

#[async_trait]
impl Recorder for AuditLog {
    fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
        let appended = self
            .log(entry)
            .map_err(|error| RecordError(Box::new(error)))?;
        Ok(Recorded {
            id: appended.id,
            index: appended.index,
            stored: true,
        })
    }

    async fn acknowledged(&self, _: &Recorded) -> Result<(), RecordError> {
        Ok(())
    }

    fn wait(&self, _: &Recorded) -> Result<(), RecordError> {
        Ok(())
    }
}
