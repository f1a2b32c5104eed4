//! Each fault at each call that each scenario makes of the log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bench::{Bench, Ground};
use super::scenarios::{self, Scenario, Told};
use super::{Call, Fault};

/// The codes with which a decision that could not be made, held or recorded is denied.
const FAILED: [&str; 4] = [
    "audit_unavailable",
    "unavailable",
    "approval_unavailable",
    "internal_error",
];

/// One that is slow is one that hangs and is released.
const FAULTS: [Fault; 4] = [Fault::Refuses, Fault::Lies, Fault::Breaks, Fault::Panics];

/// Whether a log can fail like that. One that is a journal never takes or stores an entry, says that it did not, and works on.
fn can(ground: Ground, fault: Fault, call: Call) -> bool {
    match (ground, fault) {
        (Ground::Memory, _) => true,
        (_, Fault::Lies) => false,
        (_, Fault::Refuses | Fault::Panics) => call == Call::Take,
        _ => true,
    }
}

/// One fault of one scenario, or none.
struct Trial<'s> {
    ground: Ground,
    scenario: &'s Scenario,
    fault: Option<(usize, Fault)>,
}

/// What a scenario that nothing happens to comes to.
struct Usual {
    calls: Vec<Call>,
    codes: Vec<String>,
}

impl Trial<'_> {
    fn run(&self, usual: Option<&Usual>) -> Usual {
        let what = format!(
            "{:?}: {}: {:?}",
            self.ground, self.scenario.name, self.fault
        );
        let mut bench = Bench::new(self.ground);
        (self.scenario.before)(&bench);
        let before = (
            bench.entries(),
            bench.state(),
            bench.stack().guard().losses(),
        );

        let (at, fault) = self.fault.unwrap_or((usize::MAX, Fault::Refuses));
        bench.plan.arm(at, fault);
        let mut told = Vec::new();
        let done = catch_unwind(AssertUnwindSafe(|| (self.scenario.act)(&bench, &mut told)));
        assert!(done.is_ok(), "{what}: it panics");
        let what = format!("{what}: {told:?}");
        let losses = bench.stack().guard().losses() - before.2;
        let (calls, has_struck) = bench.plan.disarm();
        assert_eq!(has_struck, self.fault.is_some(), "{what}");

        // One entry each, or a counted loss.
        let entries = bench.entries();
        for list in entries.decisions.values().chain(entries.outcomes.values()) {
            assert_eq!(list.len(), 1, "{what}: twice in the log");
        }
        let (mut asked, mut permitted, mut ended, mut codes) = (0, 0, 0, Vec::new());
        for one in &told {
            match one {
                Told::Decided {
                    record,
                    code,
                    permitted: is_permitted,
                } => {
                    asked += 1;
                    permitted += usize::from(*is_permitted);
                    codes.push(code.clone());
                    let is_there = record.is_some_and(|id| entries.decisions.contains_key(&id));
                    assert!(is_there || record.is_none(), "{what}: not in the log");
                    assert!(is_there || !is_permitted, "{what}: permitted unrecorded");
                    let is_usual = usual.is_none_or(|usual| usual.codes.contains(code));
                    assert!(
                        is_usual || FAILED.contains(&code.as_str()),
                        "{what}: {code}"
                    );
                }
                Told::Ended(_) => ended += 1,
                Told::Narrowed { in_force, .. } => assert!(in_force, "{what}"),
                Told::Widened { done, in_force } => assert_eq!(done, in_force, "{what}"),
            }
        }
        let new_decisions = entries.decisions.len() - before.0.decisions.len();
        assert!(new_decisions <= asked, "{what}: {new_decisions} entries");
        let open = entries.without_end().len() - before.0.without_end().len();
        let missing = (asked - new_decisions + open) as u64;
        assert!(
            missing <= losses,
            "{what}: {missing} missing, {losses} told"
        );
        assert!(losses <= (asked + ended) as u64, "{what}: {losses} told");
        if self.fault.is_none() {
            assert_eq!(losses, 0, "{what}");
        }

        // Nothing is held that is not accounted for, and no denial has cost anything.
        let state = bench.state();
        if losses == 0 {
            assert_eq!(state.held, before.1.held, "{what}");
        }
        if permitted == 0 && open == 0 {
            let used = |state: &super::bench::State| state.spent + state.held;
            assert_eq!(used(&state), used(&before.1), "{what}");
        }
        if fault == Fault::Breaks {
            drop(bench.log().verify(None).unwrap());
        }

        // What was acknowledged is there again.
        if self.ground != Ground::Memory {
            bench
                .open()
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            let again = bench.state();
            let all_acknowledged = told.iter().all(|one| match one {
                Told::Decided { code, .. } => !FAILED.contains(&code.as_str()),
                Told::Ended(done) | Told::Narrowed { done, .. } | Told::Widened { done, .. } => {
                    *done
                }
            });
            if all_acknowledged && losses == 0 {
                assert_eq!(again, state, "{what}");
            }
            let used = again.spent + again.held;
            assert!(used >= before.1.spent, "{what}");
            if permitted > 0 && self.scenario.name.contains("approval") {
                let mut told = Vec::new();
                assert!(
                    scenarios::authorize(&bench, "send_mail", &mut told).is_none(),
                    "{what}: an approval is used twice"
                );
            }
        }
        bench.pass(time::Duration::days(1));
        assert_eq!(bench.state().held, 0, "{what}: held for ever");
        Usual { calls, codes }
    }
}

/// Each, or every so manieth where a trial is dear.
fn each_fault_at_each_call(ground: Ground, faults: &[Fault], every: usize) {
    let mut trials = 0;
    for scenario in scenarios::ALL {
        let trial = |fault| Trial {
            ground,
            scenario,
            fault,
        };
        // Which calls there are does not depend on where the journal is.
        let usual = Trial {
            ground: if every > 1 { Ground::Journal } else { ground },
            ..trial(None)
        };
        let usual = usual.run(None);
        assert!(!usual.calls.is_empty(), "{}", scenario.name);
        for (at, call) in usual.calls.iter().enumerate() {
            for fault in faults {
                if can(ground, *fault, *call) {
                    if trials % every == 0 {
                        trial(Some((at, *fault))).run(Some(&usual));
                    }
                    trials += 1;
                }
            }
        }
    }
    assert!(trials > 100, "{trials}");
}

#[test]
fn each_fault_at_each_stage_denies_in_memory() {
    each_fault_at_each_call(Ground::Memory, &FAULTS, 1);
}

#[test]
fn each_fault_at_each_stage_denies_where_the_log_is_the_journal() {
    each_fault_at_each_call(Ground::Journal, &FAULTS, 1);
}

#[test]
fn each_fault_at_each_stage_denies_on_a_data_directory() {
    each_fault_at_each_call(Ground::Directory, &FAULTS, 8);
}

#[test]
#[ignore = "half a minute: all of them on directories"]
fn each_fault_at_each_stage_denies_on_data_directories_all() {
    each_fault_at_each_call(Ground::Directory, &FAULTS, 1);
}
