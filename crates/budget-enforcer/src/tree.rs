//! A tree of envelopes behind one short lock: a budget with all its descendants, or a session alone.
//!
//! Expiry and new windows need no timer: whoever changes something first brings the tree up to the time, and whoever only
//! looks sees the tree as it would be then ([`TreeState::view`]) and leaves it as it is.

use std::iter;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use crate::amounts::Dimension;
use crate::cell::Cell;
use crate::charge::Envelope;
use crate::core::Core;
use crate::error::Poisoned;
use crate::hold::{Hold, ReservationId, Stage, TransactionId};
use crate::holds::Holds;
use crate::lane::LaneSet;
use crate::lines::Lines;
use crate::meter::Metered;
use crate::moment::Moment;
use crate::node::Node;
use crate::path::{GroupRef, Path};
use crate::row::After;

#[derive(Debug)]
pub(crate) struct Tree {
    /// Unique, and the order of locking.
    pub(crate) number: u64,
    pub(crate) root: Envelope,
    pub(crate) home: Arc<Home>,
    state: Mutex<TreeState>,
}

/// What a tree stands on. All sessions share one.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) core: Arc<Core>,
    /// Slices of the tree for threads that would otherwise wait for each other.
    pub(crate) lanes: Option<LaneSet>,
}

#[derive(Debug)]
pub(crate) struct TreeState {
    number: u64,
    /// The latest time at which anything changed here: a clock set back does not bring an earlier one.
    pub(crate) mark: Moment,
    pub(crate) root: Node,
    /// Of trees that have more than a root that never starts again.
    grown: Option<Box<Grown>>,
    holds: Option<Box<Holds>>,
    pub(crate) next_hold: u64,
    pub(crate) next_row: u64,
}

#[derive(Debug, Default)]
struct Grown {
    /// How often any node has entered a new window.
    epoch: u64,
    /// All nodes but the root.
    nodes: Vec<Node>,
    meters: Vec<Arc<Metered>>,
}

/// The nodes of a tree.
#[derive(Clone, Copy)]
pub(crate) struct Nodes<'a> {
    root: &'a Node,
    others: &'a [Node],
}

impl<'a> Nodes<'a> {
    #[inline]
    pub(crate) fn get(self, index: usize) -> Option<&'a Node> {
        match index.checked_sub(1) {
            None => Some(self.root),
            Some(index) => self.others.get(index),
        }
    }
}

/// The same, to be changed.
pub(crate) struct NodesMut<'a> {
    root: &'a mut Node,
    others: &'a mut [Node],
}

impl NodesMut<'_> {
    #[inline]
    pub(crate) fn get(&mut self, index: usize) -> Option<&mut Node> {
        match index.checked_sub(1) {
            None => Some(self.root),
            Some(index) => self.others.get_mut(index),
        }
    }
}

/// A hold that expired, for the ledger.
pub(crate) struct Lapse {
    pub(crate) id: ReservationId,
    pub(crate) path: Path,
    pub(crate) held: Lines,
    pub(crate) at: Moment,
    pub(crate) after: After,
    /// Its call had left, so that it was spent.
    pub(crate) started: bool,
    /// This tree numbers it, and puts it into the ledger.
    pub(crate) is_at_home: bool,
}

impl Tree {
    pub(crate) fn new(
        number: u64,
        root: Envelope,
        home: Arc<Home>,
        node: Node,
        at: Moment,
    ) -> Self {
        let state = TreeState {
            number,
            mark: at,
            root: node,
            grown: None,
            holds: None,
            next_hold: 0,
            next_row: 0,
        };
        Self {
            number,
            root,
            home,
            state: Mutex::new(state),
        }
    }

    /// The whole tree. Slices that lanes have are taken back first, so that it is all there.
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, TreeState>, Poisoned> {
        let mut state = self.lock_rest()?;
        self.recall(&mut state)?;
        Ok(state)
    }

    /// Takes back what lanes and meters have.
    pub(crate) fn recall(&self, state: &mut TreeState) -> Result<(), Poisoned> {
        if let Some(lanes) = &self.home.lanes {
            lanes.recall(state)?;
        }
        state.recall_meters();
        Ok(())
    }

