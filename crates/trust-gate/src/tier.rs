//! Tiers: an operator's own names for levels, so that a configuration can say `verified` and mean it everywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{TrustError, excerpt};
use crate::level::{LevelVisitor, TrustLevel};
use crate::name;

const DEFAULT: [(&str, TrustLevel); 3] = [
    ("public", TrustLevel::Observer),
    ("verified", TrustLevel::Suggest),
    ("privileged", TrustLevel::ActAndReport),
];

/// The name of a tier, where a level is asked for: `Tier("verified")`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier<'a>(pub &'a str);

/// The tier table: names for levels. Starts as `public` = 0, `verified` = 2, `privileged` = 4; what an operator adds
/// joins these, and what an operator names again replaces one.
///
/// ```
/// # use trust_gate::{Tier, Tiers, TrustError, TrustLevel};
/// let tiers = Tiers::default().with("staff", TrustLevel::ActWithApproval)?;
/// assert_eq!(tiers.resolve(&Tier("staff").into())?, TrustLevel::ActWithApproval);
/// assert_eq!(tiers.resolve(&Tier("verified").into())?, TrustLevel::Suggest);
/// # Ok::<(), TrustError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "BTreeMap<String, TrustLevel>",
    into = "BTreeMap<String, TrustLevel>"
)]
pub struct Tiers(BTreeMap<String, TrustLevel>);

impl Tiers {
    /// The table with one name added or replaced.
    ///
    /// # Errors
    /// [`TrustError::InvalidName`] for a malformed name, [`TrustError::AmbiguousTier`] for one that already means a level.
    pub fn with(mut self, tier: &str, level: TrustLevel) -> Result<Self, TrustError> {
        name::validate("tier name", tier)?;
        if TrustLevel::named(tier).is_some() {
            return Err(TrustError::AmbiguousTier {
                value: excerpt(tier),
            });
        }
        self.0.insert(tier.to_owned(), level);
        Ok(self)
    }

    /// The level that a reference means by this table.
    ///
    /// # Errors
    /// [`TrustError::UnknownTier`] if the table does not hold the name.
    pub fn resolve(&self, level: &LevelRef) -> Result<TrustLevel, TrustError> {
        match level {
            LevelRef::Level(level) => Ok(*level),
            LevelRef::Tier(tier) => {
                self.0
                    .get(&**tier)
                    .copied()
                    .ok_or_else(|| TrustError::UnknownTier {
                        value: excerpt(tier),
                        known: self
                            .0
                            .keys()
                            .map(|known| format!("`{known}`"))
                            .collect::<Vec<_>>()
                            .join(", "),
                    })
            }
        }
    }

    /// Every tier with its level, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, TrustLevel)> {
        self.0.iter().map(|(tier, level)| (&**tier, *level))
    }
}

impl Default for Tiers {
    fn default() -> Self {
        Self(
            DEFAULT
                .into_iter()
                .map(|(tier, level)| (tier.to_owned(), level))
                .collect(),
        )
    }
}

impl TryFrom<BTreeMap<String, TrustLevel>> for Tiers {
    type Error = TrustError;

    fn try_from(tiers: BTreeMap<String, TrustLevel>) -> Result<Self, TrustError> {
        tiers
            .iter()
            .try_fold(Self::default(), |table, (tier, level)| {
                table.with(tier, *level)
            })
    }
}

impl From<Tiers> for BTreeMap<String, TrustLevel> {
    fn from(tiers: Tiers) -> Self {
        tiers.0
    }
}

/// A level as configuration writes it: a level, or the name of a tier that is looked up when it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a level is written in one of these two ways"
)]
pub enum LevelRef {
    /// A level by its number, code or name.
    Level(TrustLevel),
    /// A tier's name.
    Tier(Box<str>),
}

impl Default for LevelRef {
    fn default() -> Self {
        Self::Level(TrustLevel::Observer)
    }
}

impl From<TrustLevel> for LevelRef {
    fn from(level: TrustLevel) -> Self {
        Self::Level(level)
    }
}

impl From<Tier<'_>> for LevelRef {
    fn from(Tier(name): Tier<'_>) -> Self {
        Self::Tier(name.into())
    }
}

impl FromStr for LevelRef {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        if let Some(level) = TrustLevel::named(text) {
            return Ok(Self::Level(level));
        }
        name::validate("tier name", text)?;
        Ok(Self::Tier(text.into()))
    }
}

impl fmt::Display for LevelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => level.fmt(f),
            Self::Tier(tier) => f.write_str(tier),
        }
    }
}

impl Serialize for LevelRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Level(level) => level.serialize(serializer),
            Self::Tier(tier) => serializer.serialize_str(tier),
        }
    }
}

impl<'de> Deserialize<'de> for LevelRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LevelVisitor(|text: &str| text.parse()))
    }
}

/// What a name means by the default table.
pub(crate) fn default_tier(name: &str) -> Option<TrustLevel> {
    DEFAULT
        .into_iter()
        .find(|(tier, _)| *tier == name)
        .map(|(_, level)| level)
}
