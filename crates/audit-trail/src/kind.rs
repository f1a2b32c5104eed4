//! The closed vocabularies of an entry: what it is about, and what was decided.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};

use crate::EntryError;

/// What an entry records. Written as `snake_case`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A decision, or the intent to run what was permitted.
    Decision,
    /// How something that was permitted ended.
    Outcome,
    /// Something that an application wants remembered.
    Event,
    /// An operator changed who may act.
    TrustChange,
    /// An operator changed a limit.
    BudgetChange,
    /// Consent was given, refused or withdrawn.
    ConsentChange,
    /// Rules or configuration were changed.
    PolicyChange,
    /// The log's signing key was changed.
    KeyRotation,
    /// Personal data behind a commitment was erased.
    Erasure,
    /// A log was opened after damage, and what was cut.
    Recovery,
    /// Entries are known to be missing.
    Gap,
    /// Nothing happened, and the log was alive.
    Heartbeat,
    /// Entry 0, written by the log itself.
    Genesis,
}

impl Kind {
    /// Every kind, in the order of the schema.
    pub const ALL: [Self; 13] = [
        Self::Decision,
        Self::Outcome,
        Self::Event,
        Self::TrustChange,
        Self::BudgetChange,
        Self::ConsentChange,
        Self::PolicyChange,
        Self::KeyRotation,
        Self::Erasure,
        Self::Recovery,
        Self::Gap,
        Self::Heartbeat,
        Self::Genesis,
    ];

    /// Whether only the log itself writes entries of this kind: they say what it did, and verifiers act on them.
    #[must_use]
    pub fn is_own(self) -> bool {
        matches!(
            self,
            Self::Genesis | Self::KeyRotation | Self::Erasure | Self::Recovery | Self::Gap
        )
    }

    /// The name written in entries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Outcome => "outcome",
            Self::Event => "event",
            Self::TrustChange => "trust_change",
            Self::BudgetChange => "budget_change",
            Self::ConsentChange => "consent_change",
            Self::PolicyChange => "policy_change",
            Self::KeyRotation => "key_rotation",
            Self::Erasure => "erasure",
            Self::Recovery => "recovery",
            Self::Gap => "gap",
            Self::Heartbeat => "heartbeat",
            Self::Genesis => "genesis",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = EntryError;

    /// # Errors
    /// [`EntryError::Unknown`] for any other name.
    fn from_str(name: &str) -> Result<Self, EntryError> {
        find(&Self::ALL, Self::as_str, "kind", name)
    }
}

/// What was decided. Written as `snake_case`.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever acts on an outcome must be made to think about a new one"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Permitted.
    Allow,
    /// Not permitted, whatever the reason code says about what would make it so.
    Deny,
    /// Permitted with obligations to fulfil.
    AllowWithCaveat,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Deny, Self::AllowWithCaveat];

    /// The name written in entries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::AllowWithCaveat => "allow_with_caveat",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = EntryError;

    /// # Errors
    /// [`EntryError::Unknown`] for any other name.
    fn from_str(name: &str) -> Result<Self, EntryError> {
        find(&Self::ALL, Self::as_str, "decision.outcome", name)
    }
}

// Derived readers would take `{"allow":null}` as well.
impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

fn find<T: Copy>(
    all: &[T],
    as_str: fn(T) -> &'static str,
    field: &'static str,
    name: &str,
) -> Result<T, EntryError> {
    all.iter()
        .copied()
        .find(|v| as_str(*v) == name)
        .ok_or_else(|| EntryError::Unknown {
            field,
            value: crate::error::shortened(name),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back_in_both_readers() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse::<Kind>().unwrap(), kind);
            let json = format!("\"{kind}\"");
            assert_eq!(serde_json::from_str::<Kind>(&json).unwrap(), kind);
        }
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse::<Outcome>().unwrap(), outcome);
            let json = format!("\"{outcome}\"");
            assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), outcome);
        }
        assert!("Allow".parse::<Outcome>().is_err());
        assert!(serde_json::from_str::<Outcome>("{\"allow\":null}").is_err());
    }
}
