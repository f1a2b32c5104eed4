//! Errors of the whole crate, in one place so that an operator reads one style.
//!
//! None holds a token, a signature, a key or a secret: what a refused caller sent must not end up in a log. Names that a
//! token states about its issuer and key are shown escaped and shortened, for without them nobody finds the missing key.

use time::OffsetDateTime;

/// Why a credential, a name, a key or a configuration was refused.
///
/// Tell the caller no more than that it was refused; the rest is for the operator's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A name is not one that everybody reads alike.
    #[error(
        "{what} `{value}` {problem}; write 1 to 256 bytes without control characters or surrounding white space"
    )]
    InvalidName {
        /// What the name was for: `agent id`, `issuer`, `audience`, `key id`, `token id`, `claim name`, `name`.
        what: &'static str,
        /// The value, escaped and shortened.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A ceiling that is no trust level.
    #[error("{value} is not a trust level; use 0 to 5")]
    InvalidCeiling {
        /// The value.
        value: u8,
    },

    /// The configuration contradicts itself or leaves something open.
    #[error("invalid configuration: {problem}")]
    InvalidConfig {
        /// What is wrong and what to do.
        problem: String,
    },

    /// A key that cannot be used as such.
    #[error("unusable key: {problem}")]
    InvalidKey {
        /// What is wrong and what to do.
        problem: String,
    },

    /// The credential is longer than any that is read.
    #[error("the token is {length} bytes long; at most {limit} are read")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The most that is read.
        limit: usize,
    },

    /// The credential has not the form of a token.
    #[error("the token is malformed: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The header of a JWT asks for something that is never done.
    #[error("the token's header has `{parameter}`: {problem}")]
    HeaderRefused {
        /// The header parameter.
        parameter: &'static str,
        /// Why it is refused.
        problem: &'static str,
    },

    /// The token names an algorithm that its key is not for, or none at all.
    #[error("the token's algorithm `{algorithm}` is not the one that its key is for")]
    AlgorithmRefused {
        /// What the header says, escaped and shortened.
        algorithm: String,
    },

    /// A required claim is not there.
    #[error("the token has no `{claim}` claim")]
    MissingClaim {
        /// The claim.
        claim: String,
    },

    /// A claim is there, and is not what it must be.
    #[error("the token's `{claim}` claim {problem}")]
    InvalidClaim {
        /// The claim.
        claim: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// Nobody said that this issuer is trusted.
    #[error("issuer `{issuer}` is not trusted here; an operator must add it with a key of its own")]
    UnknownIssuer {
        /// The issuer that the token states, escaped and shortened.
        issuer: String,
    },

    /// The issuer is trusted, and has no such key.
    #[error("issuer `{issuer}` has no key `{key}` here; an operator must add it")]
    UnknownKey {
        /// The issuer that the token states, escaped and shortened.
        issuer: String,
        /// The key id that the token states, escaped and shortened.
        key: String,
    },

    /// The token does not say which key signed it, and there is not just one.
    #[error("the token's header has no `kid`, and issuer `{issuer}` has not exactly one key")]
    KeyNotNamed {
        /// The issuer that the token states, escaped and shortened.
        issuer: String,
    },

    /// An operator revoked the key.
    #[error("key `{key}` of issuer `{issuer}` was revoked; use a new key under a new id")]
    KeyRevoked {
        /// The issuer, escaped and shortened.
        issuer: String,
        /// The key id, escaped and shortened.
        key: String,
    },

    /// An issuer's key ids each mean one key for good.
    #[error("issuer `{issuer}` already has a key `{key}`; choose another id")]
    KeyExists {
        /// The issuer, escaped and shortened.
        issuer: String,
        /// The key id, escaped and shortened.
        key: String,
    },

    /// The signature is not that key's over this text.
    #[error("the token's signature does not verify")]
    BadSignature,

    /// The token was made for somebody else.
    #[error("the token is not meant for audience `{expected}`")]
    WrongAudience {
        /// Who this authenticator is, escaped and shortened.
        expected: String,
    },

    /// The token's time has not come.
    #[error("the token is not valid before {valid_from}, and it is {now}")]
    NotYetValid {
        /// When it becomes valid, leeway taken off.
        valid_from: OffsetDateTime,
        /// The wall clock.
        now: OffsetDateTime,
    },

    /// The token's time, or that of the agent it vouched for, is over. Valid before the instant, not at it.
    #[error("the identity was valid until {valid_until}, and it is {now}")]
    Expired {
        /// When it ended, leeway added.
        valid_until: OffsetDateTime,
        /// The safe reading of the clock.
        now: OffsetDateTime,
    },

    /// The issuer made the token for longer than is accepted here.
    #[error("the token is valid for {seconds} s; at most {limit} s are accepted here")]
    LivesTooLong {
        /// From issue to expiry, in seconds.
        seconds: i64,
        /// The most that is accepted, in seconds.
        limit: u64,
    },

    /// The token id has been used.
    #[error("the token was used before; each may be used once")]
    Replayed,

    /// As many live token ids as can be remembered are. None is forgotten early, so a new one is refused.
    #[error(
        "{capacity} token ids of this issuer are in use, as many as are remembered; raise the capacity or shorten lifetimes"
    )]
    ReplayMemoryFull {
        /// How many are remembered for each issuer.
        capacity: usize,
    },

    /// A thread panicked while it held the keys or the used token ids. What they hold is unknown, so nobody is let in.
    #[error("an earlier call panicked; build the authenticator again")]
    Poisoned,

    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Random,
}

