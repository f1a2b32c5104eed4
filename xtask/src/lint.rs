//! `lint`: what a reader would otherwise have to look for — form, the lint tables, documentation, features, dependencies.

use crate::failure::Failure;
use crate::step::Step;
use crate::tool;
use crate::workspace::Workspace;

/// Lints that tests, benches and examples are free of: there a panic is how a failure is reported, and the clock is theirs.
const TESTS_MAY: &[&str] = &[
    "clippy::unwrap_used",
    "clippy::expect_used",
    "clippy::panic",
    "clippy::indexing_slicing",
    "clippy::arithmetic_side_effects",
    "clippy::float_arithmetic",
    "clippy::string_slice",
    "clippy::unreachable",
    "clippy::disallowed_methods",
    "clippy::print_stdout",
    "clippy::missing_panics_doc",
    "clippy::missing_errors_doc",
    "clippy::must_use_candidate",
    "clippy::too_many_lines",
    "clippy::cast_possible_truncation",
    "clippy::cast_sign_loss",
    "clippy::cast_possible_wrap",
    "clippy::cast_precision_loss",
    "missing_docs",
    "missing_debug_implementations",
    "unreachable_pub",
];

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    Step::cargo("rustfmt")
        .args(["fmt", "--all", "--check"])
        .run()?;

    Step::cargo("clippy on what is shipped")
        .args([
            "clippy",
            "--workspace",
            "--lib",
            "--bins",
            "--all-features",
            "--quiet",
        ])
        .args(["--", "-D", "warnings"])
        .run()?;
    Step::cargo("clippy on tests and benches too")
        .args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--quiet",
        ])
        .args(["--", "-D", "warnings"])
        .args(TESTS_MAY.iter().flat_map(|lint| ["-A", lint]))
        .run()?;

    Step::cargo("rustdoc")
        .args([
            "doc",
            "--workspace",
            "--no-deps",
            "--all-features",
            "--quiet",
        ])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;

    each_feature_alone(workspace)?;
    dependencies(workspace)
}

/// Checks every crate that has features with none of them, and with each by itself.
fn each_feature_alone(workspace: &Workspace) -> Result<(), Failure> {
    for package in workspace
        .packages
        .iter()
        .filter(|package| !package.features.is_empty())
    {
        let name = &package.name;
        let check = |title: String| {
            Step::cargo(title).args([
                "check",
                "--quiet",
                "--package",
                name,
                "--no-default-features",
            ])
        };
        check(format!("{name} without features")).run()?;
        for feature in package
            .features
            .keys()
            .filter(|feature| *feature != "default")
        {
            check(format!("{name} with `{feature}` alone"))
                .args(["--features", feature])
                .run()?;
        }
    }
    Ok(())
}

/// Bans, licences and sources, without asking the network. Advisories need it and change from day to day: they are for a
/// person, not for a gate.
fn dependencies(workspace: &Workspace) -> Result<(), Failure> {
    // Licences are read from the sources, those for other platforms included.
    Step::cargo("sources of all dependencies")
        .args(["fetch", "--locked"])
        .run()?;
    let deny = tool::DENY.ensure(workspace)?;
    Step::program("dependencies", deny)
        .args([
            "--offline",
            "--workspace",
            "check",
            "--hide-inclusion-graph",
        ])
        .args(["bans", "licenses", "sources"])
        .run()
}
