//! Budgets beside what they are compared with: in one process, in turns, as ratios of medians, against the bars that were set.
//!
//! `cargo xtask bench budget`. What the machine has too few cores for is left out by name. Times are wall time per operation of each thread.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use budget_enforcer::{
    Amounts, BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetId, BudgetPath, BudgetSpec,
    Charge, Floor, Meter, SessionId, Usd,
};
use governor::{Quota, RateLimiter};
use jiff::Timestamp;
use tollgate_core::{
    AccountId, CommitFunding, CostUnits, FencingToken, LeaseGrant, LeaseId, LocalLease, Reservation,
};

/// One part of the table.
type Section = fn(&Scale);

/// How much is done: a little when the benchmark is only to run once, as in CI.
struct Scale {
    cores: usize,
    rounds: usize,
    /// Operations of each thread in a round: about a millisecond, so that most rounds of a busy machine are not interrupted.
    batch: u64,
    /// The same, of operations of some hundred nanoseconds.
    slow_batch: u64,
    /// Spends of each of 64 threads.
    rush: u64,
    sessions: u64,
}

fn main() {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let scale = if std::env::args().any(|argument| argument == "--bench") {
        Scale {
            cores,
            rounds: 101,
            batch: 100_000,
            slow_batch: 3_000,
            rush: 1_000_000,
            sessions: 1_000_000,
        }
    } else {
        Scale {
            cores,
            rounds: 1,
            batch: 500,
            slow_batch: 500,
            rush: 500,
            sessions: 500,
        }
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{cores} cores; load average {}; medians", load.trim());
    println!("| what | threads | beside | ours | ratio | bar | |");
    println!("|---|---|---|---|---|---|---|");
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    // Memory first, while nothing else has left holes in it.
    let sections: [(&str, Section); 6] = [
        ("budget/sessions", sessions),
        ("budget/spend", spend),
        ("budget/scaling", scaling),
        ("budget/refusal", refusal),
        ("budget/rush", rush),
        ("budget/levels", levels),
    ];
    for (name, section) in sections {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            section(&scale);
        }
    }
}

/// The ledgers to show: none, and that of the default.
fn ledgers() -> [(&'static str, usize); 2] {
    let default = BudgetEnforcerConfig::default().max_transactions;
    [("no ledger", 0), ("default ledger", default)]
}

fn enforcer(rows: usize) -> (BudgetEnforcer, BudgetAdmin) {
    let config = BudgetEnforcerConfig {
        max_transactions: rows,
        ..BudgetEnforcerConfig::default()
    };
    BudgetEnforcer::builder().config(config).build().unwrap()
}

/// A meter of single calls on an envelope with that limit. Its enforcer lives in it.
fn hot(rows: usize, limit: u64) -> Meter {
    let (budget, admin) = enforcer(rows);
    let id: BudgetId = "hot".parse().unwrap();
    let spec = BudgetSpec::new(id.clone()).calls(limit);
    admin.create_budget(spec).unwrap();
    budget.meter(&Charge::budget(&id).calls(1)).unwrap()
}

/// Envelopes below each other, and the path of the lowest, charged in three dimensions.
fn tree(rows: usize, names: &[&str]) -> (BudgetEnforcer, BudgetPath) {
    let (budget, admin) = enforcer(rows);
    let ids: Vec<BudgetId> = names.iter().map(|name| name.parse().unwrap()).collect();
    for (level, id) in ids.iter().enumerate() {
        let spec = BudgetSpec::new(id.clone())
            .tokens(u64::MAX / 2)
            .calls(u64::MAX / 2)
            .cost(Usd::from_nanos(u64::MAX / 2));
        let parent = level.checked_sub(1).map(|above| ids[above].clone());
        admin
            .create_budget(match parent {
                Some(parent) => spec.parent(parent),
                None => spec,
            })
            .unwrap();
    }
    let lowest = ids.last().unwrap();
    let charge = Charge::budget(lowest)
        .calls(1)
        .tokens(500)
        .cost(Usd::from_nanos(1_000));
    let path = budget.resolve(&charge).unwrap();
    (budget, path)
}

const LEVELS: [&str; 5] = ["org", "team", "group", "agent", "tool"];

fn hold_and_settle(budget: &BudgetEnforcer, path: &BudgetPath) {
    let running = budget.reserve_path_and_start(path, Floor::Hold).unwrap();
    let used = Amounts::NONE.tokens(420);
    black_box(running.settle(used).unwrap());
}

fn lease() -> (Arc<LocalLease>, Timestamp) {
    let now = Timestamp::from_second(1_755_600_000).unwrap();
    let grant = LeaseGrant {
        lease_id: LeaseId(1),
        account_id: AccountId(1),
        fencing_token: FencingToken(1),
        units: CostUnits(u64::MAX / 4),
        expires_at: Timestamp::from_second(1_755_700_000).unwrap(),
    };
    (Arc::new(LocalLease::new(grant, CostUnits(10))), now)
}

fn spend(scale: &Scale) {
    let second = Quota::per_second(NonZeroU32::new(1_000_000_000).unwrap());
    let governor = RateLimiter::direct(second.allow_burst(NonZeroU32::MAX));
    for (ledger, rows) in ledgers() {
        let meter = hot(rows, u64::MAX / 2);
        for (threads, bar) in [(1, Some(0.5)), (2, None), (4, Some(0.12))] {
            let what = format!("spend on one hot envelope, beside governor direct ({ledger})");
            if !scale.has_room(&what, threads) {
                continue;
            }
            let (beside, ours) = in_turns(
                scale.rounds,
                threads,
                scale.batch,
                || governor.check().unwrap(),
                || meter.spend(1).unwrap(),
            );
            row(&what, threads, beside, ours, bar);
        }
    }
}

/// One thread stands where the rival does: four should take as long for an operation, each.
fn scaling(scale: &Scale) {
    let (_, rows) = ledgers()[1];
    let meter = hot(rows, u64::MAX / 2);
    alone_and_four(scale, "one envelope, spend", scale.batch, || {
        meter.spend(1).unwrap();
    });
    for (ledger, rows) in ledgers() {
        let (budget, path) = tree(rows, &LEVELS[..1]);
        let what = format!("one envelope, hold and settle ({ledger})");
        alone_and_four(scale, &what, scale.slow_batch, || {
            hold_and_settle(&budget, &path);
        });
    }
}

fn alone_and_four(scale: &Scale, what: &str, batch: u64, work: impl Fn() + Sync) {
    if !scale.has_room(what, 4) {
        return;
    }
    let (mut one, mut four) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        one.push(timed(1, batch, &work));
        four.push(timed(4, batch, &work));
    }
    let (one, four) = (median(one), median(four));
    let throughput = 4.0 * one / four;
    let verdict = verdict(throughput >= 3.0);
    println!(
        "| {what}, beside one thread | 4 | {} | {} | {throughput:.2} × the throughput | ≥ 3 | {verdict} |",
        shown(one),
        shown(four)
    );
}

