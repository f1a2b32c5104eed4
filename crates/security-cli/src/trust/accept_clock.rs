//! `secstack trust accept-clock`: this machine's time counts, even if a later one was read before.

use std::path::PathBuf;

use clap::Args;

use super::who::By;
use super::{store, told};
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

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let Arguments { dir, by, json } = arguments;
    let (_, admin) = store::open(dir)?;
    let event = store::done(admin.accept_clock(&by.by, &by.reason))?;
    told::tell("ACCEPTED", &event, *json)?;
    Ok(GOOD)
}
