//! How an entry looks in a table.

use std::io::{self, Write};

use audit_trail::Record;
use time::format_description::well_known::Rfc3339;

use crate::paint;

/// Writes an entry as a row, or as it stands in the log.
pub(super) fn write(out: &mut impl Write, record: &Record, json: bool) -> io::Result<()> {
    if json {
        out.write_all(record.bytes())?;
        return out.write_all(b"\n");
    }
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
