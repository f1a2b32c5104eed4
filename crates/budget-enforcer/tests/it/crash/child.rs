//! A process of its own that spends from budgets on disk and says what was acknowledged: to be killed.
//!
//! It is the test itself, run once more with its orders in the environment, and it speaks on standard error, one write a line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use budget_enforcer::durable::DurableJournal;
use budget_enforcer::{
    BudgetAdmin, BudgetEnforcer, BudgetError, BudgetId, CallOptions, Charge, Floor, IdempotencyKey,
    ManualClock, Reservation,
};

use crate::stage::{START, budget, calls, charge, used};

const ORDERS: &str = "BUDGET_ENFORCER_CHILD";

/// What each round may spend.
pub(super) const LIMIT: u64 = 30;

const THREADS: u64 = 4;

/// The budgets in `dir`, at the time of `round`, with the clock.
pub(super) fn at(dir: &Path, round: u64) -> (BudgetEnforcer, BudgetAdmin, ManualClock) {
    let journal = DurableJournal::options()
        .create(true)
        .snapshot_every(40)
        .open(dir)
        .unwrap();
    let clock = ManualClock::new(START + Duration::from_secs(10 * round));
    let (enforcer, admin) = BudgetEnforcer::builder()
        .clock(clock.clone())
        .journal(journal)
        .build()
        .unwrap();
    (enforcer, admin, clock)
}

/// The budget of a round.
pub(super) fn of(round: u64) -> BudgetId {
    budget(&format!("round-{round}"))
}

/// What a child is to do.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    pub(super) dir: PathBuf,
    pub(super) round: u64,
    pub(super) seed: u64,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// It asks for this key to be spent from with a record of so much.
    Recording { key: String, amount: u64 },
    /// That was booked as this row.
    Recorded { key: String, row: String },
    /// That was refused.
    Refused { key: String },
    /// A hold of so much was taken.
    Held { id: String, amount: u64 },
    /// It is about to start a hold.
    Starting { id: String },
    /// The hold has started.
    Started { id: String },
    /// It is about to settle or release a hold.
    Ending { id: String },
    /// That was done, and so much was spent.
    Ended { id: String, actual: u64 },
    /// Something else: an error, perhaps.
    Else(String),
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
        let (enforcer, admin, _) = at(&self.dir, self.round);
        match admin.create_budget(calls("org", 1_000_000)) {
            Ok(_) | Err(BudgetError::AlreadyExists { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        let spec = calls(of(self.round).as_str(), LIMIT).parent(budget("org"));
        admin.create_budget(spec).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (enforcer, id) = (&enforcer, of(self.round));
                let mut dice = Dice(self.seed ^ thread << 32);
                scope.spawn(move || {
                    loop {
                        let amount = 1 + dice.below(3);
                        if dice.below(3) == 0 {
                            record(enforcer, &charge(&id, amount), amount);
                        } else if let Ok(held) = enforcer.reserve(&charge(&id, amount)) {
                            say(format_args!("held {} {amount}", held.id()));
                            hold(held, amount, &mut dice);
                        }
                    }
                });
            }
        });
    }
}

fn record(enforcer: &BudgetEnforcer, charge: &Charge, amount: u64) {
    let key = IdempotencyKey::at(enforcer.now());
    say(format_args!("recording {key} {amount}"));
    match enforcer.record_with(charge, &CallOptions::new().key(key)) {
        Ok(row) => say(format_args!("recorded {key} {}", row.id)),
        Err(BudgetError::Denied(_)) => say(format_args!("refused {key}")),
        Err(error) => say(format_args!("error {error:?}")),
    }
}

/// What becomes of a hold: some are left as they are.
fn hold(held: Reservation, amount: u64, dice: &mut Dice) {
    let id = held.id();
    let ended = match dice.below(6) {
        0 => {
            let _left = held.detach();
            return;
        }
        1 => {
            say(format_args!("ending {id}"));
            held.release().map(|()| 0)
        }
        end => {
            say(format_args!("starting {id}"));
            let running = held.start(Floor::Hold).unwrap();
            say(format_args!("started {id}"));
            if end == 2 {
                let _left = running.detach();
                return;
            }
            let actual = dice.below(amount + 1);
            say(format_args!("ending {id}"));
            running.settle(used(actual)).map(|_| actual)
        }
    };
    match ended {
        Ok(actual) => say(format_args!("ended {id} {actual}")),
        Err(error) => say(format_args!("error {error:?}")),
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
        let text = |word: &str| word.to_owned();
        let number = |word: &str| word.parse().unwrap();
        match *words {
            ["recording", key, amount] => Self::Recording {
                key: text(key),
                amount: number(amount),
            },
            ["recorded", key, row] => Self::Recorded {
                key: text(key),
                row: text(row),
            },
            ["refused", key] => Self::Refused { key: text(key) },
            ["held", id, amount] => Self::Held {
                id: text(id),
                amount: number(amount),
            },
            ["starting", id] => Self::Starting { id: text(id) },
            ["started", id] => Self::Started { id: text(id) },
            ["ending", id] => Self::Ending { id: text(id) },
            ["ended", id, actual] => Self::Ended {
                id: text(id),
                actual: number(actual),
            },
            _ => Self::Else(text(line)),
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
