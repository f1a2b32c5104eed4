//! `secstack budget report`: what was booked in each window, summed up by kind.

use std::io::{self, Write};
use std::path::PathBuf;

use budget_enforcer::{Dimension, Envelope, Quantity};
use clap::Args;
use security_bundle::operator::{BudgetAnswer, BudgetRequest, WindowSums};
use serde_json::json;
use time::OffsetDateTime;

use super::{envelope, figures};
use crate::desk::{Desk, unexpected};
use crate::table::Align::{Left, Right};
use crate::table::Table;
use crate::{Answer, GOOD, output, paint, times};

/// Sum up what was booked, for each budget, window and kind of booking
///
/// Sums alone: nothing is judged or foretold. A hold counts in the window in which it was taken, and so do its settlement and refunds.
/// spent = settled + recorded + `expired_spent` - refunded, and of that, overspent is what was beyond the limit in the end. A budget's sums contain those of the budgets under it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the budgets
    dir: PathBuf,
    /// This budget and those under it alone, or `session:ID`
    #[arg(long, value_name = "ID", value_parser = envelope::parse)]
    envelope: Option<Envelope>,
    /// The sessions, too
    #[arg(long)]
    sessions: bool,
    /// Windows that end after this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    since: Option<OffsetDateTime>,
    /// Windows that start before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    until: Option<OffsetDateTime>,
    /// Print comma-separated values for a spreadsheet
    #[arg(long)]
    csv: bool,
    /// Print a JSON object for each window, one a line
    #[arg(long, conflicts_with = "csv")]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let answer = Desk::of_budgets(&arguments.dir).budgets(BudgetRequest::Report {
        envelope: arguments.envelope,
        sessions: arguments.sessions,
        since: arguments.since,
        until: arguments.until,
    })?;
    let BudgetAnswer::Report(windows) = answer else {
        return Err(unexpected());
    };
    let rows = rows(&windows);
    if arguments.json {
        let objects: Vec<_> = windows.iter().map(|window| json!(window)).collect();
        output::write(|out| {
            objects
                .iter()
                .try_for_each(|object| writeln!(out, "{object}"))
        })?;
    } else if arguments.csv {
        output::write(|out| csv(&rows, out))?;
    } else if rows.is_empty() {
        let dim = paint::DIM;
        anstream::eprintln!("{dim}nothing was booked there{dim:#}");
    } else {
        output::write(|out| table(&rows).write(out))?;
    }
    Ok(GOOD)
}

/// A dimension of a window in which something was booked.
struct Row<'a> {
    window: &'a WindowSums,
    dimension: Dimension,
    sums: [Quantity; 9],
}

fn rows(windows: &[WindowSums]) -> Vec<Row<'_>> {
    let of_window = |window| {
        let booked: &WindowSums = window;
        booked.sums.rows().map(move |(dimension, sums)| Row {
            window,
            dimension,
            // In the order of columns.
            sums: [
                sums.reserved,
                sums.settled,
                sums.recorded,
                sums.released,
                sums.expired,
                sums.expired_spent,
                sums.refunded,
                sums.spent,
                sums.overspent,
            ],
        })
    };
    windows.iter().flat_map(of_window).collect()
}

fn start(row: &Row<'_>) -> Option<String> {
    row.window.window_start.map(times::shown)
}

fn table(rows: &[Row<'_>]) -> Table {
    let mut table = Table::new(&[
        ("BUDGET", Left),
        ("PERIOD", Left),
        ("SINCE", Left),
        ("OF", Left),
        ("RESERVED", Right),
        ("SETTLED", Right),
        ("RECORDED", Right),
        ("RELEASED", Right),
        ("EXPIRED", Right),
        ("EXPIRED SPENT", Right),
        ("REFUNDED", Right),
        ("SPENT", Right),
        ("OVERSPENT", Right),
    ]);
    for row in rows {
        let texts = [
            envelope::name(&row.window.envelope),
            row.window.period.to_string(),
            start(row).unwrap_or_else(|| "-".to_owned()),
            row.dimension.to_string(),
        ];
        let numbers = row.sums.map(figures::exact);
        table.push(texts.into_iter().chain(numbers));
    }
    table
}

/// RFC 4180.
fn csv(rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "envelope,period,window_start,window_end,dimension")?;
    write!(
        out,
        ",reserved,settled,recorded,released,expired,expired_spent,refunded,spent,overspent\r\n"
    )?;
    for row in rows {
        let end = row.window.window_end.map(times::shown);
        let texts = [
            envelope::name(&row.window.envelope),
            row.window.period.to_string(),
            start(row).unwrap_or_default(),
            end.unwrap_or_default(),
            row.dimension.to_string(),
        ];
        let numbers = row.sums.map(figures::exact);
        let cells: Vec<_> = texts
            .iter()
            .chain(&numbers)
            .map(|text| cell(text))
            .collect();
        write!(out, "{}\r\n", cells.join(","))?;
    }
    Ok(())
}

/// Quoted where it must be, and with an apostrophe in front of what a spreadsheet would execute.
fn cell(text: &str) -> String {
    const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let apostrophe = if text.trim_start().starts_with(FORMULA) {
        "'"
    } else {
        ""
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{apostrophe}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{apostrophe}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        assert_eq!(cell("team-a"), "team-a");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"a\""), "\"say \"\"a\"\"\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell(" @x,y"), "\"' @x,y\"");
    }
}
