//! `secstack consent who-may`: which agents may use data so.

use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::ConsentAnswer;
use serde_json::json;
use time::OffsetDateTime;

use super::what::Use;
use crate::desk::{Desk, unexpected};
use crate::{Answer, GOOD, output, paint, times};

/// List the agents that may use data so, each with the record that permits it
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that consent is kept in
    dir: PathBuf,
    #[command(flatten)]
    used: Use,
    /// At this past instant (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    at: Option<OffsetDateTime>,
    /// Print a JSON object for each, one a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let request = arguments.used.request(arguments.at);
    let ConsentAnswer::Agents(agents) = Desk::of_consent(&arguments.dir)?.consent(request)? else {
        return Err(unexpected());
    };
    if agents.is_empty() && !arguments.json {
        let dim = paint::DIM;
        anstream::eprintln!("{dim}no agent may{dim:#}");
    }
    output::write(|out| {
        agents.iter().try_for_each(|may| {
            let (agent, record) = (&may.agent, may.record_id);
            if arguments.json {
                return writeln!(out, "{}", json!({ "agent": agent, "record_id": record }));
            }
            let record = record.map(|id| id.to_string()).unwrap_or_default();
            writeln!(out, "{record}  {}", paint::plain(agent.as_str()))
        })
    })?;
    Ok(GOOD)
}
