//! `secstack audit tail`: the newest entries, and those that come.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use audit_trail::{AuditReader, Record};
use clap::Args;

use super::select::Selection;
use super::source::{self, Source};
use super::{interrupt, row};
use crate::failure::{Failure, ignore_closed_pipe};
use crate::{Answer, GOOD};

/// How long a wish to end may wait.
const LOOK: Duration = Duration::from_millis(100);

/// Show the newest entries, and those that come
///
/// Follows the log until Ctrl-C, or until nobody reads what it prints. Takes no lock: the log is written meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log's directory
    dir: PathBuf,
    /// Begin with so many of the newest entries that match
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: usize,
    /// End after those
    #[arg(long)]
    no_follow: bool,
    /// Print each entry as it stands in the log
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    select: Selection,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    if Source::of(&arguments.dir)? != Source::Directory {
        return Err(Failure::new(format!(
            "`{}` is not a log's directory",
            arguments.dir.display()
        )));
    }
    let log = source::reader(&arguments.dir, None)?;
    let mut out = BufWriter::new(anstream::stdout().lock());
    let mut show = |records: &[Record]| -> io::Result<()> {
        records
            .iter()
            .try_for_each(|record| row::write(&mut out, record, arguments.json))?;
        out.flush()
    };
    match follow(&log, arguments, &mut show)? {
        Err(error) => Ok(ignore_closed_pipe(Err(error)).map(|()| GOOD)?),
        Ok(()) => Ok(GOOD),
    }
}

/// What the inner result tells is that nobody reads any more.
fn follow(
    log: &AuditReader,
    arguments: &Arguments,
    show: &mut impl FnMut(&[Record]) -> io::Result<()>,
) -> Result<io::Result<()>, Failure> {
    let asked = interrupt::flag()?;
    let filter = arguments.select.filter();
    let mut page = log.query(&filter.clone().newest_first().limit(arguments.lines))?;
    page.records.reverse();
    if let Err(error) = show(&page.records) {
        return Ok(Err(error));
    }
    let mut tail = log.tail(page.size);
    while !arguments.no_follow && !asked.load(Ordering::SeqCst) {
        let Some(record) = tail.next(LOOK)?.filter(|record| filter.matches(record)) else {
            continue;
        };
        if let Err(error) = show(&[record]) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}
