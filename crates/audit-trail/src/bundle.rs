//! Up to 256 entries that stand side by side in memory, and a view over some of them that nothing can change any more.

use std::sync::Arc;

use uuid::Uuid;

use crate::kind::{Kind, Outcome};
use crate::tree::Hash;

/// Entries in a full bundle: the width of a tile (C2SP tlog-tiles), and what is evicted at once.
pub(crate) const WIDTH: u64 = 256;

/// What is known of an entry without reading it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    pub(crate) leaf: Hash,
    pub(crate) id: Uuid,
    pub(crate) ts: i64,
    pub(crate) kind: Kind,
    pub(crate) outcome: Option<Outcome>,
}

/// The entries from `first`, a multiple of [`WIDTH`], their bytes in one piece.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    first: u64,
    text: String,
    /// Where each entry's bytes end, and what is known of it.
    slots: Vec<(usize, Meta)>,
}

impl Bundle {
    pub(crate) fn new(first: u64) -> Self {
        Self {
            first,
            text: String::new(),
            slots: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, text: &str, meta: Meta) {
        self.text.push_str(text);
        self.slots.push((self.text.len(), meta));
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The index after its last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first.saturating_add(self.slots.len() as u64)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.slots.len() as u64 == WIDTH
    }

    pub(crate) fn get(&self, index: u64) -> Option<(&str, &Meta)> {
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        let (end, meta) = self.slots.get(at)?;
        let start = match at.checked_sub(1) {
            None => 0,
            Some(before) => self.slots.get(before)?.0,
        };
        Some((self.text.get(start..*end)?, meta))
    }

    /// The leaf hashes of `[start, end)`, if all of them are here.
    pub(crate) fn leaves(&self, start: u64, end: u64) -> Option<impl Iterator<Item = Hash>> {
        let from = usize::try_from(start.checked_sub(self.first)?).ok()?;
        let to = usize::try_from(end.checked_sub(self.first)?).ok()?;
        Some(self.slots.get(from..to)?.iter().map(|(_, meta)| meta.leaf))
    }

    #[cfg(test)]
    pub(crate) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }
}

/// The entries `[start, end)` as they are, whatever the log does next.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) bundles: Vec<Arc<Bundle>>,
}

impl Snapshot {
    pub(crate) fn get(&self, index: u64) -> Option<(&str, &Meta)> {
        if !(self.start..self.end).contains(&index) {
            return None;
        }
        let first = self.bundles.first()?.first();
        let at = usize::try_from(index.checked_sub(first)? / WIDTH).ok()?;
        self.bundles.get(at)?.get(index)
    }

    /// Index, bytes and meta of each entry, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &str, &Meta)> {
        (self.start..self.end)
            .filter_map(|index| self.get(index).map(|(text, meta)| (index, text, meta)))
    }
}