fn refusal(scale: &Scale) {
    let word = AtomicU64::new(7);
    let meter = hot(0, 1);
    meter.spend(1).unwrap();
    let (budget, admin) = enforcer(0);
    let id: BudgetId = "spent".parse().unwrap();
    let spec = BudgetSpec::new(id.clone()).calls(0);
    admin.create_budget(spec).unwrap();
    let path = budget.resolve(&Charge::budget(&id).calls(1)).unwrap();
    let load = || {
        black_box(word.load(Ordering::Acquire));
    };
    for threads in [1, 2, 4] {
        if !scale.has_room("refusal when exhausted", threads) {
            continue;
        }
        let (beside, ours) = in_turns(scale.rounds, threads, scale.batch, load, || {
            black_box(meter.spend(1)).unwrap_err();
        });
        let what = "refusal of a spend when exhausted, beside an atomic load";
        row(what, threads, beside, ours, Some(10.0));
        let (beside, ours) = in_turns(scale.rounds, threads, scale.slow_batch, load, || {
            drop(black_box(budget.reserve_path(&path)).unwrap_err());
        });
        let what = "refusal of a hold, with its figures, beside an atomic load";
        row(what, threads, beside, ours, None);
    }
}

/// 64 threads that want more than there is.
fn rush(scale: &Scale) {
    const THREADS: u64 = 64;
    let limit = THREADS * scale.rush * 5 / 8;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds.div_ceil(20) {
        let (accepted, left) = (AtomicU64::new(0), AtomicU64::new(limit));
        bare.push(rushed(scale.rush, &accepted, || {
            let take = |left: u64| left.checked_sub(1);
            let order = Ordering::AcqRel;
            left.fetch_update(order, Ordering::Relaxed, take).is_ok()
        }));
        assert_eq!(accepted.into_inner(), limit);
        let (accepted, meter) = (AtomicU64::new(0), hot(0, limit));
        ours.push(rushed(scale.rush, &accepted, || meter.spend(1).is_ok()));
        assert_eq!(accepted.into_inner(), limit);
    }
    let what = format!(
        "64 threads × {} spends, exactly {limit} accepted, beside one compare-and-swap counter (ns per spend overall)",
        scale.rush
    );
    row(&what, 64, median(bare), median(ours), Some(1.0));
}

/// The time per spend while 64 threads spend. Counts what was accepted.
fn rushed(spends: u64, accepted: &AtomicU64, spend: impl Fn() -> bool + Sync) -> f64 {
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let own = (0..spends).filter(|_| spend()).count();
                accepted.fetch_add(own as u64, Ordering::Relaxed);
            });
        }
    });
    nanos(started.elapsed(), 64 * spends)
}

