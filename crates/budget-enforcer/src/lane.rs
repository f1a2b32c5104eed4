//! Slices of a tree that threads spend without waiting for each other.
//!
//! A lane holds a part of what a tree has left, taken out beforehand and held in the tree meanwhile, so that what the tree admits
//! and what its lanes admit is never more than there is. Whoever needs the tree whole ([`Tree::lock`](crate::tree::Tree::lock)) takes
//! every slice back first: nobody is refused while a lane has what is missing, and nobody reads a figure that lacks a part.
//!
//! Locks are taken tree first, then lane; whoever gets by with a lane takes its lock alone.

use std::cell::Cell as Slot;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::alert::Alerts;
use crate::amounts::{Dimension, PerDimension};
use crate::config::Lanes;
use crate::error::Poisoned;
use crate::hold::{ReservationId, TransactionId};
use crate::holds::Holds;
use crate::lines::Lines;
use crate::moment::Moment;
use crate::path::GroupRef;
use crate::plain::{Plain, UNLIMITED, Want};
use crate::tree::TreeState;

/// How many callers must have waited for a tree before it is worth slicing.
const MANY: u32 = 64;

/// A slice is this many times what was asked for, if there is so much.
const AHEAD: u64 = 4096;

/// Ids that a lane takes beforehand.
const IDS: u64 = 1 << 20;

/// Rows have ids, too: a hold has two, one for its beginning, one for its end.
pub(crate) const ROWS_OF_A_LANE: u64 = IDS * 2;

/// The number of the current thread's lane.
pub(crate) fn own() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Slot<usize> = const { Slot::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) & 0xffff);
        }
        own.get()
    })
}

#[derive(Debug)]
pub(crate) struct LaneSet {
    lanes: Box<[Aligned]>,
    /// Which lanes have a slice, as bits. Changed with the tree locked.
    open: AtomicU64,
    /// How often somebody had to wait for the tree.
    waited: AtomicU32,
    is_hot: AtomicBool,
}

/// Two cache lines each, for processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Aligned(Mutex<Lane>);

/// What one lane has.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    is_open: bool,
    /// When the first of the windows that it has slices of ends.
    until: Moment,
    pub(crate) mark: Moment,
    pub(crate) epoch: u64,
    /// By the tree's nodes.
    slices: Vec<Slice>,
    pub(crate) holds: Holds,
    next_hold: u64,
    next_row: u64,
    last_id: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    granted: PerDimension<u64>,
    /// Of the dimensions with a limit, what was taken out of the tree for it; the others are not counted out.
    taken: PerDimension<u64>,
    plain: Plain,
    must_touch: u8,
    /// Of the node's window.
    epoch: u64,
    is_known: bool,
}

impl LaneSet {
    /// `None`: the tree stays whole.
    pub(crate) fn new(lanes: Lanes) -> Option<Self> {
        let (count, is_hot) = match lanes {
            Lanes::Never => return None,
            Lanes::WhenContended => (processors().saturating_mul(2), false),
            Lanes::Always(count) => (count.get(), true),
        };
        Some(Self {
            lanes: (0..count.clamp(1, 64))
                .map(|_| Aligned::default())
                .collect(),
            open: AtomicU64::new(0),
            waited: AtomicU32::new(0),
            is_hot: AtomicBool::new(is_hot),
        })
    }

    pub(crate) const fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Whether threads should use lanes.
    pub(crate) fn is_hot(&self) -> bool {
        self.is_hot.load(Ordering::Relaxed)
    }