    /// The tree without what its lanes and meters have: that is held for them. Enough for whoever needs no more than what is in here.
    #[inline]
    pub(crate) fn lock_rest(&self) -> Result<MutexGuard<'_, TreeState>, Poisoned> {
        let state = self.lock_quietly()?;
        state.unpublish();
        Ok(state)
    }

    /// The same, for a meter that brings nothing back: what others were told stays true.
    #[inline]
    pub(crate) fn lock_quietly(&self) -> Result<MutexGuard<'_, TreeState>, Poisoned> {
        let Some(lanes) = &self.home.lanes else {
            return self.state.lock().map_err(|_| Poisoned);
        };
        match self.state.try_lock() {
            Ok(state) => Ok(state),
            Err(TryLockError::Poisoned(_)) => Err(Poisoned),
            Err(TryLockError::WouldBlock) => {
                lanes.note_waiting();
                self.state.lock().map_err(|_| Poisoned)
            }
        }
    }

    /// How many lanes it has.
    pub(crate) fn lane_count(&self) -> usize {
        self.home.lanes.as_ref().map_or(0, LaneSet::count)
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

    pub(crate) fn epoch(&self) -> u64 {
        self.grown.as_ref().map_or(0, |grown| grown.epoch)
    }

    /// Of a tree that was written down.
    pub(crate) fn set_epoch(&mut self, epoch: u64) {
        if epoch > 0 {
            self.grown.get_or_insert_default().epoch = epoch;
        }
    }

    /// Of a tree that was written down: holds may be of epochs that are over.
    pub(crate) fn restore_hold(&mut self, id: ReservationId, hold: Hold) {
        let epoch = self.epoch();
        self.holds_mut().restore(id, hold, epoch);
    }

    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        match index.checked_sub(1) {
            None => Some(&self.root),
            Some(index) => self.grown.as_ref()?.nodes.get(index),
        }
    }

    pub(crate) fn node_mut(&mut self, index: usize) -> Option<&mut Node> {
        match index.checked_sub(1) {
            None => Some(&mut self.root),
            Some(index) => self.grown.as_mut()?.nodes.get_mut(index),
        }
    }

    /// All nodes, for whoever looks several of them up.
    #[inline]
    pub(crate) fn nodes_at(&self) -> Nodes<'_> {
        Nodes {
            root: &self.root,
            others: match &self.grown {
                Some(grown) => &grown.nodes,
                None => &[],
            },
        }
    }

    /// The same, to be changed.
    #[inline]
    pub(crate) fn nodes_mut(&mut self) -> NodesMut<'_> {
        NodesMut {
            root: &mut self.root,
            others: match &mut self.grown {
                Some(grown) => &mut grown.nodes,
                None => &mut [],
            },
        }
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        let others = self.grown.as_ref().map(|grown| &*grown.nodes);
        iter::once(&self.root).chain(others.unwrap_or_default())
    }

    /// The index that the next node gets.
    pub(crate) fn next_index(&self) -> usize {
        let others = self.grown.as_ref().map_or(0, |grown| grown.nodes.len());
        others.saturating_add(1)
    }

    /// Adds a node.
    pub(crate) fn grow(&mut self, node: Node) {
        self.grown.get_or_insert_default().nodes.push(node);
    }

    pub(crate) fn holds(&self) -> Option<&Holds> {
        self.holds.as_deref()
    }

    #[inline]
    pub(crate) fn holds_mut(&mut self) -> &mut Holds {
        self.holds.get_or_insert_default()
    }

    #[inline]
    pub(crate) fn hold(&self, id: ReservationId) -> Option<&Hold> {
        self.holds()?.get(id)
    }

    pub(crate) fn hold_mut(&mut self, id: ReservationId) -> Option<&mut Hold> {
        self.holds.as_mut()?.get_mut(id)
    }

    /// Reservations that still hold something at `at`.
    fn open_holds(&self, at: Moment) -> impl Iterator<Item = &Hold> {
        let holds = self.holds().into_iter().flat_map(Holds::iter);
        holds
            .map(|(_, hold)| hold)
            .filter(move |hold| hold.is_open(at))
    }

    /// Whether the time plays no part in what this tree has to say.
    pub(crate) fn is_timeless(&self) -> bool {
        self.holds().is_none_or(Holds::is_empty) && self.nodes().all(Node::is_lifetime)
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
        self.holds_mut().insert(id, hold);
    }

    /// Takes a hold out of the table. Its nodes keep the windows of its epoch until [`tidy`](Self::tidy).
    pub(crate) fn take_hold(&mut self, id: ReservationId) -> Option<Hold> {
        self.holds.as_mut()?.remove(id)
    }

    /// Drops windows that are over and in which no hold is open any more, once what was taken out of them is booked.
    pub(crate) fn tidy(&mut self) {
        let Some(holds) = &mut self.holds else {
            return;
        };
        if !holds.has_left() {
            return;
        }
        let past = holds.past();
        self.root.prune(past);
        for node in self.grown.iter_mut().flat_map(|grown| &mut grown.nodes) {
            node.prune(past);
        }
    }

    pub(crate) fn add_meter(&mut self, meter: Arc<Metered>) {
        self.grown.get_or_insert_default().meters.push(meter);
    }

    pub(crate) fn remove_meter(&mut self, meter: &Arc<Metered>) {
        if let Some(grown) = &mut self.grown {
            grown.meters.retain(|known| !Arc::ptr_eq(known, meter));
        }
    }

    /// Whether meters may have taken something out.
    #[inline]
    pub(crate) fn has_meters(&self) -> bool {
        self.grown
            .as_ref()
            .is_some_and(|grown| !grown.meters.is_empty())
    }

    /// Meters must ask again: something may have come back.
    #[inline]
    pub(crate) fn unpublish(&self) {
        for meter in self.grown.iter().flat_map(|grown| &grown.meters) {
            meter.unpublish();
        }
    }

    fn recall_meters(&mut self) {
        let count = self.grown.as_ref().map_or(0, |grown| grown.meters.len());
        for number in 0..count {
            let meter = self
                .grown
                .as_ref()
                .and_then(|grown| grown.meters.get(number));
            if let Some(meter) = meter.cloned() {
                meter.recall(self);
            }
        }
    }

    /// When the first of its holds is due.
    pub(crate) fn first_due(&self) -> Moment {
        self.holds().map_or(Moment::NEVER, Holds::first_due)
    }

    /// Notes when a hold is due.
    pub(crate) fn due_again(&mut self, id: ReservationId, due: Moment) {
        self.holds_mut().due_again(id, due);
    }

    #[inline]
    pub(crate) fn is_due(&self, at: Moment) -> bool {
        self.holds().is_some_and(|holds| holds.is_due(at))
    }

    /// The cell of node `index` as it is at `at`: expired holds ended, the current window entered. With `epoch`, the cell
    /// that a hold of that epoch was taken in.
    pub(crate) fn view(&self, index: usize, epoch: Option<u64>, at: Moment) -> Option<Cell> {
        let node = self.node(index)?;
        let current = node.current();
        let stored = epoch.map_or(Some(current), |epoch| node.cell(epoch))?;
        let is_over = stored.epoch == current.epoch && stored.span.end <= at;
        if !self.is_due(at) && !is_over {
            return Some(stored);
        }
        let mut cell = stored;
        for (_, hold) in self.holds().into_iter().flat_map(Holds::iter) {
            if let Some(started) = hold.lapses_by(at)
                && let Some(amounts) = self.held_at(hold, index)
                && node
                    .cell(hold.epoch)
                    .is_some_and(|taken_in| taken_in.epoch == stored.epoch)
            {
                cell.lapse(&amounts, started, node.limits());
            }
        }
        Some(match epoch {
            None => node.follow(cell, at),
            Some(_) if is_over => node.closed(cell),
            Some(_) => cell,
        })
    }

    /// When the first of the holds that stand in the way in this cell's `dimension` ends, whatever becomes of it.
    pub(crate) fn first_return(
        &self,
        index: usize,
        dimension: Dimension,
        at: Moment,
    ) -> Option<Moment> {
        let epoch = self.node(index)?.current().epoch;
        self.open_holds(at)
            .filter(|hold| hold.epoch >= epoch)
            .filter(|hold| {
                self.held_at(hold, index)
                    .and_then(|held| held.units(dimension))
                    .is_some_and(|units| units > 0)
            })
            .map(|hold| hold.due)
            .min()
    }

    fn held_at(&self, hold: &Hold, index: usize) -> Option<crate::Amounts> {
        let group = hold.path.group(self.number)?;
        let step = group.steps.iter().find(|step| step.node == index)?;
        Some(hold.held.at(step.lines))
    }

    /// Enters the current window of the nodes of `group`, once the holds that are due at `at` have lapsed.
    pub(crate) fn advance(&mut self, group: GroupRef<'_>, at: Moment) {
        self.mark = self.mark.max(at);
        for step in group.steps {
            if !self.node(step.node).is_some_and(|node| node.is_over(at)) {
                continue;
            }
            let epoch = self.epoch();
            if let Some(holds) = &mut self.holds {
                holds.leave(epoch);
            }
            let mut holds = self.holds.take();
            let past = holds.as_mut().map(|holds| holds.past());
            if let Some(node) = self.node_mut(step.node) {
                node.advance(at, epoch.saturating_add(1), past);
                self.grown.get_or_insert_default().epoch = epoch.saturating_add(1);
            }
            self.holds = holds;
        }
    }

    /// Ends the holds that are due. Returns what lapsed. A lapsed hold can be settled late
    /// for `late`.
    #[must_use]
    pub(crate) fn lapse_due(&mut self, at: Moment, late: Duration) -> Vec<Lapse> {
        let mut lapses = Vec::new();
        while let Some((due, id)) = self.holds.as_mut().and_then(|holds| holds.next_due(at)) {
            let Some(entry) = self.hold_mut(id).filter(|hold| hold.due == due) else {
                continue;
            };
            let started = match entry.stage {
                Stage::Held => false,
                Stage::Started => true,
                Stage::Lapsed { .. } => {
                    if !entry.is_attached {
                        self.take_hold(id);
                        self.tidy();
                    }
                    continue;
                }
            };
            entry.stage = Stage::Lapsed { started };
            let forgotten = due.plus(late);
            entry.due = forgotten;
            let (path, held, epoch) = (entry.path.clone(), entry.held.clone(), entry.epoch);
            self.due_again(id, forgotten);
            let mut after = After::None;
            let group = path.group(self.number);
            for step in group.iter().flat_map(|group| group.steps) {
                if let Some(node) = self.node_mut(step.node) {
                    node.lapse(epoch, &held.at(step.lines), started);
                    after.push(&node.cell(epoch).unwrap_or_else(|| node.current()));
                }
            }
            lapses.push(Lapse {
                is_at_home: id.tree() == self.number,
                id,
                path,
                held,
                at: due,
                after,
                started,
            });
        }
        lapses
    }

    /// No guard holds on to a hold any more, which has started or has not: it is forgotten once it has lapsed for long enough.
    pub(crate) fn detach(&mut self, id: ReservationId, started: bool) {
        if let Some(hold) = self.hold_mut(id)
            && started == matches!(hold.stage, Stage::Started | Stage::Lapsed { started: true })
        {
            hold.is_attached = false;
            let due = hold.due;
            self.due_again(id, due);
        }
    }

    /// After a replay: no guard survived it.
    pub(crate) fn detach_all(&mut self) {
        if let Some(holds) = &mut self.holds {
            holds.detach_all();
        }
    }

    /// An operator accepted a clock that shows `now`: the mark goes back to it, and holds keep the time that they had left.
    pub(crate) fn accept_clock(&mut self, now: Moment) {
        let back = self.mark.since(now);
        self.mark = now;
        if let Some(holds) = &mut self.holds {
            holds.bring_forward(back);
        }
    }

    /// Forgets the holds that no guard holds on to.
    pub(crate) fn clear_detached(&mut self) {
        if let Some(holds) = &mut self.holds {
            holds.clear_detached();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::amounts::Limits;
    use crate::clock::SystemClock;
    use crate::id::SessionId;
    use crate::plain::Caps;
    use crate::window::Schedule;

    /// A session of ten calls.
    pub(crate) fn lone() -> Path {
        let at = Moment::from_micros(0);
        let core = Core::new(
            Box::new(SystemClock),
            None,
            0,
            Duration::ZERO,
            Duration::MAX,
            None,
        );
        let home = Home {
            core: Arc::new(core),
            lanes: None,
        };
        let caps = Arc::new(Caps::of_session(Limits::NONE.calls(10)));
        let node = Node::new(caps, Schedule::lifetime(), false, false, at, 0);
        let id: SessionId = "a".parse().unwrap();
        Path::Lone(Arc::new(Tree::new(
            0,
            (&id).into(),
            Arc::new(home),
            node,
            at,
        )))
    }

    #[test]
    fn a_session_is_small() {
        assert!(size_of::<Tree>() <= 176, "{}", size_of::<Tree>());
    }
}
