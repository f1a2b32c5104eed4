//! What asking for consent costs: one check on one thread and on four, over few and many records; and what an act costs.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use consent::{Clock, ConsentGate, ConsentLedger, ConsentQuery, Extent, Grant, SystemClock};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// A gate whose clock stands still, so that only the gate is measured.
fn house() -> (ConsentGate, ConsentLedger) {
    let wall = SystemClock::new().now();
    ConsentGate::builder().clock(move || wall).build().unwrap()
}

fn grant(agent: &str, data_type: &str, purpose: &str) -> Grant {
    let by = "admin@example.com".parse().unwrap();
    Grant::new(
        agent.parse().unwrap(),
        data_type.parse().unwrap(),
        purpose.parse().unwrap(),
        by,
    )
}

fn ask(agent: &str, data_type: &str, purpose: &str) -> ConsentQuery {
    ConsentQuery::new(agent.parse().unwrap(), data_type.parse().unwrap())
        .purpose(purpose.parse().unwrap())
}

/// A few records of every kind, of which one permits the query.
fn few_records(ledger: &ConsentLedger, agent: &str) {
    for (data_type, purpose) in [
        ("user_email", "notifications"),
        ("user_profile", "analytics"),
        ("orders", "support"),
    ] {
        ledger.record(grant(agent, data_type, purpose)).unwrap();
    }
    let marketing = Extent::new(agent.parse().unwrap(), "user_profile".parse().unwrap());
    ledger
        .withdraw(marketing.purpose("marketing".parse().unwrap()), None)
        .unwrap();
    ledger
        .record(grant(agent, "user_profile", "personalisation"))
        .unwrap();
}

fn check(c: &mut Criterion) {
    let mut group = c.benchmark_group("consent/check");
    group.throughput(Throughput::Elements(1));
    let (gate, ledger) = house();
    few_records(&ledger, "desk-assistant");
    let wall = SystemClock::new().now();
    let query = ask("desk-assistant", "user_profile", "personalisation");
    assert!(gate.check(&query).allowed());
    group.bench_function("granted", |b| b.iter(|| gate.check(black_box(&query))));
    group.bench_function("granted at a given time", |b| {
        b.iter(|| gate.check_at(black_box(&query), wall));
    });
    group.bench_function("granted, query made anew", |b| {
        let (agent, data) = (query.agent_id(), query.data_types().next().unwrap());
        let purpose = query.purpose_asked().unwrap();
        b.iter(|| {
            let query = ConsentQuery::new(agent.clone(), data.clone()).purpose(purpose.clone());
            gate.check(black_box(&query))
        });
    });
    let withdrawn = ask("desk-assistant", "user_profile", "marketing");
    group.bench_function("withdrawn", |b| {
        b.iter(|| gate.check(black_box(&withdrawn)));
    });
    let unknown = ask("nobody", "user_profile", "marketing");
    group.bench_function("no record", |b| b.iter(|| gate.check(black_box(&unknown))));
    let two = query.clone().and("user_profile.avatar".parse().unwrap());
    group.bench_function("two data types", |b| b.iter(|| gate.check(black_box(&two))));
    ledger
        .record(
            grant("desk-assistant", "user_profile", "personalisation")
                .subject("ada".parse().unwrap()),
        )
        .unwrap();
    let of_ada = query.clone().subject("ada".parse().unwrap());
    group.bench_function("of a subject", |b| {
        b.iter(|| gate.check(black_box(&of_ada)));
    });

    let (gate, ledger) = ConsentGate::builder()
        .clock(SystemClock::new())
        .build()
        .unwrap();
    few_records(&ledger, "desk-assistant");
    group.bench_function("granted, system clock", |b| {
        b.iter(|| gate.check(black_box(&query)));
    });

    let (gate, ledger) = house();
    for n in 0..100_000 {
        ledger
            .record(grant(
                &format!("agent-{n}"),
                "user_profile",
                "personalisation",
            ))
            .unwrap();
    }
    let queries: Vec<_> = (0..100_000)
        .step_by(97)
        .map(|n| ask(&format!("agent-{n}"), "user_profile", "personalisation"))
        .collect();
    group.bench_function("granted, one of 100 000 agents", |b| {
        let mut queries = queries.iter().cycle();
        b.iter(|| gate.check(queries.next().unwrap()));
    });
    group.finish();
}

/// Wall time that `threads` need for `total` checks together, each of an agent of its own, under the system's clock.
fn on_threads(gate: &ConsentGate, threads: u64, total: u64) -> Duration {
    let barrier = Barrier::new(usize::try_from(threads).unwrap() + 1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|n| {
                let (gate, barrier) = (gate.clone(), &barrier);
                scope.spawn(move || {
                    let query = ask(&format!("agent-{n}"), "user_profile", "personalisation");
                    barrier.wait();
                    for _ in 0..total / threads {
                        black_box(gate.check(&query)).require().unwrap();
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
    let mut group = c.benchmark_group("consent/check on threads");
    group.throughput(Throughput::Elements(1));
    let (gate, ledger) = ConsentGate::builder().build().unwrap();
    for n in 0..4 {
        few_records(&ledger, &format!("agent-{n}"));
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

fn acts(c: &mut Criterion) {
    let mut group = c.benchmark_group("consent/act among 10 000 agents");
    group.sample_size(20);
    let (_, ledger) = house();
    for n in 0..10_000 {
        few_records(&ledger, &format!("agent-{n}"));
    }
    let given = grant("agent-17", "user_profile", "personalisation");
    group.bench_function("record", |b| {
        b.iter_batched(
            || given.clone(),
            |grant| ledger.record(grant).unwrap(),
            BatchSize::SmallInput,
        );
    });
    let extent = Extent::new("agent-18".parse().unwrap(), "user_profile".parse().unwrap());
    group.bench_function("withdraw", |b| {
        b.iter_batched(
            || extent.clone(),
            |extent| ledger.withdraw(extent, None).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, check, threads, acts);
criterion_main!(benches);
