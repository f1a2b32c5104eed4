//! Roots of all complete subtrees of 256 leaves and more, in memory: 64 bytes for 256 entries.

use crate::durable::index::ZONE;
use crate::tree::{Hash, node_hash};

/// One list of roots for each width: 256, 512, 1024, …
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    levels: Vec<Vec<Hash>>,
}

impl Nodes {
    /// Appends the next subtree of 256 leaves, and the wider ones that it completes.
    pub(crate) fn push(&mut self, root: Hash) {
        let mut next = root;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(here) = self.levels.get_mut(level) else {
                return;
            };
            here.push(next);
            match here.as_slice() {
                [.., left, right] if here.len().is_multiple_of(2) => next = node_hash(left, right),
                _ => return,
            }
        }
    }

    /// Root of the complete subtree of `width` leaves, a power of two, that begins at leaf `start`.
    pub(crate) fn get(&self, start: u64, width: u64) -> Option<Hash> {
        let level = width.checked_div(ZONE)?.checked_ilog2()?;
        let at = start.checked_div(width)?;
        let level = self.levels.get(usize::try_from(level).ok()?)?;
        level.get(usize::try_from(at).ok()?).copied()
    }
}
