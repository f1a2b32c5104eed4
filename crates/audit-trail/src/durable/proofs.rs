//! Hashes of the tree over a directory's entries: wide subtrees from memory, narrower ones from the indexes, the narrowest from the entries themselves.

use std::ops::Range;
use std::sync::PoisonError;

use crate::AuditError;
use crate::durable::catalog::Catalog;
use crate::durable::index::{GROUP, NARROW, ZONE};
use crate::durable::segment;
use crate::durable::window::Window;
use crate::tree::{CompactRange, Hash, leaf_hash, middle, node_hash};

impl Catalog {
    /// Roots of the subtrees `[start, end)`, each of which starts at a multiple of the power of two not below its width, in a tree of `size` leaves.
    pub(crate) fn roots(&self, size: u64, ranges: &[(u64, u64)]) -> Result<Vec<Hash>, AuditError> {
        let mut near = Near::new(self, size);
        ranges
            .iter()
            .map(|(start, end)| near.subtree(*start, *end))
            .collect()
    }

    /// Roots of neighbouring complete subtrees of `width` leaves, a power of two, the first beginning at leaf `start`, a multiple of it.
    pub(crate) fn subtrees(
        &self,
        start: u64,
        width: u64,
        count: u64,
    ) -> Result<Vec<Hash>, AuditError> {
        let span = width.checked_mul(count).and_then(|n| n.checked_add(start));
        let size = self.size();
        let end = span
            .filter(|end| *end <= size)
            .ok_or(AuditError::OutOfRange { index: start, size })?;
        if width == 1 {
            return self.leaves(start, end);
        }
        let mut near = Near::new(self, end);
        (0..count)
            .map(|number| {
                let start = start.saturating_add(width.saturating_mul(number));
                near.subtree(start, start.saturating_add(width))
            })
            .collect()
    }

    /// Leaf hashes of `[start, end)`, computed from the entries.
    pub(crate) fn leaves(&self, start: u64, end: u64) -> Result<Vec<Hash>, AuditError> {
        let mut leaves = Vec::new();
        for (first, ordinals) in self.parts(&(start..end))? {
            let offsets = self.ask(first, |part| part.offsets(&ordinals))?;
            let failed = || AuditError::storage(format!("reading {}", segment::name(first)));
            let file = self.segment(first)?;
            let mut window = Window::new(file).map_err(failed())?;
            let last = offsets.last().copied().map_or(0, u64::from);
            for offset in offsets {
                let ahead = last.saturating_sub(offset.into()).saturating_add(1024);
                let entry = window.entry(offset, 0, ahead.min(1 << 16));
                leaves.push(leaf_hash(entry.map_err(failed())?));
            }
        }
        Ok(leaves)
    }

    /// The tree over the first `size` entries.
    pub(crate) fn range(&self, size: u64) -> Result<CompactRange, AuditError> {
        let known = self.range.lock().unwrap_or_else(PoisonError::into_inner);
        if known.size() == size {
            return Ok(known.clone());
        }
        drop(known);
        let mut near = Near::new(self, size);
        let mut peaks = Vec::new();
        let mut start = 0_u64;
        for bit in (0..u64::BITS).rev() {
            let width = 1_u64 << bit;
            if size & width != 0 {
                let end = start.saturating_add(width);
                peaks.push(near.subtree(start, end)?);
                start = end;
            }
        }
        let range = CompactRange::from_parts(size, peaks).map_err(|_| AuditError::Poisoned)?;
        self.range
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&range);
        Ok(range)
    }

    /// Roots of the subtrees of one of the [`NARROW`] widths with these numbers.
    fn narrow(&self, level: usize, numbers: &Range<u64>) -> Result<Vec<Hash>, AuditError> {
        let width = NARROW.get(level).copied().unwrap_or(ZONE);
        let mut roots = Vec::new();
        let mut next = numbers.start;
        while next < numbers.end {
            // A subtree is in the index of the segment where it ends.
            let last = next.saturating_add(1).saturating_mul(width);
            let (first, end) = self.part_of(last.saturating_sub(1))?;
            let until = numbers.end.min(end.checked_div(width).unwrap_or(0));
            let here = next..until.max(next.saturating_add(1));
            roots.extend(self.ask(first, |part| part.narrow(level, &here))?);
            next = here.end;
        }
        Ok(roots)
    }

    /// First entry of the segment that holds `index`, and the index after its last.
    fn part_of(&self, index: u64) -> Result<(u64, u64), AuditError> {
        let state = self.state()?;
        let at = state.finished.partition_point(|s| s.end() <= index);
        let finished = state.finished.get(at).map(|s| (s.first, s.end()));
        let growing = || state.growing.as_ref().map(|g| (g.first, g.end()));
        finished
            .or_else(growing)
            .filter(|(_, end)| index < *end)
            .ok_or(AuditError::OutOfRange {
                index,
                size: state.size,
            })
    }
}

