//! Columns as wide as what is in them, numbers to the right.

use std::io::{self, Write};

use crate::paint;

/// Cells are cut at so many characters.
const WIDEST: usize = 48;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// One cell for each column.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        let cells = row.into_iter().map(|cell| paint::cut(&cell, WIDEST));
        self.rows.push(cells.collect());
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let head: Vec<_> = self
            .columns
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let widths: Vec<usize> = head
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let cells = self.rows.iter().filter_map(|row| row.get(at));
                let widths = cells.map(|cell| cell.chars().count());
                widths.max().unwrap_or(0).max(name.len())
            })
            .collect();
        let style = paint::HEAD;
        writeln!(out, "{style}{}{style:#}", self.line(&head, &widths))?;
        self.rows
            .iter()
            .try_for_each(|row| writeln!(out, "{}", self.line(row, &widths)))
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(&self.columns) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, after) = match align {
                Align::Left => ("", padding.as_str()),
                Align::Right => (padding.as_str(), ""),
            };
            line.push_str(before);
            line.push_str(cell);
            line.push_str(after);
        }
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_steers_the_terminal() {
        let mut table = Table::new(&[("WHAT", Align::Left), ("N", Align::Right)]);
        table.push(["größe".to_owned(), "5".to_owned()]);
        table.push(["a\u{1b}[2J".to_owned(), "10000".to_owned()]);
        table.push([String::new(), "7".to_owned()]);
        let mut out = anstream::StripStream::new(Vec::new());
        table.write(&mut out).unwrap();
        let text = String::from_utf8(out.into_inner()).unwrap();
        assert_eq!(
            text,
            "WHAT       N\ngröße      5\na\u{fffd}[2J  10000\n           7\n"
        );
    }
}
