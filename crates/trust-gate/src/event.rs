//! Events: every act with its number, its operator and its time, as it is stored, replayed and shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::act::{Act, ActKind};
use crate::error::TrustError;
use crate::keys::KeyId;
use crate::level::TrustLevel;
use crate::name::{AgentId, OperatorId};
use crate::scope::Scope;

/// How many acts a gate has seen: each act has the next number.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(u64);

impl Revision {
    /// Before any act.
    pub const ZERO: Self = Self(0);

    pub(crate) const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The one after this.
    ///
    /// # Errors
    /// [`TrustError::RevisionsExhausted`] after the last.
    pub fn next(self) -> Result<Self, TrustError> {
        self.0
            .checked_add(1)
            .map(Self)
            .ok_or(TrustError::RevisionsExhausted(self))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One administrative act: who did what, when and why, and what it did to the level concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Event {
    /// Its number.
    pub revision: Revision,
    /// The gate's safe reading when it was done.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
    /// The operator who did it; `None` where an agent asked for an approval, used one or gave one up. Nothing that could
    /// widen what an agent may do is without an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<OperatorId>,
    /// Why.
    pub reason: String,
    /// What was done.
    pub act: Act,
    /// The effective level of the agent in the scope just before; `None` where the act is not about one agent.
    pub before: Option<TrustLevel>,
    /// The effective level of the agent in the scope just after.
    pub after: Option<TrustLevel>,
}

impl Event {
    /// When the operator made up their mind: whoever signs elsewhere does so before the grant comes here.
    pub(crate) const fn decided_at(&self) -> OffsetDateTime {
        match self.act {
            Act::Assign {
                signed: Some(_),
                assigned_at,
                ..
            } => assigned_at,
            _ => self.at,
        }
    }
}

/// Which events of the history are wanted. The default is all of them; every field narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "plain input, written with `..Default::default()`"
)]
pub struct HistoryFilter {
    /// About this agent.
    pub agent: Option<AgentId>,
    /// About exactly this scope.
    pub scope: Option<Scope>,
    /// Of this kind.
    pub kind: Option<ActKind>,
    /// About this operator's key: what it signed, and how it came and went.
    pub key_id: Option<KeyId>,
    /// At this time or later.
    pub since: Option<OffsetDateTime>,
    /// Before this time.
    pub until: Option<OffsetDateTime>,
    /// After this revision.
    pub after: Revision,
}

impl HistoryFilter {
    pub(crate) fn wants(&self, event: &Event) -> bool {
        let subject = event.act.subject();
        let same = |wanted: &Option<AgentId>| {
            wanted.is_none() || wanted.as_ref() == subject.map(|(agent, _)| agent)
        };
        event.revision > self.after
            && same(&self.agent)
            && (self.scope.is_none() || self.scope.as_ref() == subject.map(|(_, scope)| scope))
            && self.kind.is_none_or(|kind| kind == event.act.kind())
            && (self.key_id.is_none() || self.key_id == event.act.key_id())
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
    }
}
