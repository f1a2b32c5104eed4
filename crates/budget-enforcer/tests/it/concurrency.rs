//! Eight threads at once: the ceiling holds on every schedule, every unit can be spent, and none leaks.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use budget_enforcer::{BudgetEnforcerConfig, Charge, Dimension, Floor, Period, Running};

use crate::stage::{Stage, budget, calls, charge, session, stage, stage_with, used};

const THREADS: u64 = 8;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn of_n_callers_and_one_unit_less_exactly_one_loses() {
    for round in 0..200_u64 {
        let stage = stage();
        let id = stage.create(calls("a", THREADS - 1));
        let (barrier, won) = (Barrier::new(8), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let asked = if round % 2 == 0 {
                        charge(&id, 1)
                    } else {
                        charge(&id, 1).and(Charge::session(&session("s")).calls(1))
                    };
                    barrier.wait();
                    if let Ok(hold) = stage.budget.reserve(&asked) {
                        won.fetch_add(1, Ordering::Relaxed);
                        hold.start(Floor::Hold).unwrap().settle(used(1)).unwrap();
                    }
                });
            }
        });
        assert_eq!(won.into_inner(), THREADS - 1);
        assert_eq!(stage.calls(&id), [THREADS - 1, 0, 0, 0]);
    }
}

#[test]
fn random_amounts_add_up_to_the_limit_exactly() {
    let stage = stage();
    let limit = 100_000;
    let id = stage.create(calls("a", limit));
    let sum = AtomicU64::new(0);
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let (stage, id, sum) = (&stage, &id, &sum);
            scope.spawn(move || {
                let mut dice = Dice(seed);
                let mut most = 50;
                while most > 0 {
                    let amount = dice.roll(most) + 1;
                    match stage.budget.record(&charge(id, amount)) {
                        Ok(_) => drop(sum.fetch_add(amount, Ordering::Relaxed)),
                        // Until even 1 is refused.
                        Err(_) => most = amount - 1,
                    }
                }
            });
        }
    });
    assert_eq!(sum.into_inner(), limit);
    assert_eq!(stage.calls(&id), [limit, 0, 0, 0]);
}

#[test]
fn the_ceiling_holds_on_every_schedule_and_nothing_leaks() {
    let stage = stage_with(BudgetEnforcerConfig {
        default_ttl: Duration::from_secs(30),
        late_settle_window: Duration::from_secs(30),
        ..BudgetEnforcerConfig::per_session().calls(1_000)
    });
    let org = stage.create(calls("org", 40));
    let team = stage.create(calls("team", 30).parent(org.clone()));
    let side = stage.create(calls("side", 25));
    let (done, settled) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| watch(&stage, &done));
        let players: Vec<_> = (0..THREADS)
            .map(|seed| {
                let (stage, settled) = (&stage, &settled);
                let budgets = [&org, &team, &side];
                scope.spawn(move || play(stage, budgets, seed, settled))
            })
            .collect();
        for player in players {
            player.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    // Whatever was left behind runs out.
    stage.clock.advance(Duration::from_secs(3600));
    let spent = settled.into_inner();
    let shown = [&org, &side]
        .map(|id| stage.calls(id)[0])
        .iter()
        .sum::<u64>();
    assert_eq!(shown, spent, "what was settled, and nothing else, is spent");
    assert!(stage.calls(&org)[0] >= stage.calls(&team)[0]);
    for id in [&org, &team, &side] {
        let [spent, overspent, reserved, available] = stage.calls(id);
        let limit = stage.usage(id, Dimension::Calls).limit.unwrap().units();
        assert_eq!((overspent, reserved, available), (0, 0, limit - spent));
    }
}

