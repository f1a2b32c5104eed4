//! Authorities that are wrong in one thing each: the suite must see it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use budget_enforcer::backend::{
    BackendError, BudgetBackend, Ending, Held, Lease, LeaseRequest, LeaseReturn, LocalAuthority,
    Refusal, ReserveRequest,
};
use budget_enforcer::conformance::backend::checks;
use budget_enforcer::{Amounts, Clock, IdempotencyKey, ManualClock, ReservationId};
use time::OffsetDateTime;

use super::{Keeps, Local};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Grants what is wanted and debits the least.
    OverGrants,
    /// Takes every request for a new one.
    ForgetsKeys,
    /// Tries a refused request again when it is repeated.
    ForgetsRefusals,
    /// Gives back all of a lease that is returned after it expired.
    ForgetsLateSpending,
    /// Books the difference of a second return.
    ReturnsTwice,
    /// Looks at no fence.
    IgnoresFences,
    /// Hands out one fence for all.
    OneFence,
    /// Grants less than the least.
    GrantsTooLittle,
    /// Never grants a part.
    AllOrNothing,
    /// Knows nothing of what has expired.
    ForgetsExpired,
    /// Answers a lease that has expired.
    AnswersExpired,
    /// Says that an unknown hold was settled.
    SettlesAnything,
    /// Books no more than was held.
    CapsSpending,
}

/// What is wrong, and a rule that it must be seen to break.
const FAULTS: [(Fault, &str); 14] = [
    (
        Fault::OverGrants,
        "slices never add up to more than the limit",
    ),
    (
        Fault::ForgetsKeys,
        "asked again with the same key, the first answer comes again",
    ),
    (
        Fault::ForgetsKeys,
        "a lease asked for again with the same key",
    ),
    (Fault::ForgetsRefusals, "a refusal is repeated too"),
    (
        Fault::ForgetsLateSpending,
        "an expired lease is spent in full until it is returned late",
    ),
    (Fault::ReturnsTwice, "a lease is returned once"),
    (Fault::IgnoresFences, "fences grow"),
    (Fault::OneFence, "fences grow"),
    (
        Fault::GrantsTooLittle,
        "a lease is smaller where there is less",
    ),
    (
        Fault::AllOrNothing,
        "slices never add up to more than the limit, and the last unit",
    ),
    (
        Fault::ForgetsExpired,
        "an expired lease is spent in full until it is returned late",
    ),
    (
        Fault::AnswersExpired,
        "a lease that expired before it was answered",
    ),
    (Fault::SettlesAnything, "a hold settles once"),
    (
        Fault::CapsSpending,
        "what was used beyond the hold is booked",
    ),
];

static FAULT: Mutex<Option<Fault>> = Mutex::new(None);

struct Broken {
    inner: LocalAuthority,
    fault: Fault,
    clock: ManualClock,
    leases: Mutex<HashMap<ReservationId, Lease>>,
    refused: Mutex<HashMap<IdempotencyKey, IdempotencyKey>>,
}

impl Broken {
    fn wrap(inner: LocalAuthority, clock: &ManualClock) -> Arc<dyn BudgetBackend> {
        Arc::new(Self {
            inner,
            fault: FAULT.lock().unwrap().unwrap(),
            clock: clock.clone(),
            leases: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    fn fresh(&self) -> IdempotencyKey {
        IdempotencyKey::at(self.clock.now())
    }

    fn is_over(&self, expires_at: OffsetDateTime) -> bool {
        expires_at <= self.clock.now()
    }

    /// The key in whose name a refused request is tried again.
    fn key(&self, key: IdempotencyKey) -> IdempotencyKey {
        match self.fault {
            Fault::ForgetsKeys => self.fresh(),
            Fault::ForgetsRefusals => self
                .refused
                .lock()
                .unwrap()
                .get(&key)
                .copied()
                .unwrap_or(key),
            _ => key,
        }
    }

    fn note<T>(&self, key: IdempotencyKey, answer: &Result<T, BackendError>) {
        if matches!(answer, Err(BackendError::Refused(Refusal::Denied(_)))) {
            self.refused.lock().unwrap().insert(key, self.fresh());
        }
    }
}

#[async_trait]
impl BudgetBackend for Broken {
    async fn reserve(&self, request: &ReserveRequest) -> Result<Held, BackendError> {
        let mut asked = request.clone();
        asked.key = self.key(request.key);
        let answer = self.inner.reserve(&asked).await;
        self.note(request.key, &answer);
        answer
    }

    async fn settle(&self, id: ReservationId, actual: Amounts) -> Result<Ending, BackendError> {
        let actual = match self.fault {
            Fault::CapsSpending => Amounts::NONE.calls(actual.calls.unwrap_or(0).min(3)),
            _ => actual,
        };
        match self.inner.settle(id, actual).await {
            Err(_) if self.fault == Fault::SettlesAnything => Ok(Ending {
                overspent: Amounts::NONE,
                late: false,
            }),
            answer => answer,
        }
    }

    async fn release(&self, id: ReservationId) -> Result<(), BackendError> {
        self.inner.release(id).await
    }

    async fn grant_lease(&self, request: &LeaseRequest) -> Result<Lease, BackendError> {
        let mut asked = request.clone();
        asked.key = self.key(request.key);
        match self.fault {
            Fault::OverGrants => asked.wanted = request.at_least,
            Fault::AllOrNothing => asked.at_least = request.wanted,
            Fault::GrantsTooLittle => asked.at_least = Amounts::NONE.calls(1),
            _ => {}
        }
        let answer = self.inner.grant_lease(&asked).await;
        self.note(request.key, &answer);
        let mut lease = match answer {
            Err(BackendError::Refused(Refusal::LeaseExpired(lease)))
                if self.fault == Fault::AnswersExpired =>
            {
                lease
            }
            answer => answer?,
        };
        self.leases.lock().unwrap().insert(lease.id, lease);
        match self.fault {
            Fault::OverGrants => lease.amounts = request.wanted,
            Fault::OneFence => lease.fence = 1,
            _ => {}
        }
        Ok(lease)
    }

    async fn return_lease(&self, lease: &LeaseReturn) -> Result<Ending, BackendError> {
        let known = self.leases.lock().unwrap().get(&lease.id).copied();
        let Some(known) = known else {
            return self.inner.return_lease(lease).await;
        };
        let mut back = *lease;
        match self.fault {
            Fault::IgnoresFences | Fault::OneFence => back.fence = known.fence,
            Fault::ForgetsLateSpending if self.is_over(known.expires_at) => {
                back.spent = Amounts::NONE.calls(0).tokens(0);
            }
            Fault::ForgetsExpired if self.is_over(known.expires_at) => {
                return Err(Refusal::Unknown { id: lease.id }.into());
            }
            _ => {}
        }
        match self.inner.return_lease(&back).await {
            Err(BackendError::Refused(Refusal::EndConflict { .. }))
                if self.fault == Fault::ReturnsTwice =>
            {
                Ok(Ending {
                    overspent: Amounts::NONE,
                    late: true,
                })
            }
            answer => answer,
        }
    }
}

#[test]
fn the_suite_sees_every_fault() {
    for (fault, rule) in FAULTS {
        *FAULT.lock().unwrap() = Some(fault);
        let check = checks().find(|check| check.name.starts_with(rule)).unwrap();
        let seen = check.run(&Local::new(Keeps::Nothing, Broken::wrap));
        assert!(seen.is_err(), "{fault:?} passes as: {}", check.name);
    }
}
