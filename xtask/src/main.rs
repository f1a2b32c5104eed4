//! The workspace's own automation, in plain Rust: `cargo xtask <verb>`.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    reason = "a command for people: what it does is what it prints"
)]

mod bench;
mod ci;
mod e2e;
mod failure;
mod lint;
mod python;
mod release;
mod soak;
mod step;
mod test;
mod tidy;
mod tool;
mod workspace;

use std::env;
use std::process::ExitCode;

use failure::Failure;
use workspace::Workspace;

const HELP: &str = "\
cargo xtask <verb>

  ci                  everything below that must be green: lint, test, release --dry-run
  lint                rustfmt, clippy, rustdoc, every feature alone, dependencies (licences, bans, sources)
  test [--no-e2e]     tidy, unit and integration tests, doctests, every benchmark once, e2e, python
  tidy                the structure of the tree: edges between crates, copies of the licence, forgotten files, links
  bench [ARG...]      the benchmarks; what follows goes to criterion
  soak [--minutes N] [--decisions N]
                      a stack on a directory, for an hour or ten million decisions: memory and open files may not grow
  e2e [NAME...]       servers and a client from elsewhere, with and without the gate (Python 3.10 or later)
  python [ARG...]     the Python wheel, built, installed and tested; what follows goes to pytest
  release [--dry-run] package every crate in the order of its dependencies; without --dry-run, publish them
  tools               install the pinned tools that the other verbs use, where they are missing
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            failure.exit_code()
        }
    }
}

fn run(args: &[String]) -> Result<(), Failure> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let Some((verb, rest)) = args.split_first() else {
        return Err(Failure::usage(format!("a verb is needed\n\n{HELP}")));
    };
    if matches!(*verb, "help" | "--help" | "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let workspace = Workspace::load()?;
    match (*verb, rest) {
        ("ci", []) => ci::run(&workspace),
        ("lint", []) => lint::run(&workspace),
        ("test", []) => test::run(&workspace, test::E2e::Included),
        ("test", ["--no-e2e"]) => test::run(&workspace, test::E2e::Left),
        ("tidy", []) => tidy::run(&workspace),
        ("bench", rest) => bench::run(rest),
        ("soak", rest) => soak::run(&workspace, rest),
        ("e2e", names) => e2e::run(&workspace, names),
        ("python", chosen) => python::run(&workspace, chosen),
        ("release", []) => release::publish(&workspace),
        ("release", ["--dry-run"]) => release::dry_run(&workspace),
        ("tools", []) => tool::install_all(&workspace),
        (verb, rest) => Err(Failure::usage(format!(
            "`{}` is not something that can be asked for\n\n{HELP}",
            [&[verb], rest].concat().join(" ")
        ))),
    }
}
