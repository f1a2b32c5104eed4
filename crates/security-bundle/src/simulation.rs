//! Random runs of everything at once, each determined by a seed: calls, ends, operators' acts, clocks set forth and back, restarts,
//! crashes and failing logs, against a model that knows no more than what was acknowledged.

mod fold;
mod run;

use crate::faults::Ground;

fn runs(ground: Ground, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        run::run(ground, seed);
    }
}

#[test]
fn ledger_and_log_agree_in_every_run() {
    runs(Ground::Journal, 0..40);
}

#[test]
fn ledger_and_log_agree_in_every_run_on_data_directories() {
    runs(Ground::Directory, 0..6);
}

#[test]
#[ignore = "a hundred thousand runs, for a release build"]
fn ledger_and_log_agree_in_a_hundred_thousand_runs() {
    std::thread::scope(|scope| {
        for part in 0..4 {
            scope.spawn(move || {
                let first = 1_000_000 + part * 25_000;
                runs(Ground::Journal, first..first + 25_000);
            });
        }
    });
}

#[test]
#[ignore = "minutes: three hundred runs on directories"]
fn ledger_and_log_agree_in_three_hundred_runs_on_data_directories() {
    runs(Ground::Directory, 2_000_000..2_000_300);
}
