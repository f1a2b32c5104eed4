//! What people agreed to, refused and withdrew: recorded on their word, and looked back upon.

mod answer;
mod perform;

use std::time::Duration;

use ::consent::{
    AgentId, Authority, DataType, Extent, GrantorId, Method, Notice, NoticeHash, NoticeId,
    NoticeVersion, Operation, OperatorId, Purpose, RecordId, RecordKind, SubjectId,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

pub use self::answer::{ConsentAnswer, MayUse, RecordNow};

/// What is asked about consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "fields are called what they are: what it is about, on whose word, and why"
)]
pub enum ConsentRequest {
    /// Somebody agreed that an agent uses data.
    Give {
        agent: AgentId,
        data_type: DataType,
        purposes: Purposes,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<SubjectId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<Operation>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        valid_from: Option<OffsetDateTime>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        expires_at: Option<OffsetDateTime>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<Notice>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<Method>,
        by: GrantorId,
    },
    /// Somebody gave an earlier consent anew.
    Renew {
        record: RecordId,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        expires_at: Option<OffsetDateTime>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<Notice>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<Method>,
        by: GrantorId,
    },
    /// Somebody refused. Something has to be named.
    Refuse { extent: Extent, by: GrantorId },
    /// Somebody took consent back; neither name nor reason is needed. Something has to be named.
    Withdraw {
        extent: Extent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<GrantorId>,
        /// By what right somebody does so in the place of the person whom the extent names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authority: Option<Authority>,
    },
    /// Which version of a notice people are to be shown.
    PublishNotice {
        notice: NoticeId,
        version: NoticeVersion,
        sha256: NoticeHash,
        #[serde(default)]
        earlier_stay_good: bool,
        by: OperatorId,
        reason: String,
    },
    /// The owner's time counts, even if a later one was read before.
    AcceptClock { by: OperatorId, reason: String },
    /// The records that bear on something.
    Records {
        #[serde(default)]
        extent: Extent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<RecordKind>,
        /// Consents that are in force, wholly or in part.
        #[serde(default)]
        in_force: bool,
    },
    /// One record, with every act that touched it.
    Record { record: RecordId },
    /// What was permitted at a past instant: of an agent and data whether they might be used, else the consents in force.
    AsOf {
        #[serde(with = "rfc3339")]
        at: OffsetDateTime,
        #[serde(default)]
        extent: Extent,
    },
    /// Which agents may use data so, now or at a past instant.
    WhoMay {
        data_type: DataType,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<Purpose>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<SubjectId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<Operation>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        at: Option<OffsetDateTime>,
    },
    /// The consents that end soon, the earliest end first.
    Expiring { within: Duration },
    /// The state of consent in one document.
    Report {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        since: Option<OffsetDateTime>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        until: Option<OffsetDateTime>,
        /// How far ahead an end is soon.
        within: Duration,
    },
}

/// What somebody agreed to: silence must not pass for every purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "named or not: there is no third")]
pub enum Purposes {
    /// This one and all below it.
    Named(Purpose),
    /// Every one, those included that no one has thought of yet.
    Every,
}

impl ConsentRequest {
    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::Give { .. } => "consent.give",
            Self::Renew { .. } => "consent.renew",
            Self::Refuse { .. } => "consent.refuse",
            Self::Withdraw { .. } => "consent.withdraw",
            Self::PublishNotice { .. } => "consent.publish_notice",
            Self::AcceptClock { .. } => "consent.accept_clock",
            Self::Records { .. } => "consent.records",
            Self::Record { .. } => "consent.record",
            Self::AsOf { .. } => "consent.as_of",
            Self::WhoMay { .. } => "consent.who_may",
            Self::Expiring { .. } => "consent.expiring",
            Self::Report { .. } => "consent.report",
        }
    }

    pub(super) fn by(&self) -> Option<&str> {
        match self {
            Self::Give { by, .. } | Self::Renew { by, .. } | Self::Refuse { by, .. } => {
                Some(by.as_str())
            }
            Self::Withdraw { by, .. } => by.as_ref().map(GrantorId::as_str),
            Self::PublishNotice { by, .. } | Self::AcceptClock { by, .. } => Some(by.as_str()),
            _ => None,
        }
    }

    pub(super) fn is_act(&self) -> bool {
        self.by().is_some() || matches!(self, Self::Withdraw { .. })
    }
}
