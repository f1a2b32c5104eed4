//! The tools that the verbs call and cargo does not bring: pinned here, and installed where they are missing.

use std::env;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::step::{self, Step};
use crate::workspace::Workspace;

/// A cargo subcommand that is a package of its own.
pub(crate) struct Tool {
    name: &'static str,
    /// The version that the workspace was made with.
    version: &'static str,
    /// What to say to it to hear its version.
    ask: &'static [&'static str],
}

pub(crate) const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    version: "0.9.143",
    ask: &["nextest", "--version"],
};
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    ask: &["--version"],
};

/// Installs every tool that is missing.
pub(crate) fn install_all(workspace: &Workspace) -> Result<(), Failure> {
    for tool in [NEXTEST, DENY] {
        let program = tool.ensure(workspace)?;
        println!("{}: {}", tool.name, program.display());
    }
    Ok(())
}

impl Tool {
    /// The program to call. One on the `PATH` is used as it is; a missing one is installed, at the pinned version, into
    /// the target folder and nowhere else. Blocks for the minutes that compiling it takes.
    pub(crate) fn ensure(&self, workspace: &Workspace) -> Result<PathBuf, Failure> {
        let here = PathBuf::from(self.name);
        if let Ok(said) = step::answer(&here, self.ask) {
            if !said.contains(self.version) {
                println!(
                    "note: {} {} is pinned, using: {}",
                    self.name,
                    self.version,
                    said.trim()
                );
            }
            return Ok(here);
        }
        let tools = workspace.scratch("tools");
        let installed = tools
            .join("bin")
            .join(format!("{}{}", self.name, env::consts::EXE_SUFFIX));
        if step::answer(&installed, self.ask).is_ok_and(|said| said.contains(self.version)) {
            return Ok(installed);
        }
        let pinned = format!("{}@{}", self.name, self.version);
        Step::cargo(format!("install {pinned} (once, some minutes)"))
            .args(["install", "--locked", "--force", &pinned, "--root"])
            .arg(tools)
            .run()?;
        Ok(installed)
    }
}
