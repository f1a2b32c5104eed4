//! A grant as an operator writes it, in code or in a file, before the gate accepts it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::act::Act;
use crate::decay::Decay;
use crate::error::TrustError;
use crate::keys::GrantSignature;
use crate::ledger::Now;
use crate::moment::Moment;
use crate::name::{AgentId, OperatorId};
use crate::scope::Scope;
use crate::snapshot::Snapshot;
use crate::tier::LevelRef;

/// A level for an agent in a scope: what [`TrustAdmin::assign`](crate::TrustAdmin::assign) takes.
///
/// ```
/// # use std::time::Duration;
/// # use trust_gate::{Decay, Grant, TrustLevel};
/// let grant = Grant::new("desk-assistant".parse()?, TrustLevel::ActWithApproval, "ops@example.com".parse()?)
///     .scope("payments/eu".parse()?)
///     .reason("pilot")
///     .decay(Decay::step(Duration::from_secs(7 * 86_400), TrustLevel::Monitor));
/// # Ok::<(), trust_gate::TrustError>(())
/// ```
///
/// From configuration (unknown keys are refused, and with a decay `assigned_at` must be there, or each restart would
/// make the grant afresh):
/// ```
/// # use trust_gate::Grant;
/// let grant: Grant = serde_json::from_str(
///     r#"{ "agent": "desk-assistant", "level": "L3", "assigned_by": "ops@example.com", "reason": "pilot",
///          "assigned_at": "2026-11-22T00:00:00Z", "decay": { "shape": "cliff", "ttl": "30d" } }"#,
/// )?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
#[non_exhaustive]
pub struct Grant {
    /// Who is trusted.
    pub agent: AgentId,
    /// Where. The root unless said otherwise.
    #[serde(default)]
    pub scope: Scope,
    /// How far: a level, or a tier that is looked up when the grant is assigned.
    pub level: LevelRef,
    /// Who decided it.
    pub assigned_by: OperatorId,
    /// Why: at most 4096 bytes, no control characters.
    #[serde(default)]
    pub reason: String,
    /// Since when; now if nothing is said. Not in the future.
    #[serde(default, with = "rfc3339::option")]
    pub assigned_at: Option<OffsetDateTime>,
    /// Until when: it holds before this moment, not at it.
    #[serde(default, with = "rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// How it wears out.
    #[serde(default)]
    pub decay: Decay,
}

impl Grant {
    /// A grant on the root, from now on, without end and without decay.
    #[must_use]
    pub fn new(agent: AgentId, level: impl Into<LevelRef>, assigned_by: OperatorId) -> Self {
        Self {
            agent,
            scope: Scope::root(),
            level: level.into(),
            assigned_by,
            reason: String::new(),
            assigned_at: None,
            expires_at: None,
            decay: Decay::None,
        }
    }

    /// Where it holds.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Why it is given.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Since when it holds. Decay counts from here.
    #[must_use]
    pub fn assigned_at(mut self, assigned_at: OffsetDateTime) -> Self {
        self.assigned_at = Some(assigned_at);
        self
    }

    /// When it ends: it holds before this moment, not at it.
    #[must_use]
    pub fn expires_at(mut self, expires_at: OffsetDateTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// How it wears out.
    #[must_use]
    pub fn decay(mut self, decay: Decay) -> Self {
        self.decay = decay;
        self
    }

    /// The act that this grant is, by the rules and at the time of the gate it has come to.
    pub(crate) fn accept(
        self,
        signed: Option<GrantSignature>,
        snapshot: &Snapshot,
        now: Now,
    ) -> Result<Act, TrustError> {
        let level = snapshot.rules.config.tiers.resolve(&self.level)?;
        self.decay.validate(level)?;
        let start = self.assigned_at.map_or(now.at, Moment::from);
        let end = self.expires_at.map(Moment::from);
        let assigned_at = start.to_datetime();
        if start > now.at {
            return Err(TrustError::FutureDated {
                assigned_at,
                now: now.at.to_datetime(),
            });
        }
        if let Some(end) = end.filter(|end| *end <= start) {
            return Err(TrustError::EndsBeforeItBegins {
                assigned_at,
                expires_at: end.to_datetime(),
            });
        }
        Ok(Act::Assign {
            agent: self.agent,
            scope: self.scope,
            level,
            assigned_at,
            expires_at: end.map(Moment::to_datetime),
            decay: self.decay,
            signed,
        })
    }
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, target)
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let grant = Self::deserialize(deserializer)?;
        if grant.decay != Decay::None && grant.assigned_at.is_none() {
            return Err(de::Error::custom(TrustError::UndatedDecay));
        }
        Ok(grant)
    }
}
