//! Finding entries: a filter's conditions become a walk over a view that no longer changes.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use crate::AuditError;
use crate::bundle::Snapshot;
use crate::cursor::Cursor;
use crate::durable::catalog::Catalog;
use crate::filter::{Filter, Order};
use crate::kind::Outcome;
use crate::record::Record;

/// What a query found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Page {
    /// The records, in the order asked for.
    pub records: Vec<Record>,
    /// Where to go on: `None` when nothing more matches. Give it to [`Filter::after`].
    pub next: Option<Cursor>,
    /// How many match on all pages together, if [`Filter::count_matches`] asked for it.
    pub total_matched: Option<u64>,
    /// The size of the log to which this page and its successors are pinned.
    pub size: u64,
}

/// How many held entries carry each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutcomeCounts {
    /// [`Outcome::Allow`].
    pub allow: u64,
    /// [`Outcome::Deny`].
    pub deny: u64,
    /// [`Outcome::AllowWithCaveat`].
    pub allow_with_caveat: u64,
}

impl OutcomeCounts {
    pub(crate) fn of(view: &Snapshot) -> Self {
        let mut counts = Self::default();
        for (_, _, meta) in view.iter() {
            counts.add(meta.outcome);
        }
        counts
    }

    pub(crate) fn add(&mut self, outcome: Option<Outcome>) {
        let count = match outcome {
            Some(Outcome::Allow) => &mut self.allow,
            Some(Outcome::Deny) => &mut self.deny,
            Some(Outcome::AllowWithCaveat) => &mut self.allow_with_caveat,
            None => return,
        };
        *count = count.saturating_add(1);
    }

    pub(crate) fn join(&mut self, other: Self) {
        let Self {
            allow,
            deny,
            allow_with_caveat,
        } = other;
        self.allow = self.allow.saturating_add(allow);
        self.deny = self.deny.saturating_add(deny);
        self.allow_with_caveat = self.allow_with_caveat.saturating_add(allow_with_caveat);
    }
}

/// Is handed index and exact bytes of entries; an error ends it.
pub(crate) type Each<'e> = dyn FnMut(u64, &[u8]) -> Result<(), AuditError> + 'e;

/// Entries as they were at one moment, wherever they are kept.
#[derive(Debug)]
pub(crate) enum View {
    /// `ours` says that they were written by this crate and may be judged by their bytes.
    Memory { snapshot: Snapshot, ours: bool },
    Directory {
        catalog: Arc<Catalog>,
        range: Range<u64>,
    },
}

impl View {
    /// The oldest index that is there.
    pub(crate) fn start(&self) -> u64 {
        match self {
            Self::Memory { snapshot, .. } => snapshot.start,
            Self::Directory { range, .. } => range.start,
        }
    }

