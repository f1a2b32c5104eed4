//! What takes trust away, and what lifts that again: one agent, one scope, one act.

use clap::Args;
use trust_gate::{LevelRef, Raise};

use super::who::{By, Place};
use super::{store, told};
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

/// Performs an act of the admin's and tells of it.
macro_rules! act {
    ($arguments:expr, $done:literal, $act:ident $(, $more:expr)*) => {{
        let Arguments { place, by, json } = $arguments;
        let (_, admin) = store::open(&place.dir)?;
        let done = admin.$act(&place.agent, &place.scope, &by.by, &by.reason $(, $more)*);
        told::tell($done, &store::done(done)?, *json)?;
        Ok(GOOD)
    }};
}

pub(crate) fn revoke(arguments: &Arguments) -> Answer {
    act!(arguments, "REVOKED", revoke)
}

pub(crate) fn clear(arguments: &Clear) -> Answer {
    let raise = if arguments.may_raise {
        Raise::Allow
    } else {
        Raise::Refuse
    };
    act!(&arguments.arguments, "CLEARED", clear, raise)
}

pub(crate) fn cap(arguments: &Cap) -> Answer {
    let Arguments { place, by, json } = &arguments.arguments;
    let (_, admin) = store::open(&place.dir)?;
    let level = arguments.level.clone();
    let done = admin.cap(&place.agent, &place.scope, level, &by.by, &by.reason);
    told::tell("CAPPED", &store::done(done)?, *json)?;
    Ok(GOOD)
}

pub(crate) fn lift(arguments: &Arguments) -> Answer {
    act!(arguments, "LIFTED", lift_cap)
}

pub(crate) fn quarantine(arguments: &Arguments) -> Answer {
    act!(arguments, "QUARANTINED", quarantine)
}

pub(crate) fn release(arguments: &Arguments) -> Answer {
    act!(arguments, "RELEASED", lift_quarantine)
}

pub(crate) fn end_elevation(arguments: &Arguments) -> Answer {
    act!(arguments, "ENDED", end_elevation)
}
