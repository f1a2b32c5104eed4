//! `secstack budget ledger`: everything that was ever booked, and what operators did.

use std::path::PathBuf;

use budget_enforcer::{Envelope, ReservationId};
use clap::Args;
use security_bundle::operator::{BudgetAnswer, BudgetRequest, EntryKind};
use serde_json::json;
use time::OffsetDateTime;

use super::{entry, envelope};
use crate::desk::{Desk, unexpected};
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
    #[arg(long, value_parser = entry::kinds())]
    kind: Vec<EntryKind>,
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

pub(crate) fn run(arguments: Arguments) -> Answer {
    let answer = Desk::of_budgets(&arguments.dir).budgets(BudgetRequest::Ledger {
        envelope: arguments.envelope,
        kinds: arguments.kind.into_iter().collect(),
        reservation: arguments.reservation,
        since: arguments.since,
        until: arguments.until,
        newest: arguments.newest,
    })?;
    let BudgetAnswer::Ledger(entries) = answer else {
        return Err(unexpected());
    };
    if arguments.json {
        let entries: Vec<_> = entries.iter().map(|entry| json!(entry)).collect();
        output::write(|out| {
            let mut entries = entries.iter();
            entries.try_for_each(|entry| writeln!(out, "{entry}"))
        })?;
        return Ok(GOOD);
    }
    output::write(|out| {
        let mut entries = entries.iter();
        entries.try_for_each(|entry| writeln!(out, "{}", entry::line(entry)))
    })?;
    Ok(GOOD)
}
