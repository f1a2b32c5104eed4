//! What an authority says instead of yes. Verdicts are data that travels; an outage is an error of whoever asked.

use std::borrow::Cow;
use std::error::Error;

use serde::{Deserialize, Serialize};

use super::wire::Lease;
use crate::decision::{BudgetDecision, BudgetDenied};
use crate::error::BudgetError;
use crate::hold::ReservationId;

/// What can go wrong with an authority.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// It said no. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be reached, cannot judge or cannot store: whether anything was done is not known. Not a yes; ask again.
    #[error(
        "the budget authority is unavailable: ask again with the same key, and do nothing meanwhile"
    )]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl BackendError {
    /// An outage, with what caused it.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }
}

/// A verdict. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The budget says no; of a lease, to the least that was asked for.
    #[error("{}", .0.reason())]
    Denied(Box<BudgetDecision>),
    /// The key has been used for another request.
    #[error("the idempotency key was used for another request: `{field}` differs")]
    KeyConflict {
        /// The first field that differs.
        field: Cow<'static, str>,
    },
    /// The key is older than what is remembered, so that it cannot be taken as new.
    #[error(
        "the idempotency key is older than the keys that are remembered: make a new one if the request is new"
    )]
    KeyTooOld,
    /// The key is from the future.
    #[error("the idempotency key is from the future: the clock of whoever made it is ahead")]
    KeyTooNew,
    /// The hold that this key stands for expired before this answer. Where its call may have left, settle it late.
    #[error(
        "reservation {id} expired before it was answered: settle it with what was used, and reserve anew"
    )]
    Expired {
        /// The hold.
        id: ReservationId,
    },
    /// The lease that this key stands for expired before this answer. Spend nothing of it, and return it.
    #[error("lease {} expired before it was answered: return it unspent, and ask anew", .0.id)]
    LeaseExpired(Lease),
    /// It was ended by another request. What was booked then stands.
    #[error("reservation {id} was ended by another request: `{field}` differs")]
    EndConflict {
        /// The hold or the lease.
        id: ReservationId,
        /// The first field that differs.
        field: Cow<'static, str>,
    },
    /// The lease of this name was not granted with this fence.
    #[error(
        "lease {id} was not granted with fence {fence}: return each lease with the fence that it came with"
    )]
    StaleFence {
        /// The lease.
        id: ReservationId,
        /// The fence that was given.
        fence: u64,
    },
    /// There is no such hold or lease, or it ended or expired so long ago that it is forgotten. What expired counts as spent in full.
    #[error("reservation {id} is unknown, or ended too long ago")]
    Unknown {
        /// Its name.
        id: ReservationId,
    },
    /// The request makes no sense.
    #[error("`{field}` is not acceptable: {why}")]
    Invalid {
        /// What is wrong.
        field: Cow<'static, str>,
        /// What it must be.
        why: Cow<'static, str>,
    },
}

impl Refusal {
    pub(super) const fn invalid(field: &'static str, why: &'static str) -> Self {
        Self::Invalid {
            field: Cow::Borrowed(field),
            why: Cow::Borrowed(why),
        }
    }
}

impl From<BudgetDenied> for BackendError {
    fn from(denied: BudgetDenied) -> Self {
        if denied.code() == "unavailable" {
            Self::unavailable(denied)
        } else {
            Refusal::Denied(Box::new(denied.into_decision())).into()
        }
    }
}

/// Whatever is not known to be a verdict is an outage: that errs on the side of no.
impl From<BudgetError> for BackendError {
    fn from(error: BudgetError) -> Self {
        let refusal = match error {
            BudgetError::Denied(denied) => return denied.into(),
            BudgetError::KeyConflict { field } => Refusal::KeyConflict {
                field: field.into(),
            },
            BudgetError::KeyTooOld => Refusal::KeyTooOld,
            BudgetError::KeyTooNew => Refusal::KeyTooNew,
            BudgetError::Expired { id } => Refusal::Expired { id },
            BudgetError::UnknownReservation { id } => Refusal::Unknown { id },
            BudgetError::InvalidTtl { .. } => Refusal::invalid(
                "ttl",
                "it must be longer than zero, and as short as the authority asks",
            ),
            other => return Self::unavailable(other),
        };
        refusal.into()
    }
}
