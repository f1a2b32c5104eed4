//! An authority elsewhere: budgets that several processes draw on, kept by one of them, by Postgres, or by Redis.
//!
//! [`BudgetBackend`] is the seam. [`LocalAuthority`] answers it from a [`BudgetEnforcer`](crate::BudgetEnforcer) in this process, and
//! [`LeasedBudget`] is the other side: a node that holds a bounded slice of a limit and spends it without asking.
//!
//! # What holds
//! - Everything handed out counts against the limit from the moment it is handed out: the sum of all slices, open holds and what was
//!   spent is never more than the limit.
//! - An authority cannot see a call leave. So a hold and a lease count as *running* from the beginning: when they expire nothing is
//!   given back, and all of it counts as spent until their holder says what really was. That is booked late, and flagged.
//! - Networks lose answers. Whatever hands out takes an [`IdempotencyKey`](crate::IdempotencyKey), and asked again gives the first
//!   answer again, a refusal included. What ends a hold or a lease needs no key, for each ends once: the same end again gets the same
//!   answer, another end is a conflict that names the field, and nothing changes.
//! - An authority that cannot be reached, or cannot store, is an error and never a yes.
//!
//! An operator who suspends a budget or lowers a limit stops new leases at once. Slices that are out go on until they are spent or
//! their time is over: the time to live bounds how long that is.

mod leased;
mod local;
mod offers;
mod refusal;
mod slice;
mod wire;

use async_trait::async_trait;

use crate::amounts::Amounts;
use crate::hold::ReservationId;

pub use crate::id::NodeId;
pub use leased::{LeaseTerms, LeasedBudget, LeasedError};
pub use local::LocalAuthority;
pub use refusal::{BackendError, Refusal};
pub use wire::{Ending, Held, Lease, LeaseRequest, LeaseReturn, ReserveRequest};

/// Whoever keeps the books. All methods may be called at any time from any number of tasks, and may be called again with the same
/// arguments after an answer was lost.
///
/// The module `conformance::backend` (feature `conformance`) has the tests that an implementation must pass.
///
/// # Errors
/// Of every method: [`BackendError::Refused`] is a verdict, and nothing was changed. [`BackendError::Unavailable`] is no verdict: it may or
/// may not have been done, nobody may act as if it had, and asking again settles the question.
#[async_trait]
pub trait BudgetBackend: Send + Sync {
    /// Takes a hold on every envelope and dimension of the charge, in one step or not at all. It counts as running from now on: unless it
    /// is settled or released before it expires, all of it is spent.
    async fn reserve(&self, request: &ReserveRequest) -> Result<Held, BackendError>;

    /// Books what was really used, in every envelope of the charge. A dimension that is absent is unknown and settles at what was held;
    /// what is above the hold is booked all the same, the part that is not available as overspent.
    async fn settle(&self, id: ReservationId, actual: Amounts) -> Result<Ending, BackendError>;

    /// Gives a hold back whose call never left.
    async fn release(&self, id: ReservationId) -> Result<(), BackendError>;

    /// Hands out a slice: all that is wanted, or less where that is not available, but never less than `at_least`. It is debited in
    /// full from now on.
    async fn grant_lease(&self, request: &LeaseRequest) -> Result<Lease, BackendError>;

    /// Ends a lease: books what was spent of it and gives the rest back, exactly once. After it expired, when all of it counts as spent,
    /// only the difference is corrected, as late.
    ///
    /// Each lease is ended by itself: that the same node has taken another one meanwhile makes no difference. One with another fence than it was granted
    /// with is not the lease that is meant, and is refused with [`Refusal::StaleFence`].
    async fn return_lease(&self, lease: &LeaseReturn) -> Result<Ending, BackendError>;
}
