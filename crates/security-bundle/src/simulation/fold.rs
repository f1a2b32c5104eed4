//! What the log's entries come to, by their own words: nothing of what the product keeps in them for itself is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use audit_trail::{AuditReader, Kind, Outcome, Record};
use uuid::Uuid;

#[derive(Debug, Default)]
pub(super) struct Fold {
    /// By outcomes, of the team's budget, in nano-dollars.
    pub(super) spent: u64,
    /// By intents that have no outcome.
    pub(super) open: BTreeMap<Uuid, u64>,
    pub(super) decisions: u64,
}

impl Fold {
    /// Reads the whole log; `what` tells of which run.
    pub(super) fn of(log: &AuditReader, what: &str) -> Self {
        let mut fold = Self::default();
        let (mut decided, mut ended) = (BTreeSet::new(), BTreeSet::new());
        let mut used = BTreeSet::new();
        let mut tail = log.tail(0);
        while let Some(record) = tail.next(Duration::ZERO).unwrap() {
            let id = record.id();
            match record.kind() {
                Kind::Decision => {
                    fold.decisions += 1;
                    assert!(decided.insert(id), "{what}: two intents of {id}");
                    let holds = record.budget().is_some_and(|budget| budget.hold.is_some());
                    if holds && record.outcome() != Some(Outcome::Deny) {
                        fold.open.insert(id, team(&record));
                    }
                    let approval = record
                        .approval()
                        .filter(|one| one.code.as_deref() == Some("used"));
                    if let Some(approval) = approval {
                        let is_first = used.insert(approval.id.clone().unwrap().into_owned());
                        assert!(is_first, "{what}: an approval is used twice");
                    }
                }
                Kind::Outcome => {
                    assert!(ended.insert(id), "{what}: two outcomes of {id}");
                    assert!(
                        fold.open.remove(&id).is_some(),
                        "{what}: an outcome of nothing"
                    );
                    fold.spent += team(&record);
                }
                _ => {}
            }
        }
        fold
    }

    pub(super) fn used(&self) -> u64 {
        self.spent + self.open.values().sum::<u64>()
    }
}

fn team(record: &Record) -> u64 {
    let charges = record
        .budget()
        .into_iter()
        .flat_map(|budget| budget.charges.iter());
    let money = charges.filter(|charge| charge.budget == "team" && charge.unit == "nano_usd");
    money
        .map(|charge| charge.amount.to_string().parse::<u64>().unwrap())
        .sum()
}
