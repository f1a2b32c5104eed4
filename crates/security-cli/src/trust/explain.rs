//! `secstack trust explain`: whether a call would be permitted, and what decides that.

use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::{TrustAnswer, TrustRequest};
use trust_gate::{AgentId, Scope, ToolName, TrustLevel};

use crate::desk::{Desk, unexpected};
use crate::{Answer, GOOD, no, output, paint};

/// Say whether a tool call would be permitted now, which rule and which records decide, and when that will change
///
/// The exit status is 0 if the call may run, and 1 if it may not, or not yet.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// Who would call
    agent: AgentId,
    /// Which tool
    tool: ToolName,
    /// Where, such as `payments/eu` [default: everywhere]
    #[arg(long, default_value = "", hide_default_value = true)]
    scope: Scope,
    /// The level that the code at the tool asks for, besides the rules
    #[arg(long, value_name = "LEVEL")]
    required: Option<TrustLevel>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let answer = Desk::of_trust(&arguments.dir)?.trust(TrustRequest::Explain {
        agent: arguments.agent,
        tool: arguments.tool,
        scope: arguments.scope,
        required: arguments.required,
    })?;
    let TrustAnswer::Explained {
        allowed,
        mut explanation,
        code,
        text,
    } = answer
    else {
        return Err(unexpected());
    };
    if arguments.json {
        if let Some(said) = explanation.as_object_mut() {
            said.insert("allowed".into(), allowed.into());
        }
        anstream::println!("{explanation}");
    } else {
        let style = if allowed { paint::GOOD } else { paint::BAD };
        output::write(|out| {
            writeln!(out, "{style}{code}{style:#}")?;
            let mut lines = text.lines();
            lines.try_for_each(|line| writeln!(out, "{}", paint::plain(line)))
        })?;
    }
    Ok(if allowed { GOOD } else { no() })
}
