//! Where acts are kept: a journal that only grows, and the time that was last read.

use std::error::Error as StdError;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::event::{Event, Revision};

/// A journal of events. One gate owns it; its state is what the events add up to.
///
/// Whoever opens a store again must find every event whose `append` returned `Ok`, in order, and none twice.
pub trait TrustStore: Send + Sync + 'static {
    /// Adds `events`, numbered on from `expected`, all or none of them. Returns once they are kept.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the last event kept is not `expected`, and then none of them is kept.
    /// [`StoreError::Failed`] if they cannot be kept. A store that cannot tell what it kept, as a disk after a failed sync,
    /// takes nothing more until it is opened again; it then has all of them or none.
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError>;

    /// Hands every event after `after` to `visit`, in order. Stops at the first error that `visit` returns.
    ///
    /// # Errors
    /// What `visit` returned, or [`StoreError::Failed`] if the events cannot be read.
    fn replay(
        &self,
        after: Revision,
        visit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Keeps the mark if it is of a later epoch than the one kept, or of the same epoch and later; else does nothing.
    ///
    /// Called while a decision is made, though rarely: when a fall of a level is first seen, and once a minute. It
    /// should be quick.
    ///
    /// # Errors
    /// [`StoreError::Failed`]; the mark in memory stands, and is offered again.
    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError>;

    /// The mark kept last, if any.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if it cannot be read.
    fn mark(&self) -> Result<Option<ClockMark>, StoreError>;
}

/// The time that a gate has reached. A restart under an older wall clock begins here, so that nothing comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a store writes and reads these two fields"
)]
pub struct ClockMark {
    /// The act that last accepted the clock, or zero: a mark of an earlier epoch no longer counts.
    pub epoch: Revision,
    /// The time.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else has written to the store.
    #[error(
        "the store is at revision {actual}, not {expected}; open the gate again from its store"
    )]
    Conflict {
        /// Where the gate believed the store to be.
        expected: Revision,
        /// Where it is.
        actual: Revision,
    },
    /// The store could not do it.
    #[error(transparent)]
    Failed(Box<dyn StdError + Send + Sync>),
}

impl StoreError {
    /// A failure with its cause, which may be a text.
    pub fn failed(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Failed(cause.into())
    }
}
