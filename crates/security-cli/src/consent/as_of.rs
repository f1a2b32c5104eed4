//! `secstack consent as-of`: what was permitted at a past instant.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use consent::{ConsentDecision, RecordFilter};
use serde_json::json;
use time::OffsetDateTime;

use super::what::What;
use super::{show, store};
use crate::{Answer, GOOD, no, paint, times};

/// Say what was permitted at a past instant, or which consents were in force then
///
/// With an agent and data, whether it might use them: the exit status is 0 if it might, and 1 if not. Otherwise the consents that bear on what is named. What
/// was recorded since is left out.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that consent is kept in
    dir: PathBuf,
    /// The instant (RFC 3339)
    #[arg(value_parser = times::parse)]
    at: OffsetDateTime,
    /// Print one JSON object; without agent and data one for each consent, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    what: What,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let (_, ledger) = store::open(&arguments.dir)?;
    let then = ledger.as_of(arguments.at);
    if let Some(query) = arguments.what.query() {
        return Ok(tell(&then.check(&query), arguments.json));
    }
    let records = then.records(&RecordFilter {
        extent: arguments.what.extent(),
        in_force: true,
        ..RecordFilter::default()
    });
    show::list(&records, |id| then.state_of(id), arguments.json)
}

fn tell(decision: &ConsentDecision, json: bool) -> ExitCode {
    let (code, reason) = (decision.code(), decision.reason().to_string());
    if json {
        let said = json!({
            "allowed": decision.allowed(),
            "code": code,
            "reason": reason,
            "record_id": decision.record_id(),
            "at": times::shown(decision.at()),
            "revision": decision.revision(),
        });
        anstream::println!("{said}");
    } else {
        let style = if decision.allowed() {
            paint::GOOD
        } else {
            paint::BAD
        };
        anstream::println!("{style}{code}{style:#}  {}", paint::plain(&reason));
    }
    if decision.allowed() { GOOD } else { no() }
}
