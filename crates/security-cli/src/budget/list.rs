//! `secstack budget list`: all budgets with the figures of now, each under the one that is charged along with it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use budget_enforcer::{BudgetId, Envelope, Utilization};
use clap::Args;

use super::store::{self, Store};
use super::{envelope, figures};
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
    let store = store::read(&arguments.dir)?;
    let listed = listed(&store, arguments.sessions)?;
    if arguments.json {
        let json = |usage| figures::envelope_json(usage, &store.history);
        let mut listed = listed.iter();
        output::write(|out| listed.try_for_each(|(_, usage)| writeln!(out, "{}", json(usage))))?;
    } else if listed.is_empty() {
        let dim = paint::DIM;
        anstream::eprintln!("{dim}no budgets yet: `secstack budget create` makes them{dim:#}");
    } else {
        let table = table(&listed)?;
        output::write(|out| table.write(out))?;
    }
    Ok(GOOD)
}

/// Budgets with their depth, each before those under it; then the sessions.
fn listed(store: &Store, with_sessions: bool) -> Result<Vec<(usize, Utilization)>, Failure> {
    let mut under: BTreeMap<Option<BudgetId>, Vec<Utilization>> = BTreeMap::new();
    for usage in store.enforcer.summary()?.budgets {
        if let Envelope::Budget(id) = &usage.envelope {
            let parent = store.history.parent(id).cloned();
            under.entry(parent).or_default().push(usage);
        }
    }
    let mut listed = Vec::new();
    // The next to list is the last; the summary is by name.
    let next = |found: Option<Vec<Utilization>>, depth: usize| {
        found
            .into_iter()
            .flatten()
            .rev()
            .map(move |usage| (depth, usage))
    };
    let mut open: Vec<_> = next(under.remove(&None), 0).collect();
    while let Some((depth, usage)) = open.pop() {
        if let Envelope::Budget(id) = &usage.envelope {
            open.extend(next(
                under.remove(&Some(id.clone())),
                depth.saturating_add(1),
            ));
        }
        listed.push((depth, usage));
    }
    if with_sessions {
        for id in store.history.sessions.keys() {
            listed.push((0, store.enforcer.utilization(id)?));
        }
    }
    Ok(listed)
}

fn table(listed: &[(usize, Utilization)]) -> Result<Table, Failure> {
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
    for (depth, usage) in listed {
        let name = format!("{}{}", "  ".repeat(*depth), envelope::name(&usage.envelope));
        let mut first = Some([name, figures::state(usage.state).to_owned()]);
        for window in usage.windows() {
            let mut period = Some(window.period.to_string());
            let limited = figures::touched(window).filter(|(_, usage)| usage.limit.is_some());
            for (dimension, usage) in limited {
                let [name, state] = first.take().unwrap_or_default();
                table.push([
                    name,
                    state,
                    period.take().unwrap_or_default(),
                    dimension.to_string(),
                    figures::limit(usage.limit),
                    figures::exact(figures::spent(dimension, usage)?),
                    figures::exact(usage.reserved),
                    figures::limit(usage.available),
                    figures::percent(usage),
                ]);
            }
        }
    }
    Ok(table)
}
