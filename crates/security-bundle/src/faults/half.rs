//! Several acts are to be stored at once, and the log takes some of them: what it took is in force, here and after a restart, also where
//! a snapshot was made in between.

use trust_gate::{Scope, TrustLevel};

use super::bench::{Bench, Ground, agent, ops};
use super::{Call, Fault};
use crate::consent;

/// Revokes, which the log does not take, and quarantines: the log takes the revocation then, and not the quarantine.
fn half_a_batch(bench: &Bench) {
    let trust = bench.stack().admin().trust();
    bench.plan.arm(0, Fault::Refuses);
    trust
        .revoke(&agent(), &Scope::root(), &ops(), "enough")
        .unwrap_err();
    bench.plan.arm(1, Fault::Refuses);
    trust
        .quarantine(&agent(), &Scope::root(), &ops(), "odd")
        .unwrap_err();
    let (calls, has_struck) = bench.plan.disarm();
    assert!(
        has_struck && calls[..] == [Call::Take, Call::Take],
        "{calls:?}"
    );
}

fn history(bench: &Bench) -> Vec<&'static str> {
    let trust = bench.stack().admin().trust();
    let events = trust
        .history(&trust_gate::HistoryFilter::default())
        .unwrap();
    events.iter().map(|event| event.act.kind().code()).collect()
}

#[test]
fn what_the_log_took_of_a_batch_is_in_force_after_a_restart() {
    for ground in [Ground::Journal, Ground::Directory] {
        let mut bench = Bench::new(ground);
        half_a_batch(&bench);
        assert!(!bench.has_level(TrustLevel::Monitor), "in force at once");
        // In a directory this makes a snapshot, which is what the next one begins with.
        bench.open().unwrap();
        assert!(!bench.has_level(TrustLevel::Monitor), "{ground:?}");
        assert_eq!(history(&bench).last(), Some(&"revoke"), "{ground:?}");
        // And what comes after it follows from it.
        let trust = bench.stack().admin().trust();
        trust
            .quarantine(&agent(), &Scope::root(), &ops(), "odd")
            .unwrap();
        bench.open().unwrap();
        assert_eq!(history(&bench).last(), Some(&"quarantine"), "{ground:?}");
    }
}

#[test]
fn the_rest_of_a_batch_is_stored_once_with_what_comes_next() {
    for ground in [Ground::Journal, Ground::Directory] {
        let mut bench = Bench::new(ground);
        half_a_batch(&bench);
        let trust = bench.stack().admin().trust();
        trust
            .cap(
                &agent(),
                &Scope::root(),
                TrustLevel::Monitor,
                &ops(),
                "less",
            )
            .unwrap();
        let before = history(&bench);
        assert_eq!(before[before.len() - 3..], ["revoke", "quarantine", "cap"]);
        bench.open().unwrap();
        assert_eq!(history(&bench), before, "{ground:?}");
    }
}

#[test]
fn withdrawals_of_which_the_log_took_some_are_in_force_after_a_restart() {
    for ground in [Ground::Journal, Ground::Directory] {
        let mut bench = Bench::new(ground);
        let ledger = bench.stack().admin().consent();
        let other: consent::AgentId = "other".parse().unwrap();
        bench.plan.arm(0, Fault::Refuses);
        ledger
            .withdraw_agent("bot".parse().unwrap(), None)
            .unwrap_err();
        bench.plan.arm(1, Fault::Refuses);
        ledger.withdraw_agent(other, None).unwrap_err();
        assert!(bench.plan.disarm().1);
        assert!(!bench.state().has_consent);
        bench.open().unwrap();
        assert!(!bench.state().has_consent, "{ground:?}");
    }
}
