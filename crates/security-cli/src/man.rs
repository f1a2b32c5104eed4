//! `secstack man`: the manual, one page a verb, in the form that `man` reads.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_mangen::Man;

use crate::failure::Failure;
use crate::{Answer, GOOD, output};

/// Print the manual page, or write the pages of all verbs into a directory
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the pages are to be, such as `~/.local/share/man/man1`; those that are there are replaced
    dir: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let mut command = crate::Arguments::command().disable_help_subcommand(true);
    if let Some(dir) = &arguments.dir {
        fs::create_dir_all(dir).map_err(Failure::on(dir.display()))?;
        clap_mangen::generate_to(command, dir).map_err(Failure::on(dir.display()))?;
        return Ok(GOOD);
    }
    // The pages of verbs, such as secstack-trust(1), have names from then on.
    command.build();
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    output::write(|out| out.write_all(&page))?;
    Ok(GOOD)
}
