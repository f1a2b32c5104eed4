//! Of what many threads ask, exactly the limit is given: to holds and to records, on one level and on three.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use budget_enforcer::{BudgetId, BudgetPath, Floor, Limits};

use crate::stage::{Stage, calls, charge, stage, used};

/// How a thread spends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// A hold on a resolved path, started and settled.
    Hold,
    Record,
}

const WAYS: [(Way, usize); 4] = [
    (Way::Hold, 1),
    (Way::Hold, 3),
    (Way::Record, 1),
    (Way::Record, 3),
];

/// Budgets under each other, of which the highest has the limit and the others never run out.
struct Levels {
    stage: Stage,
    top: BudgetId,
    lowest: BudgetId,
    path: BudgetPath,
}

impl Levels {
    fn new(levels: usize, limit: u64) -> Self {
        let stage = stage();
        let top = stage.create(calls("top", limit));
        let mut lowest = top.clone();
        for level in 1..levels {
            let spec = calls(&format!("level-{level}"), u64::MAX - 1).parent(lowest);
            lowest = stage.create(spec);
        }
        let path = stage.budget.resolve(&charge(&lowest, 1)).unwrap();
        Self {
            stage,
            top,
            lowest,
            path,
        }
    }

    fn spend(&self, way: Way, amount: u64) -> bool {
        let budget = &self.stage.budget;
        match way {
            Way::Hold => budget
                .reserve_path_amounts(&self.path, used(amount))
                .is_ok_and(|hold| {
                    let running = hold.start(Floor::Hold).unwrap();
                    running
                        .settle(used(amount))
                        .unwrap()
                        .overspent
                        .calls
                        .is_none()
                }),
            Way::Record => budget.record(&charge(&self.lowest, amount)).is_ok(),
        }
    }

    /// That so much was spent, all of the limit, at every level.
    fn is_spent(&self, spent: u64) {
        assert_eq!(self.stage.calls(&self.top), [spent, 0, 0, 0]);
        assert_eq!(
            self.stage.calls(&self.lowest)[..3],
            [spent, 0, 0],
            "the lowest level saw the same"
        );
    }
}

/// Threads that spend 1 each time; returns how often they could.
fn accepted(levels: &Levels, way: Way, threads: u64, spends: u64) -> u64 {
    let (accepted, barrier) = (AtomicU64::new(0), Barrier::new(threads as usize));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                barrier.wait();
                let own = (0..spends).filter(|_| levels.spend(way, 1)).count();
                accepted.fetch_add(own as u64, Ordering::Relaxed);
            });
        }
    });
    accepted.into_inner()
}

/// A fiftieth of the whole; unoptimised, a thousandth or so.
#[test]
fn sixty_four_threads_are_given_the_limit_and_not_one_more() {
    let spends = if cfg!(debug_assertions) { 800 } else { 20_000 };
    for (way, levels) in WAYS {
        let limit = spends * 40;
        let levels = Levels::new(levels, limit);
        assert_eq!(accepted(&levels, way, 64, spends), limit, "{way:?}");
        levels.is_spent(limit);
    }
}

/// The whole, for every way, a minute or so:
/// `cargo nextest run --release -p budget-enforcer --test it --test lanes --run-ignored only forty_million --no-capture`
#[test]
#[ignore = "a minute in release"]
fn of_sixty_four_million_exactly_forty_million_are_accepted() {
    for (way, levels) in WAYS {
        let tree = Levels::new(levels, 40_000_000);
        let start = std::time::Instant::now();
        assert_eq!(accepted(&tree, way, 64, 1_000_000), 40_000_000);
        println!("{way:?} on {levels} levels: {:?}", start.elapsed());
        tree.is_spent(40_000_000);
    }
}

#[test]
fn random_amounts_until_even_one_is_refused_add_up_to_the_limit() {
    for (way, levels) in WAYS {
        let limit = 50_001;
        let levels = Levels::new(levels, limit);
        let sum = AtomicU64::new(0);
        thread::scope(|scope| {
            for seed in 0..64_u64 {
                let (levels, sum) = (&levels, &sum);
                scope.spawn(move || {
                    let (mut state, mut most) = (seed, 9);
                    while most > 0 {
                        state = state
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(99);
                        let amount = (state >> 33) % most + 1;
                        if levels.spend(way, amount) {
                            sum.fetch_add(amount, Ordering::Relaxed);
                        } else {
                            // Nothing comes back here, so what was refused once stays refused.
                            most = amount - 1;
                        }
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), limit, "{way:?}");
        levels.is_spent(limit);
    }
}

/// Ten thousand rounds in all.
#[test]
fn of_n_at_a_barrier_with_a_limit_of_one_less_all_but_one_win() {
    const THREADS: u64 = 6;
    const ROUNDS: u64 = 2_500;
    for (way, levels) in WAYS {
        let levels = Levels::new(levels, 0);
        let (won, barrier) = (AtomicU64::new(0), Barrier::new(THREADS as usize));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for round in 1..=ROUNDS {
                        if barrier.wait().is_leader() {
                            let limit = Limits::NONE.calls(round * (THREADS - 1));
                            let admin = &levels.stage.admin;
                            admin.update_limit(&levels.top, limit).unwrap();
                        }
                        barrier.wait();
                        if levels.spend(way, 1) {
                            won.fetch_add(1, Ordering::Relaxed);
                        }
                        if barrier.wait().is_leader() {
                            let won = won.load(Ordering::Relaxed);
                            assert_eq!(won, round * (THREADS - 1), "{way:?} in round {round}");
                        }
                    }
                });
            }
        });
        levels.is_spent(ROUNDS * (THREADS - 1));
    }
}
