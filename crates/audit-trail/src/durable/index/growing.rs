//! The index of the segment that grows, in memory.

use std::collections::HashMap;
use std::ops::Range;

use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::durable::frame::SegmentId;
use crate::durable::index::row::Row;
use crate::durable::index::term::Term;
use crate::durable::index::{GROUP, NARROW, ZONE};
use crate::durable::segment::Start;
use crate::query::OutcomeCounts;
use crate::tree::{CompactRange, Hash};

/// Ordinals with a term, in order. Most terms that are not everywhere are in one entry.
#[derive(Debug)]
pub(crate) enum Posting {
    One(u32),
    Many(Vec<u32>),
}

/// Columns over the entries of a segment; an entry's place in it is its ordinal.
#[derive(Debug)]
pub(crate) struct Growing {
    pub(crate) id: SegmentId,
    pub(crate) first: u64,
    pub(crate) offsets: Vec<u32>,
    pub(crate) times: Vec<i64>,
    pub(crate) ids: Vec<Uuid>,
    /// Earliest and latest time of each [`ZONE`] entries.
    pub(crate) zones: Vec<(i64, i64)>,
    pub(crate) postings: HashMap<Term, Posting>,
    pub(crate) outcomes: OutcomeCounts,
    /// Roots of the complete subtrees of [`NARROW`] leaves that end here, a list for each width.
    pub(crate) narrow: [Vec<Hash>; 3],
    /// Roots of the complete subtrees of [`ZONE`] leaves that end here.
    pub(crate) wide: Vec<Hash>,
    /// What is below the subtrees that are not complete: leaves below the one of the first width, roots of these below the next, and so on.
    open: [CompactRange; 4],
}

impl Growing {
    pub(crate) fn new(start: &Start) -> Self {
        let first = start.first();
        // The peaks of the tree before are those of its incomplete subtrees, widest first.
        let (mut open, mut peaks) = (<[CompactRange; 4]>::default(), start.range.peaks());
        for (below, unit) in open.iter_mut().zip(std::iter::once(1).chain(NARROW)) {
            let size = first.checked_div(unit).unwrap_or(0) & GROUP.saturating_sub(1);
            let (rest, last) = split_peaks(peaks, size);
            *below = CompactRange::from_parts(size, last.to_vec()).unwrap_or_default();
            peaks = rest;
        }
        Self {
            id: start.id,
            first,
            offsets: Vec::new(),
            times: Vec::new(),
            ids: Vec::new(),
            zones: Vec::new(),
            postings: HashMap::new(),
            outcomes: OutcomeCounts::default(),
            narrow: Default::default(),
            wide: Vec::new(),
            open,
        }
    }

    /// Number of entries.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.offsets.len()).unwrap_or(u32::MAX)
    }

    /// The index after the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first.saturating_add(self.count().into())
    }

    pub(crate) fn push(&mut self, row: &Row) {
        let ordinal = self.count();
        for term in row.terms() {
            self.postings
                .entry(*term)
                .and_modify(|posting| posting.push(ordinal))
                .or_insert(Posting::One(ordinal));
        }
        match self.zones.last_mut() {
            Some((earliest, latest)) if !u64::from(ordinal).is_multiple_of(ZONE) => {
                *earliest = row.ts.min(*earliest);
                *latest = row.ts.max(*latest);
            }
            _ => self.zones.push((row.ts, row.ts)),
        }
        self.offsets.push(row.offset);
        self.times.push(row.ts);
        self.ids.push(row.id);
        self.outcomes.add(row.outcome);
        self.hash(row.leaf);
    }

    fn hash(&mut self, leaf: Hash) {
        let mut next = leaf;
        let kept = self.narrow.iter_mut().chain([&mut self.wide]);
        for (below, roots) in self.open.iter_mut().zip(kept) {
            below.push(next);
            if below.size() < GROUP {
                return;
            }
            next = std::mem::take(below).root();
            roots.push(next);
        }
    }

    /// Ordinals within `range` that have the term.
    pub(crate) fn posting(&self, term: &Term, range: &Range<u32>) -> RoaringBitmap {
        let found = match self.postings.get(term) {
            None => &[],
            Some(posting) => posting.ordinals(),
        };
        let start = found.partition_point(|ordinal| *ordinal < range.start);
        let end = found.partition_point(|ordinal| *ordinal < range.end);
        let found = found.get(start..end).unwrap_or_default();
        RoaringBitmap::from_sorted_iter(found.iter().copied()).unwrap_or_default()
    }

    /// Ordinals of the entries of a record.
    pub(crate) fn of_id(&self, id: Uuid) -> Vec<u32> {
        (0..)
            .zip(&self.ids)
            .filter(|(_, found)| **found == id)
            .map(|(ordinal, _)| ordinal)
            .collect()
    }
}

impl Posting {
    pub(crate) fn ordinals(&self) -> &[u32] {
        match self {
            Self::One(ordinal) => std::slice::from_ref(ordinal),
            Self::Many(ordinals) => ordinals,
        }
    }

    fn push(&mut self, ordinal: u32) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, ordinal]),
            Self::Many(ordinals) => ordinals.push(ordinal),
        }
    }
}

/// Cuts off the last peaks, as many as `size` has bits.
fn split_peaks(peaks: &[Hash], size: u64) -> (&[Hash], &[Hash]) {
    let count = usize::try_from(size.count_ones()).unwrap_or(0);
    peaks
        .split_at_checked(peaks.len().saturating_sub(count))
        .unwrap_or_default()
}
