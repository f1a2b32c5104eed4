//! The index of a finished segment, in a file: read piece by piece, never whole.
//!
//! ```text
//! header   magic, segment id, first index, counts, earliest and latest time, outcomes
//! cells    a block for each 256 indexes from a multiple of 256: where their bytes begin, 4 bytes each, then the roots of the
//!          complete subtrees of 4, of 16 and of 64 leaves among them; zeros for what is in another segment or not complete
//! wide     roots of the complete subtrees of 256 leaves that end in the segment, 32 bytes each
//! times    of each entry, 8 bytes each
//! zones    earliest and latest time of each 256 entries, 16 bytes each
//! ids      of each entry and its ordinal, 20 bytes each, sorted
//! terms    sixteen bytes, then place and length of its bitmap, or the only ordinal and 0; 24 bytes each, sorted
//! bitmaps  ordinals of each term, in the portable format of Roaring
//! ```
//! Numbers are big-endian. All of it is [checked bytes](super::blocks).

use std::cmp::Ordering;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::durable::frame::{SegmentId, take};
use crate::durable::index::blocks::{self, InMemory};
use crate::durable::index::growing::Growing;
use crate::durable::index::term::Term;
use crate::durable::index::{NARROW, ZONE};
use crate::durable::storage::Stored;
use crate::query::OutcomeCounts;
use crate::tree::Hash;

const MAGIC: [u8; 8] = *b"ATIDX\0\0\x01";
/// The header has a block, too, so that cells are blocks.
const HEADER: usize = blocks::CONTENT;
const HEADER_USED: usize = 128;
const ID: usize = 20;
const TERM: usize = 24;

/// What is known of a finished segment while its index is closed: 72 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finished {
    pub(crate) id: SegmentId,
    pub(crate) first: u64,
    pub(crate) count: u32,
    /// Earliest and latest time.
    pub(crate) times: (i64, i64),
    pub(crate) outcomes: OutcomeCounts,
}

impl Finished {
    /// The index after the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first.saturating_add(self.count.into())
    }

    /// Whether no entry's time is within `times`.
    pub(crate) fn is_outside(&self, times: &Range<i64>) -> bool {
        let (earliest, latest) = self.times;
        latest < times.start || earliest >= times.end
    }
}

/// The index of a finished segment, open.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) about: Finished,
    file: Arc<dyn Stored>,
    terms: u64,
    sections: Sections,
    last: Mutex<(u64, Arc<Vec<u8>>)>,
}

/// Where each part begins.
#[derive(Debug, Clone, Copy, Default)]
struct Sections {
    wide: u64,
    times: u64,
    zones: u64,
    ids: u64,
    terms: u64,
    bitmaps: u64,
    end: u64,
}

impl Sections {
    fn new(first: u64, count: u32, terms: u64, bitmaps: u64) -> Option<Self> {
        let (count, end) = (u64::from(count), first.checked_add(count.into())?);
        let before = first.checked_div(ZONE)?;
        let cells = end.div_ceil(ZONE).checked_sub(before)?;
        let wide = cells.checked_add(1)?.checked_mul(HEADER as u64)?;
        let roots = end.checked_div(ZONE)?.checked_sub(before)?;
        let times = wide.checked_add(roots.checked_mul(32)?)?;
        let zones = times.checked_add(count.checked_mul(8)?)?;
        let ids = zones.checked_add(count.div_ceil(ZONE).checked_mul(16)?)?;
        let terms_at = ids.checked_add(count.checked_mul(ID as u64)?)?;
        let bitmaps_at = terms_at.checked_add(terms.checked_mul(TERM as u64)?)?;
        let end = bitmaps_at.checked_add(bitmaps)?;
        Some(Self {
            wide,
            times,
            zones,
            ids,
            terms: terms_at,
            bitmaps: bitmaps_at,
            end,
        })
    }
}

