//! The authority in this process: an enforcer's rules are the rules.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use time::OffsetDateTime;

use super::BudgetBackend;
use super::offers::offers;
use super::refusal::{BackendError, Refusal};

use super::wire::{Ending, Held, Lease, LeaseRequest, LeaseReturn, ReserveRequest};
use crate::amounts::{Amounts, Dimension};
use crate::charge::Charge;
use crate::enforcer::BudgetEnforcer;
use crate::error::BudgetError;
use crate::hold::ReservationId;
use crate::options::CallOptions;
use crate::reservation::Floor;
use crate::transaction::{Transaction, TransactionFilter, TransactionKind};

/// An enforcer, in memory or with a journal, as an authority for others.
///
/// A lease is a started hold that nobody's guard holds on to. That the sum of slices stays within the limit, that an expired one is
/// spent in full, and that a late return corrects it, are then the enforcer's own rules, and what a journal keeps is all that a restart needs:
/// - first answers come from the enforcer's idempotency keys (a lease uses up to 65 of them, one for each size that was tried);
/// - how a hold or a lease ended comes from the ledger's rows, so that a repeated end gets its answer for as long as the row is kept
///   ([`max_transactions`](crate::BudgetEnforcerConfig::max_transactions)), and is [`Refusal::Unknown`] after that;
/// - the fence is one more than the reservation's number in its tree, which a journal never gives twice. Without a journal a restart
///   forgets the leases along with everything that was spent.
///
/// What was asked is compared as far as it decides: of a hold the charge; of a lease the envelopes, what was wanted, and at least
/// what was offered so far. A lease is ended by returning it: as the name
/// of a hold its name is unknown.
///
/// An expired lease can be returned for the configured [`late_settle_window`](crate::BudgetEnforcerConfig::late_settle_window).
///
/// The methods do not wait for anything asynchronous: they take the enforcer's short locks and, with a journal, wait until it has stored.
/// Where that would hold up an executor, call them where blocking is allowed.
///
/// ```
/// # use std::time::Duration;
/// # use budget_enforcer::{Amounts, BudgetEnforcer, BudgetId, BudgetSpec, IdempotencyKey};
/// use budget_enforcer::backend::{BudgetBackend, LeaseRequest, LeaseReturn, LocalAuthority};
///
/// # fn ready<T>(future: impl Future<Output = T>) -> T {
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     match std::pin::pin!(future).poll(&mut context) { std::task::Poll::Ready(done) => done, _ => unreachable!() }
/// # }
/// # ready(async {
/// let (budget, admin) = BudgetEnforcer::builder().build()?;
/// let id: BudgetId = "llm-calls".parse()?;
/// admin.create_budget(BudgetSpec::new(id.clone()).calls(100))?;
/// let authority = LocalAuthority::new(budget.clone());
/// let lease = authority.grant_lease(&LeaseRequest {
///     holder: "eu-1/worker-7".parse()?,
///     envelopes: vec![(&id).into()],
///     wanted: Amounts::NONE.calls(40),
///     at_least: Amounts::NONE.calls(1),
///     ttl: Duration::from_secs(60),
///     key: IdempotencyKey::at(budget.now()),
/// }).await?;
/// assert_eq!(lease.amounts.calls, Some(40));
/// let spent = Amounts::NONE.calls(25);
/// authority.return_lease(&LeaseReturn { id: lease.id, fence: lease.fence, spent }).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct LocalAuthority {
    enforcer: BudgetEnforcer,
    /// Holds with a step that is perhaps in force and not stored: what memory shows of them is no answer.
    unsure: Mutex<HashSet<ReservationId>>,
    /// Leases, and when they expire: a lease is ended by its fence and no other way, for its node goes on spending it.
    leases: Mutex<HashMap<ReservationId, OffsetDateTime>>,
}

/// What the note of a lease's hold begins with.
const LEASE: &str = "lease of ";

/// How long after its end a lease is still known for one.
const KEPT: time::Duration = time::Duration::days(400);

