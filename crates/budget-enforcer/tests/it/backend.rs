//! Authorities elsewhere: the conformance suite, that it can fail, and nodes that spend slices.

mod broken;
mod leased;
mod nodes;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use budget_enforcer::backend::{
    BackendError, BudgetBackend, LocalAuthority, Refusal, ReserveRequest,
};
use budget_enforcer::conformance::backend::{BackendFixture, budgets, verify};
use budget_enforcer::{
    BudgetEnforcer, BudgetEnforcerConfig, BudgetJournal, Charge, Clock, Event, IdempotencyKey,
    Lanes, ManualClock, MemoryJournal, Revision, StoreError,
};
use time::OffsetDateTime;

use crate::stage::{MINUTE, START, Stage, budget, calls, charge, stage, used};

/// Waits for what is ready at once.
pub(crate) fn ready<T>(work: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(work).poll(&mut context) {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => panic!("a local authority waits for nothing"),
    }
}

/// What a restart brings back.
pub(crate) enum Keeps {
    Nothing,
    /// Nothing either, and its trees are cut into lanes.
    InLanes,
    InMemory(MemoryJournal),
    #[cfg(feature = "durable")]
    OnDisk(tempfile::TempDir),
}

/// A local authority.
pub(crate) struct Local {
    clock: ManualClock,
    keeps: Keeps,
    wrap: fn(LocalAuthority, &ManualClock) -> Arc<dyn BudgetBackend>,
    backend: Mutex<Option<Arc<dyn BudgetBackend>>>,
}

impl Local {
    pub(crate) fn new(
        keeps: Keeps,
        wrap: fn(LocalAuthority, &ManualClock) -> Arc<dyn BudgetBackend>,
    ) -> Self {
        let local = Self {
            clock: ManualClock::new(START),
            keeps,
            wrap,
            backend: Mutex::default(),
        };
        local.open(true);
        local
    }

    fn open(&self, is_new: bool) {
        let mut builder = BudgetEnforcer::builder().clock(self.clock.clone());
        match &self.keeps {
            Keeps::Nothing => {}
            Keeps::InLanes => {
                let lanes = Lanes::Always(NonZeroUsize::new(4).unwrap());
                builder = builder.config(BudgetEnforcerConfig {
                    lanes,
                    ..BudgetEnforcerConfig::default()
                });
            }
            Keeps::InMemory(journal) => builder = builder.journal(journal.clone()),
            #[cfg(feature = "durable")]
            Keeps::OnDisk(dir) => {
                let options = budget_enforcer::durable::DurableJournal::options();
                builder = builder.journal(options.create(is_new).open(dir).unwrap());
            }
        }
        let (enforcer, admin) = builder.build().unwrap();
        if is_new {
            for spec in budgets().unwrap() {
                admin.create_budget(spec).unwrap();
            }
        }
        let authority = LocalAuthority::new(enforcer);
        *self.backend.lock().unwrap() = Some((self.wrap)(authority, &self.clock));
    }
}

impl BackendFixture for Local {
    fn backend(&self) -> Arc<dyn BudgetBackend> {
        self.backend.lock().unwrap().clone().unwrap()
    }

    fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn restart(&self) -> bool {
        if matches!(self.keeps, Keeps::Nothing | Keeps::InLanes) {
            return false;
        }
        *self.backend.lock().unwrap() = None;
        self.open(false);
        true
    }
}

pub(crate) fn sound(authority: LocalAuthority, _: &ManualClock) -> Arc<dyn BudgetBackend> {
    Arc::new(authority)
}

#[test]
fn an_authority_in_memory_conforms() {
    verify(|| Local::new(Keeps::Nothing, sound)).unwrap();
}

#[test]
fn an_authority_in_lanes_conforms() {
    verify(|| Local::new(Keeps::InLanes, sound)).unwrap();
}

#[test]
fn an_authority_with_a_journal_conforms() {
    verify(|| Local::new(Keeps::InMemory(MemoryJournal::new()), sound)).unwrap();
}

#[cfg(feature = "durable")]
#[test]
fn an_authority_on_disk_conforms() {
    verify(|| Local::new(Keeps::OnDisk(tempfile::tempdir().unwrap()), sound)).unwrap();
}

/// A journal that takes so many events and no more.
#[derive(Clone)]
struct Filling(MemoryJournal, usize);

impl BudgetJournal for Filling {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        if self.0.events()?.len() >= self.1 {
            return Err(StoreError::failed("full"));
        }
        self.0.append(expected, events)
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(from, each)
    }
}

