//! Entries as a table for spreadsheets (RFC 4180), with nothing in it that a spreadsheet would execute.

use std::borrow::Cow;
use std::io::{self, Write};

use time::format_description::well_known::Rfc3339;

use crate::export::columns::{columns, entry};
use crate::record::Record;

/// The columns. The last one holds the exact entry, so that the table loses nothing.
const COLUMNS: [&str; 18] = [
    "index",
    "time",
    "id",
    "kind",
    "namespace",
    "agent",
    "session",
    "action",
    "action_type",
    "resource",
    "scope",
    "outcome",
    "reason_code",
    "stage",
    "operator",
    "event",
    "reason",
    "entry",
];

/// Writes rows as they come.
pub(crate) struct Table<W: Write>(::csv::Writer<W>);

impl<W: Write> Table<W> {
    /// Writes the header.
    pub(crate) fn new(writer: W) -> io::Result<Self> {
        let mut table = ::csv::WriterBuilder::new()
            .terminator(::csv::Terminator::CRLF)
            .from_writer(writer);
        table.write_record(COLUMNS)?;
        Ok(Self(table))
    }

    pub(crate) fn push(&mut self, record: &Record) -> io::Result<()> {
        let index = record.index().to_string();
        let time = record.at().format(&Rfc3339).map_err(io::Error::other)?;
        let id = record.id().to_string();
        let start = [
            Some(&*index),
            Some(&*time),
            Some(&*id),
            Some(record.kind().as_str()),
        ];
        let texts = columns(record).map(|(_, text)| text);
        for cell in start.into_iter().chain(texts).chain([Some(entry(record))]) {
            self.0.write_field(&*defused(cell.unwrap_or_default()))?;
        }
        self.0.write_record(None::<&[u8]>)?;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A cell that would begin a formula gets an apostrophe in front, which spreadsheets take as "this is text".
fn defused(cell: &str) -> Cow<'_, str> {
    const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    if cell.trim_start().starts_with(FORMULA) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::defused;

    #[test]
    fn cells_that_begin_a_formula_become_text() {
        for formula in ["=1+1", "+1", "-2", "@SUM(A1)", " =1", "＝1", "\u{a0}@x"] {
            assert_eq!(defused(formula), format!("'{formula}"));
        }
        for text in ["", "a=1", "1-2", "'=1"] {
            assert_eq!(defused(text), text);
        }
    }
}
