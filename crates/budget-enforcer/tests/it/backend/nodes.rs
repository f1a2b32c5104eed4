//! Several nodes on one authority, over a network that loses things, with crashes on both sides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use budget_enforcer::backend::{
    BackendError, BudgetBackend, Ending, Held, Lease, LeaseRequest, LeaseReturn, LeaseTerms,
    LeasedBudget, LeasedError, LocalAuthority, Refusal, ReserveRequest,
};
use budget_enforcer::{
    Amounts, BudgetEnforcer, Dimension, IdempotencyKey, ManualClock, MemoryJournal, ReservationId,
};
use proptest::prelude::*;

use super::ready;
use crate::stage::{HOUR, START, budget, calls, charge, used};

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loses {
    Nothing,
    Request,
    Answer,
    /// The answer comes when the future is polled again.
    Patience,
}

/// The way to an authority.
pub(crate) struct Network {
    authority: Mutex<Arc<LocalAuthority>>,
    faults: Mutex<Vec<Loses>>,
    asked: Mutex<usize>,
    /// Every lease that was granted, and what it was returned with.
    leases: Mutex<HashMap<ReservationId, (Amounts, Option<Amounts>)>>,
}

impl Network {
    pub(crate) fn to(authority: LocalAuthority) -> Self {
        Self {
            authority: Mutex::new(Arc::new(authority)),
            faults: Mutex::default(),
            asked: Mutex::default(),
            leases: Mutex::default(),
        }
    }

    pub(crate) fn next(&self, fault: Loses) {
        self.next_but(0, fault);
    }

    /// After so many requests that go well.
    pub(crate) fn next_but(&self, well: usize, fault: Loses) {
        let mut faults = vec![Loses::Nothing; well];
        faults.insert(0, fault);
        *self.faults.lock().unwrap() = faults;
    }

    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    fn swap(&self, authority: LocalAuthority) {
        *self.authority.lock().unwrap() = Arc::new(authority);
    }

    async fn carry<T, F: Future<Output = Result<T, BackendError>>>(
        &self,
        request: impl FnOnce(Arc<LocalAuthority>) -> F,
    ) -> Result<T, BackendError> {
        *self.asked.lock().unwrap() += 1;
        let fault = self.faults.lock().unwrap().pop().unwrap_or(Loses::Nothing);
        if fault == Loses::Request {
            return Err(BackendError::unavailable("nobody heard it"));
        }
        let authority = Arc::clone(&self.authority.lock().unwrap());
        let answer = request(authority).await;
        match fault {
            Loses::Answer => return Err(BackendError::unavailable("it was done and nobody heard")),
            Loses::Patience => {
                let mut polled = false;
                std::future::poll_fn(|_| {
                    if std::mem::replace(&mut polled, true) {
                        std::task::Poll::Ready(())
                    } else {
                        std::task::Poll::Pending
                    }
                })
                .await;
            }
            Loses::Nothing | Loses::Request => {}
        }
        answer
    }
}

#[async_trait]
impl BudgetBackend for Network {
    async fn reserve(&self, request: &ReserveRequest) -> Result<Held, BackendError> {
        self.carry(async |authority| authority.reserve(request).await)
            .await
    }

    async fn settle(&self, id: ReservationId, actual: Amounts) -> Result<Ending, BackendError> {
        self.carry(async |authority| authority.settle(id, actual).await)
            .await
    }

    async fn release(&self, id: ReservationId) -> Result<(), BackendError> {
        self.carry(async |authority| authority.release(id).await)
            .await
    }

    async fn grant_lease(&self, request: &LeaseRequest) -> Result<Lease, BackendError> {
        let ask = async |authority: Arc<LocalAuthority>| {
            let answer = authority.grant_lease(request).await;
            if let Ok(lease) = &answer {
                let mut leases = self.leases.lock().unwrap();
                leases.entry(lease.id).or_insert((lease.amounts, None));
            }
            answer
        };
        self.carry(ask).await
    }

    async fn return_lease(&self, lease: &LeaseReturn) -> Result<Ending, BackendError> {
        let give_back = async |authority: Arc<LocalAuthority>| {
            let answer = authority.return_lease(lease).await;
            if answer.is_ok() {
                self.leases.lock().unwrap().get_mut(&lease.id).unwrap().1 = Some(lease.spent);
            }
            answer
        };
        self.carry(give_back).await
    }
}

#[derive(Debug, Clone)]
enum Op {
    Spend(usize, u64),
    SpendOrRefill(usize, u64),
    Close(usize),
    Crash(usize),
    Lose(Loses),
    Reserve(u64),
    Advance(u64),
    RestartAuthority,
}

const LIMIT: u64 = 60;
const NODES: usize = 3;

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let node = 0..NODES;
    let op = prop_oneof![
        4 => (node.clone(), 1..6_u64).prop_map(|(node, count)| Op::Spend(node, count)),
        8 => (node.clone(), 1..9_u64).prop_map(|(node, count)| Op::SpendOrRefill(node, count)),
        1 => node.clone().prop_map(Op::Close),
        1 => node.prop_map(Op::Crash),
        3 => prop_oneof![Just(Loses::Request), Just(Loses::Answer)].prop_map(Op::Lose),
        1 => (1..6_u64).prop_map(Op::Reserve),
        3 => (1..45_u64).prop_map(Op::Advance),
        1 => Just(Op::RestartAuthority),
    ];
    prop::collection::vec(op, 1..60)
}

