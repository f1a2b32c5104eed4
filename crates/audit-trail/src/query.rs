//! Finding entries: a filter's conditions become a walk over a view that no longer changes.

use std::ops::{ControlFlow, Range};

use crate::AuditError;
use crate::bundle::Snapshot;
use crate::cursor::Cursor;
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
            let count = match meta.outcome {
                Some(Outcome::Allow) => &mut counts.allow,
                Some(Outcome::Deny) => &mut counts.deny,
                Some(Outcome::AllowWithCaveat) => &mut counts.allow_with_caveat,
                None => continue,
            };
            *count = count.saturating_add(1);
        }
        counts
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

/// Collects one page. `ours` says that the entries were written by this crate and may be judged by their bytes.
pub(crate) fn page(
    view: &Snapshot,
    plan: &Plan,
    filter: &Filter,
    ours: bool,
) -> Result<Page, AuditError> {
    let mut page = Page {
        records: Vec::new(),
        next: None,
        total_matched: None,
        size: plan.size,
    };
    if filter.count_matches {
        if plan.whole.start < view.start {
            return Err(AuditError::Evicted {
                index: plan.whole.start,
                held_from: view.start,
            });
        }
        let mut count = 0_u64;
        visit(view, &plan.whole, filter, ours, |_| {
            count = count.saturating_add(1);
            ControlFlow::Continue(())
        })?;
        page.total_matched = Some(count);
    }
    let limit = filter.limit.unwrap_or(usize::MAX);
    if limit == 0 {
        return Ok(page);
    }
    let mut offset = if filter.cursor.is_some() {
        0
    } else {
        filter.offset
    };
    visit(view, &plan.rest, filter, ours, |record| {
        if offset > 0 {
            offset = offset.saturating_sub(1);
        } else if page.records.len() == limit {
            page.next = Some(plan.cursor(record.index()));
            return ControlFlow::Break(());
        } else {
            page.records.push(record);
        }
        ControlFlow::Continue(())
    })?;
    // Newest first can run into entries that were evicted since the first page: say so when they are asked for.
    if page.next.is_none() && plan.rest.start < view.start {
        let gone = view.start.saturating_sub(1);
        if page.records.is_empty() {
            return Err(AuditError::Evicted {
                index: gone,
                held_from: view.start,
            });
        }
        page.next = Some(plan.cursor(gone));
    }
    Ok(page)
}

/// Shows each record of `range` that meets the conditions, in the filter's order, until told to stop.
pub(crate) fn visit(
    view: &Snapshot,
    range: &Range<u64>,
    filter: &Filter,
    ours: bool,
    mut see: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<(), AuditError> {
    let (start, end) = (range.start.max(view.start), range.end.min(view.end));
    let mut one = |index: u64| -> Result<ControlFlow<()>, AuditError> {
        let Some((text, meta)) = view.get(index) else {
            return Ok(ControlFlow::Continue(()));
        };
        if !filter.admits(meta.kind, meta.outcome, meta.ts) || (ours && !filter.may_read(text)) {
            return Ok(ControlFlow::Continue(()));
        }
        let record = Record::with_leaf(index, text.as_bytes(), meta.leaf)?;
        Ok(if filter.reads(&record) {
            see(record)
        } else {
            ControlFlow::Continue(())
        })
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
