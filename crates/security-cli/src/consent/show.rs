//! `secstack consent show`: the records, or all that became of one.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use consent::{Change, ConsentRecord, Proof, RecordId, RecordKind};
use security_bundle::operator::{ConsentAnswer, ConsentRequest, RecordNow};

use super::what::What;
use super::{told, what};
use crate::desk::{Desk, unexpected};
use crate::table::Align::Left;
use crate::table::Table;
use crate::trust::show::lines;
use crate::{Answer, GOOD, output, paint, times};

/// Show the records that bear on something; or one, with every act that touched it
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that consent is kept in
    dir: PathBuf,
    /// One record
    #[arg(value_parser = what::record_id, conflicts_with_all = ["agent", "data", "purpose", "subject", "operation", "kind", "in_force"])]
    record: Option<RecordId>,
    /// Records of this kind
    #[arg(long)]
    kind: Option<Kind>,
    /// Consents that are in force, wholly or in part
    #[arg(long)]
    in_force: bool,
    /// Print a JSON object for each, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Given,
    Refused,
    Withdrawn,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let request = match arguments.record {
        Some(record) => ConsentRequest::Record { record },
        None => ConsentRequest::Records {
            extent: arguments.what.extent(),
            kind: arguments.kind.map(|kind| match kind {
                Kind::Given => RecordKind::Given,
                Kind::Refused => RecordKind::Refused,
                Kind::Withdrawn => RecordKind::Withdrawn,
            }),
            in_force: arguments.in_force,
        },
    };
    match Desk::of_consent(&arguments.dir)?.consent(request)? {
        ConsentAnswer::Record(proof) => one(&proof, arguments.json),
        ConsentAnswer::Records(records) => list(&records, arguments.json),
        _ => Err(unexpected()),
    }
}

/// A row or a line for each record, with the state that it is in, or was.
pub(super) fn list(records: &[RecordNow], json: bool) -> Answer {
    if json {
        let records: Vec<_> = records.iter().map(|now| &now.record).collect();
        return lines(&records);
    }
    if records.is_empty() {
        let dim = paint::DIM;
        anstream::eprintln!("{dim}no record bears on that{dim:#}");
        return Ok(GOOD);
    }
    let mut table = Table::new(&[
        ("RECORD", Left),
        ("KIND", Left),
        ("NOW", Left),
        ("UNTIL", Left),
        ("BY", Left),
        ("WHAT", Left),
    ]);
    for RecordNow { record, state, .. } in records {
        let end = record.expires_at().map(times::shown);
        table.push([
            record.record_id().to_string(),
            record.kind().code().to_owned(),
            state.map_or("-", |state| state.code()).to_owned(),
            end.unwrap_or_else(|| "-".to_owned()),
            record.by().map_or("-", |by| by.as_str()).to_owned(),
            told::extent(record.extent()),
        ]);
    }
    output::write(|out| table.write(out))?;
    Ok(GOOD)
}

fn one(proof: &Proof, json: bool) -> Answer {
    if json {
        anstream::println!("{}", serde_json::to_string(proof)?);
        return Ok(GOOD);
    }
    output::write(|out| {
        let (head, dim) = (paint::HEAD, paint::DIM);
        let record = &proof.record;
        writeln!(
            out,
            "{head}{}{head:#}  {}  {}",
            record.record_id(),
            proof.state.code(),
            told::extent(record.extent())
        )?;
        let by = record
            .by()
            .map(|by| format!("by {}", paint::plain(by.as_str())));
        let by = by.unwrap_or_default();
        let mut line = |name: &str, value: &str| writeln!(out, "{dim}{name:<9}{dim:#}  {value}");
        line(
            record.kind().code(),
            &format!("{} {by}", times::shown(record.at())),
        )?;
        if let Some(from) = record.valid_from() {
            line("from", &times::shown(from))?;
        }
        if let Some(end) = record.expires_at() {
            line("until", &times::shown(end))?;
        }
        if let Some(method) = record.method() {
            line("method", &paint::plain(method.as_str()))?;
        }
        if let Some(authority) = record.authority() {
            line("by right", &paint::plain(authority.as_str()))?;
        }
        if let Some(notice) = record.notice() {
            let name = notice.id().map_or("", |id| id.as_str());
            let text = format!("{name} {}", notice.version().as_str());
            line(
                "notice",
                &format!("{} {}", paint::plain(text.trim()), notice.sha256()),
            )?;
        }
        writeln!(out)?;
        proof.chain.iter().try_for_each(|link| {
            let at = times::shown(link.at);
            writeln!(out, "{dim}{at:<30}{dim:#}  {}", change(&link.change))
        })
    })?;
    Ok(GOOD)
}

fn change(change: &Change) -> String {
    let named = |word: &str, record: &ConsentRecord, extent: &consent::Extent| {
        format!("{word}  {}  {}", record.record_id(), told::extent(extent))
    };
    match change {
        Change::Preceded { by } => named("renews", by, by.extent()),
        Change::Recorded => "recorded".to_owned(),
        Change::Taken { by, taken, wholly } => {
            let kind = by.kind().code();
            let much = if *wholly { "wholly" } else { "in part" };
            named(&format!("{kind} {much}"), by, taken)
        }
        Change::Renewed { by } => named("renewed", by, by.extent()),
        Change::Superseded { by } => format!(
            "superseded  notice {} {}",
            paint::plain(by.notice.as_str()),
            paint::plain(by.version.as_str())
        ),
        Change::TookFrom { consent, taken } => named("took from", consent, taken),
        Change::GaveBack { by, given } => named("given back", by, given),
        Change::Expired => "expired".to_owned(),
        _ => "something that this version does not know".to_owned(),
    }
}
