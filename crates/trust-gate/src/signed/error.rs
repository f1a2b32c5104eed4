//! Why a signed grant, or a key to check signatures with, was refused.

use time::OffsetDateTime;

use crate::event::Revision;
use crate::keys::KeyId;

/// What is wrong with a signed grant or with an operator's key. Nothing was changed, and the serial is not used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedGrantError {
    /// The text is not the canonical form of a signed grant.
    #[error("this is not a signed grant: {problem}; take the text exactly as it was signed")]
    Malformed {
        /// What is wrong with it, escaped and shortened.
        problem: String,
    },

    /// A grant that is signed must say when it was made, or it would begin whenever somebody presents it.
    #[error(
        "a grant to be signed needs `assigned_at`; it would otherwise begin when it is presented"
    )]
    Undated,

    /// The signed grant would be longer than its readers take.
    #[error("the signed grant would be {length} bytes long, more than 8192; shorten the reason")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },

    /// An operator signs in nobody else's name.
    #[error(
        "the grant is by operator `{operator}` but the key is that of `{owner}`; let them sign it themselves"
    )]
    OtherOperator {
        /// Who the grant says decided it.
        operator: String,
        /// Whose key signs.
        owner: String,
    },

    /// The gate was never told of the key.
    #[error("the key {key_id} is not known here; let an operator trust it first")]
    UntrustedKey {
        /// The key.
        key_id: KeyId,
    },

    /// The key was revoked, for good.
    #[error("the key {key_id} was revoked by revision {revision}; sign with another key")]
    RevokedKey {
        /// The key.
        key_id: KeyId,
        /// The act that revoked it.
        revision: Revision,
    },

    /// The key is trusted already.
    #[error(
        "the key {key_id} is already trusted as that of operator `{operator}`; use one key for one operator"
    )]
    KnownKey {
        /// The key.
        key_id: KeyId,
        /// Whose it is.
        operator: String,
    },

    /// The bytes are no Ed25519 key, or one with which anyone can sign.
    #[error("the key {key_id} is not a sound Ed25519 public key; generate another")]
    UnsoundKey {
        /// The key.
        key_id: KeyId,
    },

    /// The signature is not that of the key over this grant.
    #[error(
        "the signature is not that of the key {key_id} over this grant; it was altered or not signed with that key"
    )]
    BadSignature {
        /// The key it names.
        key_id: KeyId,
    },

    /// The grant is for another gate.
    #[error(
        "the grant is for the gate `{audience}`, and this is `{gate}`; have it signed for this one"
    )]
    WrongAudience {
        /// The gate it is for.
        audience: String,
        /// This gate.
        gate: String,
    },

    /// This gate has no name, so no grant can be for it.
    #[error("this gate has no name and takes no signed grants; set `name` in its configuration")]
    UnnamedGate,

    /// The serial was used, or a later one was.
    #[error(
        "serial {serial} of operator `{operator}` is not above {highest}, the last one taken; sign with a higher one"
    )]
    StaleSerial {
        /// Whose.
        operator: String,
        /// The grant's.
        serial: u64,
        /// The highest that the gate has taken from this operator.
        highest: u64,
    },

    /// The grant has already ended.
    #[error("the grant ended at {expires_at}, and it is {now}; have another one signed")]
    Ended {
        /// When it ended.
        expires_at: OffsetDateTime,
        /// The gate's safe reading.
        now: OffsetDateTime,
    },

    /// What stands on the scope was decided since, or trust was revoked around it: a grant that was held back does not undo it.
    #[error(
        "the grant is dated {assigned_at}, not later than revision {revision} on its scope or around it, dated {since}; have another one signed"
    )]
    Superseded {
        /// When the grant says it was assigned.
        assigned_at: OffsetDateTime,
        /// The act that decided since.
        revision: Revision,
        /// Its date.
        since: OffsetDateTime,
    },
}
