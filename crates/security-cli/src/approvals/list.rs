//! `secstack approvals list`: what waits for an answer.

use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::{ApprovalsAnswer, ApprovalsRequest};
use trust_gate::AgentId;

use crate::desk::{Desk, unexpected};
use crate::table::Align::{Left, Right};
use crate::table::Table;
use crate::trust::show;
use crate::{Answer, GOOD, output, paint, times};

/// List the calls that wait for an operator, the oldest first
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// Those of this agent
    #[arg(long)]
    agent: Option<AgentId>,
    /// Those too that no longer wait; of those that have ended the newest thousand
    #[arg(long)]
    all: bool,
    /// Print a JSON object for each, one a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let answer = Desk::of_trust(&arguments.dir)?.approvals(ApprovalsRequest::List {
        agent: arguments.agent,
        all: arguments.all,
    })?;
    let ApprovalsAnswer::Listed(listed) = answer else {
        return Err(unexpected());
    };
    if arguments.json {
        return show::lines(&listed);
    }
    if listed.is_empty() {
        let dim = paint::DIM;
        anstream::eprintln!("{dim}no call waits{dim:#}");
        return Ok(GOOD);
    }
    let mut table = Table::new(&[
        ("ID", Right),
        ("AGENT", Left),
        ("SCOPE", Left),
        ("TOOL", Left),
        ("STATE", Left),
        ("AGREED", Left),
        ("UNTIL", Left),
    ]);
    for approval in &listed {
        table.push([
            approval.id.to_string(),
            approval.agent.to_string(),
            if approval.scope.is_root() {
                "-".to_owned()
            } else {
                approval.scope.to_string()
            },
            approval.tool.to_string(),
            approval.state.to_string(),
            format!("{} of {}", approval.approved_by.len(), approval.approvers),
            times::shown(approval.expires_at),
        ]);
    }
    output::write(|out| table.write(out))?;
    Ok(GOOD)
}
