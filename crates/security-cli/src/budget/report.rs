//! `secstack budget report`: what was booked in each window, summed up by kind.

use std::io::{self, Write};
use std::path::PathBuf;

use budget_enforcer::{Dimension, Envelope, Quantity};
use clap::Args;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::sums::{self, Section};
use super::{entry, envelope, figures, store};
use crate::failure::Failure;
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

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let mut store = store::read(&arguments.dir)?;
    if let Some(envelope) = &arguments.envelope {
        store.enforcer.utilization(envelope.clone())?;
    }
    let entries = entry::all(&mut store)?;
    let mut sections = sums::of(&store, &entries)?;
    sections.retain(|section| {
        let wanted = match (&arguments.envelope, &section.envelope) {
            (Some(wanted), envelope) => store
                .history
                .and_above(envelope)
                .any(|above| above == *wanted),
            (None, Envelope::Session(_)) => arguments.sessions,
            (None, Envelope::Budget(_)) => true,
        };
        let window = &section.window;
        wanted
            && arguments
                .since
                .is_none_or(|since| window.end_at.is_none_or(|end| end > since))
            && arguments.until.is_none_or(|until| window.start_at < until)
    });
    let rows = rows(&sections)?;
    if arguments.json {
        let objects = sections
            .iter()
            .map(json_of)
            .collect::<Result<Vec<_>, _>>()?;
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
    section: &'a Section,
    dimension: Dimension,
    sums: [(&'static str, Quantity); 9],
}

fn rows(sections: &[Section]) -> Result<Vec<Row<'_>>, Failure> {
    let mut rows = Vec::new();
    for section in sections {
        for (dimension, sums) in named(section)? {
            rows.push(Row {
                section,
                dimension,
                sums,
            });
        }
    }
    Ok(rows)
}

type Named = (Dimension, [(&'static str, Quantity); 9]);

fn named(section: &Section) -> Result<Vec<Named>, Failure> {
    let mut found = Vec::new();
    for (dimension, sums) in Dimension::ALL.into_iter().zip(&section.sums) {
        let named = sums::named(dimension, sums).ok_or_else(|| {
            Failure::new(format!(
                "the sums of {dimension} of `{}` do not come out within 64 bits",
                envelope::name(&section.envelope)
            ))
        })?;
        if named.iter().any(|(_, quantity)| quantity.units() > 0) {
            found.push((dimension, named));
        }
    }
    Ok(found)
}

fn start(section: &Section) -> Option<String> {
    // A lifetime's is the earliest instant that there is.
    section
        .window
        .end_at
        .map(|_| times::shown(section.window.start_at))
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
            envelope::name(&row.section.envelope),
            row.section.period.to_string(),
            start(row.section).unwrap_or_else(|| "-".to_owned()),
            row.dimension.to_string(),
        ];
        let numbers = row.sums.map(|(_, quantity)| figures::exact(quantity));
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
        let end = row.section.window.end_at.map(times::shown);
        let texts = [
            envelope::name(&row.section.envelope),
            row.section.period.to_string(),
            start(row.section).unwrap_or_default(),
            end.unwrap_or_default(),
            row.dimension.to_string(),
        ];
        let numbers = row.sums.map(|(_, quantity)| figures::exact(quantity));
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

fn json_of(section: &Section) -> Result<Value, Failure> {
    let mut said = json!({
        "envelope": section.envelope,
        "period": section.period,
        "window_start": start(section),
        "window_end": section.window.end_at.map(times::shown),
    });
    for (dimension, sums) in named(section)? {
        let sums = sums.map(|(name, quantity)| (name.to_owned(), figures::json_of(quantity)));
        if let Some(said) = said.as_object_mut() {
            said.insert(dimension.name().into(), Map::from_iter(sums).into());
        }
    }
    Ok(said)
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
