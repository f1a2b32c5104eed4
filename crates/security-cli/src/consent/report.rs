//! `secstack consent report`: the state of consent in one document, with what was used after it was withdrawn.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use consent::{AgentId, ReportOptions};
use serde_json::json;
use time::OffsetDateTime;

use super::{store, used};
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
    let (_, ledger) = store::open(&arguments.dir)?;
    let uses = match &arguments.log {
        Some(log) => {
            let agent = arguments.agent.as_ref();
            let log = crate::audit::reader(log, arguments.vkey.as_deref())?;
            Some(used::after_withdrawal(&log, &ledger, agent)?)
        }
        None => None,
    };
    let mut options = ReportOptions::default();
    options.agent = arguments.agent;
    options.since = arguments.since;
    options.until = arguments.until;
    options.expiring_within = arguments.within;
    let report = ledger.report(&options);
    output::write(|out| {
        if arguments.json {
            let mut said = json!(report);
            if let (Some(said), Some(uses)) = (said.as_object_mut(), &uses) {
                let uses: Vec<_> = uses.iter().map(used::Use::json).collect();
                said.insert("used_after_withdrawal".into(), uses.into());
            }
            return writeln!(out, "{said}");
        }
        write!(out, "{}", report.to_markdown())?;
        match &uses {
            Some(uses) => used::markdown(uses, out),
            None => Ok(()),
        }
    })?;
    Ok(GOOD)
}
