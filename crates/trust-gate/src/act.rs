//! Acts: what operators do, and what is done with the approvals that they are asked for.

use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::approval::ApprovalId;
use crate::args::ArgsDigest;
use crate::config::TrustGateConfig;
use crate::decay::Decay;
use crate::event::Revision;
use crate::keys::{GrantSignature, KeyId, OperatorKey};
use crate::level::TrustLevel;
use crate::name::{AgentId, OperatorId, ToolName};
use crate::scope::Scope;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Act {
    /// A level was given.
    Assign {
        /// To whom.
        agent: AgentId,
        /// Where.
        scope: Scope,
        /// Which.
        level: TrustLevel,
        /// Since when.
        #[serde(with = "rfc3339")]
        assigned_at: OffsetDateTime,
        /// Until when.
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        expires_at: Option<OffsetDateTime>,
        /// How it wears out, as of now: later configuration does not reach it.
        decay: Decay,
        /// The signature it was made with, if the operator signed it elsewhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<GrantSignature>,
    },
    /// A level was taken away for good: a tombstone stands in its place.
    Revoke {
        /// From whom.
        agent: AgentId,
        /// Where.
        scope: Scope,
    },
    /// The grant or tombstone on a scope was removed: wider grants count there again.
    Clear {
        /// Whose.
        agent: AgentId,
        /// Where.
        scope: Scope,
    },
    /// Levels were capped.
    Cap {
        /// Whose.
        agent: AgentId,
        /// There and in every scope within.
        scope: Scope,
        /// At most this.
        level: TrustLevel,
    },
    /// The agent was stopped.
    Quarantine {
        /// Which.
        agent: AgentId,
        /// There and in every scope within.
        scope: Scope,
    },
    /// A cap was lifted.
    LiftCap {
        /// Whose.
        agent: AgentId,
        /// Where it stood.
        scope: Scope,
    },
    /// A quarantine was lifted.
    LiftQuarantine {
        /// Whose.
        agent: AgentId,
        /// Where it stood.
        scope: Scope,
    },
    /// A level was given for a while, on exactly this scope.
    Elevate {
        /// To whom.
        agent: AgentId,
        /// Where, and nowhere within.
        scope: Scope,
        /// Which.
        level: TrustLevel,
        /// It holds before this moment, not at it.
        #[serde(with = "rfc3339")]
        until: OffsetDateTime,
    },
    /// Two operators gave a level in an emergency, for a while and on exactly this scope.
    BreakGlass {
        /// To whom.
        agent: AgentId,
        /// Where, and nowhere within.
        scope: Scope,
        /// Which.
        level: TrustLevel,
        /// It holds before this moment, not at it.
        #[serde(with = "rfc3339")]
        until: OffsetDateTime,
        /// The operator who agreed, besides the one who did it.
        second: OperatorId,
    },
    /// An elevation or what a broken glass gave was ended before its time.
    EndElevation {
        /// Whose.
        agent: AgentId,
        /// Where it stood.
        scope: Scope,
    },
    /// A broken glass was looked into; the event's reason says with what result. The glass may be broken again.
    CloseReview {
        /// The act that broke it.
        opened: Revision,
    },
    /// A call was put before operators.
    RequestApproval {
        /// Who wants to call.
        agent: AgentId,
        /// Where.
        scope: Scope,
        /// What.
        tool: ToolName,
        /// With which arguments.
        args: ArgsDigest,
        /// The arguments in canonical form, to be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<String>,
        /// The act that set the rules under which it is asked.
        policy: Revision,
        /// How many distinct operators must agree.
        approvers: NonZeroU8,
        /// It can be approved and used before this moment, not at it.
        #[serde(with = "rfc3339")]
        expires_at: OffsetDateTime,
    },
    /// An operator agreed to a call.
    Approve {
        /// Which approval.
        approval: ApprovalId,
        /// Who wants to call.
        agent: AgentId,
        /// Where.
        scope: Scope,
        /// What.
        tool: ToolName,
    },
    /// An operator said no to a call.
    DenyApproval {
        /// Which approval.
        approval: ApprovalId,
        /// Who wanted to call.
        agent: AgentId,
        /// Where.
        scope: Scope,
        /// What.
        tool: ToolName,
    },
    /// A request or an approval was taken back before it was used.
    CancelApproval {
        /// Which approval.
        approval: ApprovalId,
        /// Who wanted to call.
        agent: AgentId,
        /// Where.
        scope: Scope,
        /// What.
        tool: ToolName,
    },
    /// The approved call was made: the approval is used up.
    ConsumeApproval {
        /// Which approval.
        approval: ApprovalId,
        /// Who called.
        agent: AgentId,
        /// Where.
        scope: Scope,
        /// What.
        tool: ToolName,
    },
    /// The agent was said to be active, which puts off a decay by inactivity.
    Touch {
        /// Which.
        agent: AgentId,
        /// In which scope.
        scope: Scope,
    },
    /// The rules were set.
    Configure {
        /// All of them, as they are now.
        config: Box<TrustGateConfig>,
    },
    /// The clock's present reading was accepted as the time, even if it is earlier than what was read before.
    AcceptClock {
        /// The gate's reading until then.
        #[serde(with = "rfc3339")]
        from: OffsetDateTime,
        /// The clock's.
        #[serde(with = "rfc3339")]
        to: OffsetDateTime,
    },
    /// An operator's public key was trusted: grants signed with it are taken as that operator's.
    TrustKey {
        /// Whose.
        operator: OperatorId,
        /// Which.
        key: OperatorKey,
    },
    /// A key was revoked for good. What was granted with it before stays.
    RevokeKey {
        /// Which.
        key_id: KeyId,
    },
}

