//! `secstack approvals approve`, `deny` and `cancel`: one answer to one request.

use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::{ApprovalAct, ApprovalsAnswer, ApprovalsRequest};
use trust_gate::{Approval, ApprovalId, ApprovalState};

use crate::desk::{Desk, unexpected};
use crate::trust::told::place;
use crate::trust::who::By;
use crate::{Answer, GOOD, paint};

// What it does is said where the verbs are.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// The number of the request
    id: ApprovalId,
    #[command(flatten)]
    by: By,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn approve(arguments: Arguments) -> Answer {
    act(arguments, "APPROVED", ApprovalsRequest::Approve)
}

pub(crate) fn deny(arguments: Arguments) -> Answer {
    act(arguments, "DENIED", ApprovalsRequest::Deny)
}

pub(crate) fn cancel(arguments: Arguments) -> Answer {
    act(arguments, "CANCELLED", ApprovalsRequest::Cancel)
}

fn act(
    arguments: Arguments,
    done: &str,
    request: impl FnOnce(ApprovalAct) -> ApprovalsRequest,
) -> Answer {
    let Arguments { dir, id, by, json } = arguments;
    let answer = Desk::of_trust(&dir)?.approvals(request(ApprovalAct {
        id,
        by: by.by,
        reason: by.reason,
    }))?;
    let ApprovalsAnswer::One(approval) = answer else {
        return Err(unexpected());
    };
    if json {
        anstream::println!("{}", serde_json::to_string(&approval)?);
        return Ok(GOOD);
    }
    let good = paint::GOOD;
    let (place, tool) = (
        place(&approval.agent, &approval.scope),
        paint::plain(approval.tool.as_str()),
    );
    anstream::println!(
        "{good}{done}{good:#}  {id}  {place}  {tool}{}",
        more(&approval)
    );
    Ok(GOOD)
}

/// How many operators have yet to agree.
fn more(approval: &Approval) -> String {
    if approval.state != ApprovalState::Pending {
        return String::new();
    }
    let (agreed, needed) = (approval.approved_by.len(), approval.approvers);
    format!("  {agreed} of {needed} have agreed: it waits for others")
}
