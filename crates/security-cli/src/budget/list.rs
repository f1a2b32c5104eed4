//! `secstack budget list`: all budgets with the figures of now, each under the one that is charged along with it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use budget_enforcer::{BudgetId, Envelope};
use clap::Args;
use security_bundle::operator::{BudgetAnswer, BudgetRequest, EnvelopeNow};
use serde_json::json;

use super::{envelope, figures};
use crate::desk::{Desk, unexpected};
use crate::failure::Failure;
use crate::table::Align::{Left, Right};
use crate::table::Table;
use crate::{Answer, GOOD, output, paint};

/// List the budgets: what each allows, and what was spent, reserved and is left
///
/// Of what is limited; `show` and `--json` tell the rest. Spent is all that was spent, covered or not; what is used counts debt, too.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the budgets
    dir: PathBuf,
    /// The sessions, too
    #[arg(long)]
    sessions: bool,
    /// Print a JSON object for each, one a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let answer = Desk::of_budgets(&arguments.dir).budgets(BudgetRequest::List {
        sessions: arguments.sessions,
    })?;
    let BudgetAnswer::Listed(listed) = answer else {
        return Err(unexpected());
    };
    if arguments.json {
        let listed: Vec<_> = listed.iter().map(|now| json!(now)).collect();
        output::write(|out| listed.iter().try_for_each(|now| writeln!(out, "{now}")))?;
    } else if listed.is_empty() {
        let dim = paint::DIM;
        anstream::eprintln!("{dim}no budgets yet: `secstack budget create` makes them{dim:#}");
    } else {
        let table = table(&listed)?;
        output::write(|out| table.write(out))?;
    }
    Ok(GOOD)
}

fn table(listed: &[EnvelopeNow]) -> Result<Table, Failure> {
    let mut table = Table::new(&[
        ("BUDGET", Left),
        ("STATE", Left),
        ("PERIOD", Left),
        ("OF", Left),
        ("LIMIT", Right),
        ("SPENT", Right),
        ("RESERVED", Right),
        ("AVAILABLE", Right),
        ("USED", Right),
    ]);
    // Each stands before those under it.
    let mut depths: BTreeMap<&BudgetId, usize> = BTreeMap::new();
    for now in listed {
        let parent = now
            .set_up
            .as_ref()
            .and_then(|set_up| set_up.parent.as_ref());
        let above = parent.and_then(|parent| depths.get(parent));
        let depth = above.map_or(0, |above| above.saturating_add(1));
        if let Envelope::Budget(id) = &now.envelope {
            depths.insert(id, depth);
        }
        let name = format!("{}{}", "  ".repeat(depth), envelope::name(&now.envelope));
        let mut first = Some([name, figures::state(now.state).to_owned()]);
        for window in &now.windows {
            let mut period = Some(window.period.to_string());
            let limited = window.figures.rows();
            for (dimension, usage) in limited.filter(|(_, usage)| usage.limit.is_some()) {
                let [name, state] = first.take().unwrap_or_default();
                table.push([
                    name,
                    state,
                    period.take().unwrap_or_default(),
                    dimension.to_string(),
                    figures::limit(usage.limit),
                    figures::exact(figures::spent(dimension, &usage)?),
                    figures::exact(usage.reserved),
                    figures::limit(usage.available),
                    figures::percent(usage.used_percent),
                ]);
            }
        }
    }
    Ok(table)
}