/// The kinds of [`Act`], to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the kind of the act of the same name")]
pub enum ActKind {
    Assign,
    Revoke,
    Clear,
    Cap,
    Quarantine,
    LiftCap,
    LiftQuarantine,
    Elevate,
    BreakGlass,
    EndElevation,
    CloseReview,
    RequestApproval,
    Approve,
    DenyApproval,
    CancelApproval,
    ConsumeApproval,
    Touch,
    Configure,
    AcceptClock,
    TrustKey,
    RevokeKey,
}

impl Act {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> ActKind {
        match self {
            Self::Assign { .. } => ActKind::Assign,
            Self::Revoke { .. } => ActKind::Revoke,
            Self::Clear { .. } => ActKind::Clear,
            Self::Cap { .. } => ActKind::Cap,
            Self::Quarantine { .. } => ActKind::Quarantine,
            Self::LiftCap { .. } => ActKind::LiftCap,
            Self::LiftQuarantine { .. } => ActKind::LiftQuarantine,
            Self::Elevate { .. } => ActKind::Elevate,
            Self::BreakGlass { .. } => ActKind::BreakGlass,
            Self::EndElevation { .. } => ActKind::EndElevation,
            Self::CloseReview { .. } => ActKind::CloseReview,
            Self::RequestApproval { .. } => ActKind::RequestApproval,
            Self::Approve { .. } => ActKind::Approve,
            Self::DenyApproval { .. } => ActKind::DenyApproval,
            Self::CancelApproval { .. } => ActKind::CancelApproval,
            Self::ConsumeApproval { .. } => ActKind::ConsumeApproval,
            Self::Touch { .. } => ActKind::Touch,
            Self::Configure { .. } => ActKind::Configure,
            Self::AcceptClock { .. } => ActKind::AcceptClock,
            Self::TrustKey { .. } => ActKind::TrustKey,
            Self::RevokeKey { .. } => ActKind::RevokeKey,
        }
    }

    /// The agent and scope it is about; `None` for what concerns the whole gate.
    #[must_use]
    pub const fn subject(&self) -> Option<(&AgentId, &Scope)> {
        match self {
            Self::Assign { agent, scope, .. }
            | Self::Revoke { agent, scope }
            | Self::Clear { agent, scope }
            | Self::Cap { agent, scope, .. }
            | Self::Quarantine { agent, scope }
            | Self::LiftCap { agent, scope }
            | Self::LiftQuarantine { agent, scope }
            | Self::Elevate { agent, scope, .. }
            | Self::BreakGlass { agent, scope, .. }
            | Self::EndElevation { agent, scope }
            | Self::RequestApproval { agent, scope, .. }
            | Self::Approve { agent, scope, .. }
            | Self::DenyApproval { agent, scope, .. }
            | Self::CancelApproval { agent, scope, .. }
            | Self::ConsumeApproval { agent, scope, .. }
            | Self::Touch { agent, scope } => Some((agent, scope)),
            Self::CloseReview { .. }
            | Self::Configure { .. }
            | Self::AcceptClock { .. }
            | Self::TrustKey { .. }
            | Self::RevokeKey { .. } => None,
        }
    }

    /// The operator's key it is about: trusted or revoked by it, or what a grant was signed with.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        match self {
            Self::TrustKey { key, .. } => Some(key.id()),
            Self::RevokeKey { key_id } => Some(*key_id),
            Self::Assign { signed, .. } => signed.map(|signed| signed.key_id),
            _ => None,
        }
    }

    /// Whether it is about an approval, and so changes no level.
    pub(crate) const fn is_about_approval(&self) -> bool {
        matches!(
            self,
            Self::RequestApproval { .. }
                | Self::Approve { .. }
                | Self::DenyApproval { .. }
                | Self::CancelApproval { .. }
                | Self::ConsumeApproval { .. }
        )
    }

    /// Whether it may be done by an agent's side, with no operator to answer for it.
    pub(crate) const fn needs_no_operator(&self) -> bool {
        matches!(
            self,
            Self::RequestApproval { .. }
                | Self::CancelApproval { .. }
                | Self::ConsumeApproval { .. }
        )
    }

    /// Whether it makes no sense where it raises nothing.
    pub(crate) const fn must_raise(&self) -> bool {
        matches!(self, Self::Elevate { .. } | Self::BreakGlass { .. })
    }

    /// Whether it can only take trust away, so that it holds in memory even if it cannot be stored.
    pub(crate) const fn narrows(&self) -> bool {
        matches!(
            self,
            Self::Revoke { .. }
                | Self::Cap { .. }
                | Self::Quarantine { .. }
                | Self::EndElevation { .. }
                | Self::DenyApproval { .. }
                | Self::CancelApproval { .. }
                | Self::RevokeKey { .. }
        )
    }
}

impl ActKind {
    /// The snake-case name, as events are stored with it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Revoke => "revoke",
            Self::Clear => "clear",
            Self::Cap => "cap",
            Self::Quarantine => "quarantine",
            Self::LiftCap => "lift_cap",
            Self::LiftQuarantine => "lift_quarantine",
            Self::Elevate => "elevate",
            Self::BreakGlass => "break_glass",
            Self::EndElevation => "end_elevation",
            Self::CloseReview => "close_review",
            Self::RequestApproval => "request_approval",
            Self::Approve => "approve",
            Self::DenyApproval => "deny_approval",
            Self::CancelApproval => "cancel_approval",
            Self::ConsumeApproval => "consume_approval",
            Self::Touch => "touch",
            Self::Configure => "configure",
            Self::AcceptClock => "accept_clock",
            Self::TrustKey => "trust_key",
            Self::RevokeKey => "revoke_key",
        }
    }
}
