//! A process of its own that appends to a log and says what was acknowledged: to be killed, or to have its system calls fail.
//!
//! It is the test itself, run once more with its orders in the environment, and it speaks on standard error, where nothing else is written.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audit_trail::{AuditLog, AuditLogBuilder, Entry, Ext, SigningKey};
use serde_json::json;
use time::macros::datetime;
use uuid::Uuid;

const ORDERS: &str = "AUDIT_TRAIL_CHILD";

/// What the child is to do.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pub(crate) dir: PathBuf,
    /// Distinguishes the entries of this child from those of others.
    pub(crate) run: u64,
    pub(crate) threads: u64,
    /// How often the log is opened and closed.
    pub(crate) lives: u64,
    /// What each thread appends in each of them.
    pub(crate) entries: u64,
    /// How long the texts of entries are, at most.
    pub(crate) longest: usize,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Opening,
    Open,
    /// Entry `key` was acknowledged as durable at `index`.
    Durable {
        index: u64,
        key: u64,
    },
    /// A number that was asked for.
    Measured(u64),
    /// Something was refused or has failed.
    Failed(String),
    Closed,
    /// Nothing of the child's own: why it panicked, perhaps.
    Else(String),
}

impl Orders {
    /// The orders of this process, if it is such a child.
    pub(crate) fn given() -> Option<Self> {
        let text = std::env::var(ORDERS).ok()?;
        let mut words = text.splitn(6, ' ');
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        let [run, threads, lives, entries, longest] =
            [number(), number(), number(), number(), number()];
        let dir = words.next().unwrap().into();
        Some(Self {
            dir,
            run,
            threads,
            lives,
            entries,
            longest: longest as usize,
        })
    }

