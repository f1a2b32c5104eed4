//! A log that does not answer: nobody has to wait for it who does not want to, and what was taken away is in force meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use trust_gate::{Scope, TrustLevel};

use super::Fault;
use super::bench::{Bench, Ground, agent, ops};
use super::scenarios;
use crate::Usage;

const GROUNDS: [Ground; 3] = [Ground::Memory, Ground::Journal, Ground::Directory];

/// The log hangs when the first entry from here on is stored.
fn hanging(ground: Ground) -> Bench {
    let bench = Bench::new(ground);
    scenarios::settle(&bench, &mut Vec::new());
    bench.plan.arm(1, Fault::Hangs);
    bench
}

/// Polls a future until it waits for the log, and gives up.
fn given_up<T>(bench: &Bench, future: impl Future<Output = T>) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    while !bench.plan.is_hanging() {
        assert!(matches!(future.as_mut().poll(&mut context), Poll::Pending));
        thread::yield_now();
    }
}

#[test]
fn a_call_that_is_given_up_while_its_intent_hangs_holds_nothing() {
    for ground in GROUNDS {
        let bench = hanging(ground);
        let before = bench.state();
        given_up(&bench, bench.stack().authorize(&bench.read()));
        bench.plan.disarm();
        assert_eq!(bench.state(), before, "{ground:?}");
        let entries = bench.entries();
        assert!(entries.without_end().is_empty(), "{ground:?}");
        let endings = entries.outcomes.values().flatten();
        let cancelled = endings.filter(|entry| entry.event() == Some("cancelled"));
        assert_eq!(cancelled.count(), 1, "{ground:?}");
    }
}

#[test]
fn an_end_that_is_given_up_while_it_hangs_is_booked_and_recorded() {
    for ground in GROUNDS {
        let mut bench = Bench::new(ground);
        let permit = bench.stack().guard().authorize_blocking(&bench.read());
        let permit = permit.unwrap();
        bench.plan.arm(1, Fault::Hangs);
        given_up(&bench, permit.settle(Usage::default()));
        bench.plan.disarm();
        let state = bench.state();
        assert_eq!((state.spent, state.held), (1_000_000_000, 0), "{ground:?}");
        assert!(bench.entries().without_end().is_empty(), "{ground:?}");
        if ground != Ground::Memory {
            bench.open().unwrap();
            assert_eq!(bench.state(), state, "{ground:?}");
        }
    }
}

#[test]
fn a_revoke_is_in_force_while_the_log_hangs_over_it() {
    for ground in GROUNDS {
        let bench = hanging(ground);
        thread::scope(|scope| {
            let revoked = scope.spawn(|| {
                let trust = bench.stack().admin().trust();
                trust.revoke(&agent(), &Scope::root(), &ops(), "now")
            });
            bench.plan.wait_for_hanging();
            assert!(!revoked.is_finished(), "{ground:?}");
            assert!(!bench.has_level(TrustLevel::Monitor), "{ground:?}");
            let denied = bench.stack().guard().authorize_blocking(&bench.read());
            assert_eq!(denied.unwrap_err().code(), "trust_too_low", "{ground:?}");
            bench.plan.release();
            revoked.join().unwrap().unwrap();
        });
    }
}

#[test]
fn a_withdrawal_is_in_force_while_the_log_hangs_over_it() {
    for ground in GROUNDS {
        let bench = hanging(ground);
        thread::scope(|scope| {
            let withdrawn = scope.spawn(|| {
                let consent = bench.stack().admin().consent();
                consent.withdraw_agent("bot".parse().unwrap(), None)
            });
            bench.plan.wait_for_hanging();
            assert!(!bench.state().has_consent, "{ground:?}");
            bench.plan.release();
            drop(withdrawn.join().unwrap().unwrap());
        });
    }
}

#[test]
fn a_call_whose_intent_hangs_does_not_start_once_it_was_revoked() {
    for ground in GROUNDS {
        let bench = Arc::new(hanging(ground));
        thread::scope(|scope| {
            let call = scope.spawn(|| bench.stack().guard().authorize_blocking(&bench.read()));
            bench.plan.wait_for_hanging();
            let trust = bench.stack().admin().trust();
            trust
                .revoke(&agent(), &Scope::root(), &ops(), "now")
                .unwrap();
            bench.plan.release();
            let denied = call.join().unwrap().unwrap_err();
            assert_eq!(denied.code(), "revoked", "{ground:?}");
        });
        assert_eq!(bench.state().held, 0, "{ground:?}");
    }
}