impl IdentityError {
    /// What happened, as a word that programs can compare. Stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidName { .. } => "invalid_name",
            Self::InvalidCeiling { .. } => "invalid_ceiling",
            Self::InvalidConfig { .. } => "invalid_config",
            Self::InvalidKey { .. } => "invalid_key",
            Self::TooLong { .. } => "too_long",
            Self::Malformed { .. } => "malformed",
            Self::HeaderRefused { .. } => "header_refused",
            Self::AlgorithmRefused { .. } => "algorithm_refused",
            Self::MissingClaim { .. } => "missing_claim",
            Self::InvalidClaim { .. } => "invalid_claim",
            Self::UnknownIssuer { .. } => "unknown_issuer",
            Self::UnknownKey { .. } => "unknown_key",
            Self::KeyNotNamed { .. } => "key_not_named",
            Self::KeyRevoked { .. } => "key_revoked",
            Self::KeyExists { .. } => "key_exists",
            Self::BadSignature => "bad_signature",
            Self::WrongAudience { .. } => "wrong_audience",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Expired { .. } => "expired",
            Self::LivesTooLong { .. } => "lives_too_long",
            Self::Replayed => "replayed",
            Self::ReplayMemoryFull { .. } => "replay_memory_full",
            Self::Poisoned => "poisoned",
            Self::Random => "random",
        }
    }

    pub(crate) fn malformed(problem: &'static str) -> Self {
        Self::Malformed { problem }
    }

    pub(crate) fn claim(claim: &str, problem: &'static str) -> Self {
        Self::InvalidClaim {
            claim: excerpt(claim),
            problem,
        }
    }

    pub(crate) fn missing(claim: &str) -> Self {
        Self::MissingClaim {
            claim: excerpt(claim),
        }
    }

    pub(crate) fn config(problem: impl Into<String>) -> Self {
        Self::InvalidConfig {
            problem: problem.into(),
        }
    }

    pub(crate) fn key(problem: impl Into<String>) -> Self {
        Self::InvalidKey {
            problem: problem.into(),
        }
    }
}

/// The value as it may stand in a message: escaped, and no longer than a line.
pub(crate) fn excerpt(value: &str) -> String {
    const SHOWN: usize = 64;
    let mut shown: String = value
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if value.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
