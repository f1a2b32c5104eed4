//! `secstack consent report`: the state of consent in one document, with what was used after it was withdrawn.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use consent::{AgentId, Extent};
use security_bundle::operator::{ConsentAnswer, ConsentRequest};
use time::OffsetDateTime;

use super::used;
use crate::desk::{Desk, unexpected};
use crate::{Answer, GOOD, output, times};

/// Report on consent: how much of it there is, what ends soon, and what happened; as Markdown or JSON
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that consent is kept in
    dir: PathBuf,
    /// Only what bears on this agent
    #[arg(long)]
    agent: Option<AgentId>,
    /// Acts from this time on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    since: Option<OffsetDateTime>,
    /// Acts before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    until: Option<OffsetDateTime>,
    /// How far ahead an end is soon: `24h`, `30d`
    #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = times::span)]
    within: Duration,
    /// List uses of data after it was withdrawn, too, by this audit log: its directory or a file
    #[arg(long, value_name = "DIR|FILE")]
    log: Option<PathBuf>,
    /// The log's verifier key, or a file that holds it
    #[arg(long, value_name = "KEY|FILE", requires = "log")]
    vkey: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let desk = Desk::of_consent(&arguments.dir)?;
    let uses = match &arguments.log {
        Some(log) => {
            let records = desk.consent(ConsentRequest::Records {
                extent: Extent::default(),
                kind: None,
                in_force: false,
            })?;
            let ConsentAnswer::Records(records) = records else {
                return Err(unexpected());
            };
            let agent = arguments.agent.as_ref();
            let log = crate::audit::reader(log, arguments.vkey.as_deref())?;
            Some(used::after_withdrawal(&log, &records, agent)?)
        }
        None => None,
    };
    let answer = desk.consent(ConsentRequest::Report {
        agent: arguments.agent,
        since: arguments.since,
        until: arguments.until,
        within: arguments.within,
    })?;
    let ConsentAnswer::Report {
        mut report,
        markdown,
    } = answer
    else {
        return Err(unexpected());
    };
    if let (Some(said), Some(uses)) = (report.as_object_mut(), &uses) {
        let uses: Vec<_> = uses.iter().map(used::Use::json).collect();
        said.insert("used_after_withdrawal".into(), uses.into());
    }
    output::write(|out| {
        if arguments.json {
            return writeln!(out, "{report}");
        }
        write!(out, "{markdown}")?;
        match &uses {
            Some(uses) => used::markdown(uses, out),
            None => Ok(()),
        }
    })?;
    Ok(GOOD)
}