/// Subtrees of one proof lie side by side: what was read for one is kept for the next.
struct Near<'c> {
    catalog: &'c Catalog,
    size: u64,
    /// Groups of neighbours: four leaves, or four roots of each of the [`NARROW`] widths, and the first leaf below them.
    groups: [Option<(u64, Vec<Hash>)>; 4],
}

impl<'c> Near<'c> {
    fn new(catalog: &'c Catalog, size: u64) -> Self {
        Self {
            catalog,
            size,
            groups: Default::default(),
        }
    }

    fn subtree(&mut self, start: u64, end: u64) -> Result<Hash, AuditError> {
        let width = end.saturating_sub(start);
        if !width.is_power_of_two() {
            return self.ragged(start, end);
        }
        let unknown = AuditError::OutOfRange {
            index: end,
            size: self.catalog.size(),
        };
        if width >= ZONE {
            let state = self.catalog.state()?;
            return state.nodes.get(start, width).ok_or(unknown);
        }
        let units = std::iter::once(1).chain(NARROW);
        let widest = units.enumerate().filter(|(_, unit)| *unit <= width).last();
        let (level, unit) = widest.unwrap_or((0, 1));
        let (from, hashes) = self.group(level, unit, start)?;
        let place = |leaf: u64| usize::try_from(leaf.saturating_sub(*from).checked_div(unit)?).ok();
        let run = place(start).zip(place(end));
        match run.and_then(|(start, end)| hashes.get(start..end)) {
            Some([one]) => Ok(*one),
            Some([left, right]) => Ok(node_hash(left, right)),
            _ => Err(unknown),
        }
    }

    /// A subtree that is not complete: where it ends with a tree that was asked for, it consists of that tree's last peaks.
    fn ragged(&mut self, start: u64, end: u64) -> Result<Hash, AuditError> {
        if end != self.size {
            let middle = middle(start, end);
            let (left, right) = (self.subtree(start, middle)?, self.subtree(middle, end)?);
            return Ok(node_hash(&left, &right));
        }
        let range = self.catalog.range(end)?;
        let count = end.saturating_sub(start).count_ones();
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut peaks = range.peaks().iter().rev().take(count);
        let last = peaks.next().copied().unwrap_or_else(|| range.root());
        Ok(peaks.fold(last, |right, left| node_hash(left, &right)))
    }

    /// The group of subtrees of `unit` leaves around leaf `start`, as far as they are complete.
    fn group(
        &mut self,
        level: usize,
        unit: u64,
        start: u64,
    ) -> Result<&(u64, Vec<Hash>), AuditError> {
        let whole = unit.saturating_mul(GROUP);
        let from = start & !whole.saturating_sub(1);
        let catalog = self.catalog;
        let group = self.groups.get_mut(level).ok_or(AuditError::Poisoned)?;
        if group.as_ref().is_none_or(|(at, _)| *at != from) {
            let end = from.saturating_add(whole).min(catalog.size());
            let number = |leaf: u64| leaf.checked_div(unit).unwrap_or(0);
            let hashes = match level.checked_sub(1) {
                None => catalog.leaves(from, end)?,
                Some(level) => catalog.narrow(level, &(number(from)..number(end)))?,
            };
            *group = Some((from, hashes));
        }
        group.as_ref().ok_or(AuditError::Poisoned)
    }
}