/// Looks all the while: no snapshot shows more than the limit.
fn watch(stage: &Stage, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        let summary = stage.budget.summary().unwrap();
        let of = |name: &str| {
            let found = summary
                .budgets
                .iter()
                .find(|shown| shown.envelope == (&budget(name)).into())
                .unwrap();
            *found.usage(Dimension::Calls)
        };
        for name in ["org", "team", "side"] {
            let usage = of(name);
            assert!(
                usage.spent.units() + usage.reserved.units() <= usage.limit.unwrap().units(),
                "{usage:?}"
            );
            assert_eq!(usage.overspent.units(), 0);
        }
        let (org, team) = (of("org"), of("team"));
        assert!(
            team.spent.units() <= org.spent.units(),
            "one snapshot shows both at one instant"
        );
        assert!(team.reserved.units() <= org.reserved.units());
    }
}

fn play(
    stage: &Stage,
    [org, team, side]: [&budget_enforcer::BudgetId; 3],
    seed: u64,
    settled: &AtomicU64,
) {
    let mut dice = Dice(seed);
    let mut kept = Vec::new();
    for _ in 0..1_500 {
        let amount = dice.roll(4) + 1;
        let (asked, times) = match dice.roll(5) {
            0 => (charge(org, amount), 1),
            1 => (charge(team, amount), 1),
            2 => (charge(side, amount), 1),
            // Trees named in both orders.
            3 => (charge(side, amount).and(charge(team, amount)), 2),
            _ => (
                charge(team, amount)
                    .and(charge(side, amount))
                    .and(Charge::session(&session("s")).calls(1)),
                2,
            ),
        };
        if let Ok(hold) = stage.budget.reserve(&asked) {
            match dice.roll(6) {
                0 => drop(hold),
                1 => kept.push(hold),
                2 => drop(hold.detach()),
                3 => drop(hold.start(Floor::Hold).map(Running::cancel)),
                _ => {
                    // Rarely everything is spent: then the others only see refusals, so what is settled is refunded at once.
                    if let Ok(running) = hold.start(Floor::Hold) {
                        let row = running.settle(used(amount)).unwrap().transaction;
                        settled.fetch_add(amount * times, Ordering::Relaxed);
                        if dice.roll(20) > 0 && stage.budget.refund(row, used(amount)).is_ok() {
                            settled.fetch_sub(amount * times, Ordering::Relaxed);
                        }
                    }
                }
            }
        }
        if dice.roll(40) == 0 {
            stage.clock.advance(Duration::from_secs(7));
        }
        if dice.roll(100) == 0 {
            stage.clock.set(crate::stage::START);
        }
        if kept.len() > 3 {
            kept.remove(0).release().ok();
        }
    }
}

#[test]
fn windows_turn_under_load_without_a_unit_too_much() {
    let stage = stage();
    let id = stage.create(calls("a", 50).period(Period::Hourly));
    let won = AtomicU64::new(0);
    let hours = 20;
    for _ in 0..hours {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..20 {
                        if stage.budget.record(&charge(&id, 1)).is_ok() {
                            won.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(stage.calls(&id), [50, 0, 0, 0]);
        stage.clock.advance(Duration::from_secs(3600));
    }
    assert_eq!(won.into_inner(), 50 * hours);
}

#[test]
fn a_session_opened_by_many_is_one_session() {
    for _ in 0..50 {
        let stage = stage();
        let barrier = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    barrier.wait();
                    stage.budget.record_spending(&session("s"), 1).unwrap();
                });
            }
        });
        assert_eq!(
            stage.usage(&session("s"), Dimension::Calls).spent.units(),
            THREADS
        );
        assert_eq!(stage.budget.summary().unwrap().sessions, 1);
    }
}

#[test]
fn settle_races_with_expiry_and_books_once() {
    for round in 0..200_u64 {
        let stage = stage();
        let id = stage.create(calls("a", 10));
        let running = stage.start(&charge(&id, 4));
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                running.settle(used(round % 6)).unwrap();
            });
            scope.spawn(|| {
                barrier.wait();
                stage.clock.advance(Duration::from_secs(300));
            });
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..3 {
                    drop(stage.budget.reserve(&charge(&id, 1)));
                }
            });
        });
        assert_eq!(stage.calls(&id), [round % 6, 0, 0, 10 - round % 6]);
    }
}
