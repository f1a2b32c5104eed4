//! The whole decision beside a naive stack that does the same with mutexed maps and `SQLite`: in one process, in turns, medians against the bars that were set.
//!
//! `cargo xtask bench stack`. What the machine has too few cores for is left out by name. Each operation is timed by itself, so that a clock is read twice in
//! each figure. The durable rows are written below cargo's target directory and, where there is one, on the memory disk `/dev/shm`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use security_bundle::operator::OperatorRequest;
use security_bundle::{
    Action, Amounts, BudgetSpec, Guard, OperatorLine, Seat, SecurityStack, SecurityStackConfig,
    TrustLevel, Usage, consent, create_security_stack, trust_gate,
};

/// So many agents, each with a level, a consent and a budget of its own.
const AGENTS: usize = 4;
/// Those who wait for the disk together.
const TASKS: usize = 64;

/// How much is done: a little when the benchmark is only to run once, as in CI.
struct Scale {
    cores: usize,
    rounds: usize,
    round: Duration,
    requests: usize,
}

fn main() {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut scale = Scale {
        cores,
        rounds: 1,
        round: Duration::from_millis(2),
        requests: 3,
    };
    if std::env::args().any(|argument| argument == "--bench") {
        scale.rounds = 7;
        scale.round = Duration::from_millis(400);
        scale.requests = 1_000;
    }
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{cores} cores; load average {}", load.trim());
    println!(
        "| what | where | at once | naive p50 / p99 | naive per second | ours p50 / p99 | ours per second | ratio | bar | |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    if is_wanted("stack/memory") {
        memory(&scale);
    }
    for disk in disks() {
        if is_wanted("stack/durable") {
            durable(&scale, &disk);
        }
        if is_wanted("stack/control") {
            control(&scale, &disk);
        }
    }
}

/// A directory that is durable, and one that pretends to be.
fn disks() -> Vec<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let memory = PathBuf::from("/dev/shm");
    let mut disks = vec![target];
    if memory.is_dir() {
        disks.push(memory);
    }
    disks
}

fn memory(scale: &Scale) {
    let naive = Naive::open(None);
    let ours = Ours::open(None);
    for threads in [1, AGENTS] {
        let bar = Some(if threads == 1 {
            Bar::Median(1_500.0)
        } else {
            Bar::PerSecond(2e6)
        });
        compare(
            scale,
            "evaluate",
            "memory",
            threads,
            bar,
            &|at| naive.evaluate(at),
            &|at| ours.evaluate(at),
        );
        compare(
            scale,
            "authorize + settle",
            "memory",
            threads,
            bar,
            &|at| naive.call(at),
            &|at| ours.call(at),
        );
    }
}

fn durable(scale: &Scale, disk: &Path) {
    let place = disk.display().to_string();
    let dir = tempfile::tempdir_in(disk).unwrap();
    let naive = Naive::open(Some(&dir.path().join("naive.sqlite")));
    let ours = Ours::open(Some(dir.path().join("ours")));
    for threads in [1, AGENTS] {
        compare(
            scale,
            "evaluate",
            &place,
            threads,
            None,
            &|at| naive.evaluate(at),
            &|at| ours.evaluate(at),
        );
        compare(
            scale,
            "authorize + settle",
            &place,
            threads,
            None,
            &|at| naive.call(at),
            &|at| ours.call(at),
        );
    }
    // A mutex and a database that block their thread gain nothing by tasks: the naive figures stand above.
    let bar = Bar::PerSecond(200_000.0);
    let evaluated = ours.tasks(scale, |guard, action| async move {
        assert!(guard.evaluate(&action).await.allowed());
    });
    row(
        "evaluate, 64 tasks on 4 threads",
        &place,
        TASKS,
        None,
        &evaluated,
        Some(bar),
    );
    let called = ours.tasks(scale, |guard, action| async move {
        let permit = guard.authorize(&action).await.unwrap();
        permit.settle(Usage::default()).await.unwrap();
    });
    row(
        "authorize + settle, 64 tasks on 4 threads",
        &place,
        TASKS,
        None,
        &called,
        Some(bar),
    );
}

