//! Names that cannot be swapped by accident: one type for each thing that is named, all under the same rule.
//!
//! A name is refused rather than trimmed, because a gate that trims and a server that does not would read two names.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::error::{TrustError, excerpt};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident is $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Name);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.text.as_str()
            }
        }

        impl TryFrom<&str> for $name {
            type Error = TrustError;

            fn try_from(text: &str) -> Result<Self, TrustError> {
                Name::new($what, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TrustError;

            fn try_from(text: String) -> Result<Self, TrustError> {
                Self::try_from(text.as_str())
            }
        }

        impl FromStr for $name {
            type Err = TrustError;

            fn from_str(text: &str) -> Result<Self, TrustError> {
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
    /// An agent: who may act. 1 to 256 bytes, no control characters, no white space around it. Cheap to clone.
    ///
    /// ```
    /// # use trust_gate::AgentId;
    /// let agent: AgentId = "desk-assistant".parse()?;
    /// assert_eq!(agent.as_str(), "desk-assistant");
    /// assert!(AgentId::try_from(" desk-assistant").is_err());
    /// # Ok::<(), trust_gate::TrustError>(())
    /// ```
    ///
    /// An operator's id is not an agent's:
    /// ```compile_fail,E0308
    /// # use trust_gate::{AgentId, OperatorId};
    /// let operator: OperatorId = "ops@example.com".parse().unwrap();
    /// let agent: AgentId = operator;
    /// ```
    AgentId is "agent id";
    /// An operator: who assigns trust. The same rule as for [`AgentId`].
    OperatorId is "operator id";
    /// A gate: what a signed grant is addressed to. The same rule as for [`AgentId`].
    GateName is "gate name";
    /// A tool: what an agent calls. The same rule as for [`AgentId`].
    ToolName is "tool name";
}

/// Refuses what gate and server could read differently.
pub(crate) fn validate(what: &'static str, text: &str) -> Result<(), TrustError> {
    match problem(text) {
        None => Ok(()),
        Some(problem) => Err(TrustError::InvalidName {
            what,
            value: excerpt(text),
            problem,
        }),
    }
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
pub(crate) const fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
    )
}

/// The text with its hash, so that a lookup on the read path hashes nothing.
///
/// The hash is keyed anew in each process: names that collide cannot be chosen.
#[derive(Clone)]
struct Name {
    text: Text,
    hash: u64,
}

/// How many bytes a name holds itself.
const SHORT: usize = 22;

/// The text of a name. Which of the two it is depends on its length alone.
///
/// A short one is copied without counting and compared without following a pointer: threads that judge one request
/// share no counter, and a lookup among many agents touches fewer places in memory.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Arc<str>),
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            // It was made of a text, so it is one.
            Self::Short { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Self::Long(text) => text,
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(text) => text.as_bytes(),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short { length, bytes }
            }
            _ => Self::Long(text.into()),
        }
    }
}

impl Name {
    fn new(what: &'static str, text: &str) -> Result<Self, TrustError> {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        validate(what, text)?;
        Ok(Self {
            text: text.into(),
            hash: KEY.hash_one(text),
        })
    }
}

impl PartialEq for Name {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.text == other.text
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.as_bytes().cmp(other.text.as_bytes())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Passes on the hash that a name carries.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Carried(u64);

/// Builds the hasher of maps keyed by names.
pub(crate) type CarriedHash = std::hash::BuildHasherDefault<Carried>;

impl Hasher for Carried {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // No name comes this way; anything else would still hash, if poorly.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl AgentId {
    /// Which of `shards` this agent belongs to. Taken from bits that the map inside the shard uses least.
    #[inline]
    pub(crate) fn shard(&self, shards: usize) -> usize {
        let bits = usize::try_from((self.0.hash >> 32) & 0xffff).unwrap_or_default();
        bits.checked_rem(shards).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_its_text_however_it_is_kept(one in "[aé]{1,24}", other in "[aé]{1,24}") {
            let (a, b): (AgentId, AgentId) = (one.parse().unwrap(), other.parse().unwrap());
            prop_assert_eq!(a.as_str(), &one);
            prop_assert_eq!(a == b, one == other);
            prop_assert_eq!(a.cmp(&b), one.cmp(&other));
            prop_assert_eq!(a.0.hash == b.0.hash, one == other);
            prop_assert_eq!(matches!(a.0.text, Text::Short { .. }), one.len() <= SHORT);
        }
    }
}
