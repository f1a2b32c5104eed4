//! The holds of a tree: by their ids, by when they are due, and by the epoch in which they were taken.
//!
//! Most sessions have none or one, and there are many sessions: a few are kept in a row, and only more in tables.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::time::Duration;

use crate::hold::{Hold, IdHash, ReservationId, Stage};
use crate::moment::Moment;

/// So many are looked through.
const FEW: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Holds {
    few: Vec<(ReservationId, Hold)>,
    /// All of them, once there were more than a few, until there is none.
    many: Option<Box<Many>>,
    /// How many holds there are of each epoch that is over.
    past: BTreeMap<u64, u64>,
    /// The last hold of one of these has gone.
    has_left: bool,
}

#[derive(Debug, Default)]
struct Many {
    by_id: HashMap<ReservationId, Hold, IdHash>,
    /// When holds are due, earliest first. Entries outlive their holds; [`Many::due_again`] keeps them few.
    dues: BinaryHeap<Reverse<(Moment, ReservationId)>>,
}

impl Holds {
    pub(crate) fn len(&self) -> usize {
        self.many
            .as_ref()
            .map_or(self.few.len(), |many| many.by_id.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ReservationId, &Hold)> {
        let few = self.few.iter().map(|(id, hold)| (*id, hold));
        let many = self.many.iter().flat_map(|many| &many.by_id);
        few.chain(many.map(|(id, hold)| (*id, hold)))
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Hold> {
        let few = self.few.iter_mut().map(|(_, hold)| hold);
        let many = self.many.iter_mut();
        few.chain(many.flat_map(|many| many.by_id.values_mut()))
    }

    #[inline]
    pub(crate) fn get(&self, id: ReservationId) -> Option<&Hold> {
        match &self.many {
            Some(many) => many.by_id.get(&id),
            None => self
                .few
                .iter()
                .find(|(other, _)| *other == id)
                .map(|(_, hold)| hold),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: ReservationId) -> Option<&mut Hold> {
        if let Some(many) = &mut self.many {
            return many.by_id.get_mut(&id);
        }
        let mut few = self.few.iter_mut();
        few.find(|(other, _)| *other == id).map(|(_, hold)| hold)
    }

    #[inline]
    pub(crate) fn insert(&mut self, id: ReservationId, hold: Hold) {
        if self.many.is_none() && self.few.len() < FEW {
            self.few.push((id, hold));
        } else {
            self.insert_among_many(id, hold);
        }
    }

    #[inline(never)]
    fn insert_among_many(&mut self, id: ReservationId, hold: Hold) {
        let many = self.many.get_or_insert_default();
        for (id, hold) in self.few.drain(..) {
            many.insert(id, hold);
        }
        many.insert(id, hold);
    }

    /// Puts a hold back that was written down, into a tree that is in `epoch`.
    pub(crate) fn restore(&mut self, id: ReservationId, hold: Hold, epoch: u64) {
        if hold.epoch < epoch {
            let count = self.past.entry(hold.epoch).or_default();
            *count = count.saturating_add(1);
        }
        self.insert(id, hold);
    }

    /// Takes a hold out.
    #[inline]
    pub(crate) fn remove(&mut self, id: ReservationId) -> Option<Hold> {
        let hold = if let Some(many) = &mut self.many {
            many.by_id.remove(&id)?
        } else {
            let at = self.few.iter().position(|(other, _)| *other == id)?;
            self.few.swap_remove(at).1
        };
        if !self.past.is_empty() {
            self.count_less(hold.epoch);
        }
        Some(hold)
    }

    /// One less of `epoch`, where that is over.
    fn count_less(&mut self, epoch: u64) {
        if let Some(count) = self.past.get_mut(&epoch) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.past.remove(&epoch);
                self.has_left = true;
            }
        }
    }

    /// Whether the last hold of an epoch that is over has gone since this was asked before.
    pub(crate) const fn has_left(&mut self) -> bool {
        std::mem::replace(&mut self.has_left, false)
    }

    /// The tree leaves `epoch`: the holds that were taken in it are counted from now on.
    pub(crate) fn leave(&mut self, epoch: u64) {
        let counted = self
            .past
            .values()
            .fold(0_u64, |sum, count| sum.saturating_add(*count));
        let all = u64::try_from(self.len()).unwrap_or(u64::MAX);
        let count = all.saturating_sub(counted);
        if count > 0 {
            self.past.insert(epoch, count);
        }
    }

    /// How many holds there are of each epoch that is over.
    pub(crate) const fn past(&self) -> &BTreeMap<u64, u64> {
        &self.past
    }

    /// Notes when a hold is due, which has been changed.
    pub(crate) fn due_again(&mut self, id: ReservationId, due: Moment) {
        if let Some(many) = &mut self.many {
            many.due_again(id, due);
        }
    }

    pub(crate) fn is_due(&self, at: Moment) -> bool {
        match &self.many {
            Some(many) => many.is_due(at),
            None => self.few.iter().any(|(_, hold)| is_due(hold, at)),
        }
    }

    /// When the first of them is due.
    pub(crate) fn first_due(&self) -> Moment {
        let first = match &self.many {
            Some(many) => many.dues.peek().map(|Reverse((due, _))| *due),
            None => self.few.iter().map(|(_, hold)| hold.due).min(),
        };
        first.unwrap_or(Moment::NEVER)
    }

    /// The next hold that has to be looked at by `at`, which it will not be again for this time.
    pub(crate) fn next_due(&mut self, at: Moment) -> Option<(Moment, ReservationId)> {
        if let Some(many) = &mut self.many {
            return many.next_due(at);
        }
        let due = self.few.iter().filter(|(_, hold)| is_due(hold, at));
        due.map(|(id, hold)| (hold.due, *id)).min()
    }

    /// After a replay: no guard survived it.
    pub(crate) fn detach_all(&mut self) {
        for hold in self.iter_mut() {
            hold.is_attached = false;
        }
        self.note_dues();
    }

    /// All holds come due earlier by this.
    pub(crate) fn bring_forward(&mut self, by: Duration) {
        for hold in self.iter_mut() {
            hold.due = hold.due.minus(by);
        }
        self.note_dues();
    }

    /// Forgets the holds that no guard holds on to.
    pub(crate) fn clear_detached(&mut self) {
        self.few.retain(|(_, hold)| hold.is_attached);
        if let Some(many) = &mut self.many {
            many.by_id.retain(|_, hold| hold.is_attached);
        }
    }

    /// Takes all holds of `other`, which were taken in the current epoch.
    pub(crate) fn absorb(&mut self, other: &mut Self) {
        for (id, hold) in other.few.drain(..) {
            self.insert(id, hold);
        }
        if let Some(many) = &mut other.many {
            for (id, hold) in many.by_id.drain() {
                self.insert(id, hold);
            }
            many.dues.clear();
        }
    }

    fn note_dues(&mut self) {
        if let Some(many) = &mut self.many {
            many.note_dues();
        }
    }
}

/// One that expired and whose guard is still there is due no more: the guard will end it.
fn is_due(hold: &Hold, at: Moment) -> bool {
    hold.due <= at && !(hold.is_attached && matches!(hold.stage, Stage::Lapsed { .. }))
}

impl Many {
    fn insert(&mut self, id: ReservationId, hold: Hold) {
        let due = hold.due;
        self.by_id.insert(id, hold);
        self.due_again(id, due);
    }

