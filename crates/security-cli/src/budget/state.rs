//! `secstack budget suspend`, `resume` and `close`: whether an envelope admits anything.

use std::path::PathBuf;

use budget_enforcer::Envelope;
use clap::Args;
use security_bundle::operator::{BudgetAnswer, BudgetRequest, EnvelopeAct};
use serde_json::json;

use super::envelope;
use super::operator::Operator;
use crate::desk::{Desk, unexpected};
use crate::failure::Failure;
use crate::{Answer, GOOD, paint};

// What it does is said where the verbs are.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the budgets
    dir: PathBuf,
    /// The budget, or `session:ID`
    #[arg(value_parser = envelope::parse)]
    id: Envelope,
    #[command(flatten)]
    operator: Operator,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Refuse everything on a budget and what is under it, for good: its id cannot be used again
///
/// What was reserved before can still be settled.
#[derive(Debug, Args)]
pub(crate) struct Close {
    #[command(flatten)]
    arguments: Arguments,
    /// Yes, for good
    #[arg(long)]
    yes: bool,
}

pub(crate) fn suspend(arguments: Arguments) -> Answer {
    act(arguments, "suspended", BudgetRequest::Suspend)
}

pub(crate) fn resume(arguments: Arguments) -> Answer {
    act(arguments, "resumed", BudgetRequest::Resume)
}

pub(crate) fn close(arguments: Close) -> Answer {
    if !arguments.yes {
        return Err(Failure::new(format!(
            "closing `{}` is for good; say --yes if that is meant, or suspend it",
            envelope::name(&arguments.arguments.id)
        )));
    }
    act(arguments.arguments, "closed", BudgetRequest::Close)
}

fn act(
    arguments: Arguments,
    done: &str,
    request: impl FnOnce(EnvelopeAct) -> BudgetRequest,
) -> Answer {
    let Arguments {
        dir,
        id,
        operator,
        json,
    } = arguments;
    let answer = Desk::of_budgets(&dir).budgets(request(EnvelopeAct {
        envelope: id.clone(),
        by: operator.operator,
        reason: operator.reason,
    }))?;
    let BudgetAnswer::Done { revision } = answer else {
        return Err(unexpected());
    };
    if json {
        anstream::println!("{}", json!({ done: id, "revision": revision }));
    } else {
        let good = paint::GOOD;
        anstream::println!(
            "{good}{}{good:#}  {}",
            done.to_uppercase(),
            envelope::name(&id)
        );
    }
    Ok(GOOD)
}
