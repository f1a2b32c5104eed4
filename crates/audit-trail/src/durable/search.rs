//! Finding entries in a directory: a filter becomes one bitmap a segment, and only what the bitmap names is read.

use std::io;
use std::ops::{ControlFlow, Range};

use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::AuditError;
use crate::durable::catalog::Catalog;
use crate::durable::index::part::Part;
use crate::durable::index::term::Term;
use crate::durable::segment;
use crate::durable::window::Window;
use crate::filter::{Filter, Order};
use crate::query::Each;
use crate::record::Record;

/// Candidates that are fetched together.
const CHUNK: usize = 256;
/// Bytes that are read at once where entries lie close together, and where they do not.
const CLOSE: u64 = 64 << 10;
const APART: u64 = 1 << 10;

/// Is shown index and exact bytes of entries, and says whether to go on.
type Shown<'s> = dyn FnMut(u64, &[u8]) -> Result<ControlFlow<()>, AuditError> + 's;

/// What an index can say about a filter.
struct Wanted {
    /// One of each must be there.
    terms: Vec<Vec<Term>>,
    times: Option<Range<i64>>,
}

/// Ordinals that may be meant.
enum Candidates {
    All(Range<u32>),
    Some(RoaringBitmap),
}

impl Catalog {
    /// Shows each record of `range` that meets the conditions, in the filter's order, after the first `skip`, until told to stop.
    pub(crate) fn visit(
        &self,
        range: &Range<u64>,
        filter: &Filter,
        mut skip: u64,
        see: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), AuditError> {
        let wanted = Wanted::of(filter);
        let mut parts = self.parts(range)?;
        if filter.order == Order::Descending {
            parts.reverse();
        }
        for (first, ordinals) in parts {
            let found = self.candidates(first, &ordinals, &wanted)?;
            let mut from = 0;
            if !filter.reads_ext() {
                let len = found.len();
                from = skip.min(len);
                skip = skip.saturating_sub(len);
            }
            let mut pass = |record: Record| {
                if !filter.matches(&record) {
                    return ControlFlow::Continue(());
                }
                if filter.reads_ext() && skip > 0 {
                    skip = skip.saturating_sub(1);
                    return ControlFlow::Continue(());
                }
                see(record)
            };
            let mut rest = found.iter(filter.order, from);
            loop {
                let chunk: Vec<u32> = rest.by_ref().take(CHUNK).collect();
                if chunk.is_empty() {
                    break;
                }
                if self.fetch(first, &chunk, &mut pass)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// How many entries of `range` meet the conditions; read only where the filter asks for `ext`.
    pub(crate) fn count(&self, range: &Range<u64>, filter: &Filter) -> Result<u64, AuditError> {
        let mut count = 0_u64;
        if filter.reads_ext() {
            self.visit(range, filter, 0, &mut |_| {
                count = count.saturating_add(1);
                ControlFlow::Continue(())
            })?;
            return Ok(count);
        }
        let wanted = Wanted::of(filter);
        for (first, ordinals) in self.parts(range)? {
            let found = self.candidates(first, &ordinals, &wanted)?;
            count = count.saturating_add(found.len());
        }
        Ok(count)
    }

    /// The entries of a record, in the order of the log.
    pub(crate) fn of_id(&self, id: Uuid) -> Result<Vec<Record>, AuditError> {
        let mut records = Vec::new();
        for (first, ordinals) in self.parts(&(0..self.size()))? {
            let mut found = self.ask(first, |part| part.of_id(id))?;
            found.retain(|ordinal| ordinals.contains(ordinal));
            let _all = self.fetch(first, &found, &mut |record| {
                if record.id() == id {
                    records.push(record);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(records)
    }

    /// The entry at `index`.
    pub(crate) fn record(&self, index: u64) -> Result<Record, AuditError> {
        let mut found = None;
        let range = index..index.saturating_add(1);
        for (first, ordinals) in self.parts(&range)? {
            let _one = self.fetch(first, &[ordinals.start], &mut |record| {
                found = Some(record);
                ControlFlow::Break(())
            })?;
        }
        let size = self.size();
        found.ok_or(AuditError::OutOfRange { index, size })
    }

    /// Hands over index and exact bytes of each entry in `range`, oldest first.
    pub(crate) fn entries(
        &self,
        range: &Range<u64>,
        each: &mut Each<'_>,
    ) -> Result<(), AuditError> {
        for (first, ordinals) in self.parts(range)? {
            let mut rest = ordinals;
            loop {
                let chunk: Vec<u32> = rest.by_ref().take(CHUNK).collect();
                if chunk.is_empty() {
                    break;
                }
                let _all = self.read(first, &chunk, &mut |index, bytes| {
                    each(index, bytes).map(ControlFlow::Continue)
                })?;
            }
        }
        Ok(())
    }

    fn candidates(
        &self,
        first: u64,
        ordinals: &Range<u32>,
        wanted: &Wanted,
    ) -> Result<Candidates, AuditError> {
        // A segment of another time need not be opened.
        if let (Some(times), Some(finished)) = (&wanted.times, self.state()?.finished(first))
            && finished.is_outside(times)
        {
            return Ok(Candidates::All(0..0));
        }
        let found = self.ask(first, |part| wanted.found(part, ordinals))?;
        Ok(match found {
            None => Candidates::All(ordinals.clone()),
            Some(found) => Candidates::Some(found),
        })
    }

    /// Reads the records with these ordinals.
    fn fetch(
        &self,
        first: u64,
        ordinals: &[u32],
        see: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, AuditError> {
        self.read(first, ordinals, &mut |index, bytes| {
            let record = Record::parse(index, bytes).map_err(|error| AuditError::Corrupt {
                file: segment::name(first),
                range: 0..0,
                problem: format!("entry {index}: {error}"),
            })?;
            Ok(see(record))
        })
    }

    fn read(
        &self,
        first: u64,
        ordinals: &[u32],
        see: &mut Shown<'_>,
    ) -> Result<ControlFlow<()>, AuditError> {
        if ordinals.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let failed = || AuditError::storage(format!("reading {}", segment::name(first)));
        let offsets = self.ask(first, |part| offsets(part, ordinals))?;
        let file = self.segment(first)?;
        let mut window = Window::new(file).map_err(failed())?;
        let (from, to) = (offsets.first().copied(), offsets.last().copied());
        let span = from.zip(to).map_or(0, |(a, b)| u64::from(a.abs_diff(b)));
        let close = span <= (ordinals.len() as u64).saturating_mul(4 * APART);
        let (before, after) = match (close && span > 0, from <= to) {
            (false, _) => (0, APART),
            (true, true) => (0, CLOSE.min(span.saturating_add(APART))),
            (true, false) => (CLOSE.min(span), APART),
        };
        for (ordinal, offset) in ordinals.iter().zip(offsets) {
            let entry = window.entry(offset, before, after).map_err(failed())?;
            if see(first.saturating_add((*ordinal).into()), entry)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Where the entries with these ordinals begin: read at once where they lie close together.
fn offsets(part: &Part<'_>, ordinals: &[u32]) -> io::Result<Vec<u32>> {
    let lowest = ordinals.iter().copied().min().unwrap_or(0);
    let end = ordinals
        .iter()
        .copied()
        .max()
        .map_or(0, |max| max.saturating_add(1));
    if end.saturating_sub(lowest) <= 4096 {
        let column = part.offsets(&(lowest..end))?;
        let place = |ordinal: u32| usize::try_from(ordinal.saturating_sub(lowest)).ok();
        let found = ordinals.iter().map(|o| column.get(place(*o)?).copied());
        return found
            .collect::<Option<_>>()
            .ok_or_else(|| io::ErrorKind::InvalidData.into());
    }
    let mut found = Vec::with_capacity(ordinals.len());
    for ordinal in ordinals {
        found.extend(part.offsets(&(*ordinal..ordinal.saturating_add(1)))?);
    }
    Ok(found)
}

impl Wanted {
    fn of(filter: &Filter) -> Self {
        Self {
            terms: filter.terms(),
            times: filter.times(),
        }
    }

    /// What a segment has of it within `ordinals`; `None`: everything.
    fn found(&self, part: &Part<'_>, ordinals: &Range<u32>) -> io::Result<Option<RoaringBitmap>> {
        let mut found: Option<RoaringBitmap> = None;
        if let Some(times) = &self.times {
            found = part.in_time(times, ordinals)?;
        }
        for any in &self.terms {
            if found.as_ref().is_some_and(RoaringBitmap::is_empty) {
                break;
            }
            let mut one = RoaringBitmap::new();
            for term in any {
                one |= part.posting(term, ordinals)?;
            }
            found = Some(match found {
                None => one,
                Some(found) => found & one,
            });
        }
        Ok(found)
    }
}

impl Candidates {
    fn len(&self) -> u64 {
        match self {
            Self::All(range) => range.len() as u64,
            Self::Some(bitmap) => bitmap.len(),
        }
    }

    /// In this order, without the first `skip`.
    fn iter(&self, order: Order, skip: u64) -> Box<dyn Iterator<Item = u32> + '_> {
        let skip = u32::try_from(skip).unwrap_or(u32::MAX);
        match (self, order) {
            (Self::All(range), Order::Ascending) => {
                Box::new(range.start.saturating_add(skip)..range.end)
            }
            (Self::All(range), Order::Descending) => {
                Box::new((range.start..range.end.saturating_sub(skip)).rev())
            }
            (Self::Some(bitmap), Order::Ascending) => match bitmap.select(skip) {
                None => Box::new(std::iter::empty()),
                Some(from) => Box::new(bitmap.range(from..)),
            },
            (Self::Some(bitmap), Order::Descending) => {
                let last = bitmap.len().checked_sub(u64::from(skip).saturating_add(1));
                let last = last.and_then(|last| bitmap.select(u32::try_from(last).ok()?));
                match last {
                    None => Box::new(std::iter::empty()),
                    Some(last) => Box::new(bitmap.range(..=last).rev()),
                }
            }
        }
    }
}
