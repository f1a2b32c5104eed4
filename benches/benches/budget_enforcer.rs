//! What a budget decision costs: looking, holding and settling, on one thread and on four.
//!
//! Clocks: `manual` is a closure that returns a constant, so that the engine's own cost shows; `system` is the clock that ships.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use budget_enforcer::{
    Amounts, BudgetEnforcer, BudgetEnforcerConfig, BudgetId, BudgetJournal, BudgetPath, BudgetSpec,
    Builder, Charge, Clock, Event, Floor, Period, Revision, SessionId, StoreError, SystemClock,
};
use criterion::{Criterion, criterion_group, criterion_main};

type MakeBuilder = fn() -> Builder;

fn session(number: usize) -> SessionId {
    format!("session-{number:06}").parse().expect("a valid id")
}

/// A journal that keeps nothing, so that the cost of making events shows.
struct Discard;

impl BudgetJournal for Discard {
    fn append(&self, _: Revision, events: &[Event]) -> Result<(), StoreError> {
        black_box(events);
        Ok(())
    }

    fn replay(
        &self,
        _: Revision,
        _: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        Ok(())
    }
}

fn builder() -> Builder {
    let config = BudgetEnforcerConfig::per_session()
        .tokens(u64::MAX / 2)
        .calls(u64::MAX / 2);
    BudgetEnforcer::builder().config(config)
}

fn manual() -> Builder {
    let now = SystemClock.now();
    builder().clock(move || now)
}

/// An enforcer with 10 000 sessions and a monthly budget three levels down.
fn enforcer(builder: Builder) -> BudgetEnforcer {
    let (budget, admin) = builder.build().expect("a valid configuration");
    let names: Vec<BudgetId> = ["org", "team", "agent"]
        .iter()
        .map(|name| name.parse().expect("a valid id"))
        .collect();
    let limit = "1000000000".parse().expect("an amount");
    for (index, name) in names.iter().enumerate() {
        let spec = BudgetSpec::new(name.clone())
            .cost(limit)
            .tokens(u64::MAX / 2)
            .calls(u64::MAX / 2);
        let spec = spec.period(Period::Monthly);
        let spec = if index == 0 {
            spec
        } else {
            spec.parent(names[index - 1].clone())
        };
        admin.create_budget(spec).expect("a new budget");
    }
    for number in 0..10_000 {
        budget
            .record_spending(&session(number), 1)
            .expect("an open session");
    }
    budget
}

fn one_session(budget: &BudgetEnforcer, number: usize) -> BudgetPath {
    budget
        .resolve(&Charge::session(&session(number)).calls(1).tokens(500))
        .expect("an open session")
}

fn session_and_agent(number: usize) -> Charge {
    let agent: BudgetId = "agent".parse().expect("a valid id");
    let cost = "0.01".parse().expect("an amount");
    Charge::session(&session(number))
        .calls(1)
        .tokens(500)
        .and(Charge::budget(&agent).calls(1).tokens(500).cost(cost))
}

fn hold_and_settle(budget: &BudgetEnforcer, path: &BudgetPath) {
    let running = budget
        .reserve_path(path)
        .expect("room")
        .start(Floor::Hold)
        .expect("in time");
    black_box(running.settle(Amounts::NONE.tokens(420)).expect("settled"));
}

/// The time that `threads` threads take for `iterations` each of what `work` makes for their number.
fn timed<W: FnMut()>(
    threads: usize,
    iterations: u64,
    work: impl Fn(usize) -> W + Sync,
) -> Duration {
    let barrier = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|number| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    let mut work = work(number);
                    barrier.wait();
                    for _ in 0..iterations {
                        work();
                    }
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        for handle in handles {
            handle.join().expect("a thread that did not panic");
        }
        start.elapsed()
    })
}

fn bench(criterion: &mut Criterion) {
    let clocks: [(&str, MakeBuilder); 2] = [("manual", manual), ("system", builder)];
    for (clock, builder) in clocks {
        let budget = enforcer(builder());
        let id = session(7);
        criterion.bench_function(&format!("budget/{clock}/check_budget/1"), |b| {
            b.iter(|| black_box(budget.check_budget(black_box(&id))));
        });
        let charge = Charge::session(&id).calls(1).tokens(500);
        criterion.bench_function(&format!("budget/{clock}/check/1"), |b| {
            b.iter(|| black_box(budget.check(black_box(&charge))));
        });
        let path = one_session(&budget, 7);
        criterion.bench_function(
            &format!("budget/{clock}/reserve_start_settle/session/1"),
            |b| {
                b.iter(|| hold_and_settle(&budget, &path));
            },
        );
        criterion.bench_function(&format!("budget/{clock}/reserve_release/session/1"), |b| {
            b.iter(|| {
                budget
                    .reserve_path(&path)
                    .expect("room")
                    .release()
                    .expect("released");
            });
        });
        let path = budget.resolve(&session_and_agent(7)).expect("envelopes");
        criterion.bench_function(
            &format!("budget/{clock}/reserve_start_settle/session_and_3_levels/1"),
            |b| {
                b.iter(|| hold_and_settle(&budget, &path));
            },
        );
        let charge = session_and_agent(7);
        criterion.bench_function(
            &format!("budget/{clock}/reserve_start_settle/unresolved/1"),
            |b| {
                b.iter(|| {
                    let running = budget
                        .reserve(&charge)
                        .expect("room")
                        .start(Floor::Hold)
                        .expect("in time");
                    black_box(running.settle(Amounts::NONE.tokens(420)).expect("settled"));
                });
            },
        );
        criterion.bench_function(&format!("budget/{clock}/record_spending/1"), |b| {
            b.iter(|| black_box(budget.record_spending(&id, 1).expect("booked")));
        });
        for (name, of) in [("own", true), ("shared", false)] {
            criterion.bench_function(
                &format!("budget/{clock}/check_budget/4_threads_{name}_session"),
                |b| {
                    b.iter_custom(|iterations| {
                        timed(4, iterations, |number| {
                            let (budget, id) =
                                (budget.clone(), session(if of { number } else { 0 }));
                            move || drop(black_box(budget.check_budget(&id)))
                        })
                    });
                },
            );
            criterion.bench_function(
                &format!("budget/{clock}/reserve_start_settle/4_threads_{name}_session"),
                |b| {
                    b.iter_custom(|iterations| {
                        timed(4, iterations, |number| {
                            let (budget, path) = (
                                budget.clone(),
                                one_session(&budget, if of { number } else { 0 }),
                            );
                            move || hold_and_settle(&budget, &path)
                        })
                    });
                },
            );
        }
    }
    let budget = enforcer(manual().journal(Discard));
    let path = one_session(&budget, 7);
    criterion.bench_function(
        "budget/manual/reserve_start_settle/session_with_journal/1",
        |b| {
            b.iter(|| hold_and_settle(&budget, &path));
        },
    );
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
