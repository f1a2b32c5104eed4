//! `secstack trust history`: every act, the oldest first.

use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::{TrustAnswer, TrustRequest};
use time::OffsetDateTime;
use trust_gate::{ActKind, AgentId, KeyId, Scope};

use super::{show, told};
use crate::desk::{Desk, unexpected};
use crate::{Answer, GOOD, output, times};

const KINDS: [ActKind; 21] = [
    ActKind::Assign,
    ActKind::Revoke,
    ActKind::Clear,
    ActKind::Cap,
    ActKind::Quarantine,
    ActKind::LiftCap,
    ActKind::LiftQuarantine,
    ActKind::Elevate,
    ActKind::BreakGlass,
    ActKind::EndElevation,
    ActKind::CloseReview,
    ActKind::RequestApproval,
    ActKind::Approve,
    ActKind::DenyApproval,
    ActKind::CancelApproval,
    ActKind::ConsumeApproval,
    ActKind::TrustKey,
    ActKind::RevokeKey,
    ActKind::Touch,
    ActKind::Configure,
    ActKind::AcceptClock,
];

/// Show what was done, by whom and why; the oldest first
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// Acts about this agent
    #[arg(long)]
    agent: Option<AgentId>,
    /// Acts about exactly this scope; `''` is the whole gate
    #[arg(long)]
    scope: Option<Scope>,
    /// Acts of this kind, such as `assign`, `quarantine` or `approve`
    #[arg(long, value_parser = kind)]
    kind: Option<ActKind>,
    /// Grants signed with this key, and what was done about it
    #[arg(long, value_name = "ID")]
    key: Option<KeyId>,
    /// Acts from this time on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    since: Option<OffsetDateTime>,
    /// Acts before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    until: Option<OffsetDateTime>,
    /// Of those that match, the newest so many
    #[arg(long, value_name = "N")]
    newest: Option<usize>,
    /// Print a JSON object for each, one a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let answer = Desk::of_trust(&arguments.dir)?.trust(TrustRequest::History {
        agent: arguments.agent,
        scope: arguments.scope,
        kind: arguments.kind,
        key: arguments.key,
        since: arguments.since,
        until: arguments.until,
        newest: arguments.newest,
    })?;
    let TrustAnswer::History(events) = answer else {
        return Err(unexpected());
    };
    if arguments.json {
        return show::lines(&events);
    }
    output::write(|out| {
        let mut events = events.iter();
        events.try_for_each(|event| writeln!(out, "{}", told::line(event)))
    })?;
    Ok(GOOD)
}

/// Silence about a kind that there is not would pass for an answer.
fn kind(code: &str) -> Result<ActKind, String> {
    let found = KINDS.into_iter().find(|kind| kind.code() == code);
    found.ok_or_else(|| {
        let codes: Vec<_> = KINDS.into_iter().map(ActKind::code).collect();
        format!("it is none of {}", codes.join(", "))
    })
}