#[test]
fn what_cannot_be_stored_is_an_outage_and_is_not_answered_as_done_later() {
    let filling = |most| {
        let (enforcer, admin) = BudgetEnforcer::builder()
            .clock(ManualClock::new(START))
            .journal(Filling(MemoryJournal::new(), most))
            .build()
            .unwrap();
        admin.create_budget(calls("a", 10)).unwrap();
        (LocalAuthority::new(enforcer.clone()), enforcer)
    };
    let request = ReserveRequest {
        charge: charge(&budget("a"), 4),
        ttl: MINUTE,
        key: IdempotencyKey::at(START),
    };
    for most in [1, 2] {
        // Neither taken, or taken and not started: no answer in either case, however often it is asked.
        let (authority, _) = filling(most);
        for _ in 0..3 {
            let answer = ready(authority.reserve(&request));
            assert!(
                matches!(answer, Err(BackendError::Unavailable(_))),
                "{most}: {answer:?}"
            );
        }
    }
    let (authority, enforcer) = filling(3);
    let held = ready(authority.reserve(&request)).unwrap();
    for _ in 0..3 {
        let answer = ready(authority.settle(held.id, used(1)));
        assert!(
            matches!(answer, Err(BackendError::Unavailable(_))),
            "{answer:?}"
        );
        let answer = ready(authority.release(held.id));
        assert!(
            matches!(answer, Err(BackendError::Unavailable(_))),
            "{answer:?}"
        );
    }
    let left = enforcer.check(&Charge::budget(&budget("a")).calls(9));
    assert!(left.allowed(), "it is booked in memory all the same");
}

/// A journal that takes everything and stores so much.
struct Forgetful(MemoryJournal, u64);

impl BudgetJournal for Forgetful {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.0.append(expected, events)
    }

    fn sync(&self, revision: Revision) -> Result<(), StoreError> {
        if revision.number() > self.1 {
            return Err(StoreError::failed("gone"));
        }
        Ok(())
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(from, each)
    }
}

#[test]
fn what_is_in_force_and_not_stored_is_never_answered() {
    for stored in [2, 3] {
        let (enforcer, admin) = BudgetEnforcer::builder()
            .clock(ManualClock::new(START))
            .journal(Forgetful(MemoryJournal::new(), stored))
            .build()
            .unwrap();
        admin.create_budget(calls("a", 10)).unwrap();
        let authority = LocalAuthority::new(enforcer);
        let request = ReserveRequest {
            charge: charge(&budget("a"), 4),
            ttl: MINUTE,
            key: IdempotencyKey::at(START),
        };
        for _ in 0..3 {
            let answer = match (stored, ready(authority.reserve(&request))) {
                (3, Ok(held)) => ready(authority.settle(held.id, used(1))).map(|_| ()),
                (_, answer) => answer.map(|_| ()),
            };
            assert!(
                matches!(answer, Err(BackendError::Unavailable(_))),
                "{stored}: {answer:?}"
            );
        }
    }
}

/// A journal that refuses one append and is well after that.
struct Hiccup(MemoryJournal, AtomicUsize);

impl BudgetJournal for Hiccup {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        if self.1.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(StoreError::failed("not now"));
        }
        self.0.append(expected, events)
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(from, each)
    }
}

#[test]
fn a_hold_that_could_not_be_started_is_not_given_back_while_its_key_still_answers_with_it() {
    let (enforcer, admin) = BudgetEnforcer::builder()
        .clock(ManualClock::new(START))
        .journal(Hiccup(MemoryJournal::new(), AtomicUsize::new(2)))
        .build()
        .unwrap();
    admin.create_budget(calls("a", 10)).unwrap();
    let authority = LocalAuthority::new(enforcer.clone());
    let request = ReserveRequest {
        charge: charge(&budget("a"), 4),
        ttl: MINUTE,
        key: IdempotencyKey::at(START),
    };
    ready(authority.reserve(&request)).unwrap_err();
    ready(authority.reserve(&request)).unwrap();
    let decision = enforcer.check(&charge(&budget("a"), 1));
    assert_eq!(decision.available().unwrap().units(), 6);
}

