//! What asking for trust costs: one check on one thread and on four, of grants that last and that decay; and one act.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use trust_gate::{
    Clock, Decay, Effect, Grant, SystemClock, ToolPolicy, ToolRequest, TrustAdmin, TrustGate,
    TrustGateConfig, TrustLevel,
};

/// Twenty rules, of which the last one names the tool that is asked for.
fn rules() -> TrustGateConfig {
    let rule = |pattern: &str| {
        ToolPolicy::new(
            pattern.parse().unwrap(),
            TrustLevel::Monitor,
            Effect::ReadPublic,
        )
    };
    let mut tools: Vec<_> = (0..18).map(|n| rule(&format!("tool-{n}"))).collect();
    tools.push(rule("list_*"));
    tools.push(rule("get_time"));
    TrustGateConfig {
        tools,
        ..TrustGateConfig::default()
    }
}

fn house(clock: impl Clock) -> (TrustGate, TrustAdmin) {
    TrustGate::builder()
        .config(rules())
        .clock(clock)
        .build()
        .unwrap()
}

fn standing_clock() -> impl Clock {
    let wall = SystemClock::new().now();
    move || wall
}

fn grant(agent: &str) -> Grant {
    Grant::new(
        agent.parse().unwrap(),
        TrustLevel::Suggest,
        "ops@example.com".parse().unwrap(),
    )
}

fn ask(agent: &str, tool: &str) -> ToolRequest {
    ToolRequest::new(agent.parse().unwrap(), tool.parse().unwrap())
}

fn weekly() -> Decay {
    Decay::step(Duration::from_secs(7 * 86_400), TrustLevel::Monitor)
}

fn check(c: &mut Criterion) {
    let mut group = c.benchmark_group("trust-gate/check");
    group.throughput(Throughput::Elements(1));
    let (gate, admin) = house(standing_clock());
    admin.assign(grant("desk-assistant")).unwrap();
    let request = ask("desk-assistant", "get_time");
    assert!(gate.check(&request).allowed());
    let wall = SystemClock::new().now();
    group.bench_function("permitted", |b| b.iter(|| gate.check(black_box(&request))));
    group.bench_function("permitted at a given time", |b| {
        b.iter(|| gate.check_at(black_box(&request), wall));
    });
    let unknown = ask("desk-assistant", "wipe_disk");
    group.bench_function("unknown tool", |b| {
        b.iter(|| gate.check(black_box(&unknown)));
    });
    let stranger = ask("stranger", "get_time");
    group.bench_function("unknown agent", |b| {
        b.iter(|| gate.check(black_box(&stranger)));
    });
    let deep = request
        .clone()
        .scope("payments/eu/sepa/instant".parse().unwrap());
    group.bench_function("four segments deep", |b| {
        b.iter(|| gate.check(black_box(&deep)));
    });
    let (agent, scope) = (&request.agent, &request.scope);
    group.bench_function("level alone", |b| {
        b.iter(|| gate.check_level(black_box(agent), scope, TrustLevel::Monitor));
    });
    admin.assign(grant("decaying").decay(weekly())).unwrap();
    let decaying = ask("decaying", "get_time");
    group.bench_function("decaying grant", |b| {
        b.iter(|| gate.check(black_box(&decaying)));
    });

    let (gate, admin) = house(SystemClock::new());
    admin.assign(grant("desk-assistant")).unwrap();
    admin.assign(grant("decaying").decay(weekly())).unwrap();
    group.bench_function("permitted, system clock", |b| {
        b.iter(|| gate.check(black_box(&request)));
    });
    group.bench_function("decaying grant, system clock", |b| {
        b.iter(|| gate.check(black_box(&decaying)));
    });

    let (gate, admin) = house(standing_clock());
    for n in 0..100_000 {
        admin.assign(grant(&format!("agent-{n}"))).unwrap();
    }
    let requests: Vec<_> = (0..100_000)
        .step_by(97)
        .map(|n| ask(&format!("agent-{n}"), "get_time"))
        .collect();
    group.bench_function("permitted, one of 100 000 agents", |b| {
        let mut requests = requests.iter().cycle();
        b.iter(|| gate.check(requests.next().unwrap()));
    });
    group.finish();

    let clock = SystemClock::new();
    let mut group = c.benchmark_group("trust-gate/clock");
    group.bench_function("wall", |b| b.iter(|| clock.now()));
    group.bench_function("elapsed", |b| b.iter(|| clock.elapsed()));
    group.finish();
}

/// Time that `threads` need for `total` checks together, each of an agent of its own, under the system's clock.
fn on_threads(gate: &TrustGate, threads: u64, total: u64) -> Duration {
    let barrier = Barrier::new(usize::try_from(threads).unwrap() + 1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|n| {
                let (gate, barrier) = (gate.clone(), &barrier);
                scope.spawn(move || {
                    let request = ask(&format!("agent-{n}"), "get_time");
                    barrier.wait();
                    for _ in 0..total / threads {
                        black_box(gate.check(&request)).require().unwrap();
                    }
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        for handle in handles {
            handle.join().unwrap();
        }
        start.elapsed()
    })
}

fn threads(c: &mut Criterion) {
    let mut group = c.benchmark_group("trust-gate/check on threads");
    group.throughput(Throughput::Elements(1));
    let (gate, admin) = house(SystemClock::new());
    for n in 0..4 {
        admin.assign(grant(&format!("agent-{n}"))).unwrap();
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    for threads in [1, 2, 4] {
        if threads > cores {
            println!("left out: {threads} threads on {cores} cores");
            continue;
        }
        group.bench_with_input(
            BenchmarkId::from_parameter(threads),
            &threads,
            |b, threads| {
                b.iter_custom(|total| on_threads(&gate, *threads, total));
            },
        );
    }
    group.finish();
}

fn act(c: &mut Criterion) {
    let mut group = c.benchmark_group("trust-gate/act");
    for agents in [1, 100_000] {
        let (_, admin) = house(standing_clock());
        for n in 0..agents {
            admin.assign(grant(&format!("agent-{n}"))).unwrap();
        }
        group.bench_function(format!("assign among {agents} agents"), |b| {
            b.iter_batched(
                || grant("agent-0"),
                |grant| admin.assign(grant).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, check, threads, act);
criterion_main!(benches);
