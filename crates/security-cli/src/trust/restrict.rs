//! What takes trust away, and what lifts that again: one agent, one scope, one act.

use clap::Args;
use security_bundle::operator::{AgentAct, TrustRequest};
use trust_gate::LevelRef;

use super::told;
use super::who::{By, Place};
use crate::desk::Desk;
use crate::{Answer, GOOD};

// What it does is said where the verbs are.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    by: By,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Hold an agent's levels down in a scope and all within it, until the cap is lifted
#[derive(Debug, Args)]
pub(crate) struct Cap {
    #[command(flatten)]
    arguments: Arguments,
    /// The most that the agent has there, such as `L2`, or a tier of the rules
    #[arg(long)]
    level: LevelRef,
}

/// Remove what was granted or revoked on exactly this scope, so that wider grants count there again
#[derive(Debug, Args)]
pub(crate) struct Clear {
    #[command(flatten)]
    arguments: Arguments,
    /// Do so even if that raises the agent's level
    #[arg(long)]
    may_raise: bool,
}

pub(crate) fn revoke(arguments: Arguments) -> Answer {
    act(arguments, "REVOKED", TrustRequest::Revoke)
}

pub(crate) fn clear(arguments: Clear) -> Answer {
    let may_raise = arguments.may_raise;
    act(arguments.arguments, "CLEARED", |act| TrustRequest::Clear {
        agent: act.agent,
        scope: act.scope,
        may_raise,
        by: act.by,
        reason: act.reason,
    })
}

pub(crate) fn cap(arguments: Cap) -> Answer {
    let level = arguments.level;
    act(arguments.arguments, "CAPPED", |act| TrustRequest::Cap {
        agent: act.agent,
        scope: act.scope,
        level,
        by: act.by,
        reason: act.reason,
    })
}

pub(crate) fn lift(arguments: Arguments) -> Answer {
    act(arguments, "LIFTED", TrustRequest::LiftCap)
}

pub(crate) fn quarantine(arguments: Arguments) -> Answer {
    act(arguments, "QUARANTINED", TrustRequest::Quarantine)
}

pub(crate) fn release(arguments: Arguments) -> Answer {
    act(arguments, "RELEASED", TrustRequest::LiftQuarantine)
}

pub(crate) fn end_elevation(arguments: Arguments) -> Answer {
    act(arguments, "ENDED", TrustRequest::EndElevation)
}

fn act(arguments: Arguments, done: &str, request: impl FnOnce(AgentAct) -> TrustRequest) -> Answer {
    let Arguments { place, by, json } = arguments;
    let event = Desk::of_trust(&place.dir)?.act(request(AgentAct {
        agent: place.agent,
        scope: place.scope,
        by: by.by,
        reason: by.reason,
    }))?;
    told::tell(done, &event, json)?;
    Ok(GOOD)
}
