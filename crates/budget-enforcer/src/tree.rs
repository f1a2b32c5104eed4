//! A tree of envelopes behind one short lock: a budget with all its descendants, or a session alone.
//!
//! Expiry and new windows need no timer: whoever changes something first brings the tree up to the time, and whoever only
//! looks sees the tree as it would be then ([`TreeState::view`]) and leaves it as it is.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::amounts::Dimension;
use crate::core::Core;
use crate::error::Poisoned;
use crate::hold::{Hold, IdHash, ReservationId, Stage, TransactionId};
use crate::moment::Moment;
use crate::node::{Cell, Node};
use crate::path::{Group, Lines, Path};
use crate::row::After;

#[derive(Debug)]
pub(crate) struct Tree {
    /// Unique, and the order of locking.
    pub(crate) number: u64,
    pub(crate) core: Arc<Core>,
    state: Mutex<TreeState>,
}

#[derive(Debug)]
pub(crate) struct TreeState {
    number: u64,
    /// The latest time at which anything changed here: a clock set back does not bring an earlier one.
    mark: Moment,
    epoch: u64,
    nodes: Vec<Node>,
    holds: HashMap<ReservationId, Hold, IdHash>,
    /// When holds are due, earliest first. Entries outlive their holds; [`TreeState::due_again`] keeps them few.
    dues: BinaryHeap<Reverse<(Moment, ReservationId)>>,
    next_hold: u64,
    next_row: u64,
}

/// A hold that expired, for the ledger.
pub(crate) struct Lapse {
    pub(crate) id: ReservationId,
    pub(crate) path: Arc<Path>,
    pub(crate) held: Lines,
    pub(crate) at: Moment,
    pub(crate) after: After,
    /// Its call had left, so that it was spent.
    pub(crate) started: bool,
}

