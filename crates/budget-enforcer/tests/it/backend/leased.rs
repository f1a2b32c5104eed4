//! One node and its slice.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use budget_enforcer::backend::{
    BackendError, BudgetBackend, LeaseTerms, LeasedBudget, LeasedError, LocalAuthority, Refusal,
};
use budget_enforcer::{Amounts, BudgetEnforcer, BudgetId, BudgetSpec, ManualClock, Period};

use super::nodes::{Loses, Network};
use super::ready;
use crate::stage::{DAY, HOUR, MINUTE, START, Stage, budget, calls, session, stage, used};

const SECOND: Duration = Duration::from_secs(1);

struct Node {
    stage: Stage,
    id: BudgetId,
    network: Arc<Network>,
    /// The node's own clock.
    clock: ManualClock,
    leased: LeasedBudget,
}

/// A node that leases 4 calls and 100 tokens of `spec` for a minute, and stops 10 seconds before.
fn node(spec: BudgetSpec) -> Node {
    let stage = stage();
    let id = stage.create(spec);
    let network = Arc::new(Network::to(LocalAuthority::new(stage.budget.clone())));
    let clock = ManualClock::new(START);
    clock.set_elapsed(Some(HOUR));
    let backend = Arc::clone(&network) as Arc<dyn BudgetBackend>;
    let leased = LeasedBudget::new(backend, terms(&id), clock.clone()).unwrap();
    Node {
        stage,
        id,
        network,
        clock,
        leased,
    }
}

fn terms(id: &BudgetId) -> LeaseTerms {
    LeaseTerms {
        holder: "node-1".parse().unwrap(),
        envelopes: vec![id.into()],
        slice: Amounts::NONE.calls(4).tokens(100),
        ttl: MINUTE,
        margin: 10 * SECOND,
    }
}

impl Node {
    fn spend(&self, count: u64) -> &'static str {
        outcome(&self.leased.spend(&used(count)))
    }

    fn refill(&self, count: u64) -> &'static str {
        outcome(&ready(self.leased.refill(&used(count))))
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.stage.clock.advance(by);
    }

    /// Calls spent and reserved at the authority.
    fn booked(&self) -> [u64; 2] {
        let [spent, overspent, reserved, _] = self.stage.calls(&self.id);
        [spent + overspent, reserved]
    }
}

