//! What is asked of an authority and what it answers: plain data, so that any protocol can carry it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::amounts::Amounts;
use crate::charge::{Charge, Envelope};
use crate::hold::ReservationId;
use crate::id::NodeId;
use crate::key::IdempotencyKey;

/// Asks for a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReserveRequest {
    /// On what.
    pub charge: Charge,
    /// How long it lasts, counted from when the authority takes it. More than zero.
    pub ttl: Duration,
    /// Stands for this request, however often it is sent. The charge is compared.
    pub key: IdempotencyKey,
}

/// A hold that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Its name.
    pub id: ReservationId,
    /// When all of it is spent, by the authority's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// What the end of a hold or a lease came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// How much of what was used was not covered: the most of any envelope. It blocks further admission and is carried as debt.
    pub overspent: Amounts,
    /// It had expired before, and what it was booked at then was corrected.
    pub late: bool,
}

/// Asks for a slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseRequest {
    /// Who will spend it.
    pub holder: NodeId,
    /// Of what: every one of them, and their ancestors, are debited with the slice. At least one; naming one twice changes nothing.
    pub envelopes: Vec<Envelope>,
    /// How much at most, from each.
    pub wanted: Amounts,
    /// How much at least, more than nothing; less is refused. A dimension that is absent is zero.
    pub at_least: Amounts,
    /// How long it lasts, counted from when the authority grants it. More than zero.
    pub ttl: Duration,
    /// Stands for this request, however often it is sent. The envelopes and amounts are compared.
    pub key: IdempotencyKey,
}

/// A slice that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Its name.
    pub id: ReservationId,
    /// Grows with every lease on the same envelopes. Whoever takes orders from holders of leases can refuse those with a smaller one
    /// than it has seen.
    pub fence: u64,
    /// How much, in every dimension that was wanted.
    pub amounts: Amounts,
    /// When all of it counts as spent, by the authority's clock. A holder should go by its own elapsed time since it first asked, which
    /// can only be earlier.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// Ends a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseReturn {
    /// Which.
    pub id: ReservationId,
    /// The fence that it was granted with.
    pub fence: u64,
    /// What was spent of it. A dimension that is absent is unknown, and all of it counts as spent.
    pub spent: Amounts,
}