/// A hold that a request stands for, and whether it is over.
struct Taken {
    held: Held,
    is_expired: bool,
}

impl LocalAuthority {
    /// An authority over the budgets of `enforcer`.
    #[must_use]
    pub fn new(enforcer: BudgetEnforcer) -> Self {
        let taken = TransactionFilter {
            kind: Some(TransactionKind::Reserve),
            ..TransactionFilter::default()
        };
        // Those that were granted before a restart are known by their note. Till when they last the ledger does not say.
        let rows = enforcer.transactions(&taken).rows.into_iter();
        let is_lease = |row: &Transaction| {
            let note = row.note.as_deref();
            note.is_some_and(|note| note.starts_with(LEASE))
        };
        let leases = rows
            .filter(is_lease)
            .filter_map(|row| Some((row.reservation?, row.at)));
        Self {
            leases: Mutex::new(leases.collect()),
            enforcer,
            unsure: Mutex::default(),
        }
    }

    /// A lease's name is not that of a hold.
    fn check_no_lease(&self, id: ReservationId) -> Result<(), BackendError> {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        if leases.contains_key(&id) {
            return Err(Refusal::Unknown { id }.into());
        }
        Ok(())
    }

    fn note_lease(&self, id: ReservationId, expires_at: OffsetDateTime) {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.insert(id, expires_at);
        // A node that is gone for good leaves its lease behind.
        let now = self.enforcer.now();
        leases.retain(|_, expires_at| now.saturating_sub(KEPT) < *expires_at);
    }

    /// The hold that the key of `options` stands for, started.
    fn take(&self, charge: &Charge, options: &CallOptions) -> Result<Taken, BackendError> {
        let mut reservation = self.enforcer.reserve_with(charge, options)?;
        if !reservation.is_repeat() {
            // Should starting it fail, dropping it would give it back while its key still answers with it. A repeated one is not given back.
            let _id = reservation.detach();
            reservation = self.enforcer.reserve_with(charge, options)?;
        }
        let held = Held {
            id: reservation.id(),
            expires_at: reservation.expires_at(),
        };
        let is_expired = match reservation.start(Floor::Hold) {
            Ok(running) => {
                self.sure(running.detach());
                false
            }
            Err(BudgetError::Expired { .. }) => true,
            // It was started before, and may have ended; or it expired so long ago that it is forgotten.
            Err(BudgetError::UnknownReservation { .. }) => {
                self.check_stored(held.id)?;
                held.expires_at <= self.enforcer.now()
            }
            Err(error) => return Err(self.failed(held.id, error)),
        };
        Ok(Taken { held, is_expired })
    }

    fn end(&self, id: ReservationId, actual: Amounts) -> Result<Ending, BackendError> {
        match self.enforcer.settle_id(id, actual) {
            Ok(settlement) => Ok(Ending {
                overspent: settlement.overspent,
                late: settlement.late,
            }),
            Err(BudgetError::UnknownReservation { .. } | BudgetError::AlreadyEnded { .. }) => {
                let row = self.end_row(id, TransactionKind::Settle)?;
                if let Some(field) = difference(&row, actual) {
                    return Err(end_conflict(id, field));
                }
                Ok(Ending {
                    overspent: row.overspent,
                    late: row.late,
                })
            }
            Err(error) => Err(self.failed(id, error)),
        }
    }

    /// The row that ended a reservation, where it ended as was asked for.
    fn end_row(
        &self,
        id: ReservationId,
        kind: TransactionKind,
    ) -> Result<Transaction, BackendError> {
        self.check_stored(id)?;
        let filter = TransactionFilter {
            reservation: Some(id),
            ..TransactionFilter::default()
        };
        let mut rows = self.enforcer.transactions(&filter).rows.into_iter();
        let end = |row: &Transaction| {
            matches!(row.kind, TransactionKind::Settle | TransactionKind::Release)
        };
        match rows.find(end) {
            Some(row) if row.kind == kind => Ok(row),
            Some(_) => Err(end_conflict(id, "operation")),
            None => Err(Refusal::Unknown { id }.into()),
        }
    }

