//! One immutable line of the ledger: what was given, refused or withdrawn, by whom, and when.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::extent::Extent;
use crate::id::{Authority, GrantorId, Method, RecordId, Revision, SubjectId};
use crate::notice::Notice;

/// What a record did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordKind {
    /// Consent was given.
    Given,
    /// Consent was refused, or withdrawn where none had been given.
    Refused,
    /// Consent given earlier was taken back.
    Withdrawn,
}

/// A line of the ledger. It never changes: a new state of affairs is a further record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentRecord {
    pub(crate) record_id: RecordId,
    pub(crate) revision: Revision,
    pub(crate) kind: RecordKind,
    pub(crate) extent: Extent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<GrantorId>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) valid_from: Option<OffsetDateTime>,
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) expires_at: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notice: Option<Notice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<Method>,
    /// Whose authority: that over the subject of the extent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authority: Option<Authority>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) renews: Option<RecordId>,
}

impl RecordKind {
    /// `given`, `refused` or `withdrawn`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl ConsentRecord {
    /// The identity of this record.
    #[must_use]
    pub fn record_id(&self) -> RecordId {
        self.record_id
    }

    /// Its place among the ledger's acts.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What it did.
    #[must_use]
    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    /// What it names.
    #[must_use]
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// Who gave, refused or withdrew. Always present on a consent that was given.
    #[must_use]
    pub fn by(&self) -> Option<&GrantorId> {
        self.by.as_ref()
    }

    /// When it was recorded (`granted_at`, for a consent that was given), UTC.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        self.at
    }

    /// The first instant of a given consent; `None`: from when it was recorded.
    #[must_use]
    pub fn valid_from(&self) -> Option<OffsetDateTime> {
        self.valid_from
    }

    /// The first instant at which a given consent is over; `None`: never. Refusals and withdrawals have no end.
    #[must_use]
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        self.expires_at
    }

    /// What the person was shown.
    #[must_use]
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// How consent was obtained.
    #[must_use]
    pub fn method(&self) -> Option<&Method> {
        self.method.as_ref()
    }

    /// The subject for whom someone else acted; `None` where no one claimed to act for another.
    #[must_use]
    pub fn on_behalf_of(&self) -> Option<&SubjectId> {
        self.authority.as_ref().and(self.extent.subject.as_ref())
    }

    /// What entitled them to, by their own account; of a consent that was given, the authority check heard it.
    #[must_use]
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The earlier consent that this one renews.
    #[must_use]
    pub fn renews(&self) -> Option<RecordId> {
        self.renews
    }

    /// Why a record that was read from a journal cannot be one of ours.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        if self.authority.is_some() && (self.by.is_none() || self.extent.subject.is_none()) {
            return Some("an act for another that leaves out who acted or for whom");
        }
        let Some(_) = self.by.as_ref().filter(|_| self.kind == RecordKind::Given) else {
            let timed = self.valid_from.is_some() || self.expires_at.is_some();
            return match self.kind {
                RecordKind::Given => Some("a consent that no one gave"),
                RecordKind::Refused | RecordKind::Withdrawn if timed => {
                    Some("a refusal with a time limit")
                }
                RecordKind::Refused | RecordKind::Withdrawn if self.renews.is_some() => {
                    Some("a refusal that renews a consent")
                }
                RecordKind::Refused | RecordKind::Withdrawn => None,
            };
        };
        if self.extent.agent.is_none() || self.extent.data_type.is_none() {
            Some("a consent that names no agent or no data")
        } else if self.is_self_granted() {
            Some("a consent that the agent gave itself")
        } else if self.has_empty_window() {
            Some("a consent that expires before it begins")
        } else {
            None
        }
    }

    pub(crate) fn is_self_granted(&self) -> bool {
        self.by
            .as_ref()
            .zip(self.extent.agent.as_ref())
            .is_some_and(|(by, agent)| by.as_str() == agent.as_str())
    }

    pub(crate) fn has_ended(&self, now: OffsetDateTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    pub(crate) fn has_empty_window(&self) -> bool {
        self.valid_from
            .zip(self.expires_at)
            .is_some_and(|(from, until)| until <= from)
    }
}
