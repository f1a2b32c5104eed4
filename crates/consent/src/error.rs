//! Why the ledger did not do what it was asked, and what it did all the same.

use crate::authority::NotEntitled;
use crate::id::{IdError, RecordId};
use crate::ledger::Withdrawal;
use crate::publication::Publication;
use crate::store::StoreError;

/// Why an act on the ledger failed. Nothing has changed, with the exceptions of [`ConsentError::NotStored`]
/// and [`ConsentError::PublicationNotStored`].
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
    /// Someone gave consent for another and may not.
    #[error("`{by}` may not give consent on behalf of `{subject}`: {source}")]
    NotEntitled {
        /// Who gave it, shortened where it is long.
        by: String,
        /// For whom, shortened where it is long.
        subject: String,
        /// Why not.
        source: NotEntitled,
    },
    /// Someone withdraws for one subject what is named of another.
    #[error(
        "a withdrawal on behalf of `{subject}` names the data of `{named}`; name the same subject or none"
    )]
    OtherSubject {
        /// On whose behalf, shortened where it is long.
        subject: String,
        /// Whose data, shortened where it is long.
        named: String,
    },
    /// Consent was given under a version of a notice that is not, or no longer, the published one.
    #[error(
        "version `{version}` of notice `{notice}` is not current; show the published version, or publish this one first"
    )]
    NoticeNotCurrent {
        /// The notice, shortened where it is long.
        notice: String,
        /// The version, shortened where it is long.
        version: String,
    },
    /// A consent cannot be renewed.
    #[error("consent `{record_id}` cannot be renewed: {problem}")]
    NotRenewable {
        /// Which one.
        record_id: RecordId,
        /// Why not, and what to do instead.
        problem: &'static str,
    },
    /// An operator's act needs a reason.
    #[error("the reason {problem}")]
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
    /// The publication of a notice could not be stored. What it superseded **is superseded** in memory, and the next act
    /// on the ledger tries to store it again, but it would not survive a restart now.
    #[error("publication in force in memory but not stored: {source}")]
    PublicationNotStored {
        /// What is in force.
        publication: Box<Publication>,
        /// Why it could not be stored.
        source: StoreError,
    },
    /// A panic interrupted an earlier act, in a store or a clock of the caller's. Narrowing acts still work.
    #[error("an earlier panic interrupted the ledger; reopen it before giving more consent")]
    Poisoned,
}
