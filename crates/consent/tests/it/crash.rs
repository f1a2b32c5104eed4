//! A process that is killed at any moment has lost no act that it acknowledged, and permits nothing that was withdrawn.

mod child;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use consent::{ConsentGate, ConsentRecord, Event, RecordKind, Revision};

use crate::support::{ask_for, id};
use child::{Deed, Dice, Orders, Said, THREADS, at_start, name};

const ROUNDS: u64 = 48;
/// After how many of them a new directory is begun.
const ROUNDS_EACH: u64 = 12;

/// What is known of one kind of data.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    Given,
    /// It may have lapsed meanwhile.
    Lent,
    Denied,
}

impl Known {
    fn after(deed: Deed) -> Self {
        match deed {
            Deed::Give => Self::Given,
            Deed::Lend => Self::Lent,
            Deed::Withdraw | Deed::Refuse | Deed::SeeLapse => Self::Denied,
        }
    }

    /// Whether a check may say so.
    fn may_be(self, allowed: bool) -> bool {
        match self {
            Self::Given => allowed,
            Self::Lent => true,
            Self::Denied => !allowed,
        }
    }
}

/// What a child has said of one kind of data.
#[derive(Debug)]
struct Heard {
    name: String,
    acknowledged: Vec<(Deed, u64)>,
    /// It was about to do this.
    tried: Option<Deed>,
    /// What a check said after the last restart.
    found: bool,
}

impl Heard {
    fn of(round: u64, said: &[Said]) -> Vec<Self> {
        let mut heard: Vec<_> = (0..THREADS)
            .map(|thread| Self {
                name: name(round, thread),
                acknowledged: Vec::new(),
                tried: None,
                found: true,
            })
            .collect();
        for said in said {
            match *said {
                Said::Doing(thread, deed) => {
                    assert_eq!(heard[thread as usize].tried.replace(deed), None);
                }
                Said::Done(thread, revision) => {
                    let data = &mut heard[thread as usize];
                    let deed = data.tried.take().unwrap();
                    data.acknowledged.push((deed, revision));
                }
            }
        }
        heard
    }

    /// That every act that was acknowledged is there, and a check says what they leave, or they and what was being done.
    fn check(&mut self, gate: &ConsentGate, records: &BTreeMap<u64, Arc<ConsentRecord>>) {
        let mut known = Known::Denied;
        for (deed, revision) in &self.acknowledged {
            known = Known::after(*deed);
            if *revision > 0 {
                let record = &records[revision];
                let kept = (record.kind(), record.extent().data_type.clone());
                let kind = match deed {
                    Deed::Give | Deed::Lend => RecordKind::Given,
                    // What was never given is refused by a withdrawal, too.
                    _ if kept.0 == RecordKind::Withdrawn => RecordKind::Withdrawn,
                    _ => RecordKind::Refused,
                };
                assert_eq!(kept, (kind, Some(id(&self.name))), "{self:?}");
            }
        }
        let allowed = gate.check(&ask_for(&self.name, "support")).allowed();
        let or_then = self.tried.map(Known::after);
        assert!(
            known.may_be(allowed) || or_then.is_some_and(|known| known.may_be(allowed)),
            "{allowed} after {self:?}"
        );
        assert!(allowed <= self.found, "it came back: {self:?}");
        self.found = allowed;
    }
}

#[test]
fn a_killed_process_has_lost_no_withdrawal_and_no_consent() {
    const THIS: &str = "crash::a_killed_process_has_lost_no_withdrawal_and_no_consent";
    if let Some(orders) = Orders::given() {
        return orders.obey();
    }
    let seed = std::env::var("CONSENT_SEED").map_or_else(
        |_| u64::from(std::process::id()),
        |seed| seed.parse().unwrap(),
    );
    println!("CONSENT_SEED={seed}");
    let mut dice = Dice(seed);
    let (mut acts, mut lapses, mut tried) = (0, 0, 0);
    for begun in (0..ROUNDS).step_by(ROUNDS_EACH as usize) {
        let dir = tempfile::tempdir().unwrap();
        let mut all = Vec::new();
        for round in begun..begun + ROUNDS_EACH {
            let orders = Orders {
                dir: dir.path().to_owned(),
                round,
                seed: dice.below(u64::MAX),
            };
            // Some are killed while they open or create.
            let lines = dice.below(80).saturating_sub(8) as usize;
            let longest = if lines == 0 { 30_000 } else { 4000 };
            let moment = Duration::from_micros(dice.below(longest));
            let heard = Heard::of(round, &orders.carried_out(THIS, lines, moment));
            for data in &heard {
                acts += data.acknowledged.len();
                tried += usize::from(data.tried.is_some());
                let deeds = data.acknowledged.iter();
                lapses += deeds.filter(|(deed, _)| *deed == Deed::SeeLapse).count();
            }
            all.extend(heard);
            let (gate, ledger, _) = at_start(dir.path());
            let events = ledger.history(Revision::ZERO).into_iter();
            let records = events.filter_map(|event| match event {
                Event::Recorded(record) => Some((record.revision().as_u64(), record)),
                _ => None,
            });
            let records = records.collect();
            for data in &mut all {
                data.check(&gate, &records);
            }
        }
    }
    println!("{acts} acknowledged, {lapses} lapses, {tried} tried");
    let rounds = ROUNDS as usize;
    assert!(acts > 2 * rounds && lapses > 0 && tried > rounds / 2);
}
