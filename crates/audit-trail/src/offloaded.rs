//! What blocks on a disk, for async code: on threads of the Tokio runtime that may block.

use crate::AuditError;
use crate::acknowledge::{Acknowledgement, Pending};
use crate::checkpoint::Checkpoint;
use crate::filter::Filter;
use crate::log::AuditLog;
use crate::query::Page;
use crate::reader::AuditReader;
use crate::receipt::Receipt;
use crate::verdict::{Verified, VerifyError};

impl AuditLog {
    /// As [`publish_checkpoint`](Self::publish_checkpoint), on a thread that may block.
    ///
    /// # Errors
    /// As [`publish_checkpoint`](Self::publish_checkpoint).
    pub async fn publish_checkpoint_async(&self) -> Result<Checkpoint, AuditError> {
        let log = self.clone();
        blocking(move || log.publish_checkpoint()).await?
    }
}

impl Pending {
    /// As [`receipt`](Self::receipt), suspending the task.
    ///
    /// # Errors
    /// As [`receipt`](Self::receipt).
    pub async fn receipt_async(&self) -> Result<Receipt, AuditError> {
        self.acknowledged(Acknowledgement::Signed).await?;
        let pending = self.clone();
        blocking(move || pending.receipt()).await?
    }
}

impl AuditReader {
    /// As [`query`](Self::query), on a thread that may block.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn query_async(&self, filter: Filter) -> Result<Page, AuditError> {
        let reader = self.clone();
        blocking(move || reader.query(&filter)).await?
    }

    /// As [`verify`](Self::verify), on a thread that may block.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn verify_async(&self, pin: Option<Checkpoint>) -> Result<Verified, VerifyError> {
        let reader = self.clone();
        let verified = blocking(move || reader.verify(pin.as_ref())).await;
        verified.map_err(|error| VerifyError::Log(error.to_string()))?
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AuditError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| AuditError::Poisoned)
}
