//! A small request that fits is never refused because a big one is being refused beside it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::thread::ScopedJoinHandle;

use budget_enforcer::{BudgetId, Floor};

use crate::stage::{Stage, calls, charge, stage, used};

const SMALL: u64 = 4;
const MOST: u64 = 3;
/// What all small ones together can hold at once: just what is left.
const ROOM: u64 = SMALL * MOST;
const TURNS: u64 = 3_000;

/// Two budgets, and of the upper one just enough is left for the small ones.
fn tight(stage: &Stage, spare: u64) -> (BudgetId, BudgetId, budget_enforcer::Reservation) {
    let top = stage.create(calls("top", 1_000 + ROOM + spare));
    let id = stage.create(calls("a", 1_000_000).parent(top.clone()));
    let hold = stage.reserve(&charge(&top, 1_000));
    (top, id, hold)
}

/// Asks for more than is left, over and over, in every way; it is never given.
fn hammer(stage: &Stage, id: &BudgetId, amount: u64, done: &AtomicBool, refused: &AtomicU64) {
    let path = stage.budget.resolve(&charge(id, amount)).unwrap();
    let meter = stage.budget.meter(&charge(id, amount)).unwrap();
    while !done.load(Ordering::Relaxed) {
        stage.budget.reserve_path(&path).unwrap_err();
        stage.budget.record(&charge(id, amount)).unwrap_err();
        meter.spend(1).unwrap_err();
        refused.fetch_add(3, Ordering::Relaxed);
    }
}

/// Takes and gives back 1 to 3, which always fits.
fn small(stage: &Stage, id: &BudgetId, seed: u64) {
    let path = stage.budget.resolve(&charge(id, 1)).unwrap();
    for turn in 0..TURNS {
        let amount = (turn + seed) % MOST + 1;
        let hold = stage.budget.reserve_path_amounts(&path, used(amount));
        let hold =
            hold.unwrap_or_else(|denied| panic!("{} in turn {turn}", denied.decision().reason()));
        match turn % 4 {
            0 => hold.release().unwrap(),
            1 => drop(hold),
            2 => hold.start(Floor::Hold).unwrap().cancel().unwrap(),
            _ => {
                let running = hold.start(Floor::Hold).unwrap();
                running.settle(used(0)).unwrap();
            }
        }
    }
}

#[test]
fn small_holds_that_fit_are_taken_beside_big_ones_that_do_not() {
    let stage = stage();
    let (top, id, held) = tight(&stage, 0);
    let (done, refused) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for amount in [ROOM + 1, 500_000, u64::MAX / 2] {
            let (stage, id, done, refused) = (&stage, &id, &done, &refused);
            scope.spawn(move || hammer(stage, id, amount, done, refused));
        }
        let players: Vec<_> = (0..SMALL)
            .map(|seed| {
                let (stage, id) = (&stage, &id);
                scope.spawn(move || small(stage, id, seed))
            })
            .collect();
        let ends: Vec<_> = players.into_iter().map(ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        ends.into_iter().for_each(Result::unwrap);
    });
    assert!(refused.into_inner() > 0);
    assert_eq!(stage.calls(&top), [0, 0, 1_000, ROOM]);
    drop(held);
}

/// Meters set units aside, and what they set aside is there for the small ones all the while.
#[test]
fn nor_beside_meters_that_spend_all_the_rest() {
    const SPENDS: u64 = 20_000;
    let stage = stage();
    let (top, id, held) = tight(&stage, 2 * SPENDS);
    let side = stage.create(calls("side", 1_000_000).parent(top.clone()));
    let (done, refused) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let (stage, id, side) = (&stage, &id, &side);
        let (done, refused) = (&done, &refused);
        scope.spawn(move || hammer(stage, id, 2 * SPENDS + ROOM + 1, done, refused));
        let mut players: Vec<_> = (0..SMALL)
            .map(|seed| scope.spawn(move || small(stage, id, seed)))
            .collect();
        for id in [id, side] {
            players.push(scope.spawn(move || {
                let meter = stage.budget.meter(&charge(id, 1)).unwrap();
                for spend in 0..SPENDS {
                    // All of it is there for the two of them.
                    meter
                        .spend(1)
                        .unwrap_or_else(|_| panic!("spend {spend} fits"));
                }
            }));
        }
        let ends: Vec<_> = players.into_iter().map(ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        ends.into_iter().for_each(Result::unwrap);
    });
    assert!(refused.into_inner() > 0);
    assert_eq!(stage.calls(&top), [2 * SPENDS, 0, 1_000, ROOM]);
    drop(held);
}
