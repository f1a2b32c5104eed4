//! A child that gives and takes trust, with what it does and says.

use std::path::Path;

use trust_gate::durable::DurableStore;
use trust_gate::{Event, ManualClock, TrustAdmin, TrustError, TrustGate, TrustLevel};

use super::process::{Dice, Orders, say};
use crate::fixture::{HOUR, NOON, agent, grant, ops, scope};

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

/// Carries `orders` out.
pub(super) fn obey(orders: &Orders) {
    let (gate, admin, clock) = at_noon(&orders.dir);
    std::thread::scope(|threads| {
        for thread in 0..THREADS {
            let (gate, admin, clock) = (&gate, &admin, &clock);
            let mut dice = Dice(orders.seed ^ thread << 32);
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
                    let revision = deed.doing(gate, admin, clock, &name(orders.round, thread));
                    say(format_args!("done {thread} {revision}"));
                }
            });
        }
    });
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

impl Said {
    pub(super) fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
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
