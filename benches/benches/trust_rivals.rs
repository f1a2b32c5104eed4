//! Trust and consent beside what they are compared with: in one process, in turns, medians against the bars that were set.
//!
//! `cargo xtask bench trust`. What the machine has too few cores for is left out by name. Times are wall time per check of each thread.
//! That a check allocates nothing is a test of each crate, for counting would slow the rival down.

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use consent::{ConsentGate, ConsentLedger, ConsentQuery};
use trust_gate::{
    AgentId, Clock, Grant, OperatorId, Scope, SystemClock, ToolPolicy, ToolRequest, TrustAdmin,
    TrustGate, TrustGateConfig, TrustLevel,
};

/// The six rules: a tool, and the lowest level that may call it.
const RULES: [(&str, TrustLevel); 6] = [
    ("get_time", TrustLevel::Observer),
    ("read_calendar", TrustLevel::Monitor),
    ("read_orders", TrustLevel::Suggest),
    ("send_letter", TrustLevel::ActWithApproval),
    ("refund", TrustLevel::ActAndReport),
    ("close_account", TrustLevel::Autonomous),
];
/// The tool that the measured checks ask for, and the level of every agent.
const ASKED: &str = "read_orders";
const LEVEL: TrustLevel = TrustLevel::ActWithApproval;

/// One part of the table.
type Section = fn(&Scale);

/// How much is done: a little when the benchmark is only to run once, as in CI.
struct Scale {
    cores: usize,
    rounds: usize,
    /// Checks of each thread in a round: about a millisecond, so that most rounds of a busy machine are not interrupted.
    batch: usize,
    /// The same, of the rival's.
    slow_batch: usize,
    agents: usize,
    revocations: usize,
}

fn main() {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let scale = if std::env::args().any(|argument| argument == "--bench") {
        Scale {
            cores,
            rounds: 101,
            batch: 20_000,
            slow_batch: 500,
            agents: 10_000,
            revocations: 1_001,
        }
    } else {
        Scale {
            cores,
            rounds: 1,
            batch: 100,
            slow_batch: 10,
            agents: 100,
            revocations: 3,
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
    let sections: [(&str, Section); 5] = [
        ("trust/hot", hot),
        ("trust/scaling", scaling),
        ("trust/cedar", cedar),
        ("trust/revoke", revoke),
        ("consent/hot", consent_hot),
    ];
    for (name, section) in sections {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            section(&scale);
        }
    }
}

fn ops() -> OperatorId {
    "ops@example.com".parse().unwrap()
}

fn agent(number: usize) -> AgentId {
    format!("agent-{number}").parse().unwrap()
}

fn ask(number: usize, tool: &str) -> ToolRequest {
    ToolRequest::new(agent(number), tool.parse().unwrap())
}

/// A gate with the six rules, and so many agents.
fn house(clock: impl Clock, agents: usize) -> (TrustGate, TrustAdmin) {
    let rule = |(tool, level): (&str, _)| ToolPolicy::ordinal(tool.parse().unwrap(), level);
    let config = TrustGateConfig {
        tools: RULES.map(rule).into(),
        ..TrustGateConfig::default()
    };
    let builder = TrustGate::builder().config(config).clock(clock);
    let (gate, admin) = builder.build().unwrap();
    for number in 0..agents {
        let grant = Grant::new(agent(number), LEVEL, ops());
        admin.assign(grant).unwrap();
    }
    (gate, admin)
}

/// The same agents, levels and rules as Cedar has them.
struct Rival {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
}

impl Rival {
    fn new(agents: usize) -> Self {
        let rule = |(tool, level): (&str, TrustLevel)| {
            format!(
                "permit(principal, action == Action::\"call\", resource == Tool::\"{tool}\") when {{ principal.level >= {} }};",
                level.as_u8()
            )
        };
        let policies = RULES.map(rule).concat().parse().unwrap();
        let entities = (0..agents).map(|number| {
            let level = RestrictedExpression::new_long(LEVEL.as_u8().into());
            let attributes = HashMap::from([("level".to_owned(), level)]);
            Entity::new(principal(number), attributes, HashSet::new()).unwrap()
        });
        Self {
            authorizer: Authorizer::new(),
            policies,
            entities: Entities::from_entities(entities, None).unwrap(),
        }
    }

    fn permits(&self, request: &Request) -> bool {
        let answer = self
            .authorizer
            .is_authorized(request, &self.policies, &self.entities);
        answer.decision() == Decision::Allow
    }
}

fn principal(number: usize) -> EntityUid {
    format!("Agent::\"agent-{number}\"").parse().unwrap()
}

fn ask_rival(number: usize, tool: &str) -> Request {
    let action = "Action::\"call\"".parse().unwrap();
    let tool = format!("Tool::\"{tool}\"").parse().unwrap();
    Request::new(principal(number), action, tool, Context::empty(), None).unwrap()
}

/// Places in a list of so many, in no order that a processor could foresee.
fn shuffled(of: usize, count: usize) -> Vec<usize> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % of
    };
    (0..count).map(|_| next()).collect()
}