    /// Notes when a hold is due, and drops the notes of holds that are gone where they have become the larger part.
    fn due_again(&mut self, id: ReservationId, due: Moment) {
        let many = self.by_id.len().saturating_mul(2).saturating_add(64);
        if self.dues.len() >= many {
            self.note_dues();
        } else {
            self.dues.push(Reverse((due, id)));
        }
    }

    fn note_dues(&mut self) {
        self.dues.clear();
        let dues = self.by_id.iter().map(|(id, hold)| Reverse((hold.due, *id)));
        self.dues.extend(dues);
    }

    fn is_due(&self, at: Moment) -> bool {
        self.dues.peek().is_some_and(|Reverse((due, _))| *due <= at)
    }

    fn next_due(&mut self, at: Moment) -> Option<(Moment, ReservationId)> {
        if !self.is_due(at) {
            return None;
        }
        self.dues.pop().map(|Reverse(due)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amounts::Amounts;
    use crate::lines::Lines;
    use crate::tree::tests::lone;

    #[test]
    fn notes_of_holds_that_are_gone_stay_few() {
        let path = lone();
        let mut holds = Holds::default();
        for serial in 0..10_000 {
            let hold = Hold {
                path: path.clone(),
                held: Lines::One(Amounts::NONE.calls(1)),
                due: Moment::NEVER,
                epoch: 0,
                stage: Stage::Held,
                is_attached: true,
            };
            holds.insert(ReservationId::new(0, serial), hold);
            // Ten at a time, so that they are in tables.
            if let Some(gone) = serial.checked_sub(10) {
                assert!(holds.remove(ReservationId::new(0, gone)).is_some());
            }
        }
        let many = holds.many.unwrap();
        assert!(many.dues.len() <= 90, "{}", many.dues.len());
    }
}
