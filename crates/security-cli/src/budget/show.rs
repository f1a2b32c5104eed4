//! `secstack budget show`: one budget or session with everything that bears on what it admits now.

use std::io::{self, Write};
use std::path::PathBuf;

use budget_enforcer::{Envelope, EnvelopeState};
use clap::Args;
use security_bundle::operator::{BudgetAnswer, BudgetRequest, EnvelopeNow, HoldNow, WindowNow};
use serde_json::json;

use super::limits::shown;
use super::{envelope, figures};
use crate::desk::{Desk, unexpected};
use crate::table::Align::{Left, Right};
use crate::table::Table;
use crate::{Answer, GOOD, output, paint, times};

/// Show a budget or a session: every window with its figures, when it starts again, and the open reservations
///
/// What is used is what was spent, covered or not, and the debt, in percent of the limit and what was rolled over.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the budgets
    dir: PathBuf,
    /// The budget, or `session:ID`
    #[arg(value_parser = envelope::parse)]
    id: Envelope,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let answer = Desk::of_budgets(&arguments.dir).budgets(BudgetRequest::Show {
        envelope: arguments.id,
    })?;
    let BudgetAnswer::Envelope {
        now,
        blocked_by,
        holds,
    } = answer
    else {
        return Err(unexpected());
    };
    if arguments.json {
        let mut said = json!(now);
        if let Some(said) = said.as_object_mut() {
            said.insert("blocked_by".into(), json!(blocked_by));
            said.insert("holds".into(), json!(holds));
        }
        anstream::println!("{said}");
        return Ok(GOOD);
    }
    output::write(|out| {
        about(out, &now, blocked_by.as_ref())?;
        for window in &now.windows {
            writeln!(out)?;
            figures_of(window, out)?;
        }
        if !holds.is_empty() {
            writeln!(out)?;
            hold_table(&holds).write(out)?;
        }
        Ok(())
    })?;
    Ok(GOOD)
}

fn about(out: &mut dyn Write, now: &EnvelopeNow, blocked: Option<&Envelope>) -> io::Result<()> {
    let (head, dim) = (paint::HEAD, paint::DIM);
    let style = match now.state {
        EnvelopeState::Active => paint::GOOD,
        EnvelopeState::Suspended | EnvelopeState::Closed => paint::WARN,
    };
    let (name, state) = (envelope::name(&now.envelope), figures::state(now.state));
    write!(out, "{head}{name}{head:#}  {style}{state}{style:#}")?;
    if let Some(above) = blocked {
        let warn = paint::WARN;
        write!(
            out,
            ", {warn}but {} above it is not active{warn:#}",
            envelope::name(above)
        )?;
    }
    writeln!(out)?;
    let mut line = |name: &str, value: &str| writeln!(out, "{dim}{name:<9}{dim:#}  {value}");
    if let Some(at) = now.opened_at {
        line("opened", &times::shown(at))?;
    }
    let Some(set_up) = &now.set_up else {
        return Ok(());
    };
    let by = set_up.created_by.as_ref();
    let by = by.map(|by| format!(" by {}", paint::plain(by.as_str())));
    let at = times::shown(set_up.created_at);
    line("created", &format!("{at}{}", by.unwrap_or_default()))?;
    if let Some(parent) = &set_up.parent {
        line("under", &paint::plain(parent.as_str()))?;
    }
    line("zone", set_up.zone.name())?;
    let yes = |on: Option<bool>| if on == Some(true) { "yes" } else { "no" };
    line("rollover", yes(set_up.rollover))?;
    line("overdraft", yes(set_up.overdraft))
}

fn figures_of(window: &WindowNow, out: &mut dyn Write) -> io::Result<()> {
    let head = paint::HEAD;
    write!(out, "{head}{}{head:#}", window.period)?;
    if let Some((start, end)) = window.start_at.zip(window.resets_at) {
        let (start, end) = (times::shown(start), times::shown(end));
        write!(out, "  since {start}, starts again {end}")?;
    }
    writeln!(out)?;
    let mut table = Table::new(&[
        ("OF", Left),
        ("LIMIT", Right),
        ("ROLLED OVER", Right),
        ("DEBT", Right),
        ("SPENT", Right),
        ("OVERSPENT", Right),
        ("RESERVED", Right),
        ("AVAILABLE", Right),
        ("USED", Right),
    ]);
    for (dimension, usage) in window.figures.rows() {
        table.push([
            dimension.to_string(),
            figures::limit(usage.limit),
            figures::exact(usage.rolled_over),
            figures::exact(usage.debt),
            figures::exact(usage.spent),
            figures::exact(usage.overspent),
            figures::exact(usage.reserved),
            figures::limit(usage.available),
            figures::percent(usage.used_percent),
        ]);
    }
    table.write(out)
}

fn hold_table(holds: &[HoldNow]) -> Table {
    let mut table = Table::new(&[
        ("RESERVATION", Left),
        ("TAKEN", Left),
        ("EXPIRES", Left),
        ("CALL", Left),
        ("HOLDS", Left),
    ]);
    for hold in holds {
        let lines = hold.charge.iter();
        let held = lines.map(|line| {
            let name = envelope::name(&line.envelope);
            format!("{name}: {}", shown(&line.amounts))
        });
        table.push([
            hold.reservation.to_string(),
            hold.at.map_or_else(|| "-".to_owned(), times::shown),
            times::shown(hold.expires_at),
            if hold.started { "has left" } else { "waits" }.to_owned(),
            held.collect::<Vec<_>>().join("; "),
        ]);
    }
    table
}
