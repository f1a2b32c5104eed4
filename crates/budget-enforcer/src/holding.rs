//! What becomes of a hold in the trees of its path: taken, started, grown, settled, given back.

use std::sync::Arc;

use crate::amounts::Amounts;
use crate::booking::Locked;
use crate::hold::{Hold, ReservationId, Stage};
use crate::lines::Lines;
use crate::moment::Moment;
use crate::plain::Want;
use crate::row::{After, Extra};
use crate::transaction::{Settlement, TransactionKind};

impl Locked<'_, '_> {
    pub(crate) fn reserve(
        &mut self,
        id: ReservationId,
        lines: &Lines,
        due: Moment,
        stage: Stage,
        note: Option<Arc<str>>,
    ) {
        self.advance();
        let mut after = After::None;
        for (group, tree) in self.path.groups().zip(self.trees.iter_mut()) {
            for step in group.steps {
                if let Some(node) = tree.node_mut(step.node) {
                    node.plain.hold(&Want::of(&lines.at(step.lines)));
                    after.push(&node.current());
                }
            }
            let hold = Hold {
                path: self.path.clone(),
                held: lines.clone(),
                due,
                epoch: tree.epoch(),
                stage,
                is_attached: true,
            };
            tree.add_hold(id, hold);
        }
        let extra = note.map(|note| Extra {
            note: Some(note),
            ..Extra::default()
        });
        let path = self.path.clone();
        self.push(
            TransactionKind::Reserve,
            path,
            lines.clone(),
            Some(id),
            after,
            extra,
        );
    }

    /// Notes that the call of hold `id` has left. Returns what is held, of several lines the least.
    pub(crate) fn start(&mut self, id: ReservationId) -> Amounts {
        let mut held = Amounts::NONE;
        for hold in self.trees.iter_mut().filter_map(|tree| tree.hold_mut(id)) {
            hold.stage = Stage::Started;
            hold.is_attached = true;
            held = hold.held.least();
        }
        held
    }

    pub(crate) fn renew(&mut self, id: ReservationId, due: Moment) {
        for tree in self.trees.iter_mut() {
            if let Some(hold) = tree.hold_mut(id) {
                hold.due = due;
                tree.due_again(id, due);
            }
        }
    }

    /// Makes hold `id` larger. Returns what is held then, of several lines the least.
    pub(crate) fn draw(&mut self, id: ReservationId, more: &Amounts) -> Amounts {
        self.advance();
        let mut held = Amounts::NONE;
        let mut drawn = Lines::One(*more);
        let mut after = After::None;
        for (group, tree) in self.path.groups().zip(self.trees.iter_mut()) {
            let Some(entry) = tree.hold_mut(id) else {
                continue;
            };
            drawn = entry.held.map(|_| *more);
            entry.held = entry.held.plus(&drawn);
            held = entry.held.least();
            let epoch = entry.epoch;
            for step in group.steps {
                if let Some(node) = tree.node_mut(step.node) {
                    node.add_to_hold(epoch, &drawn.at(step.lines));
                    after.push(&node.cell(epoch).unwrap_or_else(|| node.current()));
                }
            }
        }
        self.push(
            TransactionKind::Reserve,
            self.path.clone(),
            drawn,
            Some(id),
            after,
            None,
        );
        held
    }

    /// Turns hold `id` into what was really used: what is not known, into what was held; with `at_least_hold`, what is less too.
    /// What is above the hold is taken from what is available, and the rest is overspent. `None`: there is no such hold.
    pub(crate) fn settle(
        &mut self,
        id: ReservationId,
        actual: &Amounts,
        at_least_hold: bool,
    ) -> Option<Settlement> {
        self.advance();
        let used = |held: &Amounts| actual.settled(held, at_least_hold);
        let mut overspent = Amounts::NONE;
        let mut after = After::None;
        let mut settled = None;
        for (group, tree) in self.path.groups().zip(self.trees.iter_mut()) {
            let Some(entry) = tree.take_hold(id) else {
                continue;
            };
            let booked = entry.held.map(used);
            for step in group.steps {
                let Some(node) = tree.node_mut(step.node) else {
                    continue;
                };
                let held = entry.held.at(step.lines);
                let spent = match entry.stage {
                    Stage::Held | Stage::Started => {
                        node.lapse(entry.epoch, &held, true);
                        held
                    }
                    Stage::Lapsed { started: true } => held,
                    Stage::Lapsed { started: false } => Amounts::NONE,
                };
                let over = node.correct(entry.epoch, &spent, &booked.at(step.lines));
                if !over.is_none() {
                    overspent = overspent.larger(&over);
                }
                after.push(&node.cell(entry.epoch).unwrap_or_else(|| node.current()));
            }
            tree.tidy();
            settled = Some((
                entry.path,
                booked,
                matches!(entry.stage, Stage::Lapsed { .. }),
            ));
        }
        self.look();
        let (path, booked, late) = settled?;
        let extra = (late || !overspent.is_none()).then(|| Extra {
            overspent,
            late,
            ..Extra::default()
        });
        let transaction = self.push(
            TransactionKind::Settle,
            path,
            booked,
            Some(id),
            after,
            extra,
        );
        Some(Settlement {
            transaction,
            at: self.at,
            overspent,
            late,
        })
    }

    /// Gives hold `id` back; of one that had lapsed into spending, the spending. One that had come back by itself is forgotten.
    pub(crate) fn release(&mut self, id: ReservationId) {
        self.advance();
        let mut after = After::None;
        let mut released = None;
        for (group, tree) in self.path.groups().zip(self.trees.iter_mut()) {
            let Some(entry) = tree.take_hold(id) else {
                continue;
            };
            for step in group.steps {
                let Some(node) = tree.node_mut(step.node) else {
                    continue;
                };
                let held = entry.held.at(step.lines);
                match entry.stage {
                    Stage::Held | Stage::Started => node.lapse(entry.epoch, &held, false),
                    Stage::Lapsed { started: true } => {
                        // Nothing is booked, so nothing can be left uncovered.
                        let _covered = node.correct(entry.epoch, &held, &Amounts::NONE);
                    }
                    Stage::Lapsed { started: false } => {}
                }
                after.push(&node.cell(entry.epoch).unwrap_or_else(|| node.current()));
            }
            tree.tidy();
            let late = matches!(entry.stage, Stage::Lapsed { .. });
            if entry.stage != (Stage::Lapsed { started: false }) {
                released = Some((entry.path, entry.held, late));
            }
        }
        if let Some((path, held, late)) = released {
            let extra = late.then(|| Extra {
                late,
                ..Extra::default()
            });
            self.push(TransactionKind::Release, path, held, Some(id), after, extra);
        }
    }

    /// The guard of hold `id` lets go of it. A guard that did not start it leaves it to the one that did.
    pub(crate) fn abandon(&mut self, id: ReservationId, started: bool) {
        for tree in self.trees.iter_mut() {
            tree.detach(id, started);
        }
    }
}