/// What those who joined wait for, and how soon an operator's word is in force.
fn control(scale: &Scale, disk: &Path) {
    let place = disk.display().to_string();
    let dir = tempfile::tempdir_in(disk).unwrap();
    let seat = || Seat::take(config(Some(dir.path().join("shared")))).unwrap();
    let (owner, joined) = (seat(), seat());
    assert!(owner.is_owner() && !joined.is_owner());
    let guard = joined.guard();
    let asked = action(&guard, 0);
    let mut evaluated = Vec::new();
    let mut called = Vec::new();
    for _ in 0..scale.requests {
        evaluated.push(timed(|| assert!(guard.evaluate_sync(&asked).allowed())));
        called.push(timed(|| {
            let permit = guard.authorize_blocking(&asked).unwrap();
            permit.settle_blocking(Usage::default()).unwrap();
        }));
    }
    let line = OperatorLine::connect(dir.path().join("shared"), "bench").unwrap();
    let assign = request(
        r#"{"trust":{"assign":{"agent":"agent-0","level":"L3","by":"ops@example.com","reason":""}}}"#,
    );
    let revoke =
        request(r#"{"trust":{"revoke":{"agent":"agent-0","by":"ops@example.com","reason":""}}}"#);
    let mut revoked = Vec::new();
    for _ in 0..scale.requests {
        drop(line.perform(&assign).unwrap());
        revoked.push(timed(|| drop(line.perform(&revoke).unwrap())));
        assert!(!guard.preview(&asked).allowed());
    }
    let one = |samples| Measured::of(vec![(samples, f64::NAN)]);
    row("evaluate, joined", &place, 1, None, &one(evaluated), None);
    row(
        "authorize + settle, joined",
        &place,
        1,
        None,
        &one(called),
        None,
    );
    row(
        "revoke over the socket",
        &place,
        1,
        None,
        &one(revoked),
        Some(Bar::Median(1e6)),
    );
}

fn request(text: &str) -> OperatorRequest {
    serde_json::from_str(text).unwrap()
}

fn timed(work: impl FnOnce()) -> u64 {
    let begun = Instant::now();
    work();
    nanos(begun.elapsed())
}

fn nanos(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

/// Ours: the stack, and one action for each agent.
struct Ours {
    stack: SecurityStack,
    actions: Vec<Action>,
}

fn name(agent: usize) -> String {
    format!("agent-{agent}")
}

fn config(directory: Option<PathBuf>) -> SecurityStackConfig {
    let mut config = SecurityStackConfig {
        data_dir: directory,
        ..SecurityStackConfig::default()
    };
    if config.data_dir.is_none() {
        config.audit.max_records = Some(10_000);
    }
    for agent in (0..AGENTS).map(name) {
        config.assignments.push(trust_gate::Grant::new(
            agent.parse().unwrap(),
            TrustLevel::ActWithApproval,
            "ops@example.com".parse().unwrap(),
        ));
        config.grants.push(consent::Grant::new(
            agent.parse().unwrap(),
            "user_profile".parse().unwrap(),
            "personalisation".parse().unwrap(),
            "admin@example.com".parse().unwrap(),
        ));
        config
            .budgets
            .push(BudgetSpec::new(agent.parse().unwrap()).cost("1000000000".parse().unwrap()));
    }
    config
}

fn action(guard: &Guard, agent: usize) -> Action {
    let agent = name(agent);
    guard
        .action(&agent)
        .required_level(TrustLevel::Suggest)
        .budget(&agent, Amounts::default().cost("0.0001".parse().unwrap()))
        .data("user_profile", "personalisation")
        .action_type("llm_completion")
        .build()
        .unwrap()
}

impl Ours {
    fn open(directory: Option<PathBuf>) -> Self {
        let stack = create_security_stack(config(directory)).unwrap();
        let guard = stack.guard();
        let actions = (0..AGENTS).map(|agent| action(&guard, agent)).collect();
        Self { stack, actions }
    }

    fn evaluate(&self, agent: usize) {
        assert!(self.stack.evaluate_sync(&self.actions[agent]).allowed());
    }

    fn call(&self, agent: usize) {
        let permit = self
            .stack
            .guard()
            .authorize_blocking(&self.actions[agent])
            .unwrap();
        permit.settle_blocking(Usage::default()).unwrap();
    }

    /// As many tasks as there are to share a sync, on as many threads as there are agents.
    fn tasks<F>(
        &self,
        scale: &Scale,
        work: impl Fn(Guard, Action) -> F + Copy + Send + 'static,
    ) -> Measured
    where
        F: Future<Output = ()> + Send,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(AGENTS.min(scale.cores))
            .build()
            .unwrap();
        let mut rounds = Vec::new();
        for _ in 0..scale.rounds {
            let begun = Instant::now();
            let end = begun + scale.round;
            let tasks: Vec<_> = (0..TASKS)
                .map(|task| {
                    let guard = self.stack.guard();
                    let action = self.actions[task % AGENTS].clone();
                    runtime.spawn(async move {
                        let mut samples = Vec::new();
                        let mut last = Instant::now();
                        while last < end {
                            work(guard.clone(), action.clone()).await;
                            let now = Instant::now();
                            samples.push(nanos(now - last));
                            last = now;
                        }
                        samples
                    })
                })
                .collect();
            let samples = runtime.block_on(async {
                let mut all = Vec::new();
                for task in tasks {
                    all.extend(task.await.unwrap());
                }
                all
            });
            let per_second = samples.len() as f64 / begun.elapsed().as_secs_f64();
            rounds.push((samples, per_second));
        }
        Measured::of(rounds)
    }
}

/// What somebody writes in an afternoon: a map for each question, and a row for each answer.
struct Naive {
    levels: Mutex<HashMap<String, u8>>,
    consents: Mutex<HashSet<(String, String, String)>>,
    /// What is left of each budget, and what is held of it.
    budgets: Mutex<HashMap<String, (i64, i64)>>,
    log: Mutex<Connection>,
    next: AtomicU64,
}

impl Naive {
    const COST: i64 = 100_000;

    fn open(file: Option<&Path>) -> Self {
        let log = match file {
            None => Connection::open_in_memory(),
            Some(file) => Connection::open(file),
        };
        let log = log.unwrap();
        if file.is_some() {
            log.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
                .unwrap();
        }
        log.execute_batch(
            "CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER, agent TEXT, kind TEXT, of INTEGER, body TEXT);
             CREATE INDEX by_agent ON audit (agent, at);",
        )
        .unwrap();
        let agents = || (0..AGENTS).map(name);
        let consents = agents().map(|agent| {
            (
                agent,
                "user_profile".to_owned(),
                "personalisation".to_owned(),
            )
        });
        Self {
            levels: Mutex::new(agents().map(|agent| (agent, 3)).collect()),
            consents: Mutex::new(consents.collect()),
            budgets: Mutex::new(agents().map(|agent| (agent, (i64::MAX / 2, 0))).collect()),
            log: Mutex::new(log),
            next: AtomicU64::new(1),
        }
    }

    fn evaluate(&self, agent: usize) {
        let agent = name(agent);
        assert!(self.permits(&agent));
        let (left, _) = self.budgets.lock().unwrap()[&agent];
        assert!(left >= Self::COST);
        self.write(&agent, "decision", None);
    }

    fn call(&self, agent: usize) {
        let agent = name(agent);
        assert!(self.permits(&agent));
        {
            let mut budgets = self.budgets.lock().unwrap();
            let (left, held) = budgets.get_mut(&agent).unwrap();
            assert!(*left >= Self::COST);
            *left -= Self::COST;
            *held += Self::COST;
        }
        let id = self.write(&agent, "decision", None);
        self.budgets.lock().unwrap().get_mut(&agent).unwrap().1 -= Self::COST;
        self.write(&agent, "outcome", Some(id));
    }

    fn permits(&self, agent: &str) -> bool {
        let level = self.levels.lock().unwrap()[agent];
        let wanted = (
            agent.to_owned(),
            "user_profile".to_owned(),
            "personalisation".to_owned(),
        );
        level >= 2 && self.consents.lock().unwrap().contains(&wanted)
    }

    /// One transaction a decision.
    fn write(&self, agent: &str, kind: &str, of: Option<i64>) -> i64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed).cast_signed();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let body = serde_json::json!({
            "action": {"name": "action", "action_type": "llm_completion"},
            "budget": {"code": "within_budget", "charges": [{"amount": Self::COST, "budget": agent, "unit": "nano_usd"}]},
            "consent": {"code": "granted", "data_types": ["user_profile"], "purpose": "personalisation"},
            "trust": {"code": "sufficient", "effective": 3, "required": 2},
        });
        let log = self.log.lock().unwrap();
        let mut insert = log
            .prepare_cached(
                "INSERT INTO audit (id, at, agent, kind, of, body) VALUES (?, ?, ?, ?, ?, ?)",
            )
            .unwrap();
        insert
            .execute(params![
                id,
                nanos(at).cast_signed(),
                agent,
                kind,
                of,
                body.to_string()
            ])
            .unwrap();
        id
    }
}