/// The bytes of an index file.
pub(crate) fn encode(index: &Growing) -> io::Result<Vec<u8>> {
    let mut terms: Vec<_> = index.postings.iter().collect();
    terms.sort_unstable_by_key(|(term, _)| **term);
    let mut table = Vec::with_capacity(terms.len().saturating_mul(TERM));
    let mut bitmaps = Vec::new();
    for (term, posting) in &terms {
        table.extend_from_slice(*term);
        let (place, len) = match posting.ordinals() {
            [only] => (*only, 0),
            ordinals => {
                let mut bitmap = RoaringBitmap::from_sorted_iter(ordinals.iter().copied())
                    .map_err(io::Error::other)?;
                bitmap.optimize();
                let start = bitmaps.len();
                bitmap.serialize_into(&mut bitmaps)?;
                (small(start)?, small(bitmaps.len().saturating_sub(start))?)
            }
        };
        table.extend_from_slice(&place.to_be_bytes());
        table.extend_from_slice(&len.to_be_bytes());
    }
    let mut ids: Vec<_> = index.ids.iter().zip(0_u32..).collect();
    ids.sort_unstable();

    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&index.id);
    out.extend_from_slice(&index.first.to_be_bytes());
    out.extend_from_slice(&index.count().to_be_bytes());
    out.extend_from_slice(&small(terms.len())?.to_be_bytes());
    out.extend_from_slice(&(bitmaps.len() as u64).to_be_bytes());
    let earliest = index.zones.iter().map(|(earliest, _)| *earliest).min();
    let latest = index.zones.iter().map(|(_, latest)| *latest).max();
    for time in [earliest, latest] {
        out.extend_from_slice(&time.unwrap_or(0).to_be_bytes());
    }
    let OutcomeCounts {
        allow,
        deny,
        allow_with_caveat,
    } = index.outcomes;
    for count in [allow, deny, allow_with_caveat] {
        out.extend_from_slice(&count.to_be_bytes());
    }
    out.resize(HEADER, 0);
    cells(index, &mut out);
    for root in &index.wide {
        out.extend_from_slice(root.as_bytes());
    }
    for time in &index.times {
        out.extend_from_slice(&time.to_be_bytes());
    }
    for (earliest, latest) in &index.zones {
        out.extend_from_slice(&earliest.to_be_bytes());
        out.extend_from_slice(&latest.to_be_bytes());
    }
    for (id, ordinal) in ids {
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(&ordinal.to_be_bytes());
    }
    out.extend_from_slice(&table);
    out.extend_from_slice(&bitmaps);
    Ok(blocks::encode(&out))
}

impl Sealed {
    /// An index that is not in a file.
    pub(crate) fn in_memory(bytes: Vec<u8>) -> io::Result<Self> {
        Self::read(Arc::new(InMemory(bytes)))
    }

