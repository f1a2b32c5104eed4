//! `secstack trust report`: who is trusted how far, and what was done about it, in one document.

use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::{TrustAnswer, TrustRequest};
use time::OffsetDateTime;
use trust_gate::AgentId;

use crate::desk::{Desk, unexpected};
use crate::{Answer, GOOD, output, times};

/// Report on trust: levels, what was assigned, what waits, and what happened; as Markdown or JSON
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// Only what is about this agent
    #[arg(long)]
    agent: Option<AgentId>,
    /// Acts from this time on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    since: Option<OffsetDateTime>,
    /// Acts before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    until: Option<OffsetDateTime>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let answer = Desk::of_trust(&arguments.dir)?.trust(TrustRequest::Report {
        agent: arguments.agent,
        since: arguments.since,
        until: arguments.until,
    })?;
    let TrustAnswer::Report { report, markdown } = answer else {
        return Err(unexpected());
    };
    let text = if arguments.json {
        format!("{report}\n")
    } else {
        markdown
    };
    output::write(|out| out.write_all(text.as_bytes()))?;
    Ok(GOOD)
}
