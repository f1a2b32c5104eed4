//! `secstack completions`: what a shell completes after the command's name.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{Answer, GOOD, output};

/// Print a script that lets a shell complete verbs and options
///
/// For bash: `secstack completions bash > ~/.local/share/bash-completion/completions/secstack`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// For which shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let mut command = crate::Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "secstack", &mut script);
    output::write(|out| out.write_all(&script))?;
    Ok(GOOD)
}
