//! `secstack audit query`: the entries that match, as a table or as they stand in the log.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use audit_trail::{AuditReader, Cursor, Filter};
use clap::Args;
use serde_json::json;

use super::select::Selection;
use super::{keys, row, source};
use crate::failure::{Failure, ignore_closed_pipe};
use crate::{Answer, GOOD, paint};

/// Entries that are in memory at once.
const PAGE: usize = 1000;

/// Show the entries that match
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log: its directory, or a file with entries and signed checkpoints, one a line
    #[arg(value_name = "DIR|FILE")]
    log: PathBuf,
    /// The log's verifier key, or a file that holds it: a file's checkpoints are checked with it, and a directory must be of the log that it names
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Newest first
    #[arg(long)]
    newest: bool,
    /// Leave out the first so many that match
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "cursor")]
    offset: usize,
    /// Go on where an earlier query with the same conditions stopped: it told the cursor on standard error
    #[arg(long)]
    cursor: Option<Cursor>,
    /// Only say how many match, and how many of them carry each outcome
    #[arg(long, conflicts_with_all = ["limit", "newest", "offset", "cursor"])]
    count: bool,
    /// Print each entry as it stands in the log
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    select: Selection,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let key = arguments
        .vkey
        .as_deref()
        .map(keys::verifier_key)
        .transpose()?;
    let log = source::reader(&arguments.log, key.as_ref())?;
    if arguments.count {
        return count(&log, arguments);
    }
    let mut filter = arguments.select.filter().offset(arguments.offset);
    if arguments.newest {
        filter = filter.newest_first();
    }
    if let Some(cursor) = arguments.cursor {
        filter = filter.after(cursor);
    }
    let mut left = arguments.limit;
    let mut out = BufWriter::new(anstream::stdout().lock());
    loop {
        let page = log.query(&filter.clone().limit(left.unwrap_or(PAGE).min(PAGE)))?;
        left = left.map(|left| left.saturating_sub(page.records.len()));
        let mut records = page.records.iter();
        let written = records.try_for_each(|record| row::write(&mut out, record, arguments.json));
        if let Err(error) = written {
            return Ok(ignore_closed_pipe(Err(error)).map(|()| GOOD)?);
        }
        match page.next {
            Some(next) if left == Some(0) => {
                ignore_closed_pipe(out.flush())?;
                let dim = paint::DIM;
                anstream::eprintln!("{dim}there is more: --cursor {next}{dim:#}");
                return Ok(GOOD);
            }
            Some(next) => filter = filter.offset(0).after(next),
            None => break,
        }
    }
    ignore_closed_pipe(out.flush())?;
    Ok(GOOD)
}

fn count(log: &AuditReader, arguments: &Arguments) -> Answer {
    let select = &arguments.select;
    let matched = counted(log, select.filter())?;
    let mut said = json!({ "matched": matched });
    let mut lines = vec![format!("{matched} match")];
    for outcome in select.outcomes() {
        let count = counted(log, select.filter_by(&[outcome]))?;
        lines.push(format!("{count} {outcome}"));
        if let Some(said) = said.as_object_mut() {
            said.insert(outcome.to_string(), count.into());
        }
    }
    let text = if arguments.json {
        said.to_string()
    } else {
        lines.join("\n")
    };
    let written = writeln!(io::stdout().lock(), "{text}");
    ignore_closed_pipe(written)?;
    Ok(GOOD)
}

fn counted(log: &AuditReader, filter: Filter) -> Result<u64, Failure> {
    let page = log.query(&filter.limit(0).count_matches())?;
    page.total_matched
        .ok_or_else(|| Failure::new("the log did not count what matches"))
}