    /// Starts `test`, which must begin with looking for its orders, behind `wrapper` if there is one.
    pub(crate) fn start(&self, test: &str, wrapper: &[String]) -> Child {
        let this = std::env::current_exe().unwrap();
        let mut command = match wrapper.split_first() {
            Some((program, args)) => {
                let mut command = Command::new(program);
                command.args(args).arg(this);
                command
            }
            None => Command::new(this),
        };
        let Self {
            dir,
            run,
            threads,
            lives,
            entries,
            longest,
        } = self;
        command
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(
                ORDERS,
                format!(
                    "{run} {threads} {lives} {entries} {longest} {}",
                    dir.display()
                ),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Carries them out.
    pub(crate) fn obey(&self) {
        for life in 0..self.lives {
            say("opening");
            let log = match at(&self.dir).build() {
                Ok(log) => log,
                Err(error) => return say(&format!("failed {error}")),
            };
            say("open");
            std::thread::scope(|scope| {
                for thread in 0..self.threads {
                    let log = &log;
                    scope.spawn(move || {
                        for n in 0..self.entries {
                            let key = self.run << 32 | life << 24 | thread << 16 | n;
                            match log.log(entry(key, self.longest)) {
                                Ok(appended) => say(&format!("durable {} {key}", appended.index)),
                                Err(error) => say(&format!("failed {error}")),
                            }
                        }
                    });
                }
            });
            if let Err(error) = log.publish_checkpoint() {
                say(&format!("failed {error}"));
            }
            drop(log);
            say("closed");
        }
    }
}

/// Says one line with one write, so that a killed child has said it or not.
pub(crate) fn say(line: &str) {
    std::io::stderr()
        .write_all(format!("@{line}\n").as_bytes())
        .unwrap();
}

impl Said {
    fn parse(line: &str) -> Self {
        let Some((_, said)) = line.split_once('@') else {
            return Self::Else(line.to_owned());
        };
        let (word, rest) = said.split_once(' ').unwrap_or((said, ""));
        match (word, rest.split_once(' ')) {
            ("opening", _) => Self::Opening,
            ("open", _) => Self::Open,
            ("closed", _) => Self::Closed,
            ("durable", Some((index, key))) => Self::Durable {
                index: index.parse().unwrap(),
                key: key.parse().unwrap(),
            },
            ("measured", _) => Self::Measured(rest.parse().unwrap()),
            ("failed", _) => Self::Failed(rest.to_owned()),
            _ => Self::Else(line.to_owned()),
        }
    }
}

/// When a child is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kill {
    /// So long after it was started.
    After(Duration),
    /// So long after it said so many lines.
    AtLine(usize, Duration),
    Never,
}

/// Hears the child out, kills it when told to, and gives what it said.
pub(crate) fn hear(mut child: Child, kill: Kill) -> (Vec<Said>, ExitStatus) {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let child = Arc::new(Mutex::new(child));
    let over = Arc::new(AtomicBool::new(false));
    let killer = |after: Duration| {
        let (child, over) = (Arc::clone(&child), Arc::clone(&over));
        std::thread::spawn(move || {
            std::thread::sleep(after);
            if !over.load(Ordering::SeqCst) {
                drop(child.lock().unwrap().kill());
            }
        })
    };
    let mut killers = Vec::new();
    if let Kill::After(time) = kill {
        killers.push(killer(time));
    }
    let mut said = Vec::new();
    for line in lines {
        said.push(Said::parse(&String::from_utf8_lossy(
            line.unwrap().as_bytes(),
        )));
        if let Kill::AtLine(count, time) = kill
            && said.len() == count
        {
            killers.push(killer(time));
        }
    }
    over.store(true, Ordering::SeqCst);
    let status = child.lock().unwrap().wait().unwrap();
    for killer in killers {
        killer.join().unwrap();
    }
    (said, status)
}

/// The log that children write: small segments, so that new ones are begun often.
pub(crate) fn at(dir: &Path) -> AuditLogBuilder {
    AuditLog::builder()
        .namespace("test")
        .signer(key())
        .directory(dir)
        .segment_size(1 << 20)
        .publish_every(Duration::from_millis(20))
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed("test.example/log", &[42; 32]).unwrap()
}

/// The entry with this key, always the same to the byte. `longest` only matters to how long it is.
pub(crate) fn entry(key: u64, longest: usize) -> Entry<'static> {
    let noise = scattered(key);
    // More short ones than long ones.
    let len = (noise as usize % longest) >> (noise >> 62);
    let text = "durable? ".repeat(len.min(3000) / 9 + 1);
    let more = vec!["x".repeat(1000); len / 1000];
    Entry::event("step")
        .ext(Ext::encode(&json!({ "more": more })).unwrap())
        .id(Uuid::from_u128(
            0x019a_ab3c_0000_7000_8000_0000_0000_0000 | u128::from(key),
        ))
        .at(datetime!(2026-11-22 12:00 UTC) + Duration::from_micros(key & 0xffff_ffff))
        .reason(format_args!("{key} {text}"))
}

/// Writes entries as a log in memory does, which knows nothing of files.
#[derive(Debug)]
pub(crate) struct Expected {
    memory: AuditLog,
    longest: usize,
}

impl Expected {
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            memory: AuditLog::builder()
                .namespace("test")
                .max_records(1)
                .build()
                .unwrap(),
            longest,
        }
    }

    /// The bytes of the entry with this key.
    pub(crate) fn bytes(&self, key: u64) -> Vec<u8> {
        let appended = self.memory.log(entry(key, self.longest)).unwrap();
        self.memory.entry(appended.index).unwrap().bytes().to_vec()
    }
}

/// Small random numbers from a seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// From `AUDIT_TRAIL_SEED` if it is set. The seed is printed, which shows where a test fails.
    pub(crate) fn new() -> Self {
        let fresh = || u64::from_be_bytes(*Uuid::now_v7().as_bytes().last_chunk().unwrap());
        let seed = std::env::var("AUDIT_TRAIL_SEED")
            .map_or_else(|_| fresh(), |seed| seed.parse().unwrap());
        println!("AUDIT_TRAIL_SEED={seed}");
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scattered(self.0) % bound
    }
}

fn scattered(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How many rounds, unless `AUDIT_TRAIL_ROUNDS` says otherwise.
pub(crate) fn rounds(default: u64) -> u64 {
    std::env::var("AUDIT_TRAIL_ROUNDS").map_or(default, |rounds| rounds.parse().unwrap())
}
