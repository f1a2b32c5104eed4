//! `secstack budget ledger`: everything that was ever booked, and what operators did.

use std::path::PathBuf;

use budget_enforcer::{Envelope, ReservationId};
use clap::Args;
use time::OffsetDateTime;

use super::entry::{self, Kind};
use super::{envelope, store};
use crate::{Answer, GOOD, output, times};

/// Show what was booked, and what operators did; the oldest first
///
/// All of it, from the first day on, while a running service remembers its newest entries only. That takes reading all events and holding them in memory.
/// An expiry that has not been booked yet is shown without an id.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the budgets
    dir: PathBuf,
    /// What concerns this budget or one under it, or `session:ID`
    #[arg(long, value_name = "ID", value_parser = envelope::parse)]
    envelope: Option<Envelope>,
    /// Entries of this kind; can be repeated
    #[arg(long)]
    kind: Vec<Kind>,
    /// Entries of this reservation
    #[arg(long, value_name = "ID")]
    reservation: Option<ReservationId>,
    /// Entries from this time on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    since: Option<OffsetDateTime>,
    /// Entries before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    until: Option<OffsetDateTime>,
    /// Of those that match, the newest so many
    #[arg(long, value_name = "N")]
    newest: Option<usize>,
    /// Print a JSON object for each, one a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let mut store = store::read(&arguments.dir)?;
    if let Some(envelope) = &arguments.envelope {
        // Silence about one that there is not would pass for an answer.
        store.enforcer.utilization(envelope.clone())?;
    }
    let mut entries = entry::all(&mut store)?;
    entries.retain(|entry| {
        let concerns = |wanted: &Envelope| {
            let mut lines = entry.lines.iter();
            lines.any(|(named, _)| store.history.and_above(named).any(|above| above == *wanted))
        };
        arguments.envelope.as_ref().is_none_or(concerns)
            && (arguments.kind.is_empty() || arguments.kind.contains(&entry.kind))
            && (arguments.reservation.is_none() || arguments.reservation == entry.reservation)
            && arguments.since.is_none_or(|since| entry.at >= since)
            && arguments.until.is_none_or(|until| entry.at < until)
    });
    let skipped = entries
        .len()
        .saturating_sub(arguments.newest.unwrap_or(usize::MAX));
    output::write(|out| {
        let mut shown = entries.iter().skip(skipped);
        shown.try_for_each(|entry| {
            if arguments.json {
                writeln!(out, "{}", entry.json())
            } else {
                writeln!(out, "{}", entry.line())
            }
        })
    })?;
    Ok(GOOD)
}
