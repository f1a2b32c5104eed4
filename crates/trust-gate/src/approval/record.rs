//! One approval, from the request to its end.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::approval::ApprovalError;
use crate::args::ArgsDigest;
use crate::error::excerpt;
use crate::event::Revision;
use crate::moment::Moment;
use crate::name::{AgentId, OperatorId, ToolName};
use crate::scope::Scope;

/// Which approval: the revision of the act that asked for it, which no other has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApprovalId(pub(crate) Revision);

impl ApprovalId {
    /// The number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0.as_u64()
    }
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ApprovalId {
    type Err = ApprovalError;

    fn from_str(text: &str) -> Result<Self, ApprovalError> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number
            .map(|number| Self(Revision::from_number(number)))
            .ok_or_else(|| ApprovalError::InvalidId {
                value: excerpt(text),
            })
    }
}

/// How far an approval has come (design: trust-gate, Approvals).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "enforcers match on it: a new state must break their build"
)]
pub enum ApprovalState {
    /// Operators have yet to answer.
    Pending,
    /// As many operators as needed have agreed: the call may be made once.
    Approved,
    /// An operator said no.
    Denied,
    /// Its time ran out before it was approved or used. That denies.
    Expired,
    /// It was taken back before it was used.
    Cancelled,
    /// The call was made.
    Consumed,
}

impl ApprovalState {
    /// The stable snake-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Consumed => "consumed",
        }
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// A call that operators were asked to approve. It names one agent, tool and scope, the arguments by their digest and the
/// rules by their revision; nothing else is approved by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Approval {
    /// Which.
    pub id: ApprovalId,
    /// Who wants to call.
    pub agent: AgentId,
    /// Where.
    pub scope: Scope,
    /// What.
    pub tool: ToolName,
    /// With which arguments.
    pub args: ArgsDigest,
    /// The arguments in canonical form, unless they are too long or were not to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// The act that set the rules under which it was asked. Under other rules it is not used.
    pub policy: Revision,
    /// How many distinct operators must agree.
    pub approvers: NonZeroU8,
    /// Who has agreed so far.
    pub approved_by: Vec<OperatorId>,
    /// When it was asked for.
    #[serde(with = "rfc3339")]
    pub requested_at: OffsetDateTime,
    /// It can be approved and used before this moment, not at it.
    #[serde(with = "rfc3339")]
    pub expires_at: OffsetDateTime,
    /// How far it has come.
    pub state: ApprovalState,
    /// What brought it to that state, where it was an act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<ApprovalStep>,
}

/// The last act on an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalStep {
    /// The operator; `None` where it was the agent's side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<OperatorId>,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
    /// Why.
    pub reason: String,
}

impl Approval {
    /// The state at a moment: what waits or is not used runs out of time.
    pub(crate) fn state_at(&self, at: Moment) -> ApprovalState {
        match self.state {
            ApprovalState::Pending | ApprovalState::Approved
                if at >= Moment::from(self.expires_at) =>
            {
                ApprovalState::Expired
            }
            state => state,
        }
    }

    /// The same as it is at a moment.
    pub(crate) fn seen_at(&self, at: Moment) -> Self {
        Self {
            state: self.state_at(at),
            ..self.clone()
        }
    }

    /// Whether it still counts against the agent's share of the queue.
    pub(crate) fn is_open_at(&self, at: Moment) -> bool {
        matches!(
            self.state_at(at),
            ApprovalState::Pending | ApprovalState::Approved
        )
    }
}
