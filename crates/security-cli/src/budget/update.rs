//! `secstack budget update`: other limits. What was spent stays spent.

use std::path::PathBuf;

use budget_enforcer::{BudgetId, Dimension, Period};
use clap::{ArgGroup, Args, ValueEnum};
use security_bundle::operator::{BudgetAnswer, BudgetRequest};
use serde_json::json;

use super::limits::{LimitArguments, shown_limits};
use super::operator::Operator;
use crate::desk::{Desk, unexpected};
use crate::{Answer, GOOD, paint};

/// Set limits of a budget; those that are not given stay, and so does what was spent
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").args(["limit_tokens", "limit_calls", "limit_cost", "unlimited"]).required(true).multiple(true))]
pub(crate) struct Arguments {
    /// The directory of the budgets
    dir: PathBuf,
    /// The budget
    id: BudgetId,
    #[command(flatten)]
    limits: LimitArguments,
    /// Takes a limit away; can be repeated
    #[arg(long, value_name = "WHAT")]
    unlimited: Vec<What>,
    /// Which of its windows, by its period [default: the first]
    #[arg(long, value_name = "PERIOD")]
    window: Option<Period>,
    #[command(flatten)]
    operator: Operator,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    Tokens,
    Calls,
    Cost,
}

impl From<What> for Dimension {
    fn from(what: What) -> Self {
        match what {
            What::Tokens => Self::Tokens,
            What::Calls => Self::Calls,
            What::Cost => Self::Cost,
        }
    }
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let Operator { operator, reason } = arguments.operator;
    let answer = Desk::of_budgets(&arguments.dir).budgets(BudgetRequest::Update {
        budget: arguments.id,
        limits: arguments.limits.limits(),
        unlimited: arguments
            .unlimited
            .into_iter()
            .map(Dimension::from)
            .collect(),
        window: arguments.window,
        by: operator,
        reason,
    })?;
    let BudgetAnswer::Updated {
        updated,
        window,
        before,
        after,
        revision,
    } = answer
    else {
        return Err(unexpected());
    };
    if arguments.json {
        let said = json!({ "updated": updated, "window": window, "before": before, "after": after, "revision": revision });
        anstream::println!("{said}");
    } else {
        let good = paint::GOOD;
        anstream::println!(
            "{good}UPDATED{good:#}  {}  {window} {} (was {})",
            paint::plain(updated.as_str()),
            shown_limits(&after),
            shown_limits(&before)
        );
    }
    Ok(GOOD)
}
