//! An authority under test: requests with keys of their own, and figures read from refusals.

use std::fmt::Debug;
use std::thread;
use std::time::Duration;

use time::OffsetDateTime;

use super::BackendFixture;
use crate::amounts::{Amounts, Dimension};
use crate::backend::{
    BackendError, Ending, Held, Lease, LeaseRequest, LeaseReturn, Refusal, ReserveRequest,
};
use crate::charge::{Charge, Envelope};
use crate::hold::ReservationId;
use crate::id::{BudgetId, NodeId};
use crate::key::IdempotencyKey;

pub(super) type Verdict = Result<(), String>;

pub(super) const TTL: Duration = Duration::from_secs(60);
pub(super) const THREADS: usize = 8;

pub(super) struct Trial<'a> {
    pub(super) fixture: &'a dyn BackendFixture,
    pub(super) team: BudgetId,
    pub(super) agent: BudgetId,
    pub(super) tool: BudgetId,
    node: NodeId,
}

/// What a budget shows in one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// What was really spent, covered or not.
    pub(super) spent: u64,
    pub(super) reserved: u64,
}

impl<'a> Trial<'a> {
    pub(super) fn new(fixture: &'a dyn BackendFixture) -> Result<Self, String> {
        Ok(Self {
            fixture,
            team: id("team")?,
            agent: id("agent")?,
            tool: id("tool")?,
            node: "node-1".parse().map_err(|error| format!("{error}"))?,
        })
    }

    pub(super) fn key(&self) -> IdempotencyKey {
        IdempotencyKey::at(self.fixture.now())
    }

    pub(super) fn after(&self, time: Duration) -> Option<OffsetDateTime> {
        self.fixture.now().checked_add(time.try_into().ok()?)
    }

    pub(super) fn hold_request(&self, charge: Charge) -> ReserveRequest {
        ReserveRequest {
            charge,
            ttl: TTL,
            key: self.key(),
        }
    }

    pub(super) fn lease_request(
        &self,
        of: &BudgetId,
        wanted: Amounts,
        at_least: Amounts,
    ) -> LeaseRequest {
        LeaseRequest {
            holder: self.node.clone(),
            envelopes: vec![of.into()],
            wanted,
            at_least,
            ttl: TTL,
            key: self.key(),
        }
    }

    pub(super) fn reserve(&self, request: &ReserveRequest) -> Result<Held, BackendError> {
        let backend = self.fixture.backend();
        self.wait(async { backend.reserve(request).await })
    }

    /// A hold of so many calls that there is room for.
    pub(super) fn hold(&self, of: &BudgetId, count: u64) -> Result<Held, String> {
        said(self.reserve(&self.hold_request(Charge::budget(of).calls(count))))
    }

    pub(super) fn settle(
        &self,
        id: ReservationId,
        actual: Amounts,
    ) -> Result<Ending, BackendError> {
        let backend = self.fixture.backend();
        self.wait(async { backend.settle(id, actual).await })
    }

    pub(super) fn release(&self, id: ReservationId) -> Result<(), BackendError> {
        let backend = self.fixture.backend();
        self.wait(async { backend.release(id).await })
    }

    pub(super) fn grant(&self, request: &LeaseRequest) -> Result<Lease, BackendError> {
        let backend = self.fixture.backend();
        self.wait(async { backend.grant_lease(request).await })
    }

    /// A lease of so many calls that there is room for.
    pub(super) fn lease(&self, of: &BudgetId, count: u64) -> Result<Lease, String> {
        let lease = said(self.grant(&self.lease_request(of, calls(count), calls(count))))?;
        same("a lease of all that is wanted", lease.amounts, calls(count))?;
        Ok(lease)
    }

    pub(super) fn give_back(&self, lease: &Lease, spent: Amounts) -> Result<Ending, BackendError> {
        self.give_back_as(lease, lease.fence, spent)
    }