fn outcome(result: &Result<(), LeasedError>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(LeasedError::NeedsRefill) => "refill",
        Err(LeasedError::TooLarge { .. }) => "too large",
        Err(LeasedError::Closed) => "closed",
        Err(LeasedError::Backend(BackendError::Unavailable(_))) => "unavailable",
        Err(LeasedError::Backend(BackendError::Refused(Refusal::Denied(_)))) => "denied",
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_slice_is_spent_without_asking() {
    let node = node(calls("a", 10));
    assert_eq!((node.spend(1), node.refill(1)), ("refill", "ok"));
    assert_eq!(node.leased.left(), Amounts::NONE.calls(4).tokens(100));
    for _ in 0..4 {
        assert_eq!(
            (node.refill(1), node.spend(1)),
            ("ok", "ok"),
            "a slice that has it is kept"
        );
    }
    assert_eq!(node.spend(1), "refill");
    assert_eq!((node.network.asked(), node.booked()), (1, [0, 4]));
    assert_eq!(node.refill(1), "ok");
    assert_eq!((node.network.asked(), node.booked()), (3, [4, 4]));
}

#[test]
fn spending_is_all_or_nothing_in_all_dimensions() {
    let node = node(calls("a", 10).tokens(1000));
    assert_eq!(node.refill(1), "ok");
    let spend = |calls, tokens| outcome(&node.leased.spend(&used(calls).tokens(tokens)));
    assert_eq!(
        (spend(2, 60), spend(1, 60), spend(3, 1)),
        ("ok", "refill", "refill")
    );
    assert_eq!(node.leased.left(), Amounts::NONE.calls(2).tokens(40));
    assert_eq!((spend(5, 1), spend(1, 101)), ("too large", "too large"));
    let priced = used(1).cost("0.01".parse().unwrap());
    insta::assert_snapshot!(
        node.leased.spend(&priced).unwrap_err(),
        @"0.0100 cost is more than a slice of 0.0000: lease larger slices, or reserve it at the authority"
    );
    assert_eq!(spend(2, 40), "ok");
}

#[test]
fn a_refill_returns_what_is_left_so_that_the_last_unit_can_be_spent() {
    let node = node(calls("a", 5));
    assert_eq!((node.refill(1), node.spend(3)), ("ok", "ok"));
    assert_eq!(
        (node.refill(2), node.spend(2)),
        ("ok", "ok"),
        "1 was left in the slice and 1 with the authority"
    );
    assert_eq!((node.refill(1), node.booked()), ("denied", [5, 0]));
}

#[test]
fn a_slice_stops_by_the_elapsed_time_of_the_node_before_the_authority_expires_it() {
    let node = node(calls("a", 10));
    assert_eq!(node.refill(1), "ok");
    // Not its wall clock: that says it is yesterday.
    node.clock.set(START - DAY);
    node.clock
        .set_elapsed(Some(HOUR + 50 * SECOND - Duration::from_nanos(1)));
    assert_eq!((node.spend(1), node.leased.left().calls), ("ok", Some(3)));
    node.clock.set_elapsed(Some(HOUR + 50 * SECOND));
    assert_eq!(
        (node.spend(1), node.leased.left().calls),
        ("refill", Some(0))
    );
    assert_eq!(node.booked(), [0, 4], "the authority still waits for it");
    node.clock.set(START);
    assert_eq!((node.refill(1), node.booked()), ("ok", [1, 4]));
}

#[test]
fn a_clock_that_cannot_tell_ends_the_slice() {
    let wall_only = node(calls("a", 10));
    wall_only.clock.set_elapsed(None);
    assert_eq!((wall_only.refill(1), wall_only.spend(1)), ("ok", "ok"));
    wall_only.clock.set(START - SECOND);
    assert_eq!(wall_only.spend(1), "refill");
    wall_only.clock.set(START + 49 * SECOND);
    assert_eq!(wall_only.spend(1), "ok");
    wall_only.clock.set(START + 50 * SECOND);
    assert_eq!(wall_only.spend(1), "refill");
    let changed = node(calls("b", 10));
    assert_eq!(changed.refill(1), "ok");
    changed.clock.set_elapsed(None);
    assert_eq!(changed.spend(1), "refill");
    changed.clock.set_elapsed(Some(SECOND));
    assert_eq!(
        changed.spend(1),
        "refill",
        "less time has passed since boot than when it was asked for"
    );
}

#[test]
fn an_expired_slice_is_returned_late_with_what_was_spent() {
    let node = node(calls("a", 10));
    assert_eq!((node.refill(1), node.spend(1)), ("ok", "ok"));
    node.advance(MINUTE);
    assert_eq!((node.spend(1), node.booked()), ("refill", [4, 0]));
    assert_eq!((node.refill(1), node.booked()), ("ok", [1, 4]));
    node.advance(3 * HOUR);
    assert_eq!(
        node.refill(1),
        "ok",
        "one that is forgotten is in nobody's way"
    );
    assert_eq!(node.booked(), [5, 4]);
}

#[test]
fn a_lost_grant_is_asked_for_again_and_its_time_counts_from_the_first_time() {
    let node = node(calls("a", 10));
    node.network.next(Loses::Answer);
    assert_eq!((node.refill(1), node.spend(1)), ("unavailable", "refill"));
    node.advance(49 * SECOND);
    assert_eq!(
        (node.refill(1), node.booked()),
        ("ok", [0, 4]),
        "the same slice"
    );
    assert_eq!(node.spend(1), "ok");
    node.advance(SECOND);
    assert_eq!(node.spend(1), "refill");
    // And one that is answered when it is over is not spent at all.
    node.network.next(Loses::Answer);
    assert_eq!(node.refill(1), "unavailable", "the return");
    node.network.heal();
    node.network.next_but(1, Loses::Answer);
    assert_eq!(
        (node.refill(2), node.booked()),
        ("unavailable", [1, 4]),
        "the grant after it"
    );
    node.advance(MINUTE);
    assert_eq!((node.refill(2), node.booked()), ("ok", [1, 4]));
    assert_eq!(node.spend(2), "ok");
}

#[test]
fn a_lost_return_is_booked_once() {
    let node = node(calls("a", 10));
    for (lost, spent) in [(Loses::Request, 0), (Loses::Answer, 4)] {
        assert_eq!((node.refill(4), node.spend(4)), ("ok", "ok"));
        node.network.next(lost);
        assert_eq!(
            (node.refill(1), node.booked()[0]),
            (
                "unavailable",
                spent + if lost == Loses::Answer { 4 } else { 0 }
            )
        );
        assert_eq!(node.spend(1), "refill", "what is owed is not spent");
        assert_eq!(node.refill(1), "ok");
        let [booked, reserved] = node.booked();
        assert_eq!(booked, spent + 4);
        assert!(reserved > 0);
    }
}

#[test]
fn closing_returns_the_rest_and_goes_on_where_it_failed() {
    let node = node(calls("a", 10));
    assert_eq!((node.refill(1), node.spend(1)), ("ok", "ok"));
    node.network.next(Loses::Answer);
    assert_eq!(outcome(&ready(node.leased.close())), "unavailable");
    assert_eq!((node.spend(1), node.refill(1)), ("closed", "closed"));
    assert_eq!(node.leased.left().calls, Some(0));
    for _ in 0..2 {
        assert_eq!(outcome(&ready(node.leased.close())), "ok");
        assert_eq!(node.booked(), [1, 0]);
    }
}

#[test]
fn closing_finds_out_about_a_slice_that_was_never_answered() {
    let node = node(calls("a", 10));
    node.network.next(Loses::Answer);
    assert_eq!((node.refill(1), node.booked()), ("unavailable", [0, 4]));
    assert_eq!(outcome(&ready(node.leased.close())), "ok");
    assert_eq!(node.booked(), [0, 0]);
}

#[test]
fn an_answer_that_comes_late_brings_no_slice_back() {
    let node = node(calls("a", 10));
    let mut context = Context::from_waker(Waker::noop());
    let amounts = used(1);
    node.network.next(Loses::Patience);
    let mut slow = Box::pin(node.leased.refill(&amounts));
    assert!(slow.as_mut().poll(&mut context).is_pending());
    // Another task asks with the same key meanwhile, and all of it is spent and returned.
    assert_eq!((node.refill(4), node.spend(4)), ("ok", "ok"));
    assert_eq!(
        (node.refill(3), node.spend(3), node.booked()),
        ("ok", "ok", [4, 4])
    );
    assert!(matches!(
        slow.as_mut().poll(&mut context),
        Poll::Ready(Ok(()))
    ));
    assert_eq!(node.leased.left().calls, Some(1));
    drop(slow);
    // A future that is dropped loses nothing.
    node.network.next(Loses::Patience);
    let mut dropped = Box::pin(node.leased.refill(&amounts));
    assert!(dropped.as_mut().poll(&mut context).is_ready(), "1 is there");
    drop(dropped);
    let amounts = used(2);
    let mut dropped = Box::pin(node.leased.refill(&amounts));
    assert!(dropped.as_mut().poll(&mut context).is_pending());
    drop(dropped);
    assert_eq!((node.refill(2), node.spend(2)), ("ok", "ok"));
    assert_eq!(outcome(&ready(node.leased.close())), "ok");
    assert_eq!(node.booked(), [9, 0]);
}

#[test]
fn a_refusal_of_what_another_task_wanted_is_not_an_answer_to_this_one() {
    let node = node(calls("a", 3));
    node.network.next(Loses::Request);
    assert_eq!(node.refill(4), "unavailable");
    assert_eq!((node.refill(2), node.spend(2)), ("ok", "ok"));
}

#[test]
fn suspending_stops_new_slices_and_bounds_the_old_by_their_time() {
    let node = node(calls("a", 10));
    assert_eq!(node.refill(1), "ok");
    node.stage.admin.suspend(&node.id).unwrap();
    assert_eq!((node.spend(1), node.spend(3)), ("ok", "ok"));
    assert_eq!(
        (node.spend(1), node.refill(1), node.booked()),
        ("refill", "denied", [4, 0])
    );
}

#[test]
fn tasks_that_share_a_node_spend_the_limit_to_the_last_unit() {
    let Stage {
        budget: enforcer,
        admin,
        ..
    } = stage();
    admin.create_budget(calls("a", 997)).unwrap();
    let nodes: Vec<_> = (0..2).map(|_| shared(&enforcer)).collect();
    let spent: u64 = thread::scope(|scope| {
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let node = &nodes[task % 2];
                scope.spawn(move || {
                    let mut spent = 0;
                    for _ in 0..100_000 {
                        match outcome(&ready(node.spend_or_refill(&used(1)))) {
                            "ok" => spent += 1,
                            "refill" => {}
                            "denied" => return spent,
                            other => panic!("{other}"),
                        }
                    }
                    panic!("there is no end to it");
                })
            })
            .collect();
        tasks.into_iter().map(|task| task.join().unwrap()).sum()
    });
    // One node may have been refused while the other held the rest.
    let rest: u64 = nodes.iter().map(|node| node.left().calls.unwrap()).sum();
    assert_eq!(spent + rest, 997);
    for node in &nodes {
        ready(node.close()).unwrap();
    }
    let usage = enforcer.utilization(&budget("a")).unwrap();
    assert_eq!(
        usage.usage(budget_enforcer::Dimension::Calls).spent.units(),
        spent
    );
}

