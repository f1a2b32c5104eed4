//! A process of its own that works on a store and says what was acknowledged: to be killed.
//!
//! It is the test itself, run once more with its orders in the environment, and it speaks on standard error, one write a line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const ORDERS: &str = "TRUST_GATE_CHILD";

/// What a child is to do.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    pub(super) dir: PathBuf,
    pub(super) round: u64,
    pub(super) seed: u64,
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

    /// Has a child carry them out that runs `test`, which must begin with looking for its orders, and kills it at some moment.
    /// Returns what it said.
    pub(super) fn carried_out(&self, test: &str, dice: &mut Dice) -> Vec<String> {
        // Some are killed while they open or create.
        let lines = dice.below(80).saturating_sub(8) as usize;
        let longest = if lines == 0 { 30_000 } else { 4000 };
        let moment = Duration::from_micros(dice.below(longest));
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
        said.iter()
            .map(|line| match line.strip_prefix('@') {
                Some(said) => said.to_owned(),
                None => panic!("the child says: {line}"),
            })
            .collect()
    }
}

/// The dice that decide what is done and when children die: the seed can be given again.
pub(super) fn dice() -> Dice {
    let seed = std::env::var("TRUST_GATE_SEED").map_or_else(
        |_| u64::from(std::process::id()),
        |seed| seed.parse().unwrap(),
    );
    println!("TRUST_GATE_SEED={seed}");
    Dice(seed)
}

/// Says one line with one write, so that a killed child has said it or not.
pub(super) fn say(line: std::fmt::Arguments<'_>) {
    std::io::stderr()
        .write_all(format!("@{line}\n").as_bytes())
        .unwrap();
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
