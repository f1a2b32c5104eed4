//! The six levels of trust: an ordinal scale that an operator places an agent on.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{TrustError, excerpt};

/// How far an operator trusts an agent, from 0 (watch only) to 5 (on its own).
///
/// Parsed from and deserialised from the number, `L3`, the code, the snake-case name, or the name of a default tier
/// (`public`, `verified`, `privileged`); serialised as the number. What is out of range is refused; nothing clamps.
///
/// ```
/// # use trust_gate::{TrustError, TrustLevel};
/// let level: TrustLevel = "L3".parse()?;
/// assert_eq!(level, TrustLevel::try_from(3)?);
/// assert_eq!(level.label(), "Act (Approval Required)");
/// assert!(level > "suggest".parse()?);
/// assert!(TrustLevel::try_from(6).is_err());
/// # Ok::<(), TrustError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the scale is fixed: enforcers match on every level"
)]
pub enum TrustLevel {
    /// 0: sees what is public.
    #[default]
    Observer = 0,
    /// 1: reads what is public in order to watch.
    Monitor = 1,
    /// 2: reads, and proposes changes.
    Suggest = 2,
    /// 3: changes things once an operator has approved.
    ActWithApproval = 3,
    /// 4: changes things and reports afterwards.
    ActAndReport = 4,
    /// 5: changes things on its own.
    Autonomous = 5,
}

impl TrustLevel {
    /// Every level, lowest first.
    pub const ALL: [Self; 6] = [
        Self::Observer,
        Self::Monitor,
        Self::Suggest,
        Self::ActWithApproval,
        Self::ActAndReport,
        Self::Autonomous,
    ];

    /// The number, 0 to 5.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The stable code, such as `L3_ACT_APPROVE`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Observer => "L0_OBSERVER",
            Self::Monitor => "L1_MONITOR",
            Self::Suggest => "L2_SUGGEST",
            Self::ActWithApproval => "L3_ACT_APPROVE",
            Self::ActAndReport => "L4_ACT_REPORT",
            Self::Autonomous => "L5_AUTONOMOUS",
        }
    }

    /// The label for people, such as `Act (Approval Required)`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Observer => "Observer",
            Self::Monitor => "Monitor",
            Self::Suggest => "Suggest",
            Self::ActWithApproval => "Act (Approval Required)",
            Self::ActAndReport => "Act (Report After)",
            Self::Autonomous => "Autonomous",
        }
    }

    /// The snake-case name, such as `act_with_approval`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observer => "observer",
            Self::Monitor => "monitor",
            Self::Suggest => "suggest",
            Self::ActWithApproval => "act_with_approval",
            Self::ActAndReport => "act_and_report",
            Self::Autonomous => "autonomous",
        }
    }

    const fn short(self) -> &'static str {
        match self {
            Self::Observer => "L0",
            Self::Monitor => "L1",
            Self::Suggest => "L2",
            Self::ActWithApproval => "L3",
            Self::ActAndReport => "L4",
            Self::Autonomous => "L5",
        }
    }

    /// The level `steps` below this one, not below [`Observer`](Self::Observer).
    pub(crate) fn lowered_by(self, steps: u8) -> Self {
        Self::try_from(self.as_u8().saturating_sub(steps)).unwrap_or_default()
    }

    /// The level that a text names without help from a tier table.
    pub(crate) fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| {
            text == level.short()
                || text == level.code()
                || text == level.name()
                || (text.len() == 1 && text.parse() == Ok(level.as_u8()))
        })
    }
}

/// Shown as `L3`.
impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.short())
    }
}

impl TryFrom<u8> for TrustLevel {
    type Error = TrustError;

    fn try_from(number: u8) -> Result<Self, TrustError> {
        Self::ALL
            .get(usize::from(number))
            .copied()
            .ok_or_else(|| TrustError::InvalidLevel {
                value: number.to_string(),
            })
    }
}

impl FromStr for TrustLevel {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        Self::named(text)
            .or_else(|| crate::tier::default_tier(text))
            .ok_or_else(|| TrustError::InvalidLevel {
                value: excerpt(text),
            })
    }
}

impl Serialize for TrustLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.as_u8())
    }
}

impl<'de> Deserialize<'de> for TrustLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LevelVisitor(|text: &str| text.parse()))
    }
}

/// Reads a level's number or text into whatever can be made of either.
pub(crate) struct LevelVisitor<F>(pub(crate) F);

impl<T, F> Visitor<'_> for LevelVisitor<F>
where
    T: From<TrustLevel>,
    F: FnOnce(&str) -> Result<T, TrustError>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a trust level from 0 to 5, its code or its name")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        u8::try_from(number)
            .ok()
            .and_then(|number| TrustLevel::try_from(number).ok())
            .map(T::from)
            .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}
