//! A process of its own that gives and withdraws consent and says what was acknowledged: to be killed.
//!
//! It is the test itself, run once more with its orders in the environment, and it speaks on standard error, one write a line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use consent::durable::DurableStore;
use consent::{ConsentGate, ConsentLedger, ManualClock};

use crate::support::{START, all_of, ask_for, grant};

const ORDERS: &str = "CONSENT_CHILD";

pub(super) const THREADS: u64 = 3;

/// The ledger of the store in `dir`, at the start: earlier than all that a child may have seen.
pub(super) fn at_start(dir: &Path) -> (ConsentGate, ConsentLedger, ManualClock) {
    let store = DurableStore::options().create(true).open(dir).unwrap();
    let clock = ManualClock::new(START);
    let (gate, ledger) = ConsentGate::builder()
        .clock(clock.clone())
        .store(store)
        .build()
        .unwrap();
    (gate, ledger, clock)
}

/// The data of one thread in one round: nobody else touches them.
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

/// What a thread does about its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Give,
    /// For an hour, after a withdrawal.
    Lend,
    Withdraw,
    Refuse,
    /// Is told that what was lent has lapsed. No act: there is no revision.
    SeeLapse,
}

const DEEDS: [(Deed, &str); 5] = [
    (Deed::Give, "give"),
    (Deed::Lend, "lend"),
    (Deed::Withdraw, "withdraw"),
    (Deed::Refuse, "refuse"),
    (Deed::SeeLapse, "lapse"),
];

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
        let (gate, ledger, clock) = at_start(&self.dir);
        std::thread::scope(|threads| {
            for thread in 0..THREADS {
                let (gate, ledger, clock) = (&gate, &ledger, &clock);
                let mut dice = Dice(self.seed ^ thread << 32);
                threads.spawn(move || {
                    let mut last = Deed::Give;
                    loop {
                        let deed = Deed::following(last, &mut dice, thread == 0);
                        say(format_args!("doing {thread} {}", deed.text()));
                        let revision = deed.doing(gate, ledger, clock, &name(self.round, thread));
                        say(format_args!("done {thread} {revision}"));
                        last = deed;
                    }
                });
            }
        });
    }
}

impl Deed {
    /// One thread alone lends, for it moves the clock.
    fn following(last: Self, dice: &mut Dice, lends: bool) -> Self {
        let chance = dice.below(8);
        match last {
            Self::Lend => Self::SeeLapse,
            Self::Withdraw | Self::Refuse if lends && chance < 5 => Self::Lend,
            _ if chance < 4 => Self::Give,
            _ if chance < 7 => Self::Withdraw,
            _ => Self::Refuse,
        }
    }

    fn doing(
        self,
        gate: &ConsentGate,
        ledger: &ConsentLedger,
        clock: &ManualClock,
        name: &str,
    ) -> u64 {
        let hour = Duration::from_secs(3_600);
        let given = grant(name, "support");
        let done = match self {
            Self::Give => ledger.record(given).unwrap(),
            Self::Lend => {
                let lent = given.expires_at(gate.now() + hour);
                ledger.record(lent).unwrap()
            }
            Self::Withdraw => {
                let withdrawal = ledger.withdraw(all_of(name), None).unwrap();
                withdrawal.record().clone()
            }
            Self::Refuse => {
                let withdrawal = ledger.refuse(all_of(name), None).unwrap();
                withdrawal.record().clone()
            }
            Self::SeeLapse => {
                clock.set(gate.now() + hour);
                let told = gate.check(&ask_for(name, "support"));
                assert_eq!(told.code(), "expired");
                return 0;
            }
        };
        done.revision().as_u64()
    }

    fn text(self) -> &'static str {
        DEEDS.iter().find(|(deed, _)| *deed == self).unwrap().1
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
        let deed = |word: &str| DEEDS.iter().find(|(_, text)| *text == word);
        match *words {
            ["done", thread, revision] => Self::Done(number(thread), number(revision)),
            ["doing", thread, word] if deed(word).is_some() => {
                Self::Doing(number(thread), deed(word).unwrap().0)
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
