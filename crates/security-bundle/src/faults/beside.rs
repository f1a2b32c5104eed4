//! What fails beside the log: opening, and the files in a data directory's own folder.

use std::fs;

use super::Fault;
use super::bench::{Bench, Ground};
use super::scenarios;
use crate::StackError;

#[test]
fn opening_fails_typed_at_each_call_and_succeeds_afterwards() {
    for ground in [Ground::Memory, Ground::Journal] {
        let mut bench = Bench::closed(ground);
        bench.plan.arm(usize::MAX, Fault::Breaks);
        bench.open().unwrap();
        let (calls, _) = bench.plan.disarm();
        assert!(calls.len() > 4, "{calls:?}");
        for at in 0..calls.len() {
            for fault in [Fault::Breaks, Fault::Panics] {
                if fault == Fault::Panics && calls[at] != super::Call::Take {
                    continue;
                }
                let mut bench = Bench::closed(ground);
                bench.plan.arm(at, fault);
                let opened = bench.open();
                let (_, has_struck) = bench.plan.disarm();
                assert!(has_struck, "{ground:?} {at}");
                match opened {
                    // All is needed but the clock's first marks, and the note that it was opened, whose loss is counted.
                    Ok(()) => {
                        let is_note = at + 2 >= calls.len();
                        assert!(is_note || fault == Fault::Panics, "{ground:?} {at}");
                        let losses = bench.stack().guard().losses();
                        assert_eq!(losses, u64::from(is_note), "{ground:?} {at}");
                    }
                    Err(StackError::Config(_)) => {}
                    Err(error) => panic!("{ground:?} {at}: {error:?}"),
                }
                bench
                    .open()
                    .unwrap_or_else(|error| panic!("{ground:?} {at} {fault:?}: {error}"));
                scenarios::settle(&bench, &mut Vec::new());
                let state = bench.state();
                assert!(state.may_read && state.has_consent, "{ground:?} {at}");
                assert_eq!(state.spent, 1_000_000_000, "{ground:?} {at}");
            }
        }
    }
}

#[test]
fn a_snapshot_that_cannot_be_kept_costs_nothing_but_time() {
    let mut bench = Bench::new(Ground::Directory);
    scenarios::settle(&bench, &mut Vec::new());
    let state = bench.state();
    // A directory is where the file is to be.
    fs::create_dir(bench.dir().join("stack/snapshot.new")).unwrap();
    bench.open().unwrap();
    assert_eq!(bench.state(), state);
    let told = bench
        .log()
        .query(&audit_trail::Filter::new().event("snapshot_failed"));
    assert_eq!(told.unwrap().records.len(), 1);
}

#[test]
fn files_that_are_something_else_are_typed_errors_and_let_nothing_begin() {
    for (name, is_fatal) in [("log.key", true), ("snapshot.json", false)] {
        let mut bench = Bench::new(Ground::Directory);
        scenarios::settle(&bench, &mut Vec::new());
        bench.close();
        let path = bench.dir().join("stack").join(name);
        fs::write(&path, "something else").unwrap();
        match bench.open() {
            Err(StackError::DataDir { .. } | StackError::Audit(_)) => assert!(is_fatal, "{name}"),
            Err(error) => panic!("{name}: {error:?}"),
            Ok(()) => {
                assert!(!is_fatal, "{name}");
                assert_eq!(bench.state().spent, 1_000_000_000);
            }
        }
    }
}
