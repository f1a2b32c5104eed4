//! Names of agents, people, data and purposes, so that one can never be passed for another.
//!
//! All of them are text of 1 to 256 bytes without white space at either end, without control characters and without
//! those that no reader sees: zero-width characters and the controls of writing direction. What breaks the rule is refused, never trimmed: whoever enforces and whoever acts must read one name.
//! This is also the one file that makes random ids.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

/// The longest id, in bytes.
const MAX_BYTES: usize = 256;
/// How much of a refused text an error quotes, in characters.
const QUOTED_CHARS: usize = 40;

/// Why a text is not the id that it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{quoted}` {problem}")]
pub struct IdError {
    kind: &'static str,
    quoted: String,
    problem: IdProblem,
}

impl IdError {
    fn new(kind: &'static str, text: &str, problem: IdProblem) -> Self {
        let mut quoted: String = text
            .chars()
            .take(QUOTED_CHARS)
            .flat_map(char::escape_debug)
            .collect();
        if text.chars().nth(QUOTED_CHARS).is_some() {
            quoted.push('…');
        }
        Self {
            kind,
            quoted,
            problem,
        }
    }

    /// What is wrong with the text.
    #[must_use]
    pub fn problem(&self) -> IdProblem {
        self.problem
    }
}

/// What is wrong with a refused id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdProblem {
    /// There is no text.
    #[error("is empty; give it at least one character")]
    Empty,
    /// The text has more than 256 bytes.
    #[error("is longer than 256 bytes; shorten it")]
    TooLong,
    /// White space stands at the start or at the end.
    #[error("begins or ends with white space; remove it")]
    Padded,
    /// A control character is part of the text.
    #[error("holds a control character; remove it")]
    Control,
    /// A zero-width character or a control of writing direction is part of the text: two ids could look the same.
    #[error("holds an invisible character; remove it")]
    Invisible,
    /// A dotted name has nothing before, after or between two dots.
    #[error(
        "has an empty segment; write segments of at least one character, separated by single dots"
    )]
    EmptySegment,
}

fn problem_of(text: &str) -> Option<IdProblem> {
    if text.is_empty() {
        Some(IdProblem::Empty)
    } else if text.len() > MAX_BYTES {
        Some(IdProblem::TooLong)
    } else if text.trim() != text {
        Some(IdProblem::Padded)
    } else if text.chars().any(char::is_control) {
        Some(IdProblem::Control)
    } else if text.chars().any(is_invisible) {
        Some(IdProblem::Invisible)
    } else {
        None
    }
}

/// A zero-width character, or a control of writing direction (Unicode, `Bidi_Control`).
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn problem_of_dotted(text: &str) -> Option<IdProblem> {
    problem_of(text).or_else(|| {
        text.split('.')
            .any(str::is_empty)
            .then_some(IdProblem::EmptySegment)
    })
}

/// Whether the dotted name `wide` is `narrow` or one of its ancestors, segment by segment.
#[inline]
fn covers(wide: &str, narrow: &str) -> bool {
    let ends_with_a_segment = match narrow.as_bytes().get(wide.len()) {
        Some(next) => *next == b'.',
        None => narrow.len() == wide.len(),
    };
    ends_with_a_segment && narrow.starts_with(wide)
}

/// A text with its hash, taken once when the id is made: whoever looks it up, at every check, hashes nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Hashed {
    text: Arc<str>,
    /// Under a key of this process, which no one outside can know to make ids collide.
    hash: u64,
}

impl From<&str> for Hashed {
    fn from(text: &str) -> Self {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self {
            text: text.into(),
            hash: KEY.hash_one(text),
        }
    }
}

impl Deref for Hashed {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($text:ty), $kind:literal, $problem_of:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 256 bytes, no white space at either end, no control or invisible characters. Cheap to clone; compared
        /// byte for byte.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($text);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = IdError;

            fn try_from(text: &str) -> Result<Self, IdError> {
                match $problem_of(text) {
                    Some(problem) => Err(IdError::new($kind, text, problem)),
                    None => Ok(Self(text.into())),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::try_from(text.as_str())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::try_from(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::try_from(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// The agent that wants to use data.
    AgentId(Hashed), "agent id", problem_of
}
id! {
    /// The person or thing that the data is about.
    SubjectId(Hashed), "subject id", problem_of
}
id! {
    /// Who gave, refused or withdrew consent. Never the agent that the consent is for.
    GrantorId(Arc<str>), "grantor id", problem_of
}
id! {
    /// An operator of the ledger.
    OperatorId(Arc<str>), "operator id", problem_of
}
id! {
    /// What is done with the data (`read`, `share`). A plain name: no operation covers another.
    Operation(Arc<str>), "operation", problem_of
}
id! {
    /// How consent was obtained (`web-form`, `signed-paper`).
    Method(Arc<str>), "method", problem_of
}
id! {
    /// What entitles someone to act for a subject (`parental`, `court-appointed`).
    Authority(Arc<str>), "authority", problem_of
}
id! {
    /// The name that a notice keeps through all its versions.
    NoticeId(Arc<str>), "notice id", problem_of
}
id! {
    /// The version of a notice that a person was shown.
    NoticeVersion(Arc<str>), "notice version", problem_of
}
id! {
    /// A kind of data, dotted from the general to the particular (`user.contact.email`).
    ///
    /// ```
    /// # use consent::DataType;
    /// let contact = DataType::try_from("user.contact")?;
    /// assert!(contact.covers(&"user.contact.email".parse()?));
    /// assert!(!contact.covers(&"user.contacts".parse()?));
    /// assert!(!contact.covers(&"user".parse()?));
    /// # Ok::<(), consent::IdError>(())
    /// ```
    DataType(Arc<str>), "data type", problem_of_dotted
}
id! {
    /// What data is used for, dotted from the general to the particular (`marketing.newsletter`).
    Purpose(Arc<str>), "purpose", problem_of_dotted
}

impl AgentId {
    /// The hash of the text in this process.
    pub(crate) fn hash_here(&self) -> u64 {
        self.0.hash
    }
}

impl SubjectId {
    /// The hash of the text in this process.
    pub(crate) fn hash_here(&self) -> u64 {
        self.0.hash
    }
}

impl DataType {
    /// Whether this kind of data is `other` or holds it. Downwards only, by whole segments.
    #[must_use]
    #[inline]
    pub fn covers(&self, other: &Self) -> bool {
        covers(&self.0, &other.0)
    }
}

impl Purpose {
    /// Whether this purpose is `other` or holds it. Downwards only, by whole segments.
    #[must_use]
    #[inline]
    pub fn covers(&self, other: &Self) -> bool {
        covers(&self.0, &other.0)
    }
}

/// The identity of one consent record: a UUID of version 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(Uuid);

impl RecordId {
    /// A new id whose time part is `at` (the epoch, for earlier times).
    pub(crate) fn new(at: OffsetDateTime) -> Self {
        let seconds = u64::try_from(at.unix_timestamp()).unwrap_or(0);
        Self(Uuid::new_v7(Timestamp::from_unix(
            NoContext,
            seconds,
            at.nanosecond(),
        )))
    }

    /// The id as a UUID.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for RecordId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The number of a ledger's act: 1 for the first, each later act one more. [`Revision::ZERO`] is before them all.
///
/// Earlier and later are told by revision, never by time stamp.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(u64);

impl Revision {
    /// Before the first act.
    pub const ZERO: Self = Self(0);

    /// The revision as a number.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The revision of the act that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1)) // 2^64 acts do not happen; a journal that claims so is refused
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
