//! A process that is killed at any moment has lost nothing that it acknowledged, and freed nothing that may have been spent.

mod child;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use budget_enforcer::{BudgetEnforcer, BudgetError, CallOptions, Dimension, Envelope};

use crate::stage::{budget, charge, used};
use child::{Dice, LIMIT, Orders, Said, at, of};

const ROUNDS: u64 = 60;
/// After how many of them a new directory is begun.
const ROUNDS_EACH: u64 = 12;

const REFUSED: &str = "refused";

/// What is known of a hold.
#[derive(Debug, Default)]
struct Hold {
    amount: u64,
    starting: bool,
    started: bool,
    ending: bool,
    spent: Option<u64>,
}

impl Hold {
    /// It must still be there, and must have started.
    fn is_running(&self) -> bool {
        self.started && !self.ending
    }

    /// It must still be there, and cannot have started.
    fn is_waiting(&self) -> bool {
        !self.starting && !self.ending
    }
}

/// What a child has said in its round.
#[derive(Debug, Default)]
struct Heard {
    holds: HashMap<String, Hold>,
    /// How much was asked for with a key, and the answer: the name of a row, or that it was refused.
    records: HashMap<String, (u64, Option<String>)>,
}

impl Heard {
    fn of(said: Vec<Said>) -> Self {
        let mut heard = Self::default();
        for said in said {
            match said {
                Said::Recording { key, amount } => drop(heard.records.insert(key, (amount, None))),
                Said::Recorded { key, row } => heard.records.get_mut(&key).unwrap().1 = Some(row),
                Said::Refused { key } => {
                    heard.records.get_mut(&key).unwrap().1 = Some(REFUSED.to_owned());
                }
                Said::Held { id, amount } => heard.hold(id).amount = amount,
                Said::Starting { id } => heard.hold(id).starting = true,
                Said::Started { id } => heard.hold(id).started = true,
                Said::Ending { id } => heard.hold(id).ending = true,
                Said::Ended { id, actual } => heard.hold(id).spent = Some(actual),
                Said::Else(line) => panic!("the child says: {line}"),
            }
        }
        heard
    }

    fn hold(&mut self, id: String) -> &mut Hold {
        self.holds.entry(id).or_default()
    }

    /// What was spent for sure.
    fn spent(&self) -> u64 {
        let holds: u64 = self.holds.values().filter_map(|hold| hold.spent).sum();
        let records = self.records.values();
        let records = records.filter(|(_, answer)| answer.as_ref().is_some_and(|it| it != REFUSED));
        holds + records.map(|(amount, _)| amount).sum::<u64>()
    }

    fn held(&self, which: impl Fn(&Hold) -> bool) -> u64 {
        let holds = self.holds.values().filter(|hold| which(hold));
        holds.map(|hold| hold.amount).sum()
    }
}

/// Calls spent and reserved. None where there is no such envelope.
fn figures(enforcer: &BudgetEnforcer, envelope: impl Into<Envelope>) -> Option<(u64, u64)> {
    let utilization = enforcer.utilization(envelope).ok()?;
    let usage = utilization.usage(Dimension::Calls);
    assert_eq!(usage.overspent.units(), 0);
    Some((usage.spent.units(), usage.reserved.units()))
}

