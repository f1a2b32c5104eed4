//! The whole decision: three gates, with and without the audit entry, on one thread and on four.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use security_bundle::{
    Action, Amounts, BudgetEnforcerConfig, BudgetSpec, Guard, SecurityStack, SecurityStackConfig,
    TrustLevel, Usage, consent, create_security_stack, trust_gate,
};

/// So many agents, each with a level, a consent and a budget of its own.
const AGENTS: usize = 4;

fn stack() -> SecurityStack {
    let mut config = SecurityStackConfig {
        budget: BudgetEnforcerConfig::per_session().calls(u64::MAX / 2),
        ..SecurityStackConfig::default()
    };
    config.audit.max_records = Some(10_000);
    for agent in 0..AGENTS {
        let name = format!("agent-{agent}");
        config.assignments.push(trust_gate::Grant::new(
            name.parse().unwrap(),
            TrustLevel::ActWithApproval,
            "ops@example.com".parse().unwrap(),
        ));
        config.grants.push(consent::Grant::new(
            name.parse().unwrap(),
            "user_profile".parse().unwrap(),
            "personalisation".parse().unwrap(),
            "admin@example.com".parse().unwrap(),
        ));
        config
            .budgets
            .push(BudgetSpec::new(name.parse().unwrap()).cost("1000000000".parse().unwrap()));
    }
    create_security_stack(config).unwrap()
}

fn action(guard: &Guard, agent: usize) -> Action {
    let name = format!("agent-{agent}");
    guard
        .action(&name)
        .required_level(TrustLevel::Suggest)
        .budget(&name, Amounts::default().cost("0.0001".parse().unwrap()))
        .data("user_profile", "personalisation")
        .action_type("llm_completion")
        .build()
        .unwrap()
}

/// One operation on every thread at once, each for an agent of its own; the time is that of one operation per thread.
fn on_threads(c: &mut Criterion, name: &str, run: impl Fn(&Guard, &Action) + Copy + Send + Sync) {
    let mut group = c.benchmark_group(name);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, AGENTS] {
        if threads > cores {
            println!("{name}: {threads} threads left out, this machine has {cores} cores");
            continue;
        }
        let stack = stack();
        group.bench_function(format!("{threads} threads"), |bencher| {
            bencher.iter_custom(|rounds| together(&stack, threads, rounds, run));
        });
    }
    group.finish();
}

fn together(
    stack: &SecurityStack,
    threads: usize,
    rounds: u64,
    run: impl Fn(&Guard, &Action) + Copy + Send + Sync,
) -> Duration {
    let barrier = Arc::new(Barrier::new(threads));
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|agent| {
                let (guard, barrier) = (stack.guard(), Arc::clone(&barrier));
                scope.spawn(move || {
                    let action = action(&guard, agent);
                    barrier.wait();
                    let begun = Instant::now();
                    for _ in 0..rounds {
                        run(&guard, &action);
                    }
                    begun.elapsed()
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .max()
            .unwrap_or_default()
    })
}

fn decisions(c: &mut Criterion) {
    on_threads(c, "three gates, nothing recorded", |guard, action| {
        assert!(guard.preview(action).allowed());
    });
    on_threads(c, "evaluate", |guard, action| {
        assert!(guard.evaluate_sync(action).allowed());
    });
    on_threads(c, "authorize + settle", |guard, action| {
        let permit = guard.authorize_blocking(action).unwrap();
        permit.settle_blocking(Usage::default()).unwrap();
    });
}

criterion_group!(benches, decisions);
criterion_main!(benches);
