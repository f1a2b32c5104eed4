//! Everything that can go wrong, each with the state that it leaves.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::charge::Envelope;
use crate::decision::BudgetDenied;
use crate::hold::{ReservationId, TransactionId};
use crate::id::BudgetId;
use crate::journal::StoreError;
use crate::period::Period;
use crate::transaction::Transaction;

/// What can go wrong. Unless a variant says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// The budget says no.
    #[error(transparent)]
    Denied(#[from] BudgetDenied),
    /// An id that two readers could read differently, or none at all.
    #[error("`{value}` is not a valid {what}: {why}")]
    InvalidId {
        /// Which sort of id.
        what: &'static str,
        /// What was given, shortened.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An amount of money that cannot be held exactly.
    #[error("`{value}` is not an amount in USD: {why}")]
    InvalidUsd {
        /// What was given, shortened.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A period that there is not.
    #[error(
        "`{value}` is not a period: write hourly, daily, weekly, monthly, yearly, lifetime, or a length of at least a minute such as `every 36h`"
    )]
    InvalidPeriod {
        /// What was given, shortened.
        value: String,
    },
    /// A time zone that the IANA database does not have.
    #[error("`{value}` is not a time zone: write an IANA name such as `Europe/Berlin`")]
    UnknownZone {
        /// What was given, shortened.
        value: String,
    },
    /// A threshold that is no part of a limit.
    #[error(
        "`{value}` is not a threshold: write a part of the limit such as `0.75`, from 0.001 to 10"
    )]
    InvalidThreshold {
        /// What was given, shortened.
        value: String,
    },
    /// A setting out of range.
    #[error("`{field}` is out of range: {why}")]
    InvalidConfig {
        /// The setting.
        field: &'static str,
        /// What it must be.
        why: &'static str,
    },
    /// A budget without a limit in any dimension.
    #[error("{what} limits nothing: set tokens, calls or cost")]
    NoLimit {
        /// The budget, or the session template.
        what: String,
    },
    /// Two windows of a budget with the same period, or more than eight.
    #[error(
        "budget `{id}` cannot have another window of period `{period}`: it may have eight windows, of different periods"
    )]
    InvalidWindow {
        /// The budget.
        id: BudgetId,
        /// The period of the window that is too many.
        period: Period,
    },
    /// The budget has no window of that period.
    #[error("budget `{id}` has no window of period `{period}`")]
    NoWindow {
        /// The budget.
        id: BudgetId,
        /// The period asked for.
        period: Period,
    },
    /// More levels than a tree may have.
    #[error("budget `{id}` cannot be put under `{parent}`: a tree may be eight levels deep")]
    TooDeep {
        /// The budget.
        id: BudgetId,
        /// What it was to be put under, which is at the eighth level.
        parent: BudgetId,
    },
    /// The id has been used, if only by a budget that is closed.
    #[error("budget `{id}` exists already")]
    AlreadyExists {
        /// The id.
        id: BudgetId,
    },
    /// There is no such envelope. Sessions exist once they have been used.
    #[error("{} does not exist", .0.plain())]
    Unknown(Envelope),
    /// The envelope is closed, and stays so.
    #[error("{} is closed", .0.plain())]
    Closed(Envelope),
    /// A time to live that is no time, or longer than is allowed.
    #[error("a time to live must be longer than zero and at most {} seconds", .most.as_secs())]
    InvalidTtl {
        /// The longest that is allowed.
        most: Duration,
    },
    /// A note that is too long for the ledger.
    #[error("the note is {len} bytes long, and 1024 is the most")]
    NoteTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The reservation ran out before its call left. Its amounts were given back then.
    #[error("reservation {id} has expired")]
    Expired {
        /// The reservation.
        id: ReservationId,
    },
    /// There is no such reservation, it has ended, or it expired so long ago that it is forgotten.
    #[error("reservation {id} is unknown or has ended")]
    UnknownReservation {
        /// The reservation.
        id: ReservationId,
    },
    /// The reservation has been ended before. What ended it is stored, and this changed nothing.
    #[error("reservation {id} has ended already{}", ended(how.as_deref()))]
    AlreadyEnded {
        /// The reservation.
        id: ReservationId,
        /// The ledger row that ended it: of kind settle, release or expire. `None`: it is not in the ledger, or no longer.
        how: Option<Box<Transaction>>,
    },
    /// There is no such ledger row, or it has left the ledger's window.
    #[error("transaction {id} is unknown or has left the ledger")]
    UnknownTransaction {
        /// The transaction.
        id: TransactionId,
    },
    /// The transaction is neither a settlement nor a record. An expiry is corrected by settling late.
    #[error("transaction {id} is of kind {kind}, and only settle and record can be refunded")]
    NotRefundable {
        /// The transaction.
        id: TransactionId,
        /// What it is.
        kind: &'static str,
    },
    /// More than was settled, less what was refunded before.
    #[error(
        "a refund of {requested} {dimension} is more than the {refundable} that transaction {id} has left"
    )]
    RefundTooLarge {
        /// The transaction.
        id: TransactionId,
        /// In which dimension.
        dimension: crate::Dimension,
        /// What was asked for.
        requested: crate::Quantity,
        /// What can still be refunded.
        refundable: crate::Quantity,
    },
    /// The idempotency key has been used for something else.
    #[error("the idempotency key was used for another request: `{field}` differs")]
    KeyConflict {
        /// The first field that differs.
        field: &'static str,
    },
    /// The idempotency key is older than what is remembered, so it cannot be taken as new.
    #[error(
        "the idempotency key is older than the keys that are remembered: make a new one if the request is new"
    )]
    KeyTooOld,
    /// The idempotency key is from the future.
    #[error("the idempotency key is from the future: its clock is ahead of this one")]
    KeyTooNew,
    /// A panic in this process left a lock behind. What it guards can no longer be trusted, and stays refused.
    #[error("a lock is poisoned by a panic elsewhere")]
    Poisoned,
    /// The journal cannot store the act, so it was not done.
    #[error("not stored, and not done")]
    Store(#[from] StoreError),
    /// The journal cannot store the act, which is in force all the same: it books what was really spent, or it narrows.
    #[error("in force in memory but not stored")]
    NotStored(#[source] StoreError),
    /// The journal does not fit together.
    #[error("the journal cannot be replayed at revision {revision}: {why}")]
    Replay {
        /// The event's revision.
        revision: u64,
        /// What does not fit.
        why: String,
    },
}

impl BudgetError {
    pub(crate) fn invalid_id(what: &'static str, value: &str, why: &'static str) -> Self {
        Self::InvalidId {
            what,
            value: Shown(value).to_string(),
            why,
        }
    }

    pub(crate) fn invalid_usd(value: impl fmt::Display, why: &'static str) -> Self {
        Self::InvalidUsd {
            value: Shown(&value.to_string()).to_string(),
            why,
        }
    }

    pub(crate) fn invalid_period(value: &str) -> Self {
        Self::InvalidPeriod {
            value: Shown(value).to_string(),
        }
    }

    pub(crate) fn unknown_zone(value: &str) -> Self {
        Self::UnknownZone {
            value: Shown(value).to_string(),
        }
    }
}

/// How a reservation was ended, for the message.
fn ended(how: Option<&Transaction>) -> String {
    how.map_or_else(String::new, |row| {
        format!(": {}, transaction {}", row.kind, row.id)
    })
}

/// A thread panicked while it held the lock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Poisoned;

impl fmt::Display for Poisoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        BudgetError::Poisoned.fmt(f)
    }
}

impl Error for Poisoned {}

impl From<Poisoned> for BudgetError {
    fn from(_: Poisoned) -> Self {
        Self::Poisoned
    }
}

/// Somebody's input as it can be shown: at most 64 characters, control characters escaped.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 64;
        for character in self.0.chars().take(MOST) {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                fmt::Write::write_char(f, character)?;
            }
        }
        if self.0.chars().nth(MOST).is_some() {
            f.write_str("…")?;
        }
        Ok(())
    }
}
