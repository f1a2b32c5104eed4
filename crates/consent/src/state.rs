//! What has become of a record: the changes that are acts, and the one that time makes.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::event::NoticePublished;
use crate::record::{ConsentRecord, RecordKind};

/// What a record has come to at some instant. Where several hold, the last of this list; of a refusal and a withdrawal the
/// earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordState {
    /// The consent is in force as it was given.
    InForce,
    /// The consent is in force, less what was withdrawn or refused since.
    Narrowed,
    /// The consent does not yet begin.
    NotYetValid,
    /// The consent is over.
    Expired,
    /// A later version of its notice ended the consent.
    Superseded,
    /// A later refusal took the whole consent back; or the record is itself a refusal.
    Refused,
    /// A later withdrawal took the whole consent back; or the record is itself a withdrawal.
    Withdrawn,
}

impl RecordState {
    /// The state as a stable machine code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Narrowed => "narrowed",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What later acts did to a consent, without regard to time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fate {
    narrowed: bool,
    superseded: bool,
    taken: Option<RecordKind>,
}

impl Fate {
    /// What a receipt tells of it.
    #[cfg(feature = "receipts")]
    pub(crate) fn told(narrowed: bool, superseded: bool, taken: Option<RecordKind>) -> Self {
        Self {
            narrowed,
            superseded,
            taken,
        }
    }

    /// Takes a later refusal or withdrawal into account.
    pub(crate) fn take(&mut self, consent: &ConsentRecord, taking: &ConsentRecord) {
        if taking.extent.covers(&consent.extent) {
            self.taken = self.taken.or(Some(taking.kind));
        } else if taking.extent.overlaps(&consent.extent) {
            self.narrowed = true;
        }
    }

    /// Takes a later publication into account.
    pub(crate) fn publish(&mut self, consent: &ConsentRecord, published: &NoticePublished) {
        self.superseded |= published.supersedes(consent);
    }

    /// Whether something of the consent is left, as far as acts go.
    pub(crate) fn leaves_something(self) -> bool {
        self.taken.is_none() && !self.superseded
    }

    /// Whether nothing of the consent was refused or withdrawn.
    pub(crate) fn leaves_all(self) -> bool {
        self.taken.is_none() && !self.narrowed
    }

    /// The state at an instant.
    pub(crate) fn at(self, consent: &ConsentRecord, now: OffsetDateTime) -> RecordState {
        match self.taken {
            Some(RecordKind::Withdrawn) => RecordState::Withdrawn,
            Some(RecordKind::Refused | RecordKind::Given) => RecordState::Refused,
            None if self.superseded => RecordState::Superseded,
            None if consent.has_ended(now) => RecordState::Expired,
            None if consent.valid_from.is_some_and(|from| now < from) => RecordState::NotYetValid,
            None if self.narrowed => RecordState::Narrowed,
            None => RecordState::InForce,
        }
    }
}
