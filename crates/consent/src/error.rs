//! Why the ledger did not do what it was asked, and what it did all the same.

use crate::id::IdError;
use crate::ledger::Withdrawal;
use crate::store::StoreError;

/// Why an act on the ledger failed. Nothing has changed, with the one exception of [`ConsentError::NotStored`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsentError {
    /// A text is not a valid id.
    #[error(transparent)]
    Id(#[from] IdError),
    /// An agent cannot give consent to itself.
    #[error("agent `{agent}` cannot give consent to itself; name whoever gave it")]
    SelfGrant {
        /// The agent, shortened where it is long.
        agent: String,
    },
    /// A grant would end before it begins.
    #[error("a grant must expire after it becomes valid; move `expires_at` after `valid_from`")]
    EmptyWindow,
    /// A time cannot be written in a journal.
    #[error("`{field}` lies outside the years 0 to 9999 of UTC; choose a time inside them")]
    TimeOutOfRange {
        /// Which time.
        field: &'static str,
    },
    /// A text is not a SHA-256.
    #[error("a notice's hash is 64 hexadecimal digits (SHA-256)")]
    NoticeHash,
    /// The clock is accepted only for a reason.
    #[error("the reason for accepting the clock {problem}")]
    Reason {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The journal could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A refusal or withdrawal could not be stored. It **is in force** in memory, and the next act on the ledger tries
    /// to store it again, but it would not survive a restart now.
    #[error("{} in force in memory but not stored: {source}", withdrawal.noun())]
    NotStored {
        /// What is in force.
        withdrawal: Box<Withdrawal>,
        /// Why it could not be stored.
        source: StoreError,
    },
    /// A panic interrupted an earlier act, in a store or a clock of the caller's. Narrowing acts still work.
    #[error("an earlier panic interrupted the ledger; reopen it before giving more consent")]
    Poisoned,
}