    pub(super) fn give_back_as(
        &self,
        lease: &Lease,
        fence: u64,
        spent: Amounts,
    ) -> Result<Ending, BackendError> {
        let back = LeaseReturn {
            id: lease.id,
            fence,
            spent,
        };
        let backend = self.fixture.backend();
        self.wait(async { backend.return_lease(&back).await })
    }

    /// Asks for more than there can be, which changes nothing, and reads the figures.
    pub(super) fn standing(&self, of: &BudgetId, dimension: Dimension) -> Result<Standing, String> {
        let nothing = Amounts::NONE.calls(0).tokens(0);
        let all = dimension.amount(u64::MAX).or(&nothing);
        let probe = self.hold_request(Charge::budget(of).amounts(all));
        match self.reserve(&probe) {
            Err(BackendError::Refused(Refusal::Denied(decision))) => {
                if decision.envelope() != Some(&Envelope::from(of))
                    || decision.dimension() != Some(dimension)
                {
                    return Err(format!(
                        "a refusal that does not say what decided: {decision:?}"
                    ));
                }
                let units =
                    |quantity: Option<crate::Quantity>| quantity.map_or(0, crate::Quantity::units);
                Ok(Standing {
                    spent: units(decision.spent()).saturating_add(units(decision.overspent())),
                    reserved: units(decision.reserved()),
                })
            }
            other => Err(format!("more calls or tokens than there can be: {other:?}")),
        }
    }

    /// That so many calls are spent and reserved.
    pub(super) fn stands(&self, when: &str, of: &BudgetId, spent: u64, reserved: u64) -> Verdict {
        let seen = self.standing(of, Dimension::Calls)?;
        same(
            &format!("calls of `{of}` {when}"),
            seen,
            Standing { spent, reserved },
        )
    }

    fn wait<T: Send>(
        &self,
        work: impl Future<Output = Result<T, BackendError>> + Send,
    ) -> Result<T, BackendError> {
        let mut answer = None;
        self.fixture
            .drive(Box::pin(async { answer = Some(work.await) }));
        answer.unwrap_or_else(|| {
            Err(BackendError::unavailable(
                "the fixture did not run the request to its end",
            ))
        })
    }
}

/// Runs `work` on several threads at once.
pub(super) fn race<T: Send>(
    work: impl Fn(usize) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    let gate = std::sync::Barrier::new(THREADS);
    thread::scope(|scope| {
        let racers: Vec<_> = (0..THREADS)
            .map(|number| {
                let (gate, work) = (&gate, &work);
                scope.spawn(move || {
                    gate.wait();
                    work(number)
                })
            })
            .collect();
        let ends = racers
            .into_iter()
            .map(|racer| racer.join().map_err(|_| "a caller panicked".to_owned())?);
        ends.collect()
    })
}

pub(super) const fn calls(count: u64) -> Amounts {
    Amounts::NONE.calls(count)
}

/// A yes.
pub(super) fn said<T>(answer: Result<T, BackendError>) -> Result<T, String> {
    answer.map_err(|error| format!("refused: {error:?}"))
}

/// A verdict that is no.
pub(super) fn refused<T: Debug>(
    what: &str,
    answer: Result<T, BackendError>,
) -> Result<Refusal, String> {
    match answer {
        Err(BackendError::Refused(refusal)) => Ok(refusal),
        other => Err(format!("{what} should be refused: {other:?}")),
    }
}

/// A denial on the figures.
pub(super) fn denied<T: Debug>(what: &str, answer: Result<T, BackendError>) -> Verdict {
    match refused(what, answer)? {
        Refusal::Denied(decision) if decision.code() == "exceeds_budget" => Ok(()),
        other => Err(format!("{what} should exceed the budget: {other:?}")),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what is compared is mostly made for it"
)]
pub(super) fn same<T: PartialEq + Debug>(what: &str, seen: T, expected: T) -> Verdict {
    if seen == expected {
        Ok(())
    } else {
        Err(format!("{what}: {seen:?}, and {expected:?} was expected"))
    }
}

fn id(name: &str) -> Result<BudgetId, String> {
    name.parse().map_err(|error| format!("{error}"))
}
