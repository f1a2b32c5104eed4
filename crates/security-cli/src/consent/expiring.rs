//! `secstack consent expiring`: which consents end soon.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use security_bundle::operator::{ConsentAnswer, ConsentRequest};

use super::show;
use crate::desk::{Desk, unexpected};
use crate::{Answer, times};

/// List the consents that end soon, the earliest end first; those that were renewed are left out
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that consent is kept in
    dir: PathBuf,
    /// How far ahead: `24h`, `30d`
    #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = times::span)]
    within: Duration,
    /// Print a JSON object for each, one a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let answer = Desk::of_consent(&arguments.dir)?.consent(ConsentRequest::Expiring {
        within: arguments.within,
    })?;
    let ConsentAnswer::Records(ending) = answer else {
        return Err(unexpected());
    };
    show::list(&ending, arguments.json)
}
