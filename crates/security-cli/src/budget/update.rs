//! `secstack budget update`: other limits. What was spent stays spent.

use std::path::PathBuf;

use budget_enforcer::{BudgetError, BudgetId, Dimension, Limits, Period, Quantity, WindowUsage};
use clap::{ArgGroup, Args, ValueEnum};
use serde_json::json;

use super::limits::{LimitArguments, shown_limits};
use super::operator::Operator;
use super::store;
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

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let Arguments { id, window, .. } = arguments;
    let (enforcer, admin) = store::write(&arguments.dir, &arguments.operator)?;
    let usage = enforcer.utilization(id)?;
    let found = match window {
        None => &usage.main,
        Some(period) => usage
            .windows()
            .find(|usage| usage.period == *period)
            .ok_or_else(|| BudgetError::NoWindow {
                id: id.clone(),
                period: *period,
            })?,
    };
    let old = limits_of(found);
    let new = changed(old, arguments);
    let revision = match window {
        None => admin.update_limit(id, new)?,
        Some(period) => admin.update_window(id, *period, new)?,
    };
    let period = found.period;
    if arguments.json {
        let said = json!({ "updated": id, "window": period, "before": old, "after": new, "revision": revision });
        anstream::println!("{said}");
    } else {
        let good = paint::GOOD;
        anstream::println!(
            "{good}UPDATED{good:#}  {}  {period} {} (was {})",
            paint::plain(id.as_str()),
            shown_limits(&new),
            shown_limits(&old)
        );
    }
    Ok(GOOD)
}

fn limits_of(window: &WindowUsage) -> Limits {
    let mut limits = Limits::NONE;
    for dimension in Dimension::ALL {
        match window.usage(dimension).limit {
            Some(Quantity::Tokens(tokens)) => limits.tokens = Some(tokens),
            Some(Quantity::Calls(calls)) => limits.calls = Some(calls),
            Some(Quantity::Cost(cost)) => limits.cost = Some(cost),
            None => {}
        }
    }
    limits
}

fn changed(mut limits: Limits, arguments: &Arguments) -> Limits {
    for what in &arguments.unlimited {
        match what {
            What::Tokens => limits.tokens = None,
            What::Calls => limits.calls = None,
            What::Cost => limits.cost = None,
        }
    }
    let given = arguments.limits.limits();
    limits.tokens = given.tokens.or(limits.tokens);
    limits.calls = given.calls.or(limits.calls);
    limits.cost = given.cost.or(limits.cost);
    limits
}
