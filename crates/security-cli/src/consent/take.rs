//! `secstack consent refuse` and `withdraw`: what somebody does not agree to, or no longer.

use std::path::PathBuf;

use clap::Args;
use consent::{Authority, ConsentError, GrantorId, RecordKind, Withdrawal};
use serde_json::json;

use super::what::Named;
use super::{store, told};
use crate::failure::Failure;
use crate::{Answer, GOOD, paint};

/// Record that somebody refused
///
/// It takes what it names from every consent so far, and lasts until somebody agrees to it later.
#[derive(Debug, Args)]
pub(crate) struct Refuse {
    /// The directory that consent is kept in
    dir: PathBuf,
    #[command(flatten)]
    named: Named,
    /// Who refused
    #[arg(long, value_name = "WHO")]
    by: GrantorId,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Take consent back; no reason is needed
///
/// It takes what it names from every consent so far, the broader ones included. Where none had been given it is a refusal.
#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    #[command(flatten)]
    refuse: Refuse,
    /// By what right somebody does so in the place of `--subject`, such as `parental`
    #[arg(long, requires = "subject")]
    authority: Option<Authority>,
}

pub(crate) fn refuse(arguments: Refuse) -> Answer {
    let (_, ledger) = store::open(&arguments.dir)?;
    let extent = arguments.named.what.extent();
    tell(ledger.refuse(extent, arguments.by), arguments.json)
}

pub(crate) fn withdraw(arguments: Withdraw) -> Answer {
    let Withdraw { refuse, authority } = arguments;
    let (_, ledger) = store::open(&refuse.dir)?;
    let extent = refuse.named.what.extent();
    let withdrawn = match (authority, extent.subject.clone()) {
        (Some(authority), Some(subject)) => {
            ledger.withdraw_on_behalf_of(subject, authority, extent, refuse.by)
        }
        (Some(_), None) => return Err(Failure::new("give --subject, in whose place it is")),
        (None, _) => ledger.withdraw(extent, refuse.by),
    };
    tell(withdrawn, refuse.json)
}

fn tell(taken: Result<Withdrawal, ConsentError>, json: bool) -> Answer {
    let taken = taken.map_err(store::not_done)?;
    let record = taken.record();
    if json {
        let from: Vec<_> = taken
            .matched()
            .iter()
            .map(|from| from.record_id())
            .collect();
        anstream::println!("{}", json!({ "record": &**record, "took_from": from }));
        return Ok(GOOD);
    }
    let done = match record.kind() {
        RecordKind::Withdrawn => "WITHDRAWN",
        _ => "REFUSED",
    };
    told::tell(done, record, false)?;
    let dim = paint::DIM;
    for from in taken.matched() {
        let (id, what) = (from.record_id(), told::extent(from.extent()));
        anstream::println!("  {dim}takes from{dim:#}  {id}  {what}");
    }
    Ok(GOOD)
}
