//! `secstack audit query`: the entries that match, as a table or as they stand in the log.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use security_bundle::audit_trail::Record;
use time::format_description::well_known::Rfc3339;

use super::read;
use super::select::Selection;
use crate::failure::ignore_closed_pipe;
use crate::{Answer, GOOD, paint};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log: entries and signed checkpoints, one a line
    file: PathBuf,
    /// Check the signed checkpoints with this verifier key, or file that holds it
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
    #[command(flatten)]
    select: Selection,
    /// At most this many
    #[arg(long)]
    limit: Option<usize>,
    /// Newest first
    #[arg(long)]
    newest: bool,
    /// Print each entry as it stands in the log
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let (log, _) = read(&arguments.file, arguments.vkey.as_deref())?;
    let mut filter = arguments.select.filter();
    if let Some(limit) = arguments.limit {
        filter = filter.limit(limit);
    }
    if arguments.newest {
        filter = filter.newest_first();
    }
    let page = log.query(&filter)?;
    let mut out = anstream::stdout().lock();
    let written = if arguments.json {
        page.records.iter().try_for_each(|record| {
            out.write_all(record.bytes())?;
            out.write_all(b"\n")
        })
    } else {
        page.records
            .iter()
            .try_for_each(|record| write_row(&mut out, record))
    };
    ignore_closed_pipe(written)?;
    Ok(GOOD)
}

fn write_row(out: &mut impl Write, record: &Record) -> std::io::Result<()> {
    let at = record.at().format(&Rfc3339).unwrap_or_default();
    let what = record
        .action()
        .map(|action| action.name.as_ref())
        .or(record.event())
        .unwrap_or_default();
    let how = match (record.outcome(), record.event()) {
        (Some(outcome), _) => outcome.as_str(),
        (None, Some(event)) => event,
        (None, None) => "",
    };
    let why = record
        .decision()
        .map(|decision| decision.reason_code.as_ref())
        .or(record.reason())
        .unwrap_or_default();
    let (style, dim) = (paint::outcome(how), paint::DIM);
    writeln!(
        out,
        "{:>6}  {dim}{at:<27}{dim:#}  {:<14} {:<16} {:<18} {style}{:<18}{style:#} {}",
        record.index(),
        record.kind().as_str(),
        paint::cut(record.agent().unwrap_or("-"), 16),
        paint::cut(what, 18),
        paint::cut(how, 18),
        paint::cut(why, 60),
    )
}
