//! `secstack budget show`: one budget or session with everything that bears on what it admits now.

use std::io::{self, Write};
use std::path::PathBuf;

use budget_enforcer::{Envelope, EnvelopeState, ReservationId, Utilization, WindowUsage};
use clap::Args;
use serde_json::{Value, json};

use super::history::Hold;
use super::limits::shown;
use super::store::{self, Store};
use super::{envelope, figures};
use crate::failure::Failure;
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

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let store = store::read(&arguments.dir)?;
    let usage = store.enforcer.utilization(arguments.id.clone())?;
    let blocked = blocked(&store, &arguments.id)?;
    let now = store.enforcer.now();
    let on_it = |hold: &Hold| {
        let mut lines = hold.lines.iter();
        lines.any(|(named, _)| {
            store
                .history
                .and_above(named)
                .any(|above| above == arguments.id)
        })
    };
    let mut holds: Vec<_> = store.history.holds.iter().collect();
    holds.retain(|(_, hold)| hold.expires_at > now && on_it(hold));
    holds.sort_by_key(|(id, hold)| (hold.at, **id));
    if arguments.json {
        let mut said = figures::envelope_json(&usage, &store.history);
        if let Some(said) = said.as_object_mut() {
            said.insert("blocked_by".into(), json!(blocked));
            let holds: Vec<_> = holds
                .iter()
                .map(|(id, hold)| hold_json(**id, hold))
                .collect();
            said.insert("holds".into(), holds.into());
        }
        anstream::println!("{said}");
        return Ok(GOOD);
    }
    output::write(|out| {
        about(out, &usage, &store, blocked.as_ref())?;
        for window in usage.windows() {
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

/// The nearest budget above that admits nothing.
fn blocked(store: &Store, envelope: &Envelope) -> Result<Option<Envelope>, Failure> {
    for above in store.history.and_above(envelope).skip(1) {
        if store.enforcer.utilization(above.clone())?.state != EnvelopeState::Active {
            return Ok(Some(above));
        }
    }
    Ok(None)
}

fn about(
    out: &mut dyn Write,
    usage: &Utilization,
    store: &Store,
    blocked: Option<&Envelope>,
) -> io::Result<()> {
    let (head, dim) = (paint::HEAD, paint::DIM);
    let style = match usage.state {
        EnvelopeState::Active => paint::GOOD,
        EnvelopeState::Suspended | EnvelopeState::Closed => paint::WARN,
    };
    let (name, state) = (envelope::name(&usage.envelope), figures::state(usage.state));
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
    match &usage.envelope {
        Envelope::Session(id) => {
            if let Some(at) = store.history.sessions.get(id) {
                line("opened", &times::shown(*at))?;
            }
        }
        Envelope::Budget(id) => {
            let Some(created) = store.history.budgets.get(id) else {
                return Ok(());
            };
            let spec = &created.spec;
            let by = created
                .by
                .as_ref()
                .map(|by| format!(" by {}", paint::plain(by.as_str())));
            line(
                "created",
                &format!("{}{}", times::shown(created.at), by.unwrap_or_default()),
            )?;
            if let Some(parent) = &spec.parent {
                line("under", &paint::plain(parent.as_str()))?;
            }
            line("zone", spec.zone.name())?;
            let yes = |on: Option<bool>| if on == Some(true) { "yes" } else { "no" };
            line("rollover", yes(spec.rollover))?;
            line("overdraft", yes(spec.overdraft))?;
        }
    }
    Ok(())
}

fn figures_of(window: &WindowUsage, out: &mut dyn Write) -> io::Result<()> {
    let head = paint::HEAD;
    write!(out, "{head}{}{head:#}", window.period)?;
    if let Some(end) = window.window.end_at {
        let (start, end) = (times::shown(window.window.start_at), times::shown(end));
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
    for (dimension, usage) in figures::touched(window) {
        table.push([
            dimension.to_string(),
            figures::limit(usage.limit),
            figures::exact(usage.rolled_over),
            figures::exact(usage.debt),
            figures::exact(usage.spent),
            figures::exact(usage.overspent),
            figures::exact(usage.reserved),
            figures::limit(usage.available),
            figures::percent(usage),
        ]);
    }
    table.write(out)
}

fn hold_table(holds: &[(&ReservationId, &Hold)]) -> Table {
    let mut table = Table::new(&[
        ("RESERVATION", Left),
        ("TAKEN", Left),
        ("EXPIRES", Left),
        ("CALL", Left),
        ("HOLDS", Left),
    ]);
    for (id, hold) in holds {
        let lines = hold.lines.iter();
        let held = lines.map(|(named, held)| format!("{}: {}", envelope::name(named), shown(held)));
        table.push([
            id.to_string(),
            times::shown(hold.at),
            times::shown(hold.expires_at),
            if hold.started { "has left" } else { "waits" }.to_owned(),
            held.collect::<Vec<_>>().join("; "),
        ]);
    }
    table
}

fn hold_json(id: ReservationId, hold: &Hold) -> Value {
    let lines = hold.lines.iter();
    let lines =
        lines.map(|(envelope, amounts)| json!({ "envelope": envelope, "amounts": amounts }));
    json!({
        "reservation": id,
        "at": times::shown(hold.at),
        "expires_at": times::shown(hold.expires_at),
        "started": hold.started,
        "charge": lines.collect::<Vec<_>>(),
    })
}
