//! Where the ledger's acts are kept: a journal that only grows.

use std::error::Error;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::event::Event;
use crate::id::Revision;

/// A journal of events. State is a fold over it, so a store needs to know nothing about consent.
///
/// One ledger writes to one store at a time. Appending and replaying may block: the ledger does both under its own
/// lock, never on the path of a check.
pub trait ConsentStore: Send + Sync + 'static {
    /// Adds `events`, all of them or none, once they are as durable as this store makes anything.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the journal does not end at `expected`; any other variant when it could not be
    /// written. The journal is then as it was; a store that cannot tell, as a disk after a failed sync, takes nothing more
    /// until it is opened again, and then has all of them or none.
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError>;

    /// Hands over every event whose revision is later than `after`, in order.
    ///
    /// # Errors
    /// When the journal cannot be read, or the error with which `each` asked to stop.
    fn replay(
        &self,
        after: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Keeps the mark, unless the one that is kept is of a later epoch, or of the same epoch and no earlier.
    ///
    /// Called on the path of a check, though rarely: when a consent is first told to have lapsed, and once a minute. It
    /// should be quick.
    ///
    /// # Errors
    /// When it cannot be kept; it is offered again.
    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError>;

    /// The mark that is kept, if any.
    ///
    /// # Errors
    /// When it cannot be read.
    fn mark(&self) -> Result<Option<ClockMark>, StoreError>;
}

/// The time that a gate has reached. A restart under an older wall clock goes on from here, so that nothing revives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a store has to write and make it"
)]
pub struct ClockMark {
    /// The act that accepted the clock last, or [`Revision::ZERO`]. A mark of an earlier epoch no longer counts.
    pub epoch: Revision,
    /// The time, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// Why a journal could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Someone else has written to the journal since this ledger read it.
    #[error(
        "the journal ends at revision {actual}, not {expected}; reopen the ledger to read what was added"
    )]
    Conflict {
        /// Where the ledger believed it to end.
        expected: Revision,
        /// Where it ends.
        actual: Revision,
    },
    /// The journal holds what no ledger writes.
    #[error(
        "the journal is damaged at revision {revision}: {problem}; restore it from a good copy"
    )]
    Damaged {
        /// Which event.
        revision: Revision,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The store itself failed.
    #[error("the store failed: {0}")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// A failure with its cause, which may be a text.
    pub fn failed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(cause.into())
    }
}
