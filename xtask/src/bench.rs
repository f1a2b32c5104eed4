//! `bench`: the benchmarks, with the one fact about the machine without which their numbers say little.

use std::thread;

use crate::failure::Failure;
use crate::step::Step;

/// Measures; `rest` goes to criterion (a filter, `--save-baseline NAME`, …).
pub(crate) fn run(rest: &[&str]) -> Result<(), Failure> {
    let cores = thread::available_parallelism()
        .map_err(|error| Failure::new(format!("the number of cores is not to be had: {error}")))?;
    println!("{cores} cores");
    Step::cargo("benchmarks")
        .args(["bench", "--package", "benches", "--benches", "--"])
        .args(rest)
        .run()
}

/// Runs the body of every benchmark once, in the profile of the tests: that it still runs, not how fast.
pub(crate) fn once() -> Result<(), Failure> {
    Step::cargo("every benchmark once")
        .args([
            "test",
            "--workspace",
            "--all-features",
            "--bench",
            "*",
            "--quiet",
        ])
        .run()
}
