//! Handing the log out: the whole of it with its proof, or what a filter finds.

use std::io::{self, Write};
use std::ops::ControlFlow;

use crate::AuditError;
use crate::bundle::Snapshot;
use crate::checkpoint::Checkpoint;
use crate::csv::Table;
use crate::filter::Filter;
use crate::ndjson::Mark;
use crate::query::{Plan, visit};
use crate::reader::{AuditReader, everything, optional};
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
        let (view, range, checkpoint) = {
            let mut state = self.0.current()?;
            let checkpoint = optional(self.0.checkpoint(&mut state))?;
            let (view, range) = everything(&state.store)?;
            (view, range, checkpoint)
        };
        let mut lines = Lines::new(writer);
        if range.size() > 0 {
            lines.mark(&Mark::pruned(&range))?;
        }
        for (index, text, _) in view.iter() {
            lines.line(text)?;
            if let Some(checkpoint) = checkpoint
                .as_ref()
                .filter(|checkpoint| checkpoint.size() == index.saturating_add(1))
            {
                lines.mark(&Mark::checkpoint(checkpoint))?;
            }
        }
        lines.finish()?;
        Ok(Exported {
            entries: view.end.saturating_sub(view.start),
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
        let mut lines = Lines::new(writer);
        let origin = self
            .verifier_key()
            .map_or_else(String::new, |key| key.name().to_owned());
        let (view, plan) = self.plan(filter)?;
        lines.mark(&Mark::Extract {
            origin,
            size: plan.size,
        })?;
        let entries = self.each(&view, &plan, filter, |record| {
            lines.line(std::str::from_utf8(record.bytes()).unwrap_or_default())
        })?;
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
        let (view, plan) = self.plan(filter)?;
        let mut table = Table::new(writer).map_err(AuditError::Export)?;
        let entries = self.each(&view, &plan, filter, |record| {
            table.push(record).map_err(AuditError::Export)
        })?;
        table.finish().map_err(AuditError::Export)?;
        Ok(Exported {
            entries,
            checkpoint: None,
        })
    }

    /// Gives every record that a filter finds, within its offset and limit, to `take`, and counts them.
    fn each(
        &self,
        view: &Snapshot,
        plan: &Plan,
        filter: &Filter,
        mut take: impl FnMut(&Record) -> Result<(), AuditError>,
    ) -> Result<u64, AuditError> {
        let offset = if filter.cursor.is_some() {
            0
        } else {
            filter.offset
        };
        let (mut skipped, mut taken) = (0_usize, 0_usize);
        let mut result = Ok(());
        visit(view, &plan.rest, filter, self.is_ours(), |record| {
            if skipped < offset {
                skipped = skipped.saturating_add(1);
                return ControlFlow::Continue(());
            }
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

    fn line(&mut self, text: &str) -> Result<(), AuditError> {
        let written = self
            .0
            .write_all(text.as_bytes())
            .and_then(|()| self.0.write_all(b"\n"));
        written.map_err(AuditError::Export)
    }

    fn mark(&mut self, mark: &Mark) -> Result<(), AuditError> {
        let mut line = String::new();
        mark.push_to(&mut line);
        self.0
            .write_all(line.as_bytes())
            .map_err(AuditError::Export)
    }

    fn finish(mut self) -> Result<(), AuditError> {
        self.0.flush().map_err(AuditError::Export)
    }
}
