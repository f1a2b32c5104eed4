//! What recording costs: one append on one thread and on four, beside the pieces it is made of; proofs, queries and verification.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use audit_trail::tree::{leaf_hash, node_hash};
use audit_trail::{
    Action, AuditLog, BudgetFields, Charge, DecisionFields, Entry, Filter, Outcome, TrustFields,
    verify_ndjson,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// About 300 bytes once written.
fn lean(session: &str) -> Entry<'_> {
    Entry::decision(DecisionFields {
        enforced: Some(true),
        ..DecisionFields::new(Outcome::Allow, "sufficient")
    })
    .agent("desk-assistant")
    .session(session)
    .action(Action {
        name: "read_note".into(),
        ..Action::default()
    })
    .trust(TrustFields {
        effective: Some(3),
        required: Some(1),
        ..TrustFields::default()
    })
}

/// What a decision of the whole stack records.
fn full<'a>(session: &'a str, charges: &'a [Charge<'a>]) -> Entry<'a> {
    lean(session).scope("payments/eu").budget(BudgetFields {
        charges: charges.into(),
        code: Some("within_budget".into()),
        revision: Some(17),
        ..BudgetFields::default()
    })
}

fn charges() -> [Charge<'static>; 2] {
    [
        Charge {
            amount: 1_u64.into(),
            available: Some(99_u64.into()),
            budget: "session".into(),
            limit: Some(100_u64.into()),
            unit: "calls".into(),
        },
        Charge {
            amount: "0.0150".into(),
            available: Some("4.9850".into()),
            budget: "session".into(),
            limit: None,
            unit: "cost_usd".into(),
        },
    ]
}

fn log() -> AuditLog {
    AuditLog::builder()
        .namespace("my-agent.production")
        .max_records(10_000)
        .build()
        .unwrap()
}

/// Wall time that `threads` need to append `total` entries together.
fn on_threads(threads: u64, total: u64) -> Duration {
    let log = log();
    let barrier = Barrier::new(usize::try_from(threads).unwrap() + 1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|n| {
                let (log, barrier) = (log.clone(), &barrier);
                scope.spawn(move || {
                    let session = format!("session-{n}");
                    barrier.wait();
                    for _ in 0..total / threads {
                        black_box(log.log(lean(&session)).unwrap());
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

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("audit_trail/append");
    let sample = log();
    let at = sample.log(lean("session-0")).unwrap().index;
    println!(
        "a lean entry has {} bytes",
        sample.entry(at).unwrap().bytes().len()
    );
    group.throughput(Throughput::Elements(1));
    let log = log();
    group.bench_function("lean", |b| {
        b.iter(|| log.log(lean(black_box("session-0"))).unwrap());
    });
    let charges = charges();
    group.bench_function("full", |b| {
        b.iter(|| log.log(full(black_box("session-0"), &charges)).unwrap());
    });
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    for threads in [1, 2, 4] {
        if threads > cores {
            println!("left out: {threads} threads on {cores} cores");
            continue;
        }
        group.bench_with_input(
            BenchmarkId::new("lean on threads", threads),
            &threads,
            |b, threads| {
                b.iter_custom(|iterations| on_threads(*threads, iterations.max(*threads)));
            },
        );
    }
    group.finish();
}

fn pieces(c: &mut Criterion) {
    let mut group = c.benchmark_group("audit_trail/pieces");
    let bytes = vec![b'x'; 300];
    group.bench_function("leaf hash of 300 bytes", |b| {
        b.iter(|| leaf_hash(black_box(&bytes)));
    });
    let (l, r) = (leaf_hash(b"l"), leaf_hash(b"r"));
    group.bench_function("node hash", |b| {
        b.iter(|| node_hash(black_box(&l), black_box(&r)));
    });
    group.finish();
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("audit_trail/reading");
    let log = AuditLog::builder().build().unwrap();
    for n in 0..100_000 {
        log.log(lean(&format!("session-{}", n % 1000))).unwrap();
    }
    let size = log.size().unwrap();
    group.bench_function("inclusion proof in 100 000", |b| {
        b.iter(|| log.inclusion_proof(black_box(54_321), size).unwrap());
    });
    group.bench_function("consistency proof in 100 000", |b| {
        b.iter(|| log.consistency_proof(black_box(54_321), size).unwrap());
    });
    let rare = Filter::new().session("session-7").newest_first().limit(10);
    group.bench_function("newest 10 of a session in 100 000", |b| {
        b.iter(|| log.query(black_box(&rare)).unwrap());
    });
    let none = Filter::new().session("nobody");
    group.bench_function("nothing found in 100 000", |b| {
        b.iter(|| log.query(black_box(&none)).unwrap());
    });
    group.bench_function("checkpoint after one entry", |b| {
        b.iter(|| {
            log.log(lean("session-0")).unwrap();
            log.checkpoint().unwrap()
        });
    });
    let mut file = Vec::new();
    log.export_ndjson(&mut file).unwrap();
    group.sample_size(10);
    group.throughput(Throughput::Bytes(file.len() as u64));
    let key = log.verifier_key().unwrap();
    group.bench_function("verify a file of 100 000", |b| {
        b.iter(|| verify_ndjson(&file[..], key, None).unwrap());
    });
    group.bench_function("verify 100 000 in memory", |b| {
        b.iter(|| log.verify(None).unwrap());
    });
    group.finish();
}

criterion_group!(benches, append, pieces, reading);
criterion_main!(benches);
