//! `secstack trust show`: what was decided about agents, and the level that one of them has now.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::{LevelNow, TrustAnswer, TrustRequest};
use serde::Serialize;
use serde_json::json;
use trust_gate::{AgentId, Assignment, Scope};

use super::told;
use crate::desk::{Desk, unexpected};
use crate::table::Align::Left;
use crate::table::Table;
use crate::{Answer, GOOD, output, paint, times};

/// Show all that was decided about agents; or, of one agent, the level it has now, why, and when that will next fall
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// The agent
    agent: Option<AgentId>,
    /// Where, such as `payments/eu` [default: everywhere]
    #[arg(long, requires = "agent")]
    scope: Option<Scope>,
    /// Print one JSON object; without an agent one for each decision, one a line
    #[arg(long)]
    json: bool,
}

/// Each as JSON on a line of its own.
pub(crate) fn lines<T: Serialize>(items: &[T]) -> Answer {
    let lines: Vec<_> = items
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    output::write(|out| lines.iter().try_for_each(|line| writeln!(out, "{line}")))?;
    Ok(GOOD)
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    let answer = Desk::of_trust(&arguments.dir)?.trust(TrustRequest::Show {
        agent: arguments.agent,
        scope: arguments.scope.unwrap_or_default(),
    })?;
    match answer {
        TrustAnswer::Level(level) => one(&level, arguments.json),
        TrustAnswer::Assignments {
            assignments,
            open_review,
        } => all(&assignments, open_review.as_deref(), arguments.json),
        _ => Err(unexpected()),
    }
}

fn one(level: &LevelNow, json: bool) -> Answer {
    if json {
        anstream::println!("{}", json!(level));
        return Ok(GOOD);
    }
    output::write(|out| {
        let (head, style) = (paint::HEAD, colour(level));
        let place = told::place(&level.agent, &level.scope);
        writeln!(
            out,
            "{head}{place}{head:#}  {style}{}{style:#}",
            level.effective
        )?;
        origin(level, out)?;
        if !level.assignments.is_empty() {
            writeln!(out)?;
            table(&level.assignments).write(out)?;
        }
        Ok(())
    })?;
    Ok(GOOD)
}

fn all(assignments: &[Assignment], open_review: Option<&Assignment>, json: bool) -> Answer {
    if json {
        return lines(assignments);
    }
    if assignments.is_empty() {
        let dim = paint::DIM;
        anstream::eprintln!(
            "{dim}nobody is trusted yet: `secstack trust assign` gives levels{dim:#}"
        );
    } else {
        output::write(|out| table(assignments).write(out))?;
    }
    if let Some(broken) = open_review {
        let warn = paint::WARN;
        anstream::eprintln!(
            "{warn}to be reviewed{warn:#}: the glass broken at revision {}, for {}",
            broken.revision,
            told::place(&broken.agent, &broken.scope)
        );
    }
    Ok(GOOD)
}

fn colour(level: &LevelNow) -> anstyle::Style {
    if level.quarantined {
        paint::BAD
    } else {
        paint::HEAD
    }
}

/// Where a level comes from, and when it will fall.
fn origin(level: &LevelNow, out: &mut dyn Write) -> io::Result<()> {
    let dim = paint::DIM;
    let mut line = |name: &str, value: &str| writeln!(out, "{dim}{name:<9}{dim:#}  {value}");
    match &level.base {
        Some(base) => line(base.kind.code(), &decided(base))?,
        None => line("default", "nobody assigned a level there")?,
    }
    if let Some(elevation) = &level.elevation {
        line("elevated", &decided(elevation))?;
    }
    line("at most", &level.cap.to_string())?;
    if level.quarantined {
        line("stopped", "by a quarantine, until it is released")?;
    }
    match level.next_change {
        Some(next) => line(
            "falls",
            &format!("to {} at {}", next.to, times::shown(next.at)),
        ),
        None => line("falls", "never by itself"),
    }
}

/// `L2 in payments, by ops@example.com at …: "pilot"`
fn decided(assignment: &Assignment) -> String {
    let mut text = assignment.kind.level().to_string();
    if !assignment.scope.is_root() {
        text = format!("{text} in {}", paint::plain(assignment.scope.as_str()));
    }
    let end = assignment.expires_at.map(times::shown);
    let end = end.map(|end| format!(" until {end}")).unwrap_or_default();
    let decay = told::decay(&assignment.decay);
    let decay = decay.map(|decay| format!(", {decay}")).unwrap_or_default();
    format!(
        "{text}{end}{decay}, by {} at {}: \"{}\"",
        paint::plain(assignment.assigned_by.as_str()),
        times::shown(assignment.assigned_at),
        paint::cut(&assignment.reason, 120)
    )
}

fn table(assignments: &[Assignment]) -> Table {
    let mut table = Table::new(&[
        ("AGENT", Left),
        ("SCOPE", Left),
        ("WHAT", Left),
        ("LEVEL", Left),
        ("SINCE", Left),
        ("UNTIL", Left),
        ("BY", Left),
    ]);
    for assignment in assignments {
        let end = assignment.expires_at.map(times::shown);
        table.push([
            assignment.agent.to_string(),
            if assignment.scope.is_root() {
                "-".to_owned()
            } else {
                assignment.scope.to_string()
            },
            assignment.kind.code().to_owned(),
            assignment.kind.level().to_string(),
            times::shown(assignment.assigned_at),
            end.unwrap_or_else(|| "-".to_owned()),
            assignment.assigned_by.to_string(),
        ]);
    }
    table
}
