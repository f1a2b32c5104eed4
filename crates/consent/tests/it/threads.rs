//! Checks on many threads while the ledger works.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use consent::{ConsentGate, ConsentLedger, ReportOptions};

use crate::support::{START, all_of, ask_for, grant, house};

#[test]
fn both_handles_can_go_to_other_threads() {
    fn goes<T: Send + Sync + 'static>() {}
    goes::<ConsentGate>();
    goes::<ConsentLedger>();
}

#[test]
fn a_check_that_begins_after_a_withdrawal_is_acknowledged_denies() {
    let house = house();
    let query = ask_for("user", "support");
    // Even: consent was acknowledged and holds. Odd: its withdrawal was acknowledged. The state cannot change back
    // while a reader finds the same odd number before and after its check.
    let phase = AtomicU64::new(1);
    let done = AtomicBool::new(false);
    let checked = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let before = phase.load(Ordering::SeqCst);
                    let allowed = house.gate.check(&query).allowed();
                    if before % 2 == 1 && phase.load(Ordering::SeqCst) == before {
                        assert!(!allowed, "allowed after the withdrawal was acknowledged");
                        checked.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for _ in 0..2000 {
            phase.fetch_add(1, Ordering::SeqCst);
            house.give(grant("user", "support"));
            house.withdraw(all_of("user"));
            phase.fetch_add(1, Ordering::SeqCst);
        }
        while checked.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(house.ledger.revision().as_u64(), 4000);
}

#[test]
fn a_report_is_of_one_revision() {
    let house = house();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..1000 {
                house.give(grant("user", "support").expires_at(START + Duration::from_secs(9)));
                house.withdraw(all_of("user"));
            }
        });
        loop {
            let last = writer.is_finished();
            let report = house.ledger.report(&ReportOptions::default());
            let soon = u64::try_from(report.expiring.len());
            assert_eq!(soon, Ok(report.totals.in_force));
            if last {
                break;
            }
        }
    });
}

#[test]
fn a_decision_and_its_revision_belong_together() {
    let house = house();
    let query = ask_for("user", "support");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let decision = house.gate.check(&query);
                    // Consent is given by every odd act and withdrawn by every even one.
                    assert_eq!(decision.allowed(), decision.revision().as_u64() % 2 == 1);
                    assert!(house.gate.revision() >= decision.revision());
                }
            });
        }
        for _ in 0..2000 {
            house.give(grant("user", "support"));
            house.withdraw(all_of("user"));
        }
        done.store(true, Ordering::SeqCst);
    });
}

#[test]
fn acts_of_several_threads_get_a_revision_each() {
    let house = house();
    thread::scope(|scope| {
        for n in 0..4 {
            let house = &house;
            scope.spawn(move || {
                for m in 0..100 {
                    house.give(grant(&format!("d{n}.{m}"), "support"));
                }
            });
        }
    });
    let revisions: Vec<u64> = house
        .ledger
        .history(consent::Revision::ZERO)
        .iter()
        .map(|event| event.revision().as_u64())
        .collect();
    assert_eq!(revisions, (1..=400).collect::<Vec<_>>());
}
