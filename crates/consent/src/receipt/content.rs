//! What a receipt says, apart from how it is written.

use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::receipt::later::Later;
use crate::receipt::{Controller, KeyId};
use crate::record::ConsentRecord;
use crate::state::RecordState;

/// The identity of a receipt: a UUID of version 7. One record may have many receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptId(pub(super) Uuid);

impl ReceiptId {
    /// The id as a UUID.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A signed receipt of one record, from a [`ReceiptIssuer`](crate::receipt::ReceiptIssuer).
///
/// It holds whatever personal data the record's ids hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub(super) content: Content,
    pub(super) json: String,
}

/// A receipt whose signature fits, from [`verify`](crate::receipt::verify).
///
/// It is evidence of what the ledger held when it was issued. Nothing comes into force by it: a ledger is changed by
/// its own methods alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt(pub(super) Receipt);

/// What a receipt says. Its document is written from this and from nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) id: ReceiptId,
    pub(super) issued_at: OffsetDateTime,
    pub(super) key_id: KeyId,
    pub(super) controller: Controller,
    pub(super) record: Arc<ConsentRecord>,
    pub(super) later: Later,
}

impl Receipt {
    /// The identity of this receipt.
    #[must_use]
    pub fn id(&self) -> ReceiptId {
        self.content.id
    }

    /// When it was issued, by the ledger's reading of its clock, UTC.
    #[must_use]
    pub fn issued_at(&self) -> OffsetDateTime {
        self.content.issued_at
    }

    /// Who issued it.
    #[must_use]
    pub fn controller(&self) -> &Controller {
        &self.content.controller
    }

    /// The record that it is of.
    #[must_use]
    pub fn record(&self) -> &ConsentRecord {
        &self.content.record
    }

    /// What the record had come to by then.
    #[must_use]
    pub fn state(&self) -> RecordState {
        self.content.state()
    }

    /// The key that signed it.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.content.key_id
    }

    /// The receipt as JSON-LD, in the canonical form of RFC 8785: to be stored or handed over.
    #[must_use]
    pub fn to_json_ld(&self) -> &str {
        &self.json
    }
}

impl VerifiedReceipt {
    /// The receipt.
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        &self.0
    }

    /// Whether it is of this very record, in every field. Compare it with what the ledger holds today.
    #[must_use]
    pub fn matches(&self, record: &ConsentRecord) -> bool {
        self.0.record() == record
    }
}

impl Content {
    pub(super) fn state(&self) -> RecordState {
        self.later.state(&self.record, self.issued_at)
    }
}
