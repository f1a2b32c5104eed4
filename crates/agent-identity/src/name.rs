//! Names that cannot be swapped by accident: one type for each thing that is named, all under the same rule.
//!
//! A name is refused rather than trimmed, because a side that trims and one that does not would read two names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{IdentityError, excerpt};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident is $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = IdentityError;

            fn try_from(text: &str) -> Result<Self, IdentityError> {
                validate($what, text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdentityError;

            fn try_from(text: String) -> Result<Self, IdentityError> {
                Self::try_from(text.as_str())
            }
        }

        impl FromStr for $name {
            type Err = IdentityError;

            fn from_str(text: &str) -> Result<Self, IdentityError> {
                Self::try_from(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }
    )*};
}

names! {
    /// An agent: who acts. 1 to 256 bytes, no control characters, no white space around it. Cheap to clone.
    ///
    /// A name alone, and proof of nothing: only a [`VerifiedAgent`](crate::VerifiedAgent) says that somebody vouched.
    ///
    /// ```
    /// # use agent_identity::AgentId;
    /// let agent: AgentId = "desk-assistant".parse()?;
    /// assert_eq!(agent.as_str(), "desk-assistant");
    /// assert!(AgentId::try_from(" desk-assistant").is_err());
    /// # Ok::<(), agent_identity::IdentityError>(())
    /// ```
    AgentId is "agent id";
    /// Who signs tokens and vouches for agents. The same rule as for [`AgentId`].
    Issuer is "issuer";
    /// Whom a token is meant for: the process or service that accepts it. The same rule as for [`AgentId`].
    Audience is "audience";
    /// One key of an issuer. Means nothing without the issuer. The same rule as for [`AgentId`].
    KeyId is "key id";
    /// One token of an issuer. The same rule as for [`AgentId`].
    TokenId is "token id";
}

/// Refuses what two sides could read differently.
pub(crate) fn validate(what: &'static str, text: &str) -> Result<(), IdentityError> {
    match problem(text) {
        None => Ok(()),
        Some(problem) => Err(IdentityError::InvalidName {
            what,
            value: excerpt(text),
            problem,
        }),
    }
}

/// A name out of a claim, whose value is not repeated in the error.
pub(crate) fn claimed<N: for<'a> TryFrom<&'a str>>(
    claim: &str,
    text: &str,
) -> Result<N, IdentityError> {
    if let Some(problem) = problem(text) {
        return Err(IdentityError::claim(claim, problem));
    }
    N::try_from(text).map_err(|_| IdentityError::claim(claim, "is not a name"))
}

/// What is wrong with a name, if anything.
pub(crate) fn problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.len() > 256 {
        Some("is longer than 256 bytes")
    } else if text.chars().any(char::is_control) {
        Some("contains a control character")
    } else if text.chars().any(is_unseen) {
        Some("contains a character that is not seen or turns the text around")
    } else if text.trim() != text {
        Some("begins or ends with white space")
    } else {
        None
    }
}

/// Whether a reader of the name would not see that it is there: zero-width characters and marks of direction.
const fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
    )
}
