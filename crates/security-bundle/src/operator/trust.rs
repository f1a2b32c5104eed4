//! Levels, caps, quarantines and elevations: what operators do about them, and how they look at them.

mod answer;
mod perform;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;
use trust_gate::{
    ActKind, AgentId, Decay, KeyId, LevelRef, OperatorId, OperatorKey, Revision, Scope, ToolName,
    TrustGateConfig, TrustLevel,
};

pub use self::answer::{LevelNow, TrustAnswer};

/// What is asked about trust. Every act carries on whose word it is done, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "fields are called what they are: whom it is about, on whose word, and why"
)]
pub enum TrustRequest {
    /// A level in a scope, in place of what was granted there before.
    Assign {
        agent: AgentId,
        #[serde(default)]
        scope: Scope,
        level: LevelRef,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        expires_at: Option<OffsetDateTime>,
        #[serde(default)]
        decay: Decay,
        by: OperatorId,
        reason: String,
    },
    /// What an operator has signed elsewhere, in that operator's name and with the reason that was signed.
    AssignSigned { signed: String },
    /// L0 from now on, and no falling back on a wider grant.
    Revoke(AgentAct),
    /// What was granted or revoked on exactly this scope is removed.
    Clear {
        agent: AgentId,
        #[serde(default)]
        scope: Scope,
        /// Even if that raises the agent's level.
        #[serde(default)]
        may_raise: bool,
        by: OperatorId,
        reason: String,
    },
    /// The most that an agent has in a scope and all within it.
    Cap {
        agent: AgentId,
        #[serde(default)]
        scope: Scope,
        level: LevelRef,
        by: OperatorId,
        reason: String,
    },
    /// Lifts the cap on exactly this scope.
    LiftCap(AgentAct),
    /// Stops an agent in a scope and all within it.
    Quarantine(AgentAct),
    /// Lifts the quarantine on exactly this scope.
    LiftQuarantine(AgentAct),
    /// A level for a while, on exactly this scope.
    Elevate {
        agent: AgentId,
        #[serde(default)]
        scope: Scope,
        level: LevelRef,
        lasts: Duration,
        by: OperatorId,
        reason: String,
    },
    /// The same in an emergency, by two operators, to be reviewed.
    BreakGlass {
        agent: AgentId,
        #[serde(default)]
        scope: Scope,
        level: LevelRef,
        lasts: Duration,
        by: OperatorId,
        second: OperatorId,
        reason: String,
    },
    /// Ends an elevation, or what a broken glass gave, before its time.
    EndElevation(AgentAct),
    /// The review of a broken glass is done.
    CloseReview {
        /// The revision at which it was broken.
        opened: Revision,
        by: OperatorId,
        reason: String,
    },
    /// Grants signed with the key count as the operator's.
    TrustKey {
        operator: OperatorId,
        key: OperatorKey,
        by: OperatorId,
        reason: String,
    },
    /// Grants signed with the key no longer count.
    RevokeKey {
        key: KeyId,
        by: OperatorId,
        reason: String,
    },
    /// All the rules at once.
    Configure {
        rules: Box<TrustGateConfig>,
        by: OperatorId,
        reason: String,
    },
    /// The owner's time counts, even if a later one was read before.
    AcceptClock { by: OperatorId, reason: String },
    /// All that was decided about agents; or, of one agent, the level that it has now.
    Show {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        #[serde(default)]
        scope: Scope,
    },
    /// What was done, the oldest first.
    History {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<ActKind>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyId>,
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
        /// Of those that match, the newest so many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        newest: Option<usize>,
    },
    /// Who is trusted how far, and what was done about it, in one document.
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
    },
    /// Whether a call would be permitted, and what decides that.
    Explain {
        agent: AgentId,
        tool: ToolName,
        #[serde(default)]
        scope: Scope,
        /// The level that the code at the tool asks for, besides the rules.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        required: Option<TrustLevel>,
    },
    /// The keys of operators who sign grants elsewhere.
    Keys {},
}

/// An act about one agent in one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentAct {
    /// Whom it is about.
    pub agent: AgentId,
    /// Where.
    #[serde(default)]
    pub scope: Scope,
    /// On whose word.
    pub by: OperatorId,
    /// Why, in at most 4096 bytes.
    pub reason: String,
}

impl TrustRequest {
    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::Assign { .. } => "trust.assign",
            Self::AssignSigned { .. } => "trust.assign_signed",
            Self::Revoke(_) => "trust.revoke",
            Self::Clear { .. } => "trust.clear",
            Self::Cap { .. } => "trust.cap",
            Self::LiftCap(_) => "trust.lift_cap",
            Self::Quarantine(_) => "trust.quarantine",
            Self::LiftQuarantine(_) => "trust.lift_quarantine",
            Self::Elevate { .. } => "trust.elevate",
            Self::BreakGlass { .. } => "trust.break_glass",
            Self::EndElevation(_) => "trust.end_elevation",
            Self::CloseReview { .. } => "trust.close_review",
            Self::TrustKey { .. } => "trust.trust_key",
            Self::RevokeKey { .. } => "trust.revoke_key",
            Self::Configure { .. } => "trust.configure",
            Self::AcceptClock { .. } => "trust.accept_clock",
            Self::Show { .. } => "trust.show",
            Self::History { .. } => "trust.history",
            Self::Report { .. } => "trust.report",
            Self::Explain { .. } => "trust.explain",
            Self::Keys {} => "trust.keys",
        }
    }

    pub(super) fn by(&self) -> Option<&str> {
        match self {
            Self::Assign { by, .. }
            | Self::Clear { by, .. }
            | Self::Cap { by, .. }
            | Self::Elevate { by, .. }
            | Self::BreakGlass { by, .. }
            | Self::CloseReview { by, .. }
            | Self::TrustKey { by, .. }
            | Self::RevokeKey { by, .. }
            | Self::Configure { by, .. }
            | Self::AcceptClock { by, .. } => Some(by.as_str()),
            Self::Revoke(act)
            | Self::LiftCap(act)
            | Self::Quarantine(act)
            | Self::LiftQuarantine(act)
            | Self::EndElevation(act) => Some(act.by.as_str()),
            // Whose word it is stands in what was signed.
            Self::AssignSigned { .. }
            | Self::Show { .. }
            | Self::History { .. }
            | Self::Report { .. }
            | Self::Explain { .. }
            | Self::Keys {} => None,
        }
    }

    pub(super) fn is_act(&self) -> bool {
        self.by().is_some() || matches!(self, Self::AssignSigned { .. })
    }
}