    /// The index after the newest.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Self::Memory { snapshot, .. } => snapshot.end,
            Self::Directory { range, .. } => range.end,
        }
    }

    /// Hands over index and exact bytes of each entry, oldest first.
    pub(crate) fn each(&self, see: &mut Each<'_>) -> Result<(), AuditError> {
        match self {
            Self::Memory { snapshot, .. } => snapshot
                .iter()
                .try_for_each(|(index, text, _)| see(index, text.as_bytes())),
            Self::Directory { catalog, range } => catalog.entries(range, see),
        }
    }

    fn count(&self, range: &Range<u64>, filter: &Filter) -> Result<u64, AuditError> {
        if let Self::Directory { catalog, .. } = self {
            return catalog.count(range, filter);
        }
        let mut count = 0_u64;
        visit(self, range, filter, 0, |_| {
            count = count.saturating_add(1);
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }
}

/// Which part of the log a query is about, and which part of that is still to be looked at.
#[derive(Debug)]
pub(crate) struct Plan {
    /// All of it, as it was when the first page was asked for.
    pub(crate) whole: Range<u64>,
    pub(crate) rest: Range<u64>,
    /// The size that the log had then.
    pub(crate) size: u64,
    digest: u64,
}

impl Plan {
    /// Plans a query on a log of which `held` can be read. `digest` stands for log and filter.
    pub(crate) fn new(filter: &Filter, held: &Range<u64>, digest: u64) -> Result<Self, AuditError> {
        let Some(cursor) = filter.cursor else {
            let end = filter.end.unwrap_or(held.end).min(held.end);
            let start = filter.first.unwrap_or(held.start).min(end);
            if start < held.start && start < end {
                return Err(AuditError::Evicted {
                    index: start,
                    held_from: held.start,
                });
            }
            return Ok(Self {
                whole: start..end,
                rest: start..end,
                size: held.end,
                digest,
            });
        };
        if cursor.digest != digest {
            return Err(AuditError::Cursor("is of another log or another filter"));
        }
        if cursor.size > held.end {
            return Err(AuditError::Cursor("is of a larger log"));
        }
        // A made-up cursor does not reach beyond what the filter asks for.
        let end = filter.end.unwrap_or(cursor.size).min(cursor.size);
        let start = cursor.start.max(filter.first.unwrap_or(0)).min(end);
        let rest = match filter.order {
            Order::Ascending => cursor.next.max(start)..end,
            Order::Descending => start..cursor.next.saturating_add(1).min(end),
        };
        let whole = start..end;
        // What comes next must still be there; what comes later shows when it is asked for.
        if cursor.next < held.start {
            return Err(AuditError::Evicted {
                index: cursor.next,
                held_from: held.start,
            });
        }
        Ok(Self {
            whole,
            rest,
            size: cursor.size,
            digest,
        })
    }

    fn cursor(&self, next: u64) -> Cursor {
        Cursor {
            digest: self.digest,
            start: self.whole.start,
            size: self.size,
            next,
        }
    }
}

/// Collects one page.
pub(crate) fn page(view: &View, plan: &Plan, filter: &Filter) -> Result<Page, AuditError> {
    let mut page = Page {
        records: Vec::new(),
        next: None,
        total_matched: None,
        size: plan.size,
    };
    if filter.count_matches {
        if plan.whole.start < view.start() {
            return Err(AuditError::Evicted {
                index: plan.whole.start,
                held_from: view.start(),
            });
        }
        page.total_matched = Some(view.count(&plan.whole, filter)?);
    }
    let limit = filter.limit.unwrap_or(usize::MAX);
    if limit == 0 {
        return Ok(page);
    }
    let offset = if filter.cursor.is_some() {
        0
    } else {
        filter.offset as u64
    };
    visit(view, &plan.rest, filter, offset, |record| {
        if page.records.len() == limit {
            page.next = Some(plan.cursor(record.index()));
            return ControlFlow::Break(());
        }
        page.records.push(record);
        ControlFlow::Continue(())
    })?;
    // Newest first can run into entries that were evicted since the first page: say so when they are asked for.
    if page.next.is_none() && plan.rest.start < view.start() {
        let gone = view.start().saturating_sub(1);
        if page.records.is_empty() {
            return Err(AuditError::Evicted {
                index: gone,
                held_from: view.start(),
            });
        }
        page.next = Some(plan.cursor(gone));
    }
    Ok(page)
}

/// Shows each record of `range` that meets the conditions, in the filter's order, after the first `skip`, until told to stop.
pub(crate) fn visit(
    view: &View,
    range: &Range<u64>,
    filter: &Filter,
    mut skip: u64,
    mut see: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<(), AuditError> {
    let (view, ours) = match view {
        View::Memory { snapshot, ours } => (snapshot, *ours),
        View::Directory { catalog, .. } => return catalog.visit(range, filter, skip, &mut see),
    };
    let (start, end) = (range.start.max(view.start), range.end.min(view.end));
    let mut one = |index: u64| -> Result<ControlFlow<()>, AuditError> {
        let Some((text, meta)) = view.get(index) else {
            return Ok(ControlFlow::Continue(()));
        };
        if !filter.admits(meta.kind, meta.outcome, meta.ts) || (ours && !filter.may_read(text)) {
            return Ok(ControlFlow::Continue(()));
        }
        let record = Record::with_leaf(index, text.as_bytes(), meta.leaf)?;
        if !filter.reads(&record) {
            return Ok(ControlFlow::Continue(()));
        }
        if skip > 0 {
            skip = skip.saturating_sub(1);
            return Ok(ControlFlow::Continue(()));
        }
        Ok(see(record))
    };
    let mut indexes = start..end;
    while let Some(index) = match filter.order {
        Order::Ascending => indexes.next(),
        Order::Descending => indexes.next_back(),
    } {
        if one(index)?.is_break() {
            break;
        }
    }
    Ok(())
}
