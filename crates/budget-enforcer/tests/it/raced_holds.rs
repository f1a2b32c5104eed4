//! One hold raced by everything that ends it: one winner, and the books balance.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use budget_enforcer::{
    BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetId, Charge, Dimension, Floor,
    Reservation, ReservationId, Settlement, TransactionFilter, TransactionKind,
};

use crate::stage::{Stage, calls, charge, session, stage, stage_with, used};

const ROUNDS: u64 = 400;
const HELD: u64 = 4;

/// What one of the racers came to: whether it ended the hold, and at what.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Came {
    /// It ended it, and so much is spent.
    Won(u64),
    Lost,
}

fn settled(result: Result<Settlement, BudgetError>, actual: u64) -> Came {
    match result {
        Ok(settled) => {
            assert!(settled.overspent.is_none());
            Came::Won(actual)
        }
        Err(BudgetError::UnknownReservation { .. } | BudgetError::AlreadyEnded { .. }) => {
            Came::Lost
        }
        Err(error) => panic!("{error}"),
    }
}

/// Who gives back what has expired takes it off the books, and it is told so.
fn released(result: Result<(), BudgetError>) -> Came {
    match result {
        Ok(()) | Err(BudgetError::Expired { .. }) => Came::Won(0),
        Err(BudgetError::UnknownReservation { .. } | BudgetError::AlreadyEnded { .. }) => {
            Came::Lost
        }
        Err(error) => panic!("{error}"),
    }
}

/// Holds 4 of a child and of sessions in each round and lets the racers at it; then nothing is held, and what the winner booked is spent.
fn race<G: Send>(
    take: impl Fn(Reservation) -> G,
    own: impl Fn(G, u64) -> Came + Sync,
    by_id: impl Fn(&Stage, ReservationId, u64) -> Came + Sync,
) {
    let stage = stage_with(BudgetEnforcerConfig {
        // What is looked at is new.
        max_transactions: 1_600,
        ..BudgetEnforcerConfig::per_session().calls(10)
    });
    let parent = stage.create(calls("parent", u64::MAX - 1));
    let id = stage.create(calls("a", u64::MAX - 1).parent(parent.clone()));
    let mut spent = 0;
    let mut winners = [0_u64; 2];
    for round in 0..ROUNDS {
        // In one tree, in two, and in three.
        let asked = (0..round % 3).fold(charge(&id, HELD), |asked, number| {
            let id = session(&format!("s-{round}-{number}"));
            asked.and(Charge::session(&id).calls(HELD))
        });
        let hold = stage.reserve(&asked);
        let name = hold.id();
        let guard = take(hold);
        let barrier = Barrier::new(4);
        let (first, second) = thread::scope(|scope| {
            let guarded = scope.spawn(|| {
                barrier.wait();
                own(guard, round)
            });
            let named = scope.spawn(|| {
                barrier.wait();
                by_id(&stage, name, round)
            });
            scope.spawn(|| {
                barrier.wait();
                stage.clock.advance(Duration::from_secs(300));
            });
            scope.spawn(|| {
                barrier.wait();
                // Somebody comes by and notices what has run out.
                drop(stage.budget.reserve(&charge(&id, 1)));
            });
            (guarded.join().unwrap(), named.join().unwrap())
        });
        let won = match (first, second) {
            (Came::Won(amount), Came::Lost) => {
                winners[0] += 1;
                amount
            }
            (Came::Lost, Came::Won(amount)) => {
                winners[1] += 1;
                amount
            }
            both => panic!("one must end it, and one alone: {both:?} in round {round}"),
        };
        spent += won;
        balances(&stage, &id, &parent, spent);
        written_once(&stage, name, won);
    }
    // Each of them wins now and then, or it is no race.
    assert!(winners[0] > 0 && winners[1] > 0, "{winners:?}");
}

fn balances(stage: &Stage, id: &BudgetId, parent: &BudgetId, spent: u64) {
    for id in [id, parent] {
        let left = u64::MAX - 1 - spent;
        assert_eq!(stage.calls(id), [spent, 0, 0, left]);
    }
}

