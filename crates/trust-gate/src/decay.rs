//! Decay: how a grant wears out. Downwards only, and written into the grant when it is made.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::TrustError;
use crate::level::TrustLevel;
use crate::span;

/// The shape in which a grant's level falls (design: trust-gate, Decay). Activity never restores it.
///
/// In configuration: `{ shape = "step", every = "7d", floor = "L1" }`, `{ shape = "cliff", ttl = "30d" }`; spans are a
/// whole number and one of `ns us ms s m h d w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Decay {
    /// The level stays as assigned.
    #[default]
    #[serde(deserialize_with = "nothing_else")]
    None,
    /// As assigned while less than `ttl` has gone by, then at most `to`.
    Cliff {
        /// How long the level holds; not zero.
        #[serde(with = "span")]
        ttl: Duration,
        /// What it falls to. L0 unless said otherwise.
        #[serde(default)]
        to: TrustLevel,
    },
    /// One level down each `every`, once `grace` has gone by, but not below `floor`.
    Step {
        /// The time that each level lasts; not zero.
        #[serde(with = "span")]
        every: Duration,
        /// Time that does not count.
        #[serde(with = "span", default)]
        grace: Duration,
        /// The lowest level it falls to; not above the assigned one. L0 unless said otherwise.
        #[serde(default)]
        floor: TrustLevel,
    },
    /// The legacy shape: one level down in all, once the agent has been idle for the shorter of the two times. Being
    /// active puts off a fall that has not happened yet ([`TrustAdmin::touch`](crate::TrustAdmin::touch)).
    Inactivity {
        /// Days; not zero. 30 unless said otherwise.
        #[serde(default = "thirty")]
        gradual_days: u32,
        /// Days; not zero. 90 unless said otherwise.
        #[serde(default = "ninety")]
        cliff_days: u32,
    },
}

/// `serde` lets any key pass beside the tag of a variant that has no fields.
fn nothing_else<'de, D: Deserializer<'de>>(source: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    Nothing::deserialize(source).map(|Nothing {}| ())
}

const fn thirty() -> u32 {
    30
}

const fn ninety() -> u32 {
    90
}

impl Decay {
    /// Falls to L0 once `ttl` has gone by.
    #[must_use]
    pub const fn cliff(ttl: Duration) -> Self {
        Self::Cliff {
            ttl,
            to: TrustLevel::Observer,
        }
    }

    /// Falls one level each `every`, down to `floor`.
    #[must_use]
    pub const fn step(every: Duration, floor: TrustLevel) -> Self {
        Self::Step {
            every,
            grace: Duration::ZERO,
            floor,
        }
    }

    /// The legacy shape with its usual 30 and 90 days.
    #[must_use]
    pub const fn inactivity() -> Self {
        Self::Inactivity {
            gradual_days: thirty(),
            cliff_days: ninety(),
        }
    }

    /// How long an agent may be idle, for the shape that asks.
    pub(crate) fn idle_limit(&self) -> Option<Duration> {
        const DAY: u32 = 86_400;
        match *self {
            Self::Inactivity {
                gradual_days,
                cliff_days,
            } => Some(Duration::from_secs(
                u64::from(gradual_days.min(cliff_days)).saturating_mul(DAY.into()),
            )),
            _ => None,
        }
    }

    pub(crate) fn validate(&self, assigned: TrustLevel) -> Result<(), TrustError> {
        let problem = match *self {
            Self::Cliff { ttl, .. } if ttl.is_zero() => "`ttl` is zero; give it a length",
            Self::Step { every, .. } if every.is_zero() => "`every` is zero; give it a length",
            Self::Step { floor, .. } if floor > assigned => {
                "`floor` is above the assigned level; lower it"
            }
            Self::Inactivity {
                gradual_days: 0, ..
            }
            | Self::Inactivity { cliff_days: 0, .. } => "the days are zero; give at least one",
            _ => return Ok(()),
        };
        Err(TrustError::InvalidDecay { problem })
    }
}
