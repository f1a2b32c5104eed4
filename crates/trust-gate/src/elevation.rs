//! Elevations: a level for a while, as an operator asks for it, and the rules that bound it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::TrustError;
use crate::level::TrustLevel;
use crate::name::{AgentId, OperatorId};
use crate::scope::Scope;
use crate::span;
use crate::tier::{LevelRef, Tiers};

/// A level for a while, on exactly one scope: what [`TrustAdmin::elevate`](crate::TrustAdmin::elevate) and
/// [`TrustAdmin::break_glass`](crate::TrustAdmin::break_glass) take.
///
/// ```
/// # use std::time::Duration;
/// # use trust_gate::{Elevation, TrustLevel};
/// let hour = Duration::from_secs(3_600);
/// let elevation = Elevation::new(
///     "desk-assistant".parse()?, TrustLevel::ActAndReport, hour, "ops@example.com".parse()?, "invoices are late",
/// )
/// .scope("payments/eu".parse()?);
/// # Ok::<(), trust_gate::TrustError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Elevation {
    /// Who is trusted for a while.
    pub agent: AgentId,
    /// Where, and nowhere within. The root unless said otherwise.
    pub scope: Scope,
    /// How far: a level, or a tier that is looked up when it is given.
    pub level: LevelRef,
    /// For how long, from when it is given.
    pub lasts: Duration,
    /// Who decided it.
    pub by: OperatorId,
    /// Why; not empty, at most 4096 bytes, no control characters.
    pub reason: String,
}

impl Elevation {
    /// An elevation on the root.
    #[must_use]
    pub fn new(
        agent: AgentId,
        level: impl Into<LevelRef>,
        lasts: Duration,
        by: OperatorId,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            agent,
            scope: Scope::root(),
            level: level.into(),
            lasts,
            by,
            reason: reason.into(),
        }
    }

    /// Where it holds.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }
}

/// How far and for how long an operator may elevate. Default: to L5, for at most 8 hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain configuration")]
pub struct ElevationRules {
    /// The highest level that an elevation gives.
    pub max_level: LevelRef,
    /// The longest that one lasts.
    #[serde(with = "span")]
    pub max_duration: Duration,
}

impl Default for ElevationRules {
    fn default() -> Self {
        Self {
            max_level: TrustLevel::Autonomous.into(),
            max_duration: Duration::from_secs(8 * 3_600),
        }
    }
}

/// How far and for how long two operators may go in an emergency. Default: to L4, for at most an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain configuration")]
pub struct BreakGlassRules {
    /// The highest level that a broken glass gives.
    pub max_level: LevelRef,
    /// The longest that it lasts.
    #[serde(with = "span")]
    pub max_duration: Duration,
}

impl Default for BreakGlassRules {
    fn default() -> Self {
        Self {
            max_level: TrustLevel::ActAndReport.into(),
            max_duration: Duration::from_secs(3_600),
        }
    }
}

/// What bounds an elevation of either kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<'a> {
    what: &'static str,
    max_level: &'a LevelRef,
    max_duration: Duration,
}

impl ElevationRules {
    pub(crate) const fn bounds(&self) -> Bounds<'_> {
        Bounds {
            what: "an elevation",
            max_level: &self.max_level,
            max_duration: self.max_duration,
        }
    }
}

impl BreakGlassRules {
    pub(crate) const fn bounds(&self) -> Bounds<'_> {
        Bounds {
            what: "a broken glass",
            max_level: &self.max_level,
            max_duration: self.max_duration,
        }
    }
}

impl Bounds<'_> {
    /// Whether these bounds make sense with these tiers.
    pub(crate) fn validate(self, tiers: &Tiers) -> Result<(), TrustError> {
        tiers.resolve(self.max_level).map(drop)
    }

    /// The level that is asked for, if it may be given for so long.
    pub(crate) fn admit(
        self,
        elevation: &Elevation,
        tiers: &Tiers,
    ) -> Result<TrustLevel, TrustError> {
        let what = self.what;
        if elevation.reason.trim().is_empty() {
            return Err(TrustError::ReasonMissing { what });
        }
        let (level, most) = (
            tiers.resolve(&elevation.level)?,
            tiers.resolve(self.max_level)?,
        );
        if level > most {
            return Err(TrustError::ElevatedTooHigh { what, level, most });
        }
        if elevation.lasts.is_zero() || elevation.lasts > self.max_duration {
            return Err(TrustError::ElevatedTooLong {
                what,
                asked: elevation.lasts,
                most: self.max_duration,
            });
        }
        Ok(level)
    }
}
