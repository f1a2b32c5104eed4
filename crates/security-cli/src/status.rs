//! `secstack status`: who owns a stack's data directory, and how the stack stands.

use std::path::PathBuf;

use clap::Args;
use security_bundle::operator::{OperatorAnswer, StackAnswer, StackRequest, StackStatus};
use serde_json::{Value, json};

use crate::desk::unexpected;
use crate::failure::Failure;
use crate::stack::{By, Stack};
use crate::{Answer, GOOD, output, paint, times};

/// Say who owns a stack's data directory, and how the stack stands
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The stack's data directory
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let Some(stack) = Stack::at(&arguments.dir) else {
        let dir = arguments.dir.display();
        return Err(Failure::new(format!("no stack keeps its state in `{dir}`")));
    };
    let (answer, by) = stack.ask(&StackRequest::Status {}.into())?;
    let OperatorAnswer::Stack(StackAnswer::Status(status)) = answer else {
        return Err(unexpected());
    };
    if arguments.json {
        anstream::println!("{}", as_json(&status, by));
        return Ok(GOOD);
    }
    let (head, dim) = (paint::HEAD, paint::DIM);
    output::write(|out| {
        match by {
            By::Owner => writeln!(
                out,
                "{head}OWNED{head:#}  by process {} since {}",
                status.owner_pid,
                times::shown(status.since)
            )?,
            By::Itself => writeln!(out, "{head}NO OWNER{head:#}  no process has it open")?,
        }
        let mut line = |name: &str, value: String| writeln!(out, "{dim}{name:<9}{dim:#}  {value}");
        line(
            "log",
            format!(
                "{}, {} entries",
                paint::plain(&status.namespace),
                status.log_size
            ),
        )?;
        line("holds", format!("{} open", status.open_holds))?;
        line("approvals", format!("{} pending", status.pending_approvals))?;
        if let Some(revision) = status.open_review {
            line("review", format!("open, of broken glass at {revision}"))?;
        }
        if by == By::Owner {
            line("losses", status.losses.to_string())?;
            line("policy", paint::plain(&status.policy))?;
        }
        Ok(())
    })?;
    Ok(GOOD)
}

fn as_json(status: &StackStatus, by: By) -> Value {
    let mut said = json!(status);
    if let Some(said) = said.as_object_mut() {
        said.insert("owned".into(), (by == By::Owner).into());
        if by == By::Itself {
            // They would be of this process, which decides nothing.
            for name in ["owner_pid", "since", "losses", "policy"] {
                said.remove(name);
            }
        }
    }
    said
}
