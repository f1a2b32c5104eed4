//! One segment's index, whichever form it has.

use std::io;
use std::ops::Range;

use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::durable::index::growing::Growing;
use crate::durable::index::sealed::Sealed;
use crate::durable::index::term::Term;
use crate::durable::index::{NARROW, ZONE};
use crate::tree::Hash;

/// Answers about the entries of one segment. Ordinals count from its first entry.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    Sealed(&'a Sealed),
    Growing(&'a Growing),
}

impl Part<'_> {
    /// Where the bytes of the entries in `range` begin.
    pub(crate) fn offsets(&self, range: &Range<u32>) -> io::Result<Vec<u32>> {
        match self {
            Self::Sealed(sealed) => sealed.offsets(range),
            Self::Growing(growing) => Ok(cut(&growing.offsets, range)),
        }
    }

    /// Ordinals within `range` that have the term.
    pub(crate) fn posting(&self, term: &Term, range: &Range<u32>) -> io::Result<RoaringBitmap> {
        match self {
            Self::Sealed(sealed) => sealed.posting(term, range),
            Self::Growing(growing) => Ok(growing.posting(term, range)),
        }
    }

    /// Ordinals of the entries of a record.
    pub(crate) fn of_id(&self, id: Uuid) -> io::Result<Vec<u32>> {
        match self {
            Self::Sealed(sealed) => sealed.of_id(id),
            Self::Growing(growing) => Ok(growing.of_id(id)),
        }
    }

    /// Roots of the complete subtrees of one of the [`NARROW`] widths with these numbers, all of which end in this segment.
    pub(crate) fn narrow(&self, level: usize, numbers: &Range<u64>) -> io::Result<Vec<Hash>> {
        match self {
            Self::Sealed(sealed) => sealed.narrow(level, numbers),
            Self::Growing(growing) => {
                let width = NARROW.get(level).copied().unwrap_or(ZONE);
                let before = growing.first.checked_div(width).unwrap_or(0);
                let skip = usize::try_from(numbers.start.saturating_sub(before));
                let count = usize::try_from(numbers.end.saturating_sub(numbers.start));
                let roots = growing.narrow.get(level).into_iter().flatten();
                let roots = roots.skip(skip.unwrap_or(usize::MAX));
                Ok(roots.take(count.unwrap_or(0)).copied().collect())
            }
        }
    }

    /// Ordinals within `range` whose time is within `times`; `None`: all of them.
    pub(crate) fn in_time(
        &self,
        times: &Range<i64>,
        range: &Range<u32>,
    ) -> io::Result<Option<RoaringBitmap>> {
        let zones = match self {
            Self::Sealed(sealed) => {
                let (earliest, latest) = sealed.about.times;
                if earliest >= times.start && latest < times.end {
                    return Ok(None);
                }
                if sealed.about.is_outside(times) {
                    return Ok(Some(RoaringBitmap::new()));
                }
                sealed.zones()?
            }
            Self::Growing(growing) => growing.zones.clone(),
        };
        let mut found = RoaringBitmap::new();
        let width = u32::try_from(ZONE).map_err(io::Error::other)?;
        for ((earliest, latest), number) in zones.into_iter().zip(0_u32..) {
            let start = number.saturating_mul(width);
            let zone = start.max(range.start)..start.saturating_add(width).min(range.end);
            if zone.is_empty() || latest < times.start || earliest >= times.end {
                continue;
            }
            if earliest >= times.start && latest < times.end {
                found.insert_range(zone);
                continue;
            }
            let column = match self {
                Self::Sealed(sealed) => sealed.times(&zone)?,
                Self::Growing(growing) => cut(&growing.times, &zone),
            };
            let within = zone.zip(column).filter(|(_, time)| times.contains(time));
            found.extend(within.map(|(ordinal, _)| ordinal));
        }
        Ok(Some(found))
    }
}

fn cut<T: Copy>(column: &[T], range: &Range<u32>) -> Vec<T> {
    let place = |ordinal: u32| usize::try_from(ordinal).unwrap_or(usize::MAX);
    column
        .get(place(range.start)..place(range.end))
        .unwrap_or_default()
        .to_vec()
}
