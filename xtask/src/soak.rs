//! `soak`: whether a stack can run for as long as it likes. Opt-in, for it takes an hour.

use crate::failure::Failure;
use crate::step::Step;
use crate::workspace::Workspace;

/// Runs it below cargo's target directory; `rest` goes to the program (`--minutes N`, `--decisions N`).
pub(crate) fn run(workspace: &Workspace, rest: &[&str]) -> Result<(), Failure> {
    Step::cargo("soak")
        .args([
            "run",
            "--release",
            "--package",
            "benches",
            "--example",
            "soak",
            "--",
        ])
        .arg("--directory")
        .arg(workspace.scratch("soak"))
        .args(rest)
        .run()
}
