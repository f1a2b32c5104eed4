//! Consent as the log of a data directory tells it, for questions that take a whole ledger, such as receipts.

use std::path::Path;

use audit_trail::AuditReader;
use consent::{
    ClockMark, ConsentGate, ConsentLedger, ConsentStore, Event, MemoryStore, Revision, StoreError,
};

use super::OperatorError;
use crate::journal::Restored;

/// Reads the consent in a stack's data directory from its log: beside the process that owns it, or where none does. Takes no lock;
/// nothing can be recorded through it. Blocks while the whole log is read.
///
/// # Errors
/// There is no log, or it cannot be read or does not replay.
pub fn consent_of_data_dir(directory: impl AsRef<Path>) -> Result<ConsentLedger, OperatorError> {
    let reader = AuditReader::open(directory, None)?;
    let mut restored = Restored::default();
    restored
        .take_up(&reader, 0..u64::MAX)
        .map_err(|error| OperatorError::Books {
            problem: error.to_string(),
        })?;
    let (_, ledger) = ConsentGate::builder()
        .store(ToRead(restored.consent))
        .build()?;
    Ok(ledger)
}

struct ToRead(MemoryStore);

impl ConsentStore for ToRead {
    fn append(&self, _: Revision, _: &[Event]) -> Result<(), StoreError> {
        Err(StoreError::failed("it was opened to be read"))
    }

    fn replay(
        &self,
        after: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(after, each)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        self.0.keep_mark(mark)
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        self.0.mark()
    }
}
