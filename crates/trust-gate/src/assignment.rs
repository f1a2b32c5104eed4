//! The records that operators make about agents.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::decay::Decay;
use crate::event::Revision;
use crate::ladder::Ladder;
use crate::level::TrustLevel;
use crate::moment::Moment;
use crate::name::{AgentId, OperatorId};
use crate::scope::Scope;

/// What an operator decided about an agent in a scope. Immutable: a change is a further act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Assignment {
    /// The act that made it; identifies it.
    pub revision: Revision,
    /// About whom.
    pub agent: AgentId,
    /// Where it holds: there and, in the hierarchical mode or if it restricts, in every scope within.
    pub scope: Scope,
    /// What was decided.
    #[serde(flatten)]
    pub kind: AssignmentKind,
    /// When it began; never in the future.
    #[serde(with = "rfc3339")]
    pub assigned_at: OffsetDateTime,
    /// When it ends: it holds before this moment, not at it. Only grants and elevations end.
    #[serde(
        default,
        with = "rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<OffsetDateTime>,
    /// How it wears out.
    pub decay: Decay,
    /// When the agent was last said to be active, for the decay that asks.
    #[serde(
        default,
        with = "rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub active_at: Option<OffsetDateTime>,
    /// Who decided it.
    pub assigned_by: OperatorId,
    /// The second operator, where the glass was broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<OperatorId>,
    /// Why.
    pub reason: String,
}

impl Assignment {
    /// The level that this leaves at `at`, were it alone: a grant's decayed level, a cap's level, L0 otherwise.
    ///
    /// `default_level` is the gate's: the most that a lapsed grant leaves. Reads no clock. Allocates.
    #[must_use]
    pub fn level_at(&self, at: OffsetDateTime, default_level: TrustLevel) -> TrustLevel {
        match (self.kind, Ladder::of(self)) {
            (_, Some(ladder)) => ladder.at(at.into(), default_level).level,
            (AssignmentKind::Cap(level), None) => level,
            (AssignmentKind::Elevation(level) | AssignmentKind::BreakGlass(level), None)
                if self.expires_at.is_none_or(|expires_at| at < expires_at) =>
            {
                level
            }
            (_, None) => TrustLevel::Observer,
        }
    }

    /// The same with its idleness beginning anew at `at`; `None` if it has no idleness or has lapsed by then.
    pub(crate) fn touched(&self, at: OffsetDateTime) -> Option<Self> {
        let limit = self.decay.idle_limit()?;
        let active_at = self.active_at.unwrap_or(self.assigned_at);
        let now = Moment::from(at);
        let ended = self
            .expires_at
            .is_some_and(|expires_at| now >= expires_at.into());
        if ended || now >= Moment::from(active_at).after(limit) {
            return None;
        }
        Some(Self {
            active_at: Some(active_at.max(at)),
            ..self.clone()
        })
    }
}

/// What an assignment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
#[expect(
    clippy::exhaustive_enums,
    reason = "design: an assignment is one of these"
)]
pub enum AssignmentKind {
    /// Gives a level.
    Grant(TrustLevel),
    /// Left by a revocation: L0, and no falling back on a wider grant.
    Tombstone,
    /// Holds every level down to this one, until an operator lifts it.
    Cap(TrustLevel),
    /// Stops the agent altogether, until an operator lifts it.
    Quarantine,
    /// Raises to this level for a while, on exactly its scope.
    Elevation(TrustLevel),
    /// The same in an emergency, by two operators, and to be reviewed.
    BreakGlass(TrustLevel),
}

impl AssignmentKind {
    /// `grant`, `tombstone`, `cap`, `quarantine`, `elevation` or `break_glass`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Grant(_) => "grant",
            Self::Tombstone => "tombstone",
            Self::Cap(_) => "cap",
            Self::Quarantine => "quarantine",
            Self::Elevation(_) => "elevation",
            Self::BreakGlass(_) => "break_glass",
        }
    }

    /// The level it names: L0 for a tombstone and a quarantine.
    #[must_use]
    pub const fn level(self) -> TrustLevel {
        match self {
            Self::Grant(level)
            | Self::Cap(level)
            | Self::Elevation(level)
            | Self::BreakGlass(level) => level,
            Self::Tombstone | Self::Quarantine => TrustLevel::Observer,
        }
    }
}

/// How a kind is written: its code beside its level.
#[derive(Serialize, Deserialize)]
struct Written {
    kind: Cow<'static, str>,
    level: TrustLevel,
}

impl From<AssignmentKind> for Written {
    fn from(kind: AssignmentKind) -> Self {
        Self {
            kind: kind.code().into(),
            level: kind.level(),
        }
    }
}

impl TryFrom<Written> for AssignmentKind {
    type Error = &'static str;

    fn try_from(Written { kind, level }: Written) -> Result<Self, Self::Error> {
        let read = match &*kind {
            "grant" => Self::Grant(level),
            "tombstone" => Self::Tombstone,
            "cap" => Self::Cap(level),
            "quarantine" => Self::Quarantine,
            "elevation" => Self::Elevation(level),
            "break_glass" => Self::BreakGlass(level),
            _ => return Err("it is no kind of assignment"),
        };
        if read.level() == level {
            Ok(read)
        } else {
            Err("a tombstone and a quarantine have L0")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for kind in [
            AssignmentKind::Grant(TrustLevel::Suggest),
            AssignmentKind::Tombstone,
            AssignmentKind::Cap(TrustLevel::Observer),
            AssignmentKind::Quarantine,
            AssignmentKind::Elevation(TrustLevel::Autonomous),
            AssignmentKind::BreakGlass(TrustLevel::Monitor),
        ] {
            let written = serde_json::to_string(&kind).unwrap();
            assert_eq!(
                serde_json::from_str::<AssignmentKind>(&written).unwrap(),
                kind,
                "{written}"
            );
        }
        for wrong in [
            r#"{"kind":"quarantine","level":"L3"}"#,
            r#"{"kind":"other","level":"L0"}"#,
        ] {
            assert!(
                serde_json::from_str::<AssignmentKind>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}