/// Both, in turns.
fn compare(
    scale: &Scale,
    what: &str,
    place: &str,
    threads: usize,
    bar: Option<Bar>,
    naive: &(impl Fn(usize) + Sync),
    ours: &(impl Fn(usize) + Sync),
) {
    if scale.cores < threads {
        println!("| {what} | {place} | {threads} | | | | | | | left out: too few cores |");
        return;
    }
    let (mut theirs, mut own) = (Vec::new(), Vec::new());
    // Once unmeasured, for caches to fill and files to grow.
    for round in 0..=scale.rounds {
        let beside = round_of(scale, threads, naive);
        let measured = round_of(scale, threads, ours);
        if round > 0 {
            theirs.push(beside);
            own.push(measured);
        }
    }
    let theirs = Measured::of(theirs);
    row(what, place, threads, Some(&theirs), &Measured::of(own), bar);
}

/// How long each operation took, and how many there were in a second over all threads.
fn round_of(scale: &Scale, threads: usize, work: &(impl Fn(usize) + Sync)) -> (Vec<u64>, f64) {
    let barrier = Barrier::new(threads);
    let run = |thread: usize| {
        let mut samples = Vec::with_capacity(1 << 18);
        barrier.wait();
        let begun = Instant::now();
        let end = begun + scale.round;
        let mut last = begun;
        while last < end {
            work(thread);
            let now = Instant::now();
            samples.push(nanos(now - last));
            last = now;
        }
        let per_second = samples.len() as f64 / (last - begun).as_secs_f64();
        (samples, per_second)
    };
    let run = &run;
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(thread)))
            .collect();
        let mut all = Vec::new();
        let mut sum = 0.0;
        for thread in running {
            let (samples, per_second) = thread.join().unwrap();
            all.extend(samples);
            sum += per_second;
        }
        (all, sum)
    })
}