fn hot(scale: &Scale) {
    let clock = SystemClock::new();
    let wall = clock.now();
    let (gate, _admin) = house(clock, 1);
    let (request, agent, root) = (ask(0, ASKED), agent(0), Scope::root());
    let checked = median_of(scale, |_, _| {
        assert!(black_box(gate.check(&request)).allowed());
    });
    alone("trust check, system clock", checked, Some(60.0));
    let checked = median_of(scale, |_, _| {
        assert!(black_box(gate.check_at(&request, wall)).allowed());
    });
    alone("trust check, time given", checked, Some(60.0));
    let checked = median_of(scale, |_, _| {
        assert!(black_box(gate.check_level(&agent, &root, LEVEL)).allowed());
    });
    let what = "trust check of a level alone, system clock";
    alone(what, checked, Some(60.0));
    let read = median_of(scale, |_, _| {
        black_box(SystemTime::now());
    });
    alone("reading the system clock once", read, None);
    let (gate, _admin) = house(clock, scale.agents);
    let requests: Vec<_> = (0..scale.agents).map(|number| ask(number, ASKED)).collect();
    let order = shuffled(scale.agents, scale.batch);
    let what = format!("trust check, a random one of {} agents", scale.agents);
    let checked = median_of(scale, |_, turn| {
        assert!(black_box(gate.check(&requests[order[turn]])).allowed());
    });
    let system = format!("{what}, system clock");
    alone(&system, checked, Some(150.0));
    let checked = median_of(scale, |_, turn| {
        assert!(black_box(gate.check_at(&requests[order[turn]], wall)).allowed());
    });
    alone(&format!("{what}, time given"), checked, Some(150.0));
}

/// One thread stands where the rival does: four should take as long for a check, each.
fn scaling(scale: &Scale) {
    let (gate, _admin) = house(SystemClock::new(), 4);
    let requests = [0, 1, 2, 3].map(|number| ask(number, ASKED));
    alone_and_four(
        scale,
        "trust check, each thread its own agent",
        |thread, _| {
            assert!(black_box(gate.check(&requests[thread])).allowed());
        },
    );
    alone_and_four(scale, "trust check, all threads one request", |_, _| {
        assert!(black_box(gate.check(&requests[0])).allowed());
    });
}

fn alone_and_four(scale: &Scale, what: &str, check: impl Fn(usize, usize) + Sync) {
    if !scale.has_room(what, 4) {
        return;
    }
    let (mut one, mut four) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        one.push(timed(1, scale.batch, &check));
        four.push(timed(4, scale.batch, &check));
    }
    let (one, four) = (median(one), median(four));
    let throughput = 4.0 * one / four;
    let verdict = verdict(throughput >= 3.5);
    println!(
        "| {what}, beside one thread | 4 | {} | {} | {throughput:.2} × the throughput | ≥ 3.5 | {verdict} |",
        shown(one),
        shown(four)
    );
}

fn cedar(scale: &Scale) {
    let (gate, _admin) = house(SystemClock::new(), scale.agents);
    let rival = Rival::new(scale.agents);
    for (tool, level) in RULES {
        let expected = level <= LEVEL;
        assert_eq!(gate.check(&ask(1, tool)).allowed(), expected, "{tool}");
        assert_eq!(rival.permits(&ask_rival(1, tool)), expected, "{tool}");
    }
    let ours: Vec<_> = (0..scale.agents).map(|number| ask(number, ASKED)).collect();
    let theirs: Vec<_> = (0..scale.agents)
        .map(|number| ask_rival(number, ASKED))
        .collect();
    let order = shuffled(scale.agents, scale.slow_batch);
    for threads in [1, 4] {
        let what = "six rules, one agent, beside cedar-policy";
        if scale.has_room(what, threads) {
            let (beside, own) = in_turns(
                scale,
                threads,
                |thread, _| assert!(black_box(rival.permits(&theirs[thread]))),
                |thread, _| assert!(black_box(gate.check(&ours[thread])).allowed()),
            );
            row(what, threads, beside, own);
        }
    }
    let (beside, own) = in_turns(
        scale,
        1,
        |_, turn| assert!(black_box(rival.permits(&theirs[order[turn]]))),
        |_, turn| assert!(black_box(gate.check(&ours[order[turn]])).allowed()),
    );
    let what = format!(
        "six rules, a random one of {} agents, beside cedar-policy",
        scale.agents
    );
    row(&what, 1, beside, own);
}

