//! `secstack approvals show`: one request with the arguments of its call.

use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::{ApprovalsAnswer, ApprovalsRequest};
use trust_gate::{Approval, ApprovalId};

use crate::desk::{Desk, unexpected};
use crate::trust::told::place;
use crate::{Answer, GOOD, output, paint, times};

/// Show a request: who wants to call what with which arguments, and who has agreed
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// The number of the request
    id: ApprovalId,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let answer =
        Desk::of_trust(&arguments.dir)?.approvals(ApprovalsRequest::Show { id: arguments.id })?;
    let ApprovalsAnswer::One(approval) = answer else {
        return Err(unexpected());
    };
    if arguments.json {
        anstream::println!("{}", serde_json::to_string(&approval)?);
        return Ok(GOOD);
    }
    output::write(|out| {
        let (head, dim) = (paint::HEAD, paint::DIM);
        writeln!(
            out,
            "{head}{}{head:#}  {}  {}  {}",
            approval.id,
            approval.state,
            place(&approval.agent, &approval.scope),
            paint::plain(approval.tool.as_str())
        )?;
        lines(&approval)
            .into_iter()
            .try_for_each(|(name, value)| writeln!(out, "{dim}{name:<9}{dim:#}  {value}"))
    })?;
    Ok(GOOD)
}

fn lines(approval: &Approval) -> Vec<(&'static str, String)> {
    let agreed = approval.approved_by.iter();
    let agreed: Vec<_> = agreed.map(|by| paint::plain(by.as_str())).collect();
    let shown = approval.shown.as_deref().map(paint::plain);
    let mut lines = vec![
        ("asked", times::shown(approval.requested_at)),
        ("until", times::shown(approval.expires_at)),
        ("digest", approval.args.to_string()),
        (
            "arguments",
            shown.unwrap_or_else(|| "not kept: compare the digest".to_owned()),
        ),
        ("needs", format!("{} to agree", approval.approvers)),
    ];
    if !agreed.is_empty() {
        lines.push(("agreed", agreed.join(", ")));
    }
    if let Some(last) = &approval.last {
        let by = last
            .by
            .as_ref()
            .map_or("the agent's side", |by| by.as_str());
        let why = paint::cut(&last.reason, 120);
        let by = paint::plain(by);
        lines.push((
            "last",
            format!("by {by} at {}: \"{why}\"", times::shown(last.at)),
        ));
    }
    lines
}
