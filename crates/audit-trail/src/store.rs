//! What the log remembers: entries while they are held, and of every full bundle its subtree hash, so that root and proofs outlive eviction.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::bundle::{Bundle, Meta, Snapshot, WIDTH};
use crate::tree::{CompactRange, Hash, empty_root, middle, node_hash};

#[derive(Debug)]
pub(crate) struct Store {
    /// The tree before the first entry that was ever here: empty but for a log read from a pruned export.
    prefix: CompactRange,
    held: VecDeque<Arc<Bundle>>,
    levels: Vec<Level>,
    max_records: Option<u64>,
    /// Leaf of the first entry that was ever here, by which one log is told from another.
    first_leaf: Option<Hash>,
}

/// Roots of complete subtrees of 256, 256², … leaves: the hashes of C2SP tiles.
#[derive(Debug)]
struct Level {
    /// Number of subtrees before the first one that is here.
    start: u64,
    roots: Vec<Hash>,
}

impl Store {
    pub(crate) fn new(max_records: Option<u64>) -> Self {
        Self {
            prefix: CompactRange::default(),
            held: VecDeque::new(),
            levels: Vec::new(),
            max_records,
            first_leaf: None,
        }
    }

    /// A store that goes on after `prefix`, whose size is a multiple of [`WIDTH`].
    pub(crate) fn after(prefix: CompactRange) -> Self {
        Self {
            prefix,
            ..Self::new(None)
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.held
            .back()
            .map_or(self.prefix.size(), |bundle| bundle.end())
    }

    /// The oldest index that may be read.
    pub(crate) fn held_from(&self) -> u64 {
        let newest = self
            .max_records
            .map_or(0, |max| self.size().saturating_sub(max));
        newest.max(self.prefix.size())
    }

    /// The oldest index whose leaf hash is still here: a multiple of [`WIDTH`], at most [`held_from`](Self::held_from).
    pub(crate) fn pruned_to(&self) -> u64 {
        self.held
            .front()
            .map_or(self.prefix.size(), |bundle| bundle.first())
    }

    pub(crate) fn first_leaf(&self) -> Option<&Hash> {
        self.first_leaf.as_ref()
    }

    pub(crate) fn push(&mut self, text: &str, meta: Meta) {
        self.first_leaf.get_or_insert(meta.leaf);
        if self.held.back().is_none_or(|bundle| bundle.is_full()) {
            let next = self.size();
            self.held.push_back(Arc::new(Bundle::new(next)));
        }
        let Some(bundle) = self.held.back_mut() else {
            return;
        };
        // Copies only while a reader holds a view of this bundle.
        let bundle = Arc::make_mut(bundle);
        bundle.push(text, meta);
        if bundle.is_full() {
            let (first, end) = (bundle.first(), bundle.end());
            self.complete(0, first, end);
        }
        self.evict();
    }

    /// Keeps the root of the complete subtree `[start, end)` of `level`, and of the next level's where that completes one.
    fn complete(&mut self, level: usize, start: u64, end: u64) {
        let width = end.saturating_sub(start);
        let Some(root) = self.subtree(start, end) else {
            return;
        };
        if self.levels.len() == level {
            self.levels.push(Level {
                start: start.checked_div(width).unwrap_or(0),
                roots: Vec::new(),
            });
        }
        let Some(here) = self.levels.get_mut(level) else {
            return;
        };
        here.roots.push(root);
        let Some(wider) = width.checked_mul(WIDTH) else {
            return;
        };
        if end.is_multiple_of(wider) {
            self.complete(level.saturating_add(1), end.saturating_sub(wider), end);
        }
    }

    fn evict(&mut self) {
        let from = self.held_from();
        while self
            .held
            .front()
            .is_some_and(|bundle| bundle.is_full() && bundle.end() <= from)
        {
            self.held.pop_front();
        }
    }

    /// Root of the tree over the first `size` leaves, unless it needs leaf hashes that are gone.
    pub(crate) fn root(&self, size: u64) -> Option<Hash> {
        if size == 0 {
            Some(empty_root())
        } else {
            self.subtree(0, size)
        }
    }

    /// The state of the tree over the first `size` leaves.
    pub(crate) fn range(&self, size: u64) -> Option<CompactRange> {
        let mut peaks = Vec::new();
        let mut start = 0_u64;
        for bit in (0..u64::BITS).rev() {
            let width = 1_u64 << bit;
            if size & width != 0 {
                let end = start.checked_add(width)?;
                peaks.push(self.subtree(start, end)?);
                start = end;
            }
        }
        CompactRange::from_parts(size, peaks).ok()
    }

    /// Root of the tree over the leaves `[start, end)`, where `start` is a multiple of the power of two not below the width.
    pub(crate) fn subtree(&self, start: u64, end: u64) -> Option<Hash> {
        let width = end.checked_sub(start).filter(|width| *width > 0)?;
        if let Some(root) = self.kept(start, width) {
            return Some(root);
        }
        if width <= WIDTH {
            let bundle = self.bundle_of(start)?;
            let mut range = CompactRange::default();
            for leaf in bundle.leaves(start, end)? {
                range.push(leaf);
            }
            return Some(range.root());
        }
        let middle = middle(start, end);
        Some(node_hash(
            &self.subtree(start, middle)?,
            &self.subtree(middle, end)?,
        ))
    }

    /// The root of a complete subtree that is kept as such.
    fn kept(&self, start: u64, width: u64) -> Option<Hash> {
        if !width.is_power_of_two() || width < WIDTH || start & width.saturating_sub(1) != 0 {
            return None;
        }
        let bits = width.trailing_zeros();
        if bits.is_multiple_of(8) {
            let level = usize::try_from(bits / 8).ok()?.checked_sub(1)?;
            let found = self.levels.get(level).and_then(|level| {
                let at = (start >> bits).checked_sub(level.start)?;
                level.roots.get(usize::try_from(at).ok()?)
            });
            if found.is_some() {
                return found.copied();
            }
        }
        // A peak of the prefix: the size's bits above this one say where it starts.
        let size = self.prefix.size();
        let above = size & !(width.wrapping_shl(1).wrapping_sub(1));
        if size & width == 0 || above != start {
            return None;
        }
        self.prefix
            .peaks()
            .get(usize::try_from(above.count_ones()).ok()?)
            .copied()
    }

    fn bundle_of(&self, index: u64) -> Option<&Arc<Bundle>> {
        let first = self.held.front()?.first();
        self.held
            .get(usize::try_from(index.checked_sub(first)? / WIDTH).ok()?)
    }

    /// A view of `[start, end)`, cut to what is here.
    pub(crate) fn snapshot(&self, start: u64, end: u64) -> Snapshot {
        let start = start.max(self.pruned_to());
        let end = end.min(self.size()).max(start);
        let mut bundles = Vec::new();
        if start < end {
            let at = |index: u64| {
                usize::try_from(index.saturating_sub(self.pruned_to()) / WIDTH)
                    .unwrap_or(usize::MAX)
            };
            let last = at(end.saturating_sub(1));
            let count = last.saturating_sub(at(start)).saturating_add(1);
            bundles.extend(self.held.iter().skip(at(start)).take(count).cloned());
        }
        Snapshot {
            start,
            end,
            bundles,
        }
    }

    #[cfg(test)]
    pub(crate) fn held_mut(&mut self) -> &mut VecDeque<Arc<Bundle>> {
        &mut self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::tree::{leaf_hash, root_of};

    fn meta(index: u64) -> Meta {
        let leaf = leaf_hash(&index.to_be_bytes());
        Meta {
            leaf,
            id: uuid::Uuid::nil(),
            ts: 0,
            kind: Kind::Event,
            outcome: None,
        }
    }

    fn leaves(size: u64) -> Vec<Hash> {
        (0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn roots_are_those_of_the_whole_tree_however_much_is_evicted() {
        let all = leaves(70_000);
        for max in [None, Some(300)] {
            let mut store = Store::new(max);
            for i in 0..70_000_u64 {
                store.push("x", meta(i));
                if [0, 1, 254, 255, 256, 257, 511, 600, 65_535, 65_536, 69_999].contains(&i) {
                    let size = i + 1;
                    let expected = root_of(&all[..usize::try_from(size).unwrap()]);
                    assert_eq!(store.root(size), Some(expected), "size {size}, max {max:?}");
                    assert_eq!(store.range(size).unwrap().root(), expected);
                }
            }
            let held = store.held.iter().map(|b| b.end() - b.first()).sum::<u64>();
            assert!(max.is_none_or(|max| held <= max + 2 * WIDTH), "{held} held");
            assert_eq!(
                store.root(65_536 + 512),
                Some(root_of(&all[..65_536 + 512]))
            );
        }
    }

    #[test]
    fn a_store_after_a_prefix_knows_every_subtree_from_there_on() {
        let all = leaves(66_100);
        for prefix_size in [768, 65_536, 65_792] {
            let mut prefix = CompactRange::default();
            for leaf in &all[..prefix_size] {
                prefix.push(*leaf);
            }
            let mut store = Store::after(prefix);
            for i in prefix_size as u64..66_100 {
                store.push("x", meta(i));
            }
            assert_eq!(
                store.root(66_100),
                Some(root_of(&all)),
                "prefix {prefix_size}"
            );
            assert_eq!(
                store.root(prefix_size as u64),
                Some(root_of(&all[..prefix_size]))
            );
            assert_eq!(store.held_from(), prefix_size as u64);
        }
    }

    #[test]
    fn a_root_that_needs_evicted_leaves_is_unknown_and_not_wrong() {
        let mut store = Store::new(Some(1));
        for i in 0..1000 {
            store.push("x", meta(i));
        }
        assert_eq!(store.root(100), None);
        assert!(store.root(256).is_some());
        assert_eq!(store.held_from(), 999);
        assert_eq!(store.pruned_to(), 768);
    }
}