fn shared(enforcer: &BudgetEnforcer) -> LeasedBudget {
    let authority = Arc::new(LocalAuthority::new(enforcer.clone()));
    LeasedBudget::new(authority, terms(&budget("a")), ManualClock::new(START)).unwrap()
}

#[test]
fn a_slice_belongs_to_the_window_in_which_it_was_granted() {
    let node = node(calls("a", 10).period(Period::Daily));
    let to_midnight = 12 * HOUR;
    node.advance(to_midnight - 30 * SECOND);
    assert_eq!(
        (node.refill(4), node.spend(1), node.booked()),
        ("ok", "ok", [0, 4])
    );
    node.advance(30 * SECOND);
    assert_eq!(node.booked(), [0, 0], "the new day starts clean");
    assert_eq!(node.spend(1), "ok");
    assert_eq!(
        (node.refill(3), node.booked()),
        ("ok", [0, 4]),
        "what is returned is yesterday's"
    );
}

#[test]
fn terms_that_make_no_sense_are_refused() {
    let id = budget("a");
    let stage = stage();
    let build = |terms| {
        let authority = Arc::new(LocalAuthority::new(stage.budget.clone()));
        match LeasedBudget::new(authority, terms, ManualClock::new(START)) {
            Err(LeasedError::InvalidTerms { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        build(LeaseTerms {
            envelopes: vec![],
            ..terms(&id)
        }),
        "envelopes"
    );
    assert_eq!(
        build(LeaseTerms {
            slice: used(0),
            ..terms(&id)
        }),
        "slice"
    );
    assert_eq!(
        build(LeaseTerms {
            margin: MINUTE,
            ..terms(&id)
        }),
        "margin"
    );
}

#[test]
fn sessions_can_be_leased_too() {
    let node = node(calls("a", 10));
    let id = session("s");
    let both = LeaseTerms {
        envelopes: vec![(&id).into(), (&node.id).into()],
        ..terms(&node.id)
    };
    let backend = Arc::clone(&node.network) as Arc<dyn BudgetBackend>;
    let leased = LeasedBudget::new(backend, both, node.clock.clone()).unwrap();
    ready(leased.spend_or_refill(&used(3))).unwrap();
    ready(leased.close()).unwrap();
    let usage = node.stage.usage(&id, budget_enforcer::Dimension::Calls);
    assert_eq!((usage.spent.units(), node.booked()), (3, [3, 0]));
}
