//! `test`: everything that can be shown to work by running it.

use crate::failure::Failure;
use crate::step::{self, Step};
use crate::tool;
use crate::workspace::Workspace;
use crate::{bench, e2e, python, tidy};

/// Whether the end-to-end part and the Python face are run too; the rest needs nothing but Rust.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum E2e {
    Included,
    Left,
}

/// The benches have no tests of their own, and what they are measured beside turns features of shared dependencies on, such as another
/// order of JSON keys, that no crate of ours asks for.
pub(crate) const WITHOUT_RIVALS: [&str; 2] = ["--exclude", "benches"];

pub(crate) fn run(workspace: &Workspace, with: E2e) -> Result<(), Failure> {
    tidy::run(workspace)?;

    let nextest = tool::NEXTEST.ensure(workspace)?;
    Step::program("unit and integration tests", nextest)
        .args(["nextest", "run", "--workspace", "--all-features"])
        .args(WITHOUT_RIVALS)
        .args(["--profile", if step::in_ci() { "ci" } else { "default" }])
        .run()?;

    // nextest leaves doctests out.
    Step::cargo("doctests")
        .args(["test", "--doc", "--workspace", "--all-features", "--quiet"])
        .args(WITHOUT_RIVALS)
        .run()?;

    bench::once()?;

    if with == E2e::Left {
        return Ok(());
    }
    // A person without Python is told what was left out; a machine must have it.
    if !e2e::has_python() && !step::in_ci() {
        println!(
            "\n── NOT RUN: end to end, with software from elsewhere, and the Python face: {}",
            e2e::NEEDS
        );
        return Ok(());
    }
    e2e::run(workspace, &[])?;
    python::run(workspace, &[])
}
