//! `secstack trust explain`: whether a call would be permitted, and what decides that.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use trust_gate::{AgentId, Scope, ToolName, ToolRequest, TrustLevel};

use super::store;
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
    let (gate, _) = store::open(&arguments.dir)?;
    let mut request = ToolRequest::new(arguments.agent, arguments.tool).scope(arguments.scope);
    request.required_level = arguments.required;
    let explanation = gate.explain(&request);
    // At the same instant, so that both say the same.
    let allowed = gate.check_at(&request, explanation.at).allowed();
    if arguments.json {
        let mut said = json!(explanation);
        if let Some(said) = said.as_object_mut() {
            said.insert("allowed".into(), allowed.into());
        }
        anstream::println!("{said}");
    } else {
        let style = if allowed { paint::GOOD } else { paint::BAD };
        output::write(|out| {
            writeln!(out, "{style}{}{style:#}", explanation.code)?;
            let text = explanation.to_string();
            let mut lines = text.lines();
            lines.try_for_each(|line| writeln!(out, "{}", paint::plain(line)))
        })?;
    }
    Ok(if allowed { GOOD } else { no() })
}