/// The ledger tells of one end, and of one expiry at most.
fn written_once(stage: &Stage, name: ReservationId, won: u64) {
    let filter = TransactionFilter {
        reservation: Some(name),
        ..TransactionFilter::default()
    };
    let rows = stage.budget.transactions(&filter).rows;
    let count = |kind| rows.iter().filter(|row| row.kind == kind).count();
    let settles = count(TransactionKind::Settle);
    let releases = count(TransactionKind::Release);
    let expiries = count(TransactionKind::Expire);
    assert_eq!(count(TransactionKind::Reserve), 1);
    assert!(expiries <= 1, "{rows:#?}");
    assert!(settles + releases <= 1, "{rows:#?}");
    assert!(settles + releases + expiries >= 1, "{rows:#?}");
    assert!(won == 0 || settles == 1, "{rows:#?}");
}

#[test]
fn one_of_settle_and_renew_and_release_and_expiry_ends_a_hold_that_has_not_started() {
    race(
        |hold| hold,
        |mut hold, round| {
            if round % 2 == 0 {
                drop(hold.renew(Duration::from_secs(600)));
            }
            released(hold.release())
        },
        |stage, name, round| settled(stage.budget.settle_id(name, used(round % 5)), round % 5),
    );
}

#[test]
fn one_of_two_releases_and_expiry_ends_a_hold() {
    race(
        |hold| hold,
        |hold, _| released(hold.release()),
        |stage, name, _| released(stage.budget.release_id(name)),
    );
}

#[test]
fn one_of_two_settles_and_renew_and_expiry_ends_a_call() {
    race(
        |hold| hold.start(Floor::Hold).unwrap(),
        |mut running, round| {
            if round % 2 == 0 {
                drop(running.renew(Duration::from_secs(600)));
            }
            settled(running.settle(used(round % 7)), round % 7)
        },
        |stage, name, round| settled(stage.budget.settle_id(name, used(round % 5)), round % 5),
    );
}

#[test]
fn one_of_settle_and_cancel_and_expiry_ends_a_call() {
    race(
        |hold| hold.start(Floor::Hold).unwrap(),
        |running, _| match running.cancel() {
            Ok(()) => Came::Won(0),
            Err(BudgetError::UnknownReservation { .. } | BudgetError::AlreadyEnded { .. }) => {
                Came::Lost
            }
            Err(error) => panic!("{error}"),
        },
        |stage, name, round| settled(stage.budget.settle_id(name, used(round % 5)), round % 5),
    );
}

#[test]
fn one_of_two_settles_by_id_and_expiry_ends_a_detached_hold() {
    let enforcer = std::sync::Mutex::new(None);
    race(
        Reservation::detach,
        |name, round| {
            // The other racer says where.
            let budget = loop {
                let budget: Option<BudgetEnforcer> = enforcer.lock().unwrap().take();
                if let Some(budget) = budget {
                    break budget;
                }
                thread::yield_now();
            };
            settled(budget.settle_id(name, used(round % 7)), round % 7)
        },
        |stage, name, round| {
            *enforcer.lock().unwrap() = Some(stage.budget.clone());
            if round % 2 == 0 {
                thread::yield_now();
            }
            settled(stage.budget.settle_id(name, used(round % 5)), round % 5)
        },
    );
}

/// The last test before a call leaves, raced by its expiry: either it leaves and is spent, or it does not and comes back.
#[test]
fn a_call_leaves_or_its_hold_comes_back() {
    let stage = stage();
    let id = stage.create(calls("a", u64::MAX - 1));
    let left = AtomicU64::new(0);
    for _ in 0..ROUNDS {
        let hold = stage.reserve(&charge(&id, HELD));
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                match hold.start(Floor::Hold) {
                    Ok(running) => {
                        left.fetch_add(HELD, Ordering::Relaxed);
                        // It goes on without its guard, and settles at its hold.
                        let _name = running.detach();
                    }
                    Err(BudgetError::Expired { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            });
            scope.spawn(|| {
                barrier.wait();
                stage.clock.advance(Duration::from_secs(300));
            });
            scope.spawn(|| {
                barrier.wait();
                drop(stage.budget.reserve(&charge(&id, 1)));
            });
        });
        stage.clock.advance(Duration::from_secs(300));
        let usage = stage.usage(&id, Dimension::Calls);
        let shown = (usage.spent.units(), usage.reserved.units());
        assert_eq!(shown, (left.load(Ordering::Relaxed), 0));
    }
}
