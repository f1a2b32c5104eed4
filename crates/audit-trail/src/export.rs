//! Handing the log out: the whole of it with its proof, or what a filter finds.

mod cef;
mod class;
pub(crate) mod columns;
mod evidence;
mod ocsf;
mod otel;
mod syslog;

use std::io::{self, Write};
use std::ops::ControlFlow;

pub use self::syslog::Syslog;

use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::csv::Table;
use crate::filter::Filter;
use crate::ndjson::Mark;
use crate::query::{Plan, View, visit};
use crate::reader::{AuditReader, Whole};
use crate::record::Record;

/// What an export wrote.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Exported {
    /// Number of entries.
    pub entries: u64,
    /// The checkpoint in it, against which cut-off ends show later: keep it elsewhere.
    pub checkpoint: Option<Checkpoint>,
}

impl AuditReader {
    /// Writes the whole log as NDJSON: the exact bytes of each entry on a line of its own, and a signed checkpoint.
    ///
    /// [`verify_ndjson`](crate::verify_ndjson) verifies it. Where entries are no longer held, the first line stands for them
    /// by their hashes, and the export begins at the multiple of 256 from which on all are there.
    ///
    /// # Errors
    /// [`AuditError::Export`] if `writer` fails; part of the export is written then.
    pub fn export_ndjson(&self, writer: impl Write) -> Result<Exported, AuditError> {
        let Whole {
            view,
            before: range,
            checkpoint,
        } = self.everything()?;
        let mut lines = Lines::new(writer);
        if range.size() > 0 {
            lines.mark(&Mark::pruned(&range))?;
        }
        view.each(&mut |index, bytes| {
            lines.line(std::str::from_utf8(bytes).unwrap_or_default())?;
            if let Some(checkpoint) = checkpoint
                .as_ref()
                .filter(|checkpoint| checkpoint.size() == index.saturating_add(1))
            {
                lines.mark(&Mark::checkpoint(checkpoint))?;
            }
            Ok(())
        })?;
        lines.finish()?;
        Ok(Exported {
            entries: view.end().saturating_sub(view.start()),
            checkpoint,
        })
    }

    /// Writes the entries that a filter finds as NDJSON, under a first line that says that this is an extract: it cannot be verified as a whole.
    ///
    /// # Errors
    /// [`AuditError::Export`] if `writer` fails; part of the export is written then. Otherwise as [`query`](Self::query).
    pub fn export_ndjson_matching(
        &self,
        writer: impl Write,
        filter: &Filter,
    ) -> Result<Exported, AuditError> {
        let selection = self.select(filter)?;
        let mut lines = Lines::new(writer);
        let origin = self
            .verifier_key()
            .map_or_else(String::new, |key| key.name().to_owned());
        lines.mark(&Mark::Extract {
            origin,
            size: selection.size(),
        })?;
        let entries = selection.each(|record| lines.line(columns::entry(record)))?;
        lines.finish()?;
        Ok(Exported {
            entries,
            checkpoint: None,
        })
    }

    /// Writes the entries that a filter finds as a table (RFC 4180), the exact entry in its last column.
    ///
    /// A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    ///
    /// # Errors
    /// [`AuditError::Export`] if `writer` fails; part of the table is written then. Otherwise as [`query`](Self::query).
    pub fn export_csv(&self, writer: impl Write, filter: &Filter) -> Result<Exported, AuditError> {
        let selection = self.select(filter)?;
        let mut table = Table::new(writer).map_err(AuditError::Export)?;
        let entries = selection.each(|record| table.push(record).map_err(AuditError::Export))?;
        table.finish().map_err(AuditError::Export)?;
        Ok(Exported {
            entries,
            checkpoint: None,
        })
    }

    /// Writes what a filter finds in `format`, record by record.
    fn export_as(
        &self,
        writer: impl Write,
        filter: &Filter,
        format: &mut impl Format,
    ) -> Result<Exported, AuditError> {
        let selection = self.select(filter)?;
        let mut lines = Lines::new(writer);
        let mut text = String::new();
        let entries = selection.each(|record| {
            text.clear();
            format.record(record, &mut text);
            lines.text(&text)
        })?;
        text.clear();
        format.end(&mut text);
        lines.text(&text)?;
        lines.finish()?;
        Ok(Exported {
            entries,
            checkpoint: None,
        })
    }

    /// What a filter finds in the log as it is now.
    fn select<'f>(&self, filter: &'f Filter) -> Result<Selection<'f>, AuditError> {
        let (view, plan) = self.plan(filter)?;
        Ok(Selection { view, plan, filter })
    }
}

/// A text format: what it writes for a record, and what after the last one.
trait Format {
    fn record(&mut self, record: &Record, out: &mut String);

    fn end(&mut self, _out: &mut String) {}
}

/// What a filter found when it was asked. All that is handed out goes through here, one record at a time.
struct Selection<'f> {
    view: View,
    plan: Plan,
    filter: &'f Filter,
}

impl Selection<'_> {
    /// The size of the log when it was asked.
    fn size(&self) -> u64 {
        self.plan.size
    }

    /// Gives every record, within the filter's offset and limit, to `take`, and counts them. It can be done again: the records are the same.
    fn each(
        &self,
        mut take: impl FnMut(&Record) -> Result<(), AuditError>,
    ) -> Result<u64, AuditError> {
        let filter = self.filter;
        let offset = if filter.cursor.is_some() {
            0
        } else {
            filter.offset as u64
        };
        let mut taken = 0_usize;
        let mut result = Ok(());
        visit(&self.view, &self.plan.rest, filter, offset, |record| {
            if filter.limit.is_some_and(|limit| taken >= limit) {
                return ControlFlow::Break(());
            }
            taken = taken.saturating_add(1);
            result = take(&record);
            if result.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        result.map(|()| taken as u64)
    }
}

/// A writer of lines.
struct Lines<W: Write>(io::BufWriter<W>);

impl<W: Write> Lines<W> {
    fn new(writer: W) -> Self {
        Self(io::BufWriter::new(writer))
    }

    /// Lines that are whole already, or parts of one.
    fn text(&mut self, text: &str) -> Result<(), AuditError> {
        self.0
            .write_all(text.as_bytes())
            .map_err(AuditError::Export)
    }

    fn line(&mut self, text: &str) -> Result<(), AuditError> {
        self.text(text)?;
        self.text("\n")
    }

    fn mark(&mut self, mark: &Mark) -> Result<(), AuditError> {
        let mut line = String::new();
        mark.push_to(&mut line);
        self.text(&line)
    }

    fn finish(mut self) -> Result<(), AuditError> {
        self.0.flush().map_err(AuditError::Export)
    }
}
