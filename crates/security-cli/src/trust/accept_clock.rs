//! `secstack trust accept-clock`: this machine's time counts, even if a later one was read before.

use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::TrustRequest;

use super::told;
use super::who::By;
use crate::desk::Desk;
use crate::{Answer, GOOD};

/// Accept this machine's time, even if it is earlier than what was read before
///
/// For after a clock had jumped ahead: what lapsed by that jump alone comes back.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that trust is kept in
    dir: PathBuf,
    #[command(flatten)]
    by: By,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let Arguments { dir, by, json } = arguments;
    let event = Desk::of_trust(&dir)?.act(TrustRequest::AcceptClock {
        by: by.by,
        reason: by.reason,
    })?;
    told::tell("ACCEPTED", &event, json)?;
    Ok(GOOD)
}
