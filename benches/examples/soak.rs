//! Whether a stack on a data directory can run for as long as it likes: decisions of every kind, snapshots on the way, and what the process takes of its machine.
//!
//! `cargo xtask soak [--minutes N] [--decisions N]`: an hour or ten million decisions, whichever ends first. It fails where resident memory or open files
//! grow after the first fifth, and where the log does not verify. The log of ten million decisions takes about 15 GB.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use security_bundle::{
    Amounts, Guard, SecurityStackConfig, Usage, create_security_stack, trust_gate,
};

/// How much resident memory may grow: what snapshots and the allocator need now and then, and what the log keeps of each entry.
const MEMORY: u64 = 48 << 20;
const MEMORY_PER_ENTRY: u64 = 6;
/// Files that may be open for a moment: a segment, its index, a snapshot.
const FILES: u64 = 8;
const TASKS: u64 = 64;
const SESSIONS: u64 = 256;

const CONFIG: &str = r#"
[[trust.assignments]]
agent = "desk"
level = "L4"
assigned_by = "ops@example.com"

[[trust.assignments]]
agent = "visitor"
level = "L1"
assigned_by = "ops@example.com"

[[trust.tools]]
tool = "read_*"
required_level = "L2"
effect = "read_public"

[[trust.tools]]
tool = "send_*"
required_level = "L2"
effect = "write"
approval = "always"

[budget.session]
calls = 1000000000

[[budget.budgets]]
id = "desk"
cost_usd = "1000000000"
period = "lifetime"

[[budget.budgets]]
id = "empty"
calls = 0
period = "lifetime"

[[budget.tools]]
tool = "read_*"
budget = "desk"
cost_usd = "0.0001"
"#;