fn levels(scale: &Scale) {
    let (lease, now) = lease();
    let pair = || {
        let reservation = Reservation::reserve(&lease, CostUnits(21), now).unwrap();
        let charged = reservation.commit_at_execution_start(now, CommitFunding::LeaseOnly);
        black_box(charged.unwrap());
    };
    for (ledger, rows) in ledgers() {
        let (budget, path) = tree(rows, &LEVELS);
        for (threads, bar) in [(1, Some(2.0)), (2, None), (4, Some(0.4))] {
            let what = format!(
                "5 levels × 3 dimensions, hold and settle, beside tollgate-core's pair of one ({ledger})"
            );
            if !scale.has_room(&what, threads) {
                continue;
            }
            let (beside, ours) = in_turns(scale.rounds, threads, scale.slow_batch, pair, || {
                hold_and_settle(&budget, &path);
            });
            row(&what, threads, beside, ours, bar);
        }
        let (beside, ours) = in_turns(scale.rounds, 1, scale.slow_batch, pair, || {
            let running = budget.reserve_path(&path).unwrap();
            let running = running.start(Floor::Hold).unwrap();
            let used = Amounts::NONE.tokens(420);
            black_box(running.settle(used).unwrap());
        });
        let what = format!("the same, with the start as a step of its own ({ledger})");
        row(&what, 1, beside, ours, None);
    }
}

fn sessions(scale: &Scale) {
    let config = BudgetEnforcerConfig {
        max_sessions: scale.sessions as usize,
        max_transactions: 0,
        ..BudgetEnforcerConfig::per_session().tokens(1_000).calls(10)
    };
    let (budget, _admin) = BudgetEnforcer::builder().config(config).build().unwrap();
    let ids: Vec<SessionId> = (0..scale.sessions)
        .map(|number| format!("session-{number:012}").parse().unwrap())
        .collect();
    let Some(before) = resident() else {
        println!("| bytes of a session: left out, for memory is not told here | | | | | | |");
        return;
    };
    for id in &ids {
        budget.record_spending(id, 1).unwrap();
    }
    let grown = resident().unwrap_or(before).saturating_sub(before);
    // Ids are shared with `ids`, and so not counted.
    let bytes = grown as f64 / scale.sessions as f64;
    // A few sessions are less than a page.
    let verdict = verdict(bytes <= 250.0 || scale.sessions < 1_000_000);
    println!(
        "| bytes of a session, of {} with ids of 20 bytes kept by the caller | 1 | | {bytes:.0} | | ≤ 250 | {verdict} |",
        scale.sessions
    );
}

/// The memory of this process, in bytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// The medians of both, which take turns.
fn in_turns(
    rounds: usize,
    threads: usize,
    batch: u64,
    beside: impl Fn() + Sync,
    ours: impl Fn() + Sync,
) -> (f64, f64) {
    let (mut theirs, mut own) = (Vec::new(), Vec::new());
    // Once unmeasured, for tables to grow and threads to get in each other's way.
    for round in 0..=rounds {
        let took = (timed(threads, batch, &beside), timed(threads, batch, &ours));
        if round > 0 {
            theirs.push(took.0);
            own.push(took.1);
        }
    }
    (median(theirs), median(own))
}

/// The time per operation of each of so many threads that do the same at once.
fn timed(threads: usize, batch: u64, work: &(impl Fn() + Sync)) -> f64 {
    let barrier = Barrier::new(threads);
    let run = || {
        barrier.wait();
        let started = Instant::now();
        for _ in 0..batch {
            work();
        }
        started.elapsed()
    };
    let took = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let took = threads.into_iter().map(|thread| thread.join().unwrap());
        took.max().unwrap_or_default()
    });
    nanos(took, batch)
}

fn nanos(took: Duration, operations: u64) -> f64 {
    took.as_nanos() as f64 / operations as f64
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn shown(nanos: f64) -> String {
    if nanos < 10.0 {
        format!("{nanos:.1} ns")
    } else {
        format!("{nanos:.0} ns")
    }
}

fn row(what: &str, threads: usize, beside: f64, ours: f64, bar: Option<f64>) {
    let ratio = ours / beside;
    let (bar, verdict) = match bar {
        Some(bar) => (format!("≤ {bar}"), verdict(ratio <= bar)),
        None => (String::new(), ""),
    };
    println!(
        "| {what} | {threads} | {} | {} | {ratio:.2} | {bar} | {verdict} |",
        shown(beside),
        shown(ours)
    );
}

const fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "**not met**" }
}

impl Scale {
    /// Whether so many threads can run at once. Where not, says that `what` is left out.
    fn has_room(&self, what: &str, threads: usize) -> bool {
        let has_room = self.cores >= threads;
        if !has_room {
            println!("| {what} | {threads} | | | | | left out: too few cores |");
        }
        has_room
    }
}