    /// Somebody had to wait for the tree.
    pub(crate) fn note_waiting(&self) {
        if self.waited.fetch_add(1, Ordering::Relaxed) >= MANY {
            self.is_hot.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn lock(&self, lane: usize) -> Result<MutexGuard<'_, Lane>, Poisoned> {
        let index = lane.checked_rem(self.lanes.len()).ok_or(Poisoned)?;
        let lane = self.lanes.get(index).ok_or(Poisoned)?;
        lane.0.lock().map_err(|_| Poisoned)
    }

    /// Takes every slice back into `state`, which is locked.
    pub(crate) fn recall(&self, state: &mut TreeState) -> Result<(), Poisoned> {
        let mut open = self.open.load(Ordering::Relaxed);
        while open != 0 {
            let index = usize::try_from(open.trailing_zeros()).unwrap_or(0);
            self.lock(index)?.close(state);
            open &= open.wrapping_sub(1);
            // One by one: a lane that a panic has poisoned stays open, and the tree refused.
            self.open.store(open, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Gives a lane more of what `state`, which is locked, has left, for charges such as `lines` at `at`. Whether it now has enough for one.
    pub(crate) fn grant(
        &self,
        lane: usize,
        state: &mut TreeState,
        group: GroupRef<'_>,
        lines: &Lines,
        at: Moment,
    ) -> Result<bool, Poisoned> {
        let index = lane.checked_rem(self.lanes.len()).ok_or(Poisoned)?;
        if state.is_due(at) {
            return Ok(false);
        }
        let parts = u64::try_from(self.lanes.len())
            .unwrap_or(u64::MAX)
            .saturating_mul(2);
        let mut lane = self.lock(index)?;
        if !lane.is_open {
            lane.open(state);
            let bit = u32::try_from(index).ok();
            let bit = bit.and_then(|index| 1_u64.checked_shl(index));
            self.open.fetch_or(bit.unwrap_or(0), Ordering::Relaxed);
        }
        let mut has_enough = true;
        let alerts = group.tree.home.core.books.alerts.as_ref();
        for step in group.steps {
            let want = Want::of(&lines.at(step.lines));
            has_enough &=
                want.is_plain() && lane.take_slice(state, step.node, &want, parts, at, alerts);
        }
        Ok(has_enough)
    }
}

impl Lane {
    /// Whether it has slices, of windows that are not over at `at`, and nothing has expired.
    pub(crate) fn is_current(&self, at: Moment) -> bool {
        self.is_open && at < self.until && !self.holds.is_due(at)
    }

    pub(crate) const fn has_ids(&self) -> bool {
        self.next_hold < self.last_id
    }

    pub(crate) fn fits(&self, node: usize, want: &Want, is_named: bool) -> bool {
        self.slices.get(node).is_some_and(|slice| {
            slice.is_known
                && !(is_named && want.evades(slice.must_touch))
                && slice.plain.fits(want, &slice.granted)
        })
    }

    /// The epoch of a node's window.
    pub(crate) fn node_epoch(&self, node: usize) -> u64 {
        self.slices.get(node).map_or(0, |slice| slice.epoch)
    }

    pub(crate) fn plain_mut(&mut self, node: usize) -> Option<&mut Plain> {
        self.slices.get_mut(node).map(|slice| &mut slice.plain)
    }

    /// The id that the next reservation in tree `number` gets.
    pub(crate) fn take_hold_id(&mut self, number: u64) -> ReservationId {
        let serial = self.next_hold;
        self.next_hold = serial.saturating_add(1);
        ReservationId::new(number, serial)
    }

    /// The id that the next ledger row gets.
    pub(crate) fn take_row_id(&mut self, number: u64) -> TransactionId {
        let serial = self.next_row;
        self.next_row = serial.saturating_add(1);
        TransactionId::new(number, serial)
    }

    fn open(&mut self, state: &mut TreeState) {
        self.is_open = true;
        self.until = Moment::NEVER;
        self.mark = state.mark;
        self.epoch = state.epoch();
        // Ids are given out once.
        self.next_hold = state.next_hold;
        self.last_id = state.next_hold.saturating_add(IDS);
        state.next_hold = self.last_id;
        self.next_row = state.next_row;
        state.next_row = state.next_row.saturating_add(ROWS_OF_A_LANE);
    }

    /// Takes more of node `index` for charges of `want`, a part of what is left. Whether it has enough for one.
    fn take_slice(
        &mut self,
        state: &mut TreeState,
        index: usize,
        want: &Want,
        parts: u64,
        at: Moment,
        alerts: Option<&Alerts>,
    ) -> bool {
        let Some(node) = state.node_mut(index) else {
            return false;
        };
        if !node.is_plain() || node.is_over(at) {
            return false;
        }
        if self.slices.len() <= index {
            self.slices
                .resize(index.saturating_add(1), Slice::default());
        }
        let Some(slice) = self.slices.get_mut(index) else {
            return false;
        };
        slice.is_known = true;
        slice.must_touch = node.caps.must_touch;
        slice.epoch = node.epoch();
        for dimension in Dimension::ALL {
            if node.caps.limits.units(dimension).is_none() {
                *slice.granted.get_mut(dimension) = UNLIMITED;
                continue;
            }
            let want = *want.units.get(dimension);
            let room = node.grantable(dimension, alerts);
            let more = room
                .checked_div(parts)
                .unwrap_or(0)
                .min(want.saturating_mul(AHEAD));
            for taken in [
                slice.granted.get_mut(dimension),
                slice.taken.get_mut(dimension),
                node.plain.reserved.get_mut(dimension),
            ] {
                *taken = taken.saturating_add(more);
            }
        }
        let has_enough = slice.plain.fits(want, &slice.granted);
        self.until = self.until.min(node.end());
        has_enough
    }

    /// Gives everything back.
    fn close(&mut self, state: &mut TreeState) {
        for (index, slice) in self.slices.iter_mut().enumerate() {
            let Some(node) = state.node_mut(index).filter(|_| slice.is_known) else {
                continue;
            };
            for dimension in Dimension::ALL {
                let reserved = node.plain.reserved.get_mut(dimension);
                *reserved = reserved
                    .saturating_sub(*slice.taken.get(dimension))
                    .saturating_add(*slice.plain.reserved.get(dimension));
                let spent = node.plain.spent.get_mut(dimension);
                *spent = spent.saturating_add(*slice.plain.spent.get(dimension));
            }
            *slice = Slice::default();
        }
        state.mark = state.mark.max(self.mark);
        state.holds_mut().absorb(&mut self.holds);
        self.is_open = false;
    }
}

/// How many threads can run at once.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(4, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_gives_out_no_id_beyond_its_own() {
        let mut lane = Lane {
            next_hold: 4,
            last_id: 5,
            ..Lane::default()
        };
        assert!(lane.has_ids());
        assert_eq!(lane.take_hold_id(7), ReservationId::new(7, 4));
        assert!(!lane.has_ids(), "the next one is another lane's");
    }
}