struct World {
    journal: MemoryJournal,
    clock: ManualClock,
    enforcer: BudgetEnforcer,
    network: Arc<Network>,
    nodes: Vec<LeasedBudget>,
    /// What was really spent: the model.
    spent: u64,
    /// Of that, by holds at the authority.
    direct: u64,
}

impl World {
    fn new() -> Self {
        let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
        clock.set_elapsed(Some(HOUR));
        let builder = BudgetEnforcer::builder().clock(clock.clone());
        let (enforcer, admin) = builder.journal(journal.clone()).build().unwrap();
        admin.create_budget(calls("a", LIMIT)).unwrap();
        let network = Arc::new(Network::to(LocalAuthority::new(enforcer.clone())));
        let mut world = Self {
            journal,
            clock,
            enforcer,
            network,
            nodes: Vec::new(),
            spent: 0,
            direct: 0,
        };
        world.nodes = (0..NODES).map(|_| world.node()).collect();
        world
    }

    fn node(&self) -> LeasedBudget {
        let terms = LeaseTerms {
            holder: "node".parse().unwrap(),
            envelopes: vec![(&budget("a")).into()],
            slice: used(8),
            ttl: Duration::from_secs(60),
            margin: Duration::from_secs(10),
        };
        let network = Arc::clone(&self.network) as Arc<dyn BudgetBackend>;
        LeasedBudget::new(network, terms, self.clock.clone()).unwrap()
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Spend(node, count) => {
                if self.nodes[node].spend(&used(count)).is_ok() {
                    self.spent += count;
                }
            }
            Op::SpendOrRefill(node, count) => {
                match ready(self.nodes[node].spend_or_refill(&used(count))) {
                    Ok(()) => self.spent += count,
                    Err(
                        LeasedError::NeedsRefill
                        | LeasedError::Closed
                        | LeasedError::Backend(
                            BackendError::Unavailable(_)
                            | BackendError::Refused(Refusal::Denied(_)),
                        ),
                    ) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            Op::Close(node) => {
                if ready(self.nodes[node].close()).is_ok() {
                    self.nodes[node] = self.node();
                }
            }
            Op::Crash(node) => self.nodes[node] = self.node(),
            Op::Lose(fault) => self.network.next(fault),
            Op::Reserve(count) => {
                let authority = LocalAuthority::new(self.enforcer.clone());
                let request = ReserveRequest {
                    charge: charge(&budget("a"), count),
                    ttl: Duration::from_secs(60),
                    key: IdempotencyKey::at(budget_enforcer::Clock::now(&self.clock)),
                };
                if let Ok(held) = ready(authority.reserve(&request)) {
                    ready(authority.settle(held.id, used(count / 2))).unwrap();
                    self.spent += count / 2;
                    self.direct += count / 2;
                }
            }
            Op::Advance(seconds) => self.clock.advance(Duration::from_secs(seconds)),
            Op::RestartAuthority => {
                let builder = BudgetEnforcer::builder().clock(self.clock.clone());
                let (enforcer, _) = builder.journal(self.journal.clone()).build().unwrap();
                self.enforcer = enforcer;
                self.network
                    .swap(LocalAuthority::new(self.enforcer.clone()));
            }
        }
    }

    /// Calls spent and reserved at the authority.
    fn booked(&self) -> (u64, u64) {
        let utilization = self.enforcer.utilization(&budget("a")).unwrap();
        let usage = utilization.usage(Dimension::Calls);
        assert_eq!(
            usage.overspent.units(),
            0,
            "nobody ever spends more than was handed out"
        );
        (usage.spent.units(), usage.reserved.units())
    }

    fn check(&self) {
        let (spent, reserved) = self.booked();
        assert!(spent + reserved <= LIMIT, "{spent} + {reserved}");
        assert!(
            self.spent <= spent + reserved,
            "{} really, and {spent} + {reserved}",
            self.spent
        );
        let left: u64 = self
            .nodes
            .iter()
            .map(|node| node.left().calls.unwrap())
            .sum();
        assert!(
            self.spent + left <= LIMIT,
            "{} and {left} to come",
            self.spent
        );
    }

    /// What everything comes to in the end: what was spent, and all of the leases that never came back.
    fn due(&self) -> u64 {
        let leases = self.network.leases.lock().unwrap();
        let of = |(amounts, returned): &(Amounts, Option<Amounts>)| {
            returned.unwrap_or(*amounts).calls.unwrap()
        };
        leases.values().map(of).sum::<u64>() + self.direct
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nodes_never_spend_more_than_the_limit_and_lose_nothing_but_what_crashed_with_them(ops in ops()) {
        let mut world = World::new();
        let crashes = ops.iter().any(|op| matches!(op, Op::Crash(_)));
        for op in &ops {
            world.run(op);
            world.check();
        }
        world.network.heal();
        for node in 0..NODES {
            world.run(&Op::Close(node));
            world.check();
        }
        world.run(&Op::Advance(60));
        let (spent, reserved) = world.booked();
        prop_assert_eq!((spent, reserved), (world.due(), 0));
        prop_assert!(crashes || spent == world.spent, "{spent} booked, {} really", world.spent);
        // What is left can be spent to the last unit.
        let mut more = 0;
        while more <= LIMIT && ready(world.nodes[0].spend_or_refill(&used(1))).is_ok() {
            more += 1;
        }
        prop_assert_eq!(spent + more, LIMIT);
    }
}
