//! `secstack consent refuse` and `withdraw`: what somebody does not agree to, or no longer.

use std::path::{Path, PathBuf};

use clap::Args;
use consent::{Authority, ConsentRecord, GrantorId, RecordKind};
use security_bundle::operator::{ConsentAnswer, ConsentRequest};
use serde_json::json;

use super::told;
use super::what::Named;
use crate::desk::{Desk, unexpected};
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
    let Refuse {
        dir,
        named,
        by,
        json,
    } = arguments;
    let extent = named.what.extent();
    tell(&dir, ConsentRequest::Refuse { extent, by }, json)
}

pub(crate) fn withdraw(arguments: Withdraw) -> Answer {
    let Withdraw { refuse, authority } = arguments;
    let Refuse {
        dir,
        named,
        by,
        json,
    } = refuse;
    let request = ConsentRequest::Withdraw {
        extent: named.what.extent(),
        by: Some(by),
        authority,
    };
    tell(&dir, request, json)
}

fn tell(dir: &Path, request: ConsentRequest, json: bool) -> Answer {
    let answer = Desk::of_consent(dir)?.consent(request)?;
    let ConsentAnswer::Taken { record, took_from } = answer else {
        return Err(unexpected());
    };
    if json {
        let from: Vec<_> = took_from.iter().map(ConsentRecord::record_id).collect();
        anstream::println!("{}", json!({ "record": record, "took_from": from }));
        return Ok(GOOD);
    }
    let done = match record.kind() {
        RecordKind::Withdrawn => "WITHDRAWN",
        _ => "REFUSED",
    };
    told::tell(done, &record, false)?;
    let dim = paint::DIM;
    for from in &took_from {
        let (id, what) = (from.record_id(), told::extent(from.extent()));
        anstream::println!("  {dim}takes from{dim:#}  {id}  {what}");
    }
    Ok(GOOD)
}