    fn check_stored(&self, id: ReservationId) -> Result<(), BackendError> {
        if self.unsure().contains(&id) {
            return Err(BackendError::unavailable(format!(
                "an earlier step of reservation {id} may be in force but not stored"
            )));
        }
        Ok(())
    }

    fn sure(&self, id: ReservationId) {
        self.unsure().remove(&id);
    }

    fn failed(&self, id: ReservationId, error: BudgetError) -> BackendError {
        if matches!(error, BudgetError::Store(_) | BudgetError::NotStored(_)) {
            self.unsure().insert(id);
        }
        error.into()
    }

    fn unsure(&self) -> MutexGuard<'_, HashSet<ReservationId>> {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BudgetBackend for LocalAuthority {
    async fn reserve(&self, request: &ReserveRequest) -> Result<Held, BackendError> {
        let options = CallOptions::new().key(request.key).ttl(request.ttl);
        let taken = self.take(&request.charge, &options)?;
        if taken.is_expired {
            return Err(Refusal::Expired { id: taken.held.id }.into());
        }
        Ok(taken.held)
    }

    async fn settle(&self, id: ReservationId, actual: Amounts) -> Result<Ending, BackendError> {
        self.check_no_lease(id)?;
        self.end(id, actual)
    }

    async fn release(&self, id: ReservationId) -> Result<(), BackendError> {
        self.check_no_lease(id)?;
        match self.enforcer.release_id(id) {
            Ok(()) => {
                self.sure(id);
                Ok(())
            }
            Err(BudgetError::UnknownReservation { .. } | BudgetError::AlreadyEnded { .. }) => {
                self.end_row(id, TransactionKind::Release)?;
                Ok(())
            }
            Err(error) => Err(self.failed(id, error)),
        }
    }

    async fn grant_lease(&self, request: &LeaseRequest) -> Result<Lease, BackendError> {
        let options = CallOptions::new()
            .ttl(request.ttl)
            .note(format!("{LEASE}{}", request.holder));
        let mut refused = None;
        for offer in offers(request)? {
            let offer = offer?;
            match self.take(&offer.charge, &options.clone().key(offer.key)) {
                Ok(Taken { held, is_expired }) => {
                    self.note_lease(held.id, held.expires_at);
                    let lease = Lease {
                        id: held.id,
                        fence: fence(held.id),
                        amounts: offer.amounts,
                        expires_at: held.expires_at,
                    };
                    if is_expired {
                        return Err(Refusal::LeaseExpired(lease).into());
                    }
                    return Ok(lease);
                }
                // Only of too much can there be less.
                Err(BackendError::Refused(Refusal::Denied(decision)))
                    if decision.code() == "exceeds_budget" =>
                {
                    refused = Some(decision);
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.map_or_else(
            || BackendError::unavailable("no slice was tried"),
            |decision| Refusal::Denied(decision).into(),
        ))
    }

    async fn return_lease(&self, lease: &LeaseReturn) -> Result<Ending, BackendError> {
        let LeaseReturn {
            id,
            fence: given,
            spent,
        } = *lease;
        if given != fence(id) {
            return Err(Refusal::StaleFence { id, fence: given }.into());
        }
        self.end(id, spent)
    }
}

fn fence(id: ReservationId) -> u64 {
    id.serial().saturating_add(1)
}

fn end_conflict(id: ReservationId, field: &'static str) -> BackendError {
    let field = field.into();
    Refusal::EndConflict { id, field }.into()
}

/// The first dimension in which `row` booked something else. One that is not known says nothing.
fn difference(row: &Transaction, actual: Amounts) -> Option<&'static str> {
    let differs = |dimension: Dimension| {
        let asked = actual.units(dimension);
        let mut booked = row
            .charge
            .lines()
            .map(|(_, booked)| booked.units(dimension));
        asked.is_some() && booked.any(|booked| booked != asked)
    };
    Dimension::ALL
        .into_iter()
        .find(|dimension| differs(*dimension))
        .map(Dimension::name)
}
