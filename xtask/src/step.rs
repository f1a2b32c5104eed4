//! One command of a verb: named, timed, and stopping everything when it fails.

use std::ffi::OsStr;
use std::process::Command;
use std::time::Instant;
use std::{env, io};

use crate::failure::Failure;

/// A command that is announced, run with its output shown, and timed.
#[must_use = "a step does nothing until it is run"]
pub(crate) struct Step {
    title: String,
    command: Command,
}

impl Step {
    /// The cargo that runs this program, so that one toolchain serves every step.
    pub(crate) fn cargo(title: impl Into<String>) -> Self {
        Self::program(title, cargo())
    }

    pub(crate) fn program(title: impl Into<String>, program: impl AsRef<OsStr>) -> Self {
        Self {
            title: title.into(),
            command: Command::new(program),
        }
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        let title = &self.title;
        println!("\n── {title}");
        let begun = now();
        let status = self
            .command
            .status()
            .map_err(|error| self.not_started(&error))?;
        let took = begun.elapsed();
        if status.success() {
            println!("── {title}: ok, {took:.1?}");
            return Ok(());
        }
        Err(Failure::new(format!(
            "`{title}` failed after {took:.1?} ({status}); to see it alone:\n  {}",
            self.written_out()
        )))
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        Failure::new(format!(
            "`{}` could not be started: {error}; it is this command:\n  {}",
            self.title,
            self.written_out()
        ))
    }

    /// The command as a person would type it.
    fn written_out(&self) -> String {
        let set = self.command.get_envs().filter_map(|(name, value)| {
            value.map(|value| format!("{}={:?}", name.display(), value.display().to_string()))
        });
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        set.chain(words.map(|word| word.display().to_string()))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// What a command prints, where the answer and not the doing is wanted.
pub(crate) fn answer<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = A>,
) -> Result<String, Failure> {
    let mut command = Command::new(program);
    command.args(args);
    let output = command
        .output()
        .map_err(|error| Failure::new(format!("{command:?} could not be started: {error}")))?;
    if !output.status.success() {
        return Err(Failure::new(format!(
            "{command:?} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::new(format!("{command:?} printed something that is not UTF-8")))
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// True where a machine and not a person reads the output.
pub(crate) fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a step took, shown to a person; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}