    /// Reads the header. `InvalidData` if this is not an index of this form.
    pub(crate) fn read(file: Arc<dyn Stored>) -> io::Result<Self> {
        let header = blocks::read(&*file, 0, HEADER_USED)?;
        let size = file.size()?;
        Self::decode(file, &header)
            .filter(|sealed| size == blocks::file_len(sealed.sections.end))
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn decode(file: Arc<dyn Stored>, mut header: &[u8]) -> Option<Self> {
        let rest = &mut header;
        if take(rest)? != MAGIC {
            return None;
        }
        let id = take(rest)?;
        let first = u64::from_be_bytes(take(rest)?);
        let count = u32::from_be_bytes(take(rest)?);
        let terms = u32::from_be_bytes(take(rest)?).into();
        let bitmaps = u64::from_be_bytes(take(rest)?);
        let times = (
            i64::from_be_bytes(take(rest)?),
            i64::from_be_bytes(take(rest)?),
        );
        let outcomes = OutcomeCounts {
            allow: u64::from_be_bytes(take(rest)?),
            deny: u64::from_be_bytes(take(rest)?),
            allow_with_caveat: u64::from_be_bytes(take(rest)?),
        };
        let sections = Sections::new(first, count, terms, bitmaps)?;
        let about = Finished {
            id,
            first,
            count,
            times,
            outcomes,
        };
        Some(Self {
            about,
            file,
            terms,
            sections,
            last: Mutex::default(),
        })
    }

    /// Roots of the complete subtrees of [`ZONE`] leaves that end here.
    pub(crate) fn wide(&self) -> io::Result<Vec<Hash>> {
        let Sections { wide, times, .. } = self.sections;
        let len = usize::try_from(times.saturating_sub(wide)).map_err(io::Error::other)?;
        let bytes = blocks::read(&*self.file, wide, len)?;
        let (hashes, _) = bytes.as_chunks::<32>();
        Ok(hashes.iter().map(|hash| Hash::from(*hash)).collect())
    }

    /// Roots of the complete subtrees of one of the [`NARROW`] widths with these numbers, all of which end here.
    pub(crate) fn narrow(&self, level: usize, numbers: &Range<u64>) -> io::Result<Vec<Hash>> {
        let width = NARROW.get(level).copied();
        let width = width.ok_or(io::ErrorKind::InvalidInput)?;
        let root = |number: u64| {
            let leaf = number.saturating_mul(width);
            let cell = self.cell(leaf)?;
            let found: Option<[u8; 32]> =
                root_at(level, number).and_then(|at| cell.get(at..)?.first_chunk().copied());
            found
                .map(Hash::from)
                .ok_or_else(|| io::ErrorKind::InvalidData.into())
        };
        numbers.clone().map(root).collect()
    }

    /// Where the bytes of the entries in `range` begin.
    pub(crate) fn offsets(&self, range: &Range<u32>) -> io::Result<Vec<u32>> {
        let offset = |ordinal: u32| {
            let index = self.about.first.saturating_add(ordinal.into());
            let cell = self.cell(index)?;
            let found = offset_at(index).and_then(|at| cell.get(at..)?.first_chunk().copied());
            found
                .map(u32::from_be_bytes)
                .ok_or_else(|| io::ErrorKind::InvalidData.into())
        };
        range.clone().map(offset).collect()
    }

    /// The cell of an index. The last one is kept: a proof asks it more than once, and so does who reads on.
    fn cell(&self, index: u64) -> io::Result<Arc<Vec<u8>>> {
        let number = index / ZONE;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 != number || last.1.is_empty() {
            let before = number.checked_sub(self.about.first / ZONE);
            let before = before.ok_or(io::ErrorKind::InvalidInput)?.saturating_add(1);
            let at = before.saturating_mul(HEADER as u64);
            if at >= self.sections.wide {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let cell = blocks::read(&*self.file, at, blocks::CONTENT)?;
            *last = (number, Arc::new(cell));
        }
        Ok(Arc::clone(&last.1))
    }

    /// Times of the entries in `range`.
    pub(crate) fn times(&self, range: &Range<u32>) -> io::Result<Vec<i64>> {
        let bytes = self.column(self.sections.times, 8, range)?;
        let (times, _) = bytes.as_chunks();
        Ok(times.iter().map(|c| i64::from_be_bytes(*c)).collect())
    }

    /// Earliest and latest time of each [`ZONE`] entries.
    pub(crate) fn zones(&self) -> io::Result<Vec<(i64, i64)>> {
        let zones = u64::from(self.about.count).div_ceil(ZONE);
        let zones = u32::try_from(zones).map_err(io::Error::other)?;
        let bytes = self.column(self.sections.zones, 16, &(0..zones))?;
        let (times, _) = bytes.as_chunks::<8>();
        let (pairs, _) = times.as_chunks::<2>();
        Ok(pairs
            .iter()
            .map(|[a, b]| (i64::from_be_bytes(*a), i64::from_be_bytes(*b)))
            .collect())
    }

    /// Ordinals within `range` that have the term.
    pub(crate) fn posting(&self, term: &Term, range: &Range<u32>) -> io::Result<RoaringBitmap> {
        let mut search = self.search(self.sections.terms, self.terms);
        let Some(at) = search.first_not_before::<TERM>(term)? else {
            return Ok(RoaringBitmap::new());
        };
        let record = search.record::<TERM>(at)?;
        let mut rest = record.as_slice();
        let parts = (|| {
            let found: Term = take(&mut rest)?;
            let place = u32::from_be_bytes(take(&mut rest)?);
            let len = u32::from_be_bytes(take(&mut rest)?);
            Some((found, place, len))
        })();
        let mut bitmap = RoaringBitmap::new();
        match parts {
            Some((found, ordinal, 0)) if found == *term => {
                bitmap.insert(ordinal);
            }
            Some((found, place, len)) if found == *term => {
                let at = self.sections.bitmaps.saturating_add(place.into());
                if at.saturating_add(len.into()) > self.sections.end {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                let len = usize::try_from(len).map_err(io::Error::other)?;
                let bytes = blocks::read(search.file, at, len)?;
                bitmap = RoaringBitmap::deserialize_from(bytes.as_slice())
                    .map_err(|_| io::ErrorKind::InvalidData)?;
            }
            _ => return Ok(bitmap),
        }
        bitmap.remove_range(..range.start);
        bitmap.remove_range(range.end..);
        Ok(bitmap)
    }

    /// Ordinals of the entries of a record.
    pub(crate) fn of_id(&self, id: Uuid) -> io::Result<Vec<u32>> {
        let mut search = self.search(self.sections.ids, self.about.count.into());
        let mut found = Vec::new();
        let Some(first) = search.first_not_before::<ID>(id.as_bytes())? else {
            return Ok(found);
        };
        for at in first..u64::from(self.about.count) {
            let record = search.record::<ID>(at)?;
            let Some(ordinal) = record.strip_prefix(id.as_bytes()) else {
                break;
            };
            let ordinal = ordinal.first_chunk().copied().unwrap_or_default();
            found.push(u32::from_be_bytes(ordinal));
        }
        Ok(found)
    }

    fn column(&self, section: u64, width: u64, range: &Range<u32>) -> io::Result<Vec<u8>> {
        let at = section.saturating_add(width.saturating_mul(range.start.into()));
        let count = u64::from(range.end.saturating_sub(range.start));
        let len = usize::try_from(count.saturating_mul(width)).map_err(io::Error::other)?;
        blocks::read(&*self.file, at, len)
    }

    fn search(&self, section: u64, count: u64) -> Search<'_> {
        Search {
            file: &*self.file,
            section,
            count,
            near: (0, Vec::new()),
        }
    }
}

/// Looks for a key in sorted records, a kilobyte at a time.
struct Search<'s> {
    file: &'s dyn Stored,
    section: u64,
    count: u64,
    /// Records that were read last, from this one.
    near: (u64, Vec<u8>),
}

impl Search<'_> {
    /// The first of the records of `N` bytes that does not come before `key`.
    fn first_not_before<const N: usize>(&mut self, key: &[u8; 16]) -> io::Result<Option<u64>> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            let record = self.record::<N>(middle)?;
            match record.first_chunk::<16>().cmp(&Some(key)) {
                Ordering::Less => low = middle.saturating_add(1),
                Ordering::Equal | Ordering::Greater => high = middle,
            }
        }
        Ok((low < self.count).then_some(low))
    }

    fn record<const N: usize>(&mut self, at: u64) -> io::Result<[u8; N]> {
        const NEAR: u64 = 64;
        let held = |near: &(u64, Vec<u8>)| {
            let skip = usize::try_from(at.checked_sub(near.0)?).ok()?;
            near.1.get(skip.checked_mul(N)?..)?.first_chunk().copied()
        };
        if let Some(record) = held(&self.near) {
            return Ok(record);
        }
        let from = at.saturating_sub(NEAR / 2);
        let count = NEAR.min(self.count.saturating_sub(from));
        let place = from.saturating_mul(N as u64).saturating_add(self.section);
        let len = usize::try_from(count).map_err(io::Error::other)?;
        let bytes = blocks::read(self.file, place, len.saturating_mul(N))?;
        self.near = (from, bytes);
        held(&self.near).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// Writes the cells of a segment.
fn cells(index: &Growing, out: &mut Vec<u8>) {
    let (first, end) = (index.first, index.end());
    let start = out.len();
    let cells = end.div_ceil(ZONE).saturating_sub(first / ZONE);
    let len = usize::try_from(cells).unwrap_or(0);
    out.resize(start.saturating_add(len.saturating_mul(blocks::CONTENT)), 0);
    // `leaf` says which cell it is.
    let mut put = |leaf: u64, at: Option<usize>, bytes: &[u8]| {
        let cell = usize::try_from((leaf / ZONE).saturating_sub(first / ZONE)).unwrap_or(0);
        let place = at
            .unwrap_or(0)
            .saturating_add(cell.saturating_mul(blocks::CONTENT));
        let from = start.saturating_add(place);
        if let Some(place) = out.get_mut(from..from.saturating_add(bytes.len())) {
            place.copy_from_slice(bytes);
        }
    };
    for (index, offset) in (first..).zip(&index.offsets) {
        put(index, offset_at(index), &offset.to_be_bytes());
    }
    for ((level, roots), width) in index.narrow.iter().enumerate().zip(NARROW) {
        let before = first.checked_div(width).unwrap_or(0);
        for (number, root) in (before..).zip(roots) {
            let leaf = number.saturating_mul(width);
            put(leaf, root_at(level, number), root.as_bytes());
        }
    }
}

/// Where in its cell the offset of an entry is.
fn offset_at(index: u64) -> Option<usize> {
    usize::try_from((index % ZONE).saturating_mul(4)).ok()
}

/// Where in its cell the root of a subtree is: the narrowest come first.
fn root_at(level: usize, number: u64) -> Option<usize> {
    let counts = NARROW.map(|width| ZONE.checked_div(width).unwrap_or(0));
    let before: u64 = counts.iter().take(level).sum();
    let at = number
        .checked_rem(*counts.get(level)?)?
        .saturating_add(before);
    usize::try_from(at.saturating_mul(32).saturating_add(ZONE.saturating_mul(4))).ok()
}

fn small(number: usize) -> io::Result<u32> {
    u32::try_from(number).map_err(io::Error::other)
}
