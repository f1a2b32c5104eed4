//! `secstack consent as-of`: what was permitted at a past instant.

use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::{ConsentAnswer, ConsentRequest};
use serde_json::json;
use time::OffsetDateTime;

use super::show;
use super::what::What;
use crate::desk::{Desk, unexpected};
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
    let answer = Desk::of_consent(&arguments.dir)?.consent(ConsentRequest::AsOf {
        at: arguments.at,
        extent: arguments.what.extent(),
    })?;
    match answer {
        ConsentAnswer::Records(records) => show::list(&records, arguments.json),
        decided => tell(&decided, arguments.json),
    }
}

fn tell(answer: &ConsentAnswer, json: bool) -> Answer {
    let ConsentAnswer::Decided {
        allowed,
        code,
        reason,
        record_id,
        at,
        revision,
    } = answer
    else {
        return Err(unexpected());
    };
    if json {
        let said = json!({
            "allowed": allowed,
            "code": code,
            "reason": reason,
            "record_id": record_id,
            "at": times::shown(*at),
            "revision": revision,
        });
        anstream::println!("{said}");
    } else {
        let style = if *allowed { paint::GOOD } else { paint::BAD };
        anstream::println!("{style}{code}{style:#}  {}", paint::plain(reason));
    }
    Ok(if *allowed { GOOD } else { no() })
}