/// How long a thread that checks without a pause goes on permitting once `revoke` is called, and once it has returned.
fn revoke(scale: &Scale) {
    let what = "revoke, until another thread denies";
    if !scale.has_room(what, 2) {
        return;
    }
    let (gate, admin) = house(SystemClock::new(), scale.agents);
    let request = ask(0, ASKED);
    let (mut since_call, mut since_return) = (Vec::new(), Vec::new());
    for _ in 0..scale.revocations {
        admin.assign(Grant::new(agent(0), LEVEL, ops())).unwrap();
        let watching = AtomicBool::new(false);
        let watch = || {
            assert!(gate.check(&request).allowed());
            watching.store(true, Ordering::Release);
            while gate.check(&request).allowed() {}
            Instant::now()
        };
        thread::scope(|scope| {
            let watcher = scope.spawn(watch);
            while !watching.load(Ordering::Acquire) {
                thread::yield_now();
            }
            let called = Instant::now();
            admin.revoke(&agent(0), &Scope::root(), &ops(), "").unwrap();
            let returned = Instant::now();
            let seen = watcher.join().unwrap();
            since_call.push(nanos(seen.saturating_duration_since(called), 1));
            since_return.push(nanos(seen.saturating_duration_since(returned), 1));
        });
    }
    let (called, returned) = (median(since_call), median(since_return));
    alone(&format!("{what}, from the call"), called, Some(10_000.0));
    alone(&format!("{what}, from the return"), returned, None);
}

fn consent_hot(scale: &Scale) {
    let query = ConsentQuery::new("desk".parse().unwrap(), "user.profile".parse().unwrap())
        .purpose("personalisation".parse().unwrap());
    let check = |gate: &ConsentGate| {
        let permits = |_: usize, _: usize| assert!(black_box(gate.check(&query)).allowed());
        median_of(scale, permits)
    };
    let (gate, _ledger) = consents(consent::SystemClock::new());
    let what = "consent check among four consents, system clock";
    alone(what, check(&gate), Some(100.0));
    let wall = SystemClock::new().now();
    let (gate, _ledger) = consents(move || wall);
    let what = "consent check among four consents, clock standing still";
    alone(what, check(&gate), Some(100.0));
}

fn consents(clock: impl consent::Clock) -> (ConsentGate, ConsentLedger) {
    let (gate, ledger) = ConsentGate::builder().clock(clock).build().unwrap();
    for (data, purpose) in [
        ("user.email", "notifications"),
        ("user.profile", "analytics"),
        ("orders", "support"),
        ("user.profile", "personalisation"),
    ] {
        let (data, purpose) = (data.parse().unwrap(), purpose.parse().unwrap());
        let by = "ada".parse().unwrap();
        let grant = consent::Grant::new("desk".parse().unwrap(), data, purpose, by);
        ledger.record(grant).unwrap();
    }
    (gate, ledger)
}

/// The median of ours, on one thread.
fn median_of(scale: &Scale, check: impl Fn(usize, usize) + Sync) -> f64 {
    // Once unmeasured, as when there are two.
    timed(1, scale.batch, &check);
    median(
        (0..scale.rounds)
            .map(|_| timed(1, scale.batch, &check))
            .collect(),
    )
}

/// The medians of both, which take turns.
fn in_turns(
    scale: &Scale,
    threads: usize,
    beside: impl Fn(usize, usize) + Sync,
    ours: impl Fn(usize, usize) + Sync,
) -> (f64, f64) {
    let (mut theirs, mut own) = (Vec::new(), Vec::new());
    // Once unmeasured, for caches to fill and threads to get in each other's way.
    for round in 0..=scale.rounds {
        let beside = timed(threads, scale.slow_batch, &beside);
        let ours = timed(threads, scale.slow_batch, &ours);
        if round > 0 {
            theirs.push(beside);
            own.push(ours);
        }
    }
    (median(theirs), median(own))
}

/// The time per check of each of so many threads that do the same at once. A check is told its thread and its turn.
fn timed(threads: usize, batch: usize, check: &(impl Fn(usize, usize) + Sync)) -> f64 {
    let barrier = Barrier::new(threads);
    let run = |thread: usize| {
        barrier.wait();
        let started = Instant::now();
        for turn in 0..batch {
            check(thread, turn);
        }
        started.elapsed()
    };
    let run = &run;
    let took = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(thread)))
            .collect();
        let took = threads.into_iter().map(|thread| thread.join().unwrap());
        took.max().unwrap_or_default()
    });
    nanos(took, batch)
}

fn nanos(took: Duration, checks: usize) -> f64 {
    took.as_nanos() as f64 / checks as f64
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn shown(nanos: f64) -> String {
    if nanos < 10.0 {
        format!("{nanos:.1} ns")
    } else if nanos < 10_000.0 {
        format!("{nanos:.0} ns")
    } else {
        format!("{:.1} µs", nanos / 1_000.0)
    }
}

/// A row of ours alone, against a bar in nanoseconds.
fn alone(what: &str, ours: f64, bar: Option<f64>) {
    let (bar, verdict) = match bar {
        Some(bar) => (format!("≤ {}", shown(bar)), verdict(ours <= bar)),
        None => (String::new(), ""),
    };
    println!("| {what} | | | {} | | {bar} | {verdict} |", shown(ours));
}

/// A row of both, without a bar.
fn row(what: &str, threads: usize, beside: f64, ours: f64) {
    let ratio = ours / beside;
    let (beside, ours) = (shown(beside), shown(ours));
    println!("| {what} | {threads} | {beside} | {ours} | {ratio:.4} | | |");
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