/// That everything the child of `round` was told is so.
fn check(enforcer: &BudgetEnforcer, round: u64, heard: &Heard) {
    let Some((spent, reserved)) = figures(enforcer, &of(round)) else {
        assert!(heard.holds.is_empty() && heard.records.is_empty());
        return;
    };
    let acknowledged = heard.spent();
    assert!(spent >= acknowledged, "{spent} of {acknowledged} are spent");
    assert!(spent + reserved <= LIMIT, "{spent} + {reserved} of {LIMIT}");
    let open = heard.held(|hold| hold.is_running() || hold.is_waiting());
    assert!(reserved >= open, "{reserved} of {open} are held");
    for (key, (amount, answer)) in &heard.records {
        let Some(answer) = answer else { continue };
        let options = CallOptions::new().key(key.parse().unwrap());
        let again = match enforcer.record_with(&charge(&of(round), *amount), &options) {
            Ok(row) => row.id.to_string(),
            Err(BudgetError::Denied(_)) => REFUSED.to_owned(),
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(again, *answer, "the answer to {key}");
    }
    assert_eq!(figures(enforcer, &of(round)), Some((spent, reserved)));
}

/// What becomes of the holds of `round` in a copy of `dir`: they can be settled, and those that are not settle at what they hold if
/// they may have started.
fn check_holds(dir: &Path, round: u64, heard: &Heard) {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(dir.join("budget.redb"), copy.path().join("budget.redb")).unwrap();
    let (enforcer, _admin, clock) = at(copy.path(), round);
    let Some((mut spent, mut reserved)) = figures(&enforcer, &of(round)) else {
        return;
    };
    let mut running = heard.held(Hold::is_running);
    if let Some((id, hold)) = heard.holds.iter().find(|(_, hold)| hold.is_running()) {
        enforcer.settle_id(id.parse().unwrap(), used(1)).unwrap();
        running -= hold.amount;
        spent += 1;
        reserved -= hold.amount;
        assert_eq!(figures(&enforcer, &of(round)), Some((spent, reserved)));
    }
    let mut waiting = heard.held(Hold::is_waiting);
    if let Some((id, hold)) = heard.holds.iter().find(|(_, hold)| hold.is_waiting()) {
        enforcer.release_id(id.parse().unwrap()).unwrap();
        waiting -= hold.amount;
        reserved -= hold.amount;
        assert_eq!(figures(&enforcer, &of(round)), Some((spent, reserved)));
    }
    clock.advance(Duration::from_secs(600));
    let (after, none) = figures(&enforcer, &of(round)).unwrap();
    assert_eq!(none, 0);
    let expected = spent + running..=spent + reserved - waiting;
    assert!(expected.contains(&after), "{after} is not in {expected:?}");
}

#[test]
fn a_killed_process_has_lost_nothing_that_it_acknowledged() {
    const THIS: &str = "crash::a_killed_process_has_lost_nothing_that_it_acknowledged";
    if let Some(orders) = Orders::given() {
        return orders.obey();
    }
    let seed = std::env::var("BUDGET_ENFORCER_SEED").map_or_else(
        |_| u64::from(std::process::id()),
        |seed| seed.parse().unwrap(),
    );
    println!("BUDGET_ENFORCER_SEED={seed}");
    let mut dice = Dice(seed);
    let (mut spent, mut running, mut waiting, mut refused) = (0, 0, 0, 0);
    for begun in (0..ROUNDS).step_by(ROUNDS_EACH as usize) {
        let dir = tempfile::tempdir().unwrap();
        let mut history = Vec::new();
        for round in begun..begun + ROUNDS_EACH {
            let orders = Orders {
                dir: dir.path().to_owned(),
                round,
                seed: dice.below(u64::MAX),
            };
            // Some are killed while they open or create.
            let lines = dice.below(120).saturating_sub(10) as usize;
            let longest = if lines == 0 { 30_000 } else { 4000 };
            let moment = Duration::from_micros(dice.below(longest));
            let heard = Heard::of(orders.carried_out(THIS, lines, moment));
            let (enforcer, admin, _) = at(dir.path(), round);
            history.push((round, heard));
            for (round, heard) in &history {
                check(&enforcer, *round, heard);
            }
            let all: u64 = history.iter().map(|(_, heard)| heard.spent()).sum();
            let org = figures(&enforcer, &budget("org")).map_or(0, |(spent, _)| spent);
            assert!(org >= all, "{org} of {all} are spent");
            drop((enforcer, admin));
            let (_, heard) = history.last().unwrap();
            check_holds(dir.path(), round, heard);
            spent += heard.spent();
            running += heard.held(Hold::is_running);
            waiting += heard.held(Hold::is_waiting);
            let answers = heard.records.values().map(|(_, answer)| answer.as_deref());
            refused += answers.filter(|answer| *answer == Some(REFUSED)).count();
        }
    }
    println!("{spent} spent, {running} running, {waiting} waiting, {refused} refused");
    assert!(spent > ROUNDS && running > ROUNDS / 2 && waiting > ROUNDS / 2 && refused > 0);
}
