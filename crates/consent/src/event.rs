//! What a journal holds: the ledger's acts, of which its state is the fold.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::{NoticeId, NoticeVersion, OperatorId, Revision};
use crate::notice::{Notice, NoticeHash};
use crate::record::{ConsentRecord, RecordKind};

/// One act on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// Consent was given, refused or withdrawn.
    Recorded(#[serde(with = "shared")] Arc<ConsentRecord>),
    /// An operator declared the clock's reading right, so that time may go back to it.
    ClockAccepted(ClockAccepted),
    /// An operator published a version of a notice.
    NoticePublished(NoticePublished),
}

/// An operator's confirmation of the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClockAccepted {
    /// Its place among the ledger's acts.
    pub revision: Revision,
    /// The reading that was accepted, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Who accepted it.
    pub by: OperatorId,
    /// Why.
    pub reason: String,
}

/// A version of a notice, from here on the one to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NoticePublished {
    /// Its place among the ledger's acts.
    pub revision: Revision,
    /// When it was published, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Who published it.
    pub by: OperatorId,
    /// Why.
    pub reason: String,
    /// The notice.
    pub notice: NoticeId,
    /// Which version of it.
    pub version: NoticeVersion,
    /// The SHA-256 of its text.
    pub sha256: NoticeHash,
    /// Whether consent that was given under another version must be given anew.
    pub requires_renewal: bool,
}

impl NoticePublished {
    /// Whether this publication ended a consent: one given before it, under another version of the same notice.
    #[must_use]
    pub fn supersedes(&self, record: &ConsentRecord) -> bool {
        self.requires_renewal
            && record.kind == RecordKind::Given
            && record.revision < self.revision
            && record
                .notice
                .as_ref()
                .is_some_and(|notice| notice.id() == Some(&self.notice) && !self.is_of(notice))
    }

    /// Whether the notice is this very version.
    fn is_of(&self, notice: &Notice) -> bool {
        *notice.version() == self.version && notice.sha256() == self.sha256
    }
}

impl Event {
    /// Its place among the ledger's acts.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Recorded(record) => record.revision,
            Self::ClockAccepted(accepted) => accepted.revision,
            Self::NoticePublished(published) => published.revision,
        }
    }

    pub(crate) fn record(&self) -> Option<&Arc<ConsentRecord>> {
        match self {
            Self::Recorded(record) => Some(record),
            Self::ClockAccepted(_) | Self::NoticePublished(_) => None,
        }
    }

    /// When it happened, by the ledger's reading of its clock.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        match self {
            Self::Recorded(record) => record.at,
            Self::ClockAccepted(accepted) => accepted.at,
            Self::NoticePublished(published) => published.at,
        }
    }
}

/// A shared record is written like an unshared one.
pub(crate) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}
