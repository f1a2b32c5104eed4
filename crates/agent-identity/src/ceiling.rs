//! What a token may say about trust: no more than how much there may be at most.

use std::fmt;

use crate::error::IdentityError;

/// The highest trust level, 0 to 5, that a token leaves to its agent.
///
/// It is no level by itself. Trust is assigned by operators elsewhere; whoever judges takes the lower of the two.
///
/// ```
/// # use agent_identity::Ceiling;
/// let ceiling = Ceiling::try_from(2)?;
/// assert_eq!(ceiling.lower(4), 2);
/// assert_eq!(ceiling.lower(1), 1);
/// assert!(Ceiling::try_from(6).is_err());
/// # Ok::<(), agent_identity::IdentityError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ceiling(u8);

impl Ceiling {
    const HIGHEST: u8 = 5;

    /// The level as a number, 0 to 5.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The lower of `level` and this ceiling. Never more than `level`.
    #[must_use]
    pub fn lower(self, level: u8) -> u8 {
        level.min(self.0)
    }

    /// The rule for a claim.
    pub(crate) fn from_claim(claim: &str, value: Option<u64>) -> Result<Self, IdentityError> {
        value
            .and_then(|value| u8::try_from(value).ok())
            .and_then(|value| Self::try_from(value).ok())
            .ok_or_else(|| IdentityError::claim(claim, "is not a whole number from 0 to 5"))
    }
}

impl TryFrom<u8> for Ceiling {
    type Error = IdentityError;

    fn try_from(value: u8) -> Result<Self, IdentityError> {
        if value > Self::HIGHEST {
            return Err(IdentityError::InvalidCeiling { value });
        }
        Ok(Self(value))
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
