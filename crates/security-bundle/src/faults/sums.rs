//! A hold that is in the log before something fails: what the ledger comes to is what the log comes to, in this process once the hold's
//! time is up, and after a restart.

use time::Duration;

use super::bench::{Bench, Ground};
use super::{Call, Fault, scenarios};

/// What is spent once nothing can be open any more.
fn at_last(bench: &Bench) -> u64 {
    bench.pass(Duration::days(1));
    let state = bench.state();
    assert_eq!(state.held, 0, "held for ever");
    state.spent
}

#[test]
fn a_hold_whose_intent_could_not_be_stored_comes_to_the_same_here_and_after_a_restart() {
    for ground in [Ground::Journal, Ground::Directory] {
        let calls = {
            let bench = Bench::new(ground);
            bench.plan.arm(usize::MAX, Fault::Breaks);
            let mut told = Vec::new();
            drop(scenarios::authorize(&bench, "read_file", &mut told));
            bench.plan.disarm().0
        };
        assert!(calls.contains(&Call::Wait), "{calls:?}");
        for fault in [Fault::Breaks, Fault::Refuses, Fault::Panics] {
            for at in 0..calls.len() {
                // A log that is a journal does not fail to store something and then works on.
                if fault != Fault::Breaks && calls[at] != Call::Take {
                    continue;
                }
                let what = format!("{ground:?} {fault:?} {at} of {calls:?}");
                let mut bench = Bench::new(ground);
                bench.plan.arm(at, fault);
                let mut told = Vec::new();
                let permit = scenarios::authorize(&bench, "read_file", &mut told);
                drop(permit);
                assert!(bench.plan.disarm().1, "{what}");
                let before = at_last(&bench);
                bench.open().unwrap();
                let after = at_last(&bench);
                assert_eq!(before, after, "{what}");
                let open = bench.entries().without_end();
                // One dollar each: nothing ran, and who could not say so has spent what was held.
                assert_eq!(after, open.len() as u64 * 1_000_000_000, "{what}");
            }
        }
    }
}
