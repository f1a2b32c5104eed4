//! Checks run beside acts: each sees one revision, and none misses an act that has returned.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use trust_gate::{HistoryFilter, TrustLevel};

use crate::fixture::{Fixture, agent, grant, ops, scope};

#[test]
fn after_revoke_returns_no_check_permits() {
    let f = Fixture::new();
    let (a, root) = (agent("a"), scope(""));
    // Odd: a revocation has returned and no grant has begun since.
    let phase = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let judged = AtomicU64::new(0);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let before = phase.load(Ordering::SeqCst);
                    let decision = f.gate.check_level(&a, &root, TrustLevel::Monitor);
                    if before % 2 == 1 && phase.load(Ordering::SeqCst) == before {
                        assert!(!decision.allowed(), "permitted after a revocation");
                        judged.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for _ in 0..300 {
            f.admin.assign(grant("a", TrustLevel::Autonomous)).unwrap();
            f.admin.revoke(&a, &root, &ops(), "").unwrap();
            phase.fetch_add(1, Ordering::SeqCst);
            let so_far = judged.load(Ordering::SeqCst);
            for _ in 0..10_000 {
                if judged.load(Ordering::SeqCst) > so_far {
                    break;
                }
                std::thread::yield_now();
            }
            phase.fetch_add(1, Ordering::SeqCst);
        }
        done.store(true, Ordering::SeqCst);
    });
    assert!(judged.load(Ordering::SeqCst) > 0);
}

#[test]
fn a_check_never_mixes_two_revisions() {
    let f = Fixture::new();
    let (a, root) = (agent("a"), scope(""));
    let done = AtomicBool::new(false);
    // Every odd revision from here sets L5 where L2 stood, every even one the reverse: the cap and the rules alternate.
    f.admin.assign(grant("a", TrustLevel::Autonomous)).unwrap();
    let level_of = |revision: u64| {
        if revision.is_multiple_of(2) {
            TrustLevel::Autonomous
        } else {
            TrustLevel::Suggest
        }
    };
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::SeqCst) {
                    let decision = f.gate.check_level(&a, &root, TrustLevel::Monitor);
                    let revision = decision.revision().as_u64();
                    assert_eq!(decision.effective(), level_of(revision));
                    assert!(revision >= last, "a thread never sees an older state again");
                    last = revision;
                }
            });
        }
        for _ in 0..500 {
            f.admin
                .cap(&a, &root, TrustLevel::Suggest, &ops(), "")
                .unwrap();
            f.admin.lift_cap(&a, &root, &ops(), "").unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(f.gate.revision().as_u64(), 1_002);
}

#[test]
fn acts_from_many_threads_are_numbered_in_sequence() {
    let f = Fixture::new();
    std::thread::scope(|threads| {
        for n in 0..4 {
            let f = &f;
            threads.spawn(move || {
                for m in 0..100 {
                    f.admin
                        .assign(grant(&format!("a-{n}-{m}"), TrustLevel::Monitor))
                        .unwrap();
                }
            });
        }
    });
    let events = f.admin.history(&HistoryFilter::default()).unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.revision.as_u64()).collect();
    assert_eq!(numbers, (1..=401).collect::<Vec<_>>());
    assert_eq!(f.admin.agents().len(), 400);
}