#[test]
fn a_hold_that_was_taken_before_a_crash_and_not_started_is_started_when_it_is_asked_for_again() {
    let journal = MemoryJournal::new();
    let open = || {
        let builder = BudgetEnforcer::builder().clock(ManualClock::new(START));
        builder
            .journal(Filling(journal.clone(), 2))
            .build()
            .unwrap()
    };
    let request = ReserveRequest {
        charge: charge(&budget("a"), 4),
        ttl: MINUTE,
        key: IdempotencyKey::at(START),
    };
    let (enforcer, admin) = open();
    admin.create_budget(calls("a", 10)).unwrap();
    ready(LocalAuthority::new(enforcer).reserve(&request)).unwrap_err();
    drop(admin);
    let clock = ManualClock::new(START);
    let builder = BudgetEnforcer::builder().clock(clock.clone());
    let (enforcer, _admin) = builder.journal(journal.clone()).build().unwrap();
    let authority = LocalAuthority::new(enforcer.clone());
    let held = ready(authority.reserve(&request)).unwrap();
    clock.advance(MINUTE);
    let decision = enforcer.check(&charge(&budget("a"), 1));
    assert_eq!(
        decision.available().unwrap().units(),
        6,
        "it was running, so it is spent"
    );
    assert!(ready(authority.settle(held.id, used(1))).unwrap().late);
}

#[test]
fn a_hold_that_expired_before_it_was_started_is_never_answered_as_held() {
    let journal = MemoryJournal::new();
    let request = ReserveRequest {
        charge: charge(&budget("a"), 4),
        ttl: MINUTE,
        key: IdempotencyKey::at(START),
    };
    let clock = ManualClock::new(START);
    let builder = BudgetEnforcer::builder().clock(clock.clone());
    let (enforcer, admin) = builder
        .journal(Filling(journal.clone(), 2))
        .build()
        .unwrap();
    admin.create_budget(calls("a", 10)).unwrap();
    ready(LocalAuthority::new(enforcer).reserve(&request)).unwrap_err();
    let builder = BudgetEnforcer::builder().clock(clock.clone());
    let (enforcer, _admin) = builder.journal(journal.clone()).build().unwrap();
    let authority = LocalAuthority::new(enforcer.clone());
    for wait in [MINUTE, 2 * crate::stage::HOUR] {
        clock.advance(wait);
        let answer = ready(authority.reserve(&request));
        assert!(
            matches!(answer, Err(BackendError::Refused(Refusal::Expired { .. }))),
            "{answer:?}"
        );
    }
    let decision = enforcer.check(&charge(&budget("a"), 10));
    assert!(
        decision.allowed(),
        "and nothing of it is spent: {decision:?}"
    );
}

#[test]
fn verdicts_travel() {
    let Stage {
        budget: enforcer,
        admin,
        ..
    } = stage();
    admin.create_budget(calls("a", 10)).unwrap();
    let authority = LocalAuthority::new(enforcer);
    let request = ReserveRequest {
        charge: charge(&budget("a"), 11),
        ttl: MINUTE,
        key: IdempotencyKey::at(START),
    };
    let wire = serde_json::to_string(&request).unwrap();
    assert_eq!(
        serde_json::from_str::<ReserveRequest>(&wire).unwrap(),
        request
    );
    let Err(BackendError::Refused(refusal)) = ready(authority.reserve(&request)) else {
        panic!("11 of 10");
    };
    let wire = serde_json::to_string(&refusal).unwrap();
    assert_eq!(serde_json::from_str::<Refusal>(&wire).unwrap(), refusal);
    insta::assert_snapshot!(refusal, @"Category 'a': 11 calls requested but only 10 remains (0 of 10 spent).");
    let id = "r-0-1".parse().unwrap();
    let others = [
        Refusal::KeyConflict {
            field: "calls".into(),
        },
        Refusal::EndConflict {
            id,
            field: "operation".into(),
        },
        Refusal::StaleFence { id, fence: 7 },
        Refusal::Unknown { id },
        Refusal::Expired { id },
        Refusal::KeyTooOld,
    ];
    for other in &others {
        let wire = serde_json::to_string(other).unwrap();
        assert_eq!(serde_json::from_str::<Refusal>(&wire).unwrap(), *other);
    }
    insta::assert_snapshot!(serde_json::to_string(&others).unwrap(), @r#"[{"key_conflict":{"field":"calls"}},{"end_conflict":{"id":"r-0-1","field":"operation"}},{"stale_fence":{"id":"r-0-1","fence":7}},{"unknown":{"id":"r-0-1"}},{"expired":{"id":"r-0-1"}},"key_too_old"]"#);
}
