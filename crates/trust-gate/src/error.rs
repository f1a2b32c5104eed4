//! One error type for everything that can be refused, so that a caller handles one enum and an operator reads one style.

use crate::approval::ApprovalError;
use crate::event::{Event, Revision};
use crate::level::TrustLevel;
use crate::store::StoreError;

/// Why an administrative act, a name or a configuration was refused.
///
/// Unless a variant says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A name is not one that gate and server would read alike.
    #[error(
        "{what} `{value}` {problem}; write 1 to 256 bytes without control characters or surrounding white space"
    )]
    InvalidName {
        /// What the name was for: `agent id`, `operator id`, `tool name`, …
        what: &'static str,
        /// The value, escaped and shortened.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A segment of a scope is malformed.
    #[error(
        "scope segment `{value}` {problem}; write segments of 1 to 256 bytes joined by `/`, or nothing for the root"
    )]
    InvalidScope {
        /// The segment, escaped and shortened.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A scope has more than 16 segments.
    #[error("scope `{value}` has more than 16 segments; use fewer")]
    ScopeTooDeep {
        /// The path as far as it was read, escaped and shortened.
        value: String,
    },

    /// A trust level that does not exist. Levels never clamp.
    #[error(
        "`{value}` is not a trust level; use 0 to 5, `L0` to `L5`, a code such as `L2_SUGGEST`, or a name such as `suggest`"
    )]
    InvalidLevel {
        /// The value, escaped and shortened.
        value: String,
    },

    /// A tier name that the tier table does not hold.
    #[error("`{value}` is neither a trust level nor a tier; the tiers are {known}")]
    UnknownTier {
        /// The value, escaped and shortened.
        value: String,
        /// The tiers there are.
        known: String,
    },

    /// A tier may not carry a name that already means a level.
    #[error("tier name `{value}` already means a trust level; choose another")]
    AmbiguousTier {
        /// The value, escaped and shortened.
        value: String,
    },

    /// The configuration contradicts itself.
    #[error("invalid configuration: {problem}")]
    InvalidConfig {
        /// What is wrong and what to do.
        problem: String,
    },

    /// A decay that could not be computed or would raise a level.
    #[error("invalid decay: {problem}")]
    InvalidDecay {
        /// What is wrong and what to do.
        problem: &'static str,
    },

    /// A span of time that is not a whole number and a unit.
    #[error(
        "`{value}` is not a span of time; write a whole number and a unit, such as `30m`, `36h` or `7d`"
    )]
    InvalidSpan {
        /// The value, escaped and shortened.
        value: String,
    },

    /// The reason of an act cannot be recorded.
    #[error("the reason {problem}; write at most 4096 bytes without control characters")]
    InvalidReason {
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The text of an operator's key, or of its id, is something else.
    #[error("`{value}` is not {what}; write lower-case hexadecimal digits, two for each byte")]
    InvalidKey {
        /// What was expected.
        what: &'static str,
        /// The value, escaped and shortened.
        value: String,
    },

    /// A signed grant, or a key to check signatures with, was refused.
    #[cfg(feature = "signed")]
    #[error(transparent)]
    SignedGrant(#[from] crate::signed::SignedGrantError),

    /// Grants cannot be dated in the future: time alone would then raise a level.
    #[error(
        "the grant is dated {assigned_at}, later than the gate's time {now}; grants cannot begin in the future"
    )]
    FutureDated {
        /// When the grant says it was assigned.
        assigned_at: time::OffsetDateTime,
        /// The gate's safe reading.
        now: time::OffsetDateTime,
    },

    /// A grant that would end before it begins.
    #[error(
        "the grant ends at {expires_at}, not after {assigned_at} when it begins; choose a later end"
    )]
    EndsBeforeItBegins {
        /// When the grant begins.
        assigned_at: time::OffsetDateTime,
        /// When the grant would end.
        expires_at: time::OffsetDateTime,
    },

    /// A configured grant that decays must say when it was made, or each restart would make it afresh.
    #[error(
        "a configured grant with a decay needs `assigned_at`; a restart would otherwise refresh it"
    )]
    UndatedDecay,

    /// The act would raise a level and was not allowed to.
    #[error(
        "this would raise agent `{agent}` {} from {from} to {to}; say so explicitly if you mean it",
        place(scope)
    )]
    WouldRaise {
        /// The agent.
        agent: String,
        /// The scope.
        scope: String,
        /// The effective level now.
        from: TrustLevel,
        /// The effective level the act would give.
        to: TrustLevel,
    },

    /// A new cap above the one in force. Caps only tighten; loosening is lifting.
    #[error(
        "agent `{agent}` is capped at {present} {}; lift that cap before setting a looser one",
        place(scope)
    )]
    CapWouldLoosen {
        /// The agent.
        agent: String,
        /// The scope.
        scope: String,
        /// The cap in force.
        present: TrustLevel,
    },

    /// An elevation that would not raise the effective level: a cap, a quarantine or the level itself stands above it.
    #[error(
        "agent `{agent}` has {effective} {} and would have no more; look for a cap or a quarantine, or elevate higher",
        place(scope)
    )]
    RaisesNothing {
        /// The agent.
        agent: String,
        /// The scope.
        scope: String,
        /// The effective level now.
        effective: TrustLevel,
    },

    /// Elevations do not stack: one is active on exactly that scope.
    #[error(
        "agent `{agent}` is elevated {} until {until}; end that elevation before giving another",
        place(scope)
    )]
    AlreadyElevated {
        /// The agent.
        agent: String,
        /// The scope.
        scope: String,
        /// When it ends.
        until: time::OffsetDateTime,
    },

    /// An elevation above what the rules allow.
    #[error("{what} may give at most {most}, not {level}; choose a lower level")]
    ElevatedTooHigh {
        /// `an elevation` or `a broken glass`.
        what: &'static str,
        /// The level that was to be given.
        level: TrustLevel,
        /// The highest that the rules allow.
        most: TrustLevel,
    },

    /// An elevation for no time, or for longer than the rules allow.
    #[error(
        "{what} may last more than nothing and at most {most:?}, not {asked:?}; choose another time"
    )]
    ElevatedTooLong {
        /// `an elevation` or `a broken glass`.
        what: &'static str,
        /// For how long it was to be.
        asked: std::time::Duration,
        /// The longest that the rules allow.
        most: std::time::Duration,
    },

    /// An act that must say why.
    #[error("{what} needs a reason; say why")]
    ReasonMissing {
        /// Which act.
        what: &'static str,
    },

    /// One operator alone cannot do it.
    #[error("`{operator}` cannot answer for both; {what} needs a second operator")]
    SecondOperatorNeeded {
        /// Which act.
        what: &'static str,
        /// The operator.
        operator: String,
    },

    /// The glass was broken before and nobody has looked into it.
    #[error("the glass broken at revision {opened} was not reviewed; close that review first")]
    ReviewOpen {
        /// The act that broke it.
        opened: Revision,
    },

    /// What was broken at that revision is not there to be reviewed.
    #[error(
        "no review is open for revision {asked}; look at the history for the glass that was broken"
    )]
    NoSuchReview {
        /// The revision that was named.
        asked: Revision,
    },

    /// What the broken glass gave is still active.
    #[error(
        "the glass broken at revision {opened} holds until {until}; end it or wait before closing its review"
    )]
    StillActive {
        /// The act that broke it.
        opened: Revision,
        /// When it ends.
        until: time::OffsetDateTime,
    },

    /// Something about an approval.
    #[error(transparent)]
    Approval(#[from] ApprovalError),

    /// There is nothing of that kind on exactly that scope.
    #[error(
        "agent `{agent}` has no {what} {}; look at the assignments of the agent",
        place(scope)
    )]
    NothingThere {
        /// What was looked for: `assignment`, `cap` or `quarantine`.
        what: &'static str,
        /// The agent.
        agent: String,
        /// The scope.
        scope: String,
    },

    /// The store refused or failed, and the act is not in force. A store that cannot tell what it kept says so, takes nothing
    /// more, and tells when it is opened again.
    #[error("the store failed, the act is not in force")]
    Store(#[from] StoreError),

    /// A narrowing act could not be stored. It **is in force** in memory, and is stored with the next act that can be.
    #[error("revision {} is in force in memory but not stored", .event.revision)]
    NotStored {
        /// What is in force.
        event: Box<Event>,
        /// Why it could not be stored.
        source: StoreError,
    },

    /// What the store replays is not a history that this gate could have written.
    #[error("the store's history is inconsistent at revision {revision}: {problem}")]
    Corrupt {
        /// The revision at which it was noticed.
        revision: Revision,
        /// What is wrong.
        problem: &'static str,
    },

    /// An earlier act panicked inside the store, so what is stored is unknown. Open the store again.
    #[error("an earlier act panicked in the store; open the gate again from its store")]
    Poisoned,

    /// All revisions are used up.
    #[error("no revision is left after {0}")]
    RevisionsExhausted(Revision),
}

/// Where: the root has no name.
fn place(scope: &str) -> String {
    if scope.is_empty() {
        "on the root".to_owned()
    } else {
        format!("in scope `{scope}`")
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
