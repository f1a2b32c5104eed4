//! A process that is killed at any moment has lost no act that it acknowledged, and comes back with no level that is higher.

mod approvals;
mod child;
mod process;

use std::collections::{BTreeMap, BTreeSet};

use trust_gate::{ActKind, Event, HistoryFilter, TrustGate, TrustLevel};

use crate::fixture::{agent, scope};
use child::{Deed, Said, THREADS, at_noon, name, obey};
use process::{Orders, dice};

const ROUNDS: u64 = 48;
/// After how many of them a new directory is begun.
const ROUNDS_EACH: u64 = 12;

/// What is known of an agent.
#[derive(Debug, Clone, Copy)]
struct Known {
    granted: TrustLevel,
    /// It may have lapsed meanwhile.
    lent: bool,
    quarantined: bool,
}

impl Known {
    const NEW: Self = Self {
        granted: TrustLevel::Observer,
        lent: false,
        quarantined: false,
    };

    fn after(self, deed: Deed) -> Self {
        let granted = |granted, lent| Self {
            granted,
            lent,
            ..self
        };
        match deed {
            Deed::Assign(level) => granted(level, false),
            Deed::Lend(level) => granted(level, true),
            Deed::Revoke | Deed::SeeLapse => granted(TrustLevel::Observer, false),
            Deed::Quarantine => Self {
                quarantined: true,
                ..self
            },
            Deed::Lift => Self {
                quarantined: false,
                ..self
            },
        }
    }

    /// The levels that it may have.
    fn levels(self) -> BTreeSet<TrustLevel> {
        let granted = if self.quarantined {
            TrustLevel::Observer
        } else {
            self.granted
        };
        let lapsed = self.lent.then_some(TrustLevel::Observer);
        [granted].into_iter().chain(lapsed).collect()
    }
}

/// What a child has said of one agent.
#[derive(Debug)]
struct Heard {
    name: String,
    acknowledged: Vec<(Deed, u64)>,
    /// It was about to do this.
    tried: Option<Deed>,
    /// What it was found to have after the last restart.
    found: TrustLevel,
}

impl Heard {
    fn of(round: u64, said: &[Said]) -> Vec<Self> {
        let mut heard: Vec<_> = (0..THREADS)
            .map(|thread| Self {
                name: name(round, thread),
                acknowledged: Vec::new(),
                tried: None,
                found: TrustLevel::Autonomous,
            })
            .collect();
        for said in said {
            match *said {
                Said::Doing(thread, deed) => {
                    assert_eq!(heard[thread as usize].tried.replace(deed), None);
                }
                Said::Done(thread, revision) => {
                    let agent = &mut heard[thread as usize];
                    let deed = agent.tried.take().unwrap();
                    agent.acknowledged.push((deed, revision));
                }
            }
        }
        heard
    }

    /// That every act that was acknowledged is there, and the level is one that they leave, or they and what was being done.
    fn check(&mut self, gate: &TrustGate, events: &BTreeMap<u64, Event>) {
        let mut known = Known::NEW;
        for (deed, revision) in &self.acknowledged {
            known = known.after(*deed);
            if *revision > 0 {
                let act = &events[revision].act;
                assert_eq!(act.kind(), kind(*deed), "{self:?}");
                assert_eq!(act.subject().unwrap().0.as_str(), self.name);
            }
        }
        let mut possible = known.levels();
        possible.extend(
            self.tried
                .iter()
                .flat_map(|deed| known.after(*deed).levels()),
        );
        let level = gate.level(&agent(&self.name), &scope("")).effective;
        assert!(
            possible.contains(&level),
            "{level:?}, not one of {possible:?}: {self:?}"
        );
        assert!(level <= self.found, "{level:?} after {self:?}");
        self.found = level;
    }
}

fn kind(deed: Deed) -> ActKind {
    match deed {
        Deed::Assign(_) | Deed::Lend(_) => ActKind::Assign,
        Deed::Revoke => ActKind::Revoke,
        Deed::Quarantine => ActKind::Quarantine,
        Deed::Lift => ActKind::LiftQuarantine,
        Deed::SeeLapse => panic!("no act"),
    }
}

#[test]
fn a_killed_process_has_lost_no_act_and_comes_back_with_no_higher_level() {
    const THIS: &str =
        "crash::a_killed_process_has_lost_no_act_and_comes_back_with_no_higher_level";
    if let Some(orders) = Orders::given() {
        return obey(&orders);
    }
    let mut dice = dice();
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
            let said = orders.carried_out(THIS, &mut dice);
            let said: Vec<_> = said.iter().map(|line| Said::parse(line)).collect();
            let heard = Heard::of(round, &said);
            for agent in &heard {
                acts += agent.acknowledged.len();
                tried += usize::from(agent.tried.is_some());
                let deeds = agent.acknowledged.iter();
                lapses += deeds.filter(|(deed, _)| *deed == Deed::SeeLapse).count();
            }
            all.extend(heard);
            let (gate, admin, _) = at_noon(dir.path());
            let events = admin.history(&HistoryFilter::default()).unwrap();
            let events = events
                .into_iter()
                .map(|event| (event.revision.as_u64(), event))
                .collect();
            for agent in &mut all {
                agent.check(&gate, &events);
            }
        }
    }
    println!("{acts} acknowledged, {lapses} lapses, {tried} tried");
    let rounds = ROUNDS as usize;
    assert!(acts > 2 * rounds && lapses > 0 && tried > rounds / 2);
}
