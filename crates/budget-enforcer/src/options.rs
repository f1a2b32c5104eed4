//! What a single call may ask for besides its charge.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::error::BudgetError;
use crate::key::IdempotencyKey;
use crate::writer::Meta;

const LONGEST_NOTE: usize = 1024;

/// Options of one call. The default asks for nothing special.
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until they are passed to a call"]
pub struct CallOptions {
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) note: Option<Arc<str>>,
    pub(crate) wall: Option<OffsetDateTime>,
}

impl CallOptions {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sent again with this key, the same request gets the first answer again, a refusal included. What was asked is compared:
    /// the operation, the envelopes and the amounts.
    pub fn key(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }

    /// How long a reservation lasts, in place of the configured time; at most as long as configured.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// A note for the ledger, at most 1024 bytes.
    pub fn note(mut self, note: impl Into<Arc<str>>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The wall time, where the caller has read it already. It is held against elapsed time like any other reading.
    pub fn wall(mut self, wall: OffsetDateTime) -> Self {
        self.wall = Some(wall);
        self
    }

    pub(crate) fn meta(&self) -> Meta {
        Meta {
            by: None,
            key: self.key,
            note: self.note.clone(),
        }
    }

    pub(crate) fn validate(&self, longest: Duration) -> Result<(), BudgetError> {
        if let Some(len) = self
            .note
            .as_ref()
            .map(|note| note.len())
            .filter(|len| *len > LONGEST_NOTE)
        {
            return Err(BudgetError::NoteTooLong { len });
        }
        match self.ttl {
            Some(ttl) => check_ttl(ttl, longest),
            None => Ok(()),
        }
    }
}

pub(crate) fn check_ttl(ttl: Duration, most: Duration) -> Result<(), BudgetError> {
    if ttl < Duration::from_micros(1) || ttl > most {
        Err(BudgetError::InvalidTtl { most })
    } else {
        Ok(())
    }
}