struct Wanted {
    directory: PathBuf,
    time: Duration,
    decisions: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = wanted()?;
    fs::create_dir_all(&wanted.directory)?;
    let place = tempfile::tempdir_in(&wanted.directory)?;
    let mut config = SecurityStackConfig::from_toml_str(CONFIG)?;
    config.data_dir = Some(place.path().join("state"));
    let stack = create_security_stack(config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()?;
    let done = Arc::new(AtomicU64::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (guard, done, is_over) = (stack.guard(), Arc::clone(&done), Arc::clone(&is_over));
            runtime.spawn(async move {
                let mut dice = Dice(task);
                while !is_over.load(Ordering::Relaxed) {
                    decide(&guard, &mut dice).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();

    let begun = Instant::now();
    let every = (wanted.time / 60).min(Duration::from_secs(10));
    let mut samples = Vec::new();
    println!(
        "{:>8} {:>11} {:>11} {:>10} {:>6} {:>9}",
        "seconds", "decisions", "entries", "memory", "files", "per second"
    );
    while begun.elapsed() < wanted.time
        && done.load(Ordering::Relaxed) < wanted.decisions
        && !tasks.iter().any(tokio::task::JoinHandle::is_finished)
    {
        thread::sleep(every);
        // An operator's acts are rare, and kept for good.
        let by = "ops@example.com".parse()?;
        let visitor: trust_gate::AgentId = "visitor".parse()?;
        stack
            .admin()
            .trust()
            .quarantine(&visitor, &trust_gate::Scope::root(), &by, "soak")?;
        stack
            .admin()
            .trust()
            .lift_quarantine(&visitor, &trust_gate::Scope::root(), &by, "soak")?;
        let sample = Sample::take(
            begun.elapsed(),
            done.load(Ordering::Relaxed),
            stack.audit.reader().size()?,
        )?;
        sample.print(samples.last());
        samples.push(sample);
    }
    is_over.store(true, Ordering::Relaxed);
    for task in tasks {
        runtime.block_on(task)?;
    }
    judge(&samples)?;
    if stack.guard().losses() > 0 {
        return Err(format!(
            "{} entries were not taken by the log",
            stack.guard().losses()
        )
        .into());
    }
    stack.audit.flush()?;
    let begun = Instant::now();
    drop(stack.audit.reader().verify(None)?);
    println!(
        "the log verifies ({:.1?}), {} on the disk",
        begun.elapsed(),
        mebibytes(size_of(place.path())?)
    );
    Ok(())
}

/// After the first fifth nothing may grow beyond its bound.
fn judge(samples: &[Sample]) -> Result<(), Box<dyn Error>> {
    let (warm_up, later) = samples.split_at(samples.len() / 5);
    let (Some(warm), Some(last)) = (warm_up.last(), later.last()) else {
        return Err("it was too short to tell anything".into());
    };
    let entries = last.entries - warm.entries;
    let bound = MEMORY + MEMORY_PER_ENTRY * entries;
    let memory = last.memory.saturating_sub(warm.memory);
    let before = warm_up.iter().map(|sample| sample.files).max().unwrap_or(0);
    let files = later
        .iter()
        .map(|sample| sample.files)
        .max()
        .unwrap_or(0)
        .saturating_sub(before);
    println!(
        "since warm-up: {entries} entries, memory {} more (bound {}), open files {files} more (bound {FILES})",
        mebibytes(memory),
        mebibytes(bound),
    );
    if memory > bound || files > FILES {
        return Err("it grows".into());
    }
    Ok(())
}

fn wanted() -> Result<Wanted, Box<dyn Error>> {
    let mut wanted = Wanted {
        directory: env::temp_dir(),
        time: Duration::from_secs(60 * 60),
        decisions: 10_000_000,
    };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--directory" => wanted.directory = value()?.into(),
            "--minutes" => wanted.time = Duration::from_secs(60 * value()?.parse::<u64>()?),
            "--decisions" => wanted.decisions = value()?.parse()?,
            other => return Err(format!("`{other}` is not something that can be asked for").into()),
        }
    }
    Ok(wanted)
}

/// One decision, and how it may end.
async fn decide(guard: &Guard, dice: &mut Dice) {
    let session = format!("session-{}", dice.below(SESSIONS));
    let kind = dice.below(1000);
    let (agent, tool) = match kind {
        0..100 => ("visitor", "read_page"),
        100..101 => ("desk", "send_mail"),
        _ => ("desk", "read_page"),
    };
    let mut action = guard.action(agent).session(&session).tool(tool);
    if kind >= 950 {
        action = action.budget("empty", Amounts::default().calls(1));
    }
    let action = action.args_json(r#"{"page":1}"#).build().unwrap();
    if dice.below(10) == 0 {
        let decision = guard.evaluate(&action).await;
        assert!(!decision.code().is_empty());
        return;
    }
    let Ok(permit) = guard.authorize(&action).await else {
        return;
    };
    match dice.below(100) {
        0..10 => permit.cancel().await.map(drop),
        10..15 => permit
            .fail("refused by the server", Usage::default())
            .await
            .map(drop),
        15..17 => {
            drop(permit);
            Ok(())
        }
        17..19 => {
            // Nobody waits for its end.
            drop(permit.settle(Usage::default()));
            Ok(())
        }
        _ => permit.settle(Usage::default()).await.map(drop),
    }
    .unwrap();
}

/// Chances that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

struct Sample {
    after: Duration,
    decisions: u64,
    entries: u64,
    /// Resident, in bytes.
    memory: u64,
    files: u64,
}

impl Sample {
    fn take(after: Duration, decisions: u64, entries: u64) -> Result<Self, Box<dyn Error>> {
        let status = fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes: u64 = line
            .ok_or("the kernel tells no resident memory")?
            .trim()
            .trim_end_matches(" kB")
            .parse()?;
        let files = fs::read_dir("/proc/self/fd")?.count();
        Ok(Self {
            after,
            decisions,
            entries,
            memory: kibibytes << 10,
            files: u64::try_from(files)?,
        })
    }

    fn print(&self, before: Option<&Self>) {
        let since = before.map_or((Duration::ZERO, 0), |before| {
            (before.after, before.decisions)
        });
        let per_second =
            (self.decisions - since.1) as f64 / self.after.saturating_sub(since.0).as_secs_f64();
        println!(
            "{:>8.0} {:>11} {:>11} {:>10} {:>6} {per_second:>9.0}",
            self.after.as_secs_f64(),
            self.decisions,
            self.entries,
            mebibytes(self.memory),
            self.files
        );
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn size_of(path: &Path) -> Result<u64, Box<dyn Error>> {
    let mut size = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let about = entry.metadata()?;
        size += if about.is_dir() {
            size_of(&entry.path())?
        } else {
            about.len()
        };
    }
    Ok(size)
}