/// Percentiles over all rounds, and the throughput of the median round.
struct Measured {
    p50: f64,
    p99: f64,
    per_second: f64,
}

impl Measured {
    fn of(rounds: Vec<(Vec<u64>, f64)>) -> Self {
        let (samples, mut throughputs): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
        let mut samples = samples.concat();
        samples.sort_unstable();
        throughputs.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            samples
                .get(samples.len() * percent / 100)
                .map_or(f64::NAN, |nanos| *nanos as f64)
        };
        Self {
            p50: at(50),
            p99: at(99),
            per_second: throughputs
                .get(throughputs.len() / 2)
                .copied()
                .unwrap_or(f64::NAN),
        }
    }
}

#[derive(Clone, Copy)]
enum Bar {
    /// At most so many nanoseconds, in the median.
    Median(f64),
    PerSecond(f64),
}

fn row(
    what: &str,
    place: &str,
    at_once: usize,
    naive: Option<&Measured>,
    ours: &Measured,
    bar: Option<Bar>,
) {
    let rate = |per_second: f64| {
        if per_second.is_nan() {
            String::new()
        } else {
            format!("{per_second:.0}")
        }
    };
    let latency =
        |measured: &Measured| format!("{} / {}", shown(measured.p50), shown(measured.p99));
    let (bar, verdict) = match bar {
        None => (String::new(), ""),
        Some(Bar::Median(most)) => (format!("p50 ≤ {}", shown(most)), verdict(ours.p50 <= most)),
        Some(Bar::PerSecond(least)) => {
            (format!("≥ {least:.0}/s"), verdict(ours.per_second >= least))
        }
    };
    let (beside, beside_rate, ratio) = match naive {
        None => (String::new(), String::new(), String::new()),
        Some(naive) => (
            latency(naive),
            rate(naive.per_second),
            format!("{:.2} ×", ours.per_second / naive.per_second),
        ),
    };
    println!(
        "| {what} | {place} | {at_once} | {beside} | {beside_rate} | {} | {} | {ratio} | {bar} | {verdict} |",
        latency(ours),
        rate(ours.per_second)
    );
}

fn shown(nanos: f64) -> String {
    if nanos < 10_000.0 {
        format!("{nanos:.0} ns")
    } else if nanos < 1e6 {
        format!("{:.1} µs", nanos / 1e3)
    } else {
        format!("{:.2} ms", nanos / 1e6)
    }
}

const fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "**not met**" }
}
