//! `secstack consent accept-clock`: this machine's time counts, even if a later one was read before.

use std::path::PathBuf;

use clap::Args;
use consent::OperatorId;
use security_bundle::operator::{ConsentAnswer, ConsentRequest};
use serde_json::json;

use crate::desk::{Desk, unexpected};
use crate::{Answer, GOOD, paint, times};

/// Accept this machine's time, even if it is earlier than what was read before
///
/// For after a clock had jumped ahead: consent that lapsed by that jump alone is in force again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that consent is kept in
    dir: PathBuf,
    /// On whose word
    #[arg(long, value_name = "WHO")]
    by: OperatorId,
    /// Why, in at most 1024 bytes
    #[arg(long, value_name = "WHY")]
    reason: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let answer = Desk::of_consent(&arguments.dir)?.consent(ConsentRequest::AcceptClock {
        by: arguments.by,
        reason: arguments.reason,
    })?;
    let ConsentAnswer::ClockAccepted { accepted, revision } = answer else {
        return Err(unexpected());
    };
    let at = times::shown(accepted);
    if arguments.json {
        anstream::println!("{}", json!({ "accepted": at, "revision": revision }));
    } else {
        let good = paint::GOOD;
        anstream::println!("{good}ACCEPTED{good:#}  {at}");
    }
    Ok(GOOD)
}
