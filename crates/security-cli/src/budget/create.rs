//! `secstack budget create`: a budget with its windows, under another or not.

use std::path::PathBuf;

use budget_enforcer::{BudgetId, BudgetSpec, Period, Zone};
use clap::Args;
use security_bundle::operator::{BudgetAnswer, BudgetRequest};
use serde_json::json;

use super::limits::{AlsoWindow, LimitArguments, shown_windows};
use super::operator::Operator;
use crate::desk::{Desk, unexpected};
use crate::{Answer, GOOD, paint};

/// Create a budget; its first window is that of now
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the budgets
    dir: PathBuf,
    /// The budget's name, for good
    id: BudgetId,
    #[command(flatten)]
    limits: LimitArguments,
    /// How often it starts again: hourly, daily, weekly, monthly, yearly, lifetime, or a length such as `every 36h`
    #[arg(long, default_value = "lifetime")]
    period: Period,
    /// The time zone of its days, weeks, months and years, such as `Europe/Berlin`
    #[arg(long, default_value = "UTC")]
    zone: Zone,
    /// The budget that is charged along with it
    #[arg(long, value_name = "ID")]
    parent: Option<BudgetId>,
    /// What a window leaves goes into the next one, up to one more limit
    #[arg(long)]
    rollover: bool,
    /// Spending that is recorded in one step may go beyond the limit, as debt
    #[arg(long)]
    overdraft: bool,
    /// A further window on the same spending, such as `monthly cost=1000`; can be repeated
    #[arg(long, value_name = "PERIOD LIMIT=N…")]
    also: Vec<AlsoWindow>,
    #[command(flatten)]
    operator: Operator,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let mut spec = BudgetSpec::new(arguments.id)
        .period(arguments.period)
        .zone(arguments.zone)
        .rollover(arguments.rollover)
        .overdraft(arguments.overdraft);
    spec.limits = arguments.limits.limits();
    spec.parent = arguments.parent;
    for window in arguments.also {
        spec = spec.also(window.period, window.limits);
    }
    let Operator { operator, reason } = arguments.operator;
    let answer = Desk::of_budgets(&arguments.dir).budgets(BudgetRequest::Create {
        spec: Box::new(spec),
        by: operator,
        reason,
    })?;
    let BudgetAnswer::Created {
        created: spec,
        revision,
    } = answer
    else {
        return Err(unexpected());
    };
    if arguments.json {
        anstream::println!("{}", json!({ "created": spec, "revision": revision }));
        return Ok(GOOD);
    }
    let good = paint::GOOD;
    anstream::println!(
        "{good}CREATED{good:#}  {}  {}",
        paint::plain(spec.id.as_str()),
        shown_windows(&spec)
    );
    Ok(GOOD)
}