impl Tree {
    pub(crate) fn new(number: u64, core: Arc<Core>, root: Node, at: Moment) -> Self {
        let state = TreeState {
            number,
            mark: at,
            epoch: 0,
            nodes: vec![root],
            holds: HashMap::default(),
            dues: BinaryHeap::new(),
            next_hold: 0,
            next_row: 0,
        };
        Self {
            number,
            core,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, TreeState>, Poisoned> {
        self.state.lock().map_err(|_| Poisoned)
    }
}

impl TreeState {
    /// The time here when a clock shows `wall`.
    pub(crate) fn time(&self, wall: Moment) -> Moment {
        self.mark.max(wall)
    }

    pub(crate) const fn mark(&self) -> Moment {
        self.mark
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    pub(crate) fn node_mut(&mut self, index: usize) -> Option<&mut Node> {
        self.nodes.get_mut(index)
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Adds an envelope and returns its index.
    pub(crate) fn grow(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len().saturating_sub(1)
    }

    pub(crate) fn hold(&self, id: ReservationId) -> Option<&Hold> {
        self.holds.get(&id)
    }

    pub(crate) fn hold_mut(&mut self, id: ReservationId) -> Option<&mut Hold> {
        self.holds.get_mut(&id)
    }

    /// Reservations that still hold something at `at`.
    fn open_holds(&self, at: Moment) -> impl Iterator<Item = &Hold> {
        self.holds.values().filter(move |hold| {
            !matches!(hold.stage, Stage::Lapsed { .. }) && hold.lapses_by(at).is_none()
        })
    }

    /// Whether the time plays no part in what this tree has to say.
    pub(crate) fn is_timeless(&self) -> bool {
        self.holds.is_empty() && self.nodes.iter().all(|node| node.schedule.is_lifetime())
    }

    /// The id that the next reservation gets.
    pub(crate) const fn next_hold(&self) -> ReservationId {
        ReservationId::new(self.number, self.next_hold)
    }

    /// The id that the next ledger row gets.
    pub(crate) fn take_row(&mut self) -> TransactionId {
        let serial = self.next_row;
        self.next_row = serial.saturating_add(1);
        TransactionId::new(self.number, serial)
    }

    pub(crate) fn add_hold(&mut self, id: ReservationId, hold: Hold) {
        if id.tree() == self.number {
            self.next_hold = self.next_hold.max(id.serial().saturating_add(1));
        }
        let due = hold.due;
        self.holds.insert(id, hold);
        self.due_again(id, due);
    }

    /// Takes a hold's entry out of the table. Whoever does tells the nodes to forget it.
    pub(crate) fn take_hold(&mut self, id: ReservationId) -> Option<Hold> {
        self.holds.remove(&id)
    }

    fn remove_hold(&mut self, id: ReservationId) {
        let Some(hold) = self.holds.remove(&id) else {
            return;
        };
        if let Some(group) = hold.path.group(self.number) {
            for step in &group.steps {
                if let Some(node) = self.nodes.get_mut(step.node) {
                    node.forget_hold(hold.epoch);
                }
            }
        }
    }

    /// Notes when a hold is due, and drops the notes of holds that are gone where they have become the larger part.
    pub(crate) fn due_again(&mut self, id: ReservationId, due: Moment) {
        let many = self.holds.len().saturating_mul(2).saturating_add(64);
        if self.dues.len() >= many {
            self.note_dues();
        } else {
            self.dues.push(Reverse((due, id)));
        }
    }

    fn note_dues(&mut self) {
        self.dues = self
            .holds
            .iter()
            .map(|(id, hold)| Reverse((hold.due, *id)))
            .collect();
    }

    pub(crate) fn is_due(&self, at: Moment) -> bool {
        self.dues.peek().is_some_and(|Reverse((due, _))| *due <= at)
    }

    /// The cell of node `index` as it is at `at`: expired holds ended, the current window entered. With `epoch`, the cell
    /// that a hold of that epoch was taken in.
    pub(crate) fn view(
        &self,
        index: usize,
        epoch: Option<u64>,
        at: Moment,
    ) -> Option<Cow<'_, Cell>> {
        let node = self.nodes.get(index)?;
        let stored = epoch.map_or(Some(&node.current), |epoch| node.cell(epoch))?;
        let is_over = stored.epoch == node.current.epoch && stored.span.end <= at;
        if !self.is_due(at) && !is_over {
            return Some(Cow::Borrowed(stored));
        }
        let mut cell = *stored;
        for hold in self.holds.values() {
            if let Some(started) = hold.lapses_by(at)
                && let Some(amounts) = self.held_at(hold, index)
                && node
                    .cell(hold.epoch)
                    .is_some_and(|taken_in| taken_in.epoch == stored.epoch)
            {
                cell.lapse(&amounts, started, &node.limits);
            }
        }
        Some(match epoch {
            None => node.follow(Cow::Owned(cell), at),
            Some(_) if is_over => Cow::Owned(node.closed(cell)),
            Some(_) => Cow::Owned(cell),
        })
    }

    /// When the first of the holds that stand in the way in this cell's `dimension` ends, whatever becomes of it.
    pub(crate) fn first_return(
        &self,
        index: usize,
        dimension: Dimension,
        at: Moment,
    ) -> Option<Moment> {
        let node = self.nodes.get(index)?;
        self.open_holds(at)
            .filter(|hold| hold.epoch >= node.current.epoch)
            .filter(|hold| {
                self.held_at(hold, index)
                    .and_then(|held| held.units(dimension))
                    .is_some_and(|units| units > 0)
            })
            .map(|hold| hold.due)
            .min()
    }

    fn held_at(&self, hold: &Hold, index: usize) -> Option<crate::Amounts> {
        let step = hold
            .path
            .group(self.number)?
            .steps
            .iter()
            .find(|step| step.node == index)?;
        Some(hold.held.at(step.lines))
    }

    /// Enters the current window of the nodes of `group`, once the holds that are due at `at` have lapsed.
    pub(crate) fn advance(&mut self, group: &Group, at: Moment) {
        self.mark = self.mark.max(at);
        for step in &group.steps {
            if let Some(node) = self.nodes.get_mut(step.node) {
                self.epoch = node.advance(at, self.epoch);
            }
        }
    }

    /// Ends the holds that are due. Returns the lapses that this tree has to put into the ledger. A lapsed hold can be settled late
    /// for `late`.
    #[must_use]
    pub(crate) fn lapse_due(&mut self, at: Moment, late: Duration) -> Vec<Lapse> {
        let mut lapses = Vec::new();
        while let Some(Reverse((due, id))) = self.dues.peek().copied()
            && due <= at
        {
            self.dues.pop();
            let Some(entry) = self.holds.get_mut(&id).filter(|hold| hold.due == due) else {
                continue;
            };
            let started = match entry.stage {
                Stage::Held => false,
                Stage::Started => true,
                Stage::Lapsed { .. } => {
                    if !entry.is_attached {
                        self.remove_hold(id);
                    }
                    continue;
                }
            };
            entry.stage = Stage::Lapsed { started };
            entry.due = due.plus(late);
            self.dues.push(Reverse((entry.due, id)));
            let (path, held, epoch) = (Arc::clone(&entry.path), entry.held.clone(), entry.epoch);
            let mut after = After::None;
            let steps = path.group(self.number).map(|group| &*group.steps);
            for step in steps.unwrap_or_default() {
                if let Some(node) = self.nodes.get_mut(step.node) {
                    node.lapse(epoch, &held.at(step.lines), started);
                    after.push(node.cell(epoch).unwrap_or(&node.current));
                }
            }
            if id.tree() == self.number {
                lapses.push(Lapse {
                    id,
                    path,
                    held,
                    at: due,
                    after,
                    started,
                });
            }
        }
        lapses
    }

    /// No guard holds on to a hold any more, which has started or has not: it is forgotten once it has lapsed for long enough.
    pub(crate) fn detach(&mut self, id: ReservationId, started: bool) {
        if let Some(hold) = self.holds.get_mut(&id)
            && started == matches!(hold.stage, Stage::Started | Stage::Lapsed { started: true })
        {
            hold.is_attached = false;
            let due = hold.due;
            self.due_again(id, due);
        }
    }

    /// After a replay: no guard survived it.
    pub(crate) fn detach_all(&mut self) {
        for hold in self.holds.values_mut() {
            hold.is_attached = false;
        }
        self.note_dues();
    }

    /// An operator accepted a clock that shows `now`: the mark goes back to it, and holds keep the time that they had left.
    pub(crate) fn accept_clock(&mut self, now: Moment) {
        let back = self.mark.since(now);
        self.mark = now;
        for hold in self.holds.values_mut() {
            hold.due = hold.due.minus(back);
        }
        self.note_dues();
    }

    /// Forgets the holds that no guard holds on to.
    pub(crate) fn clear_detached(&mut self) {
        self.holds.retain(|_, hold| hold.is_attached);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amounts::{Amounts, Limits};
    use crate::charge::Envelope;
    use crate::clock::SystemClock;
    use crate::id::BudgetId;
    use crate::window::Schedule;

    #[test]
    fn notes_of_holds_that_are_gone_stay_few() {
        let at = Moment::from_micros(0);
        let core = Arc::new(Core::new(Box::new(SystemClock), None, 0, Duration::ZERO));
        let envelope = Envelope::from(&"a".parse::<BudgetId>().unwrap());
        let node = Node::new(
            envelope.clone(),
            Limits::NONE.calls(10),
            Schedule::lifetime(),
            at,
            0,
        );
        let tree = Arc::new(Tree::new(0, core, node, at));
        let path = Arc::new(Path::single(Arc::clone(&tree), 0, envelope, &[]));
        let mut state = tree.lock().unwrap();
        for _ in 0..10_000 {
            let id = state.next_hold();
            let hold = Hold {
                path: Arc::clone(&path),
                held: Lines::One(Amounts::NONE.calls(1)),
                due: Moment::NEVER,
                epoch: 0,
                stage: Stage::Held,
                is_attached: true,
            };
            state.add_hold(id, hold);
            assert!(state.take_hold(id).is_some());
        }
        assert!(state.dues.len() <= 66, "{}", state.dues.len());
    }
}
