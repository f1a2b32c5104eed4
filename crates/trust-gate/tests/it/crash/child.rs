//! A process of its own that gives and takes trust and says what was acknowledged: to be killed.
//!
//! It is the test itself, run once more with its orders in the environment, and it speaks on standard error, one write a line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use trust_gate::durable::DurableStore;
use trust_gate::{Event, ManualClock, TrustAdmin, TrustError, TrustGate, TrustLevel};

use crate::fixture::{HOUR, NOON, agent, grant, ops, scope};

const ORDERS: &str = "TRUST_GATE_CHILD";

pub(super) const THREADS: u64 = 3;

/// The gate of the store in `dir`, at noon: earlier than all that a child may have seen.
pub(super) fn at_noon(dir: &Path) -> (TrustGate, TrustAdmin, ManualClock) {
    let store = DurableStore::options().create(true).open(dir).unwrap();
    let clock = ManualClock::new(NOON);
    let (gate, admin) = TrustGate::builder()
        .clock(clock.clone())
        .store(store)
        .build()
        .unwrap();
    (gate, admin, clock)
}

/// The agent of one thread in one round: nobody else touches it.
pub(super) fn name(round: u64, thread: u64) -> String {
    format!("round-{round}-{thread}")
}

/// What a child is to do.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    pub(super) dir: PathBuf,
    pub(super) round: u64,
    pub(super) seed: u64,
}

/// What a thread does with its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Assign(TrustLevel),
    /// For an hour.
    Lend(TrustLevel),
    Revoke,
    Quarantine,
    Lift,
    /// Sees what was lent lapse. No act: there is no revision.
    SeeLapse,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It is about to do this.
    Doing(u64, Deed),
    /// What it was about to do is done, with this revision. Zero where there is none.
    Done(u64, u64),
}

impl Orders {
    /// The orders of this process, if it is such a child.
    pub(super) fn given() -> Option<Self> {
        let text = std::env::var(ORDERS).ok()?;
        let mut words = text.splitn(3, ' ');
        Some(Self {
            round: words.next()?.parse().unwrap(),
            seed: words.next()?.parse().unwrap(),
            dir: words.next()?.into(),
        })
    }

    /// Has a child carry them out that runs `test`, which must begin with looking for its orders, and kills it so long after
    /// it said so many lines. Returns what it said.
    pub(super) fn carried_out(&self, test: &str, lines: usize, moment: Duration) -> Vec<Said> {
        let Self { dir, round, seed } = self;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(ORDERS, format!("{round} {seed} {}", dir.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut heard = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said: Vec<String> = heard.by_ref().take(lines).map(Result::unwrap).collect();
        std::thread::sleep(moment);
        child.kill().unwrap();
        said.extend(heard.map(Result::unwrap));
        child.wait().unwrap();
        said.iter().map(|line| Said::parse(line)).collect()
    }

    /// Carries them out.
    pub(super) fn obey(&self) {
        let (gate, admin, clock) = at_noon(&self.dir);
        std::thread::scope(|threads| {
            for thread in 0..THREADS {
                let (gate, admin, clock) = (&gate, &admin, &clock);
                let mut dice = Dice(self.seed ^ thread << 32);
                threads.spawn(move || {
                    let mut lent = false;
                    loop {
                        // One thread alone moves the clock.
                        let deed = if lent {
                            Deed::SeeLapse
                        } else {
                            Deed::any(&mut dice, thread == 0)
                        };
                        lent = matches!(deed, Deed::Lend(_));
                        say(format_args!("doing {thread} {}", deed.text()));
                        let revision = deed.doing(gate, admin, clock, &name(self.round, thread));
                        say(format_args!("done {thread} {revision}"));
                    }
                });
            }
        });
    }
}

impl Deed {
    fn any(dice: &mut Dice, lends: bool) -> Self {
        let level = TrustLevel::try_from(1 + dice.below(5) as u8).unwrap();
        match dice.below(8) {
            0 | 1 if lends => Self::Lend(level),
            0..=3 => Self::Assign(level),
            4 | 5 => Self::Revoke,
            6 => Self::Quarantine,
            _ => Self::Lift,
        }
    }

    fn doing(self, gate: &TrustGate, admin: &TrustAdmin, clock: &ManualClock, name: &str) -> u64 {
        let (agent, root) = (agent(name), scope(""));
        let done = match self {
            Self::Assign(level) => admin.assign(grant(name, level)),
            Self::Lend(level) => admin.assign(grant(name, level).expires_at(gate.now() + HOUR)),
            Self::Revoke => admin.revoke(&agent, &root, &ops(), ""),
            Self::Quarantine => admin.quarantine(&agent, &root, &ops(), ""),
            Self::Lift => admin.lift_quarantine(&agent, &root, &ops(), ""),
            Self::SeeLapse => {
                clock.set(gate.now() + HOUR);
                assert_eq!(gate.level(&agent, &root).effective, TrustLevel::Observer);
                return 0;
            }
        };
        match done {
            Ok(Event { revision, .. }) => revision.as_u64(),
            Err(TrustError::NothingThere { .. }) => 0,
            Err(error) => panic!("{error:?}"),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Assign(level) => format!("assign {}", level.as_u8()),
            Self::Lend(level) => format!("lend {}", level.as_u8()),
            Self::Revoke => "revoke".into(),
            Self::Quarantine => "quarantine".into(),
            Self::Lift => "lift".into(),
            Self::SeeLapse => "lapse".into(),
        }
    }
}

/// Says one line with one write, so that a killed child has said it or not.
fn say(line: std::fmt::Arguments<'_>) {
    std::io::stderr()
        .write_all(format!("@{line}\n").as_bytes())
        .unwrap();
}

impl Said {
    fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.strip_prefix('@').unwrap_or("").split(' ').collect();
        let number = |word: &str| word.parse::<u64>().unwrap();
        let level = |word: &str| TrustLevel::try_from(word.parse::<u8>().unwrap()).unwrap();
        match *words {
            ["done", thread, revision] => Self::Done(number(thread), number(revision)),
            ["doing", thread, ref deed @ ..] => {
                let deed = match *deed {
                    ["assign", given] => Deed::Assign(level(given)),
                    ["lend", given] => Deed::Lend(level(given)),
                    ["revoke"] => Deed::Revoke,
                    ["quarantine"] => Deed::Quarantine,
                    ["lift"] => Deed::Lift,
                    ["lapse"] => Deed::SeeLapse,
                    _ => panic!("the child says: {line}"),
                };
                Self::Doing(number(thread), deed)
            }
            _ => panic!("the child says: {line}"),
        }
    }
}

/// Small random numbers from a seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
