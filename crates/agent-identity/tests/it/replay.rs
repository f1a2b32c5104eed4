//! A token is used once.

use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent_identity::{Authenticator as _, Replay};

use crate::fixture::{Fixture, HOUR, NOON, SECOND, ask, issuer, key};

fn remembering(capacity: usize) -> Fixture {
    let capacity = NonZeroUsize::new(capacity).unwrap();
    Fixture::with(|builder| builder.replay(Replay::Refuse { capacity }))
}

#[test]
fn a_token_is_accepted_once() {
    let fixture = Fixture::new();
    let token = fixture.token();
    assert_eq!(fixture.verdict(&token), "ok");
    assert_eq!(fixture.verdict(&token), "replayed");
    assert_eq!(
        fixture.verdict(fixture.token()),
        "ok",
        "another one of the same agent"
    );
}

#[test]
fn of_a_thousand_threads_with_one_token_one_is_let_in() {
    const THREADS: usize = 1_000;
    let fixture = Fixture::new();
    let token = fixture.token();
    let (let_in, replayed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let run = || {
                start.wait();
                match fixture.gate.authenticate(token.as_bytes()) {
                    Ok(_) => let_in.fetch_add(1, Ordering::Relaxed),
                    Err(error) => {
                        assert_eq!(error.code(), "replayed");
                        replayed.fetch_add(1, Ordering::Relaxed)
                    }
                };
            };
            let small = std::thread::Builder::new().stack_size(256 << 10);
            small.spawn_scoped(scope, run).unwrap();
        }
    });
    assert_eq!(let_in.into_inner(), 1);
    assert_eq!(replayed.into_inner(), THREADS - 1);
}

#[test]
fn a_token_that_was_refused_is_not_used_up() {
    let fixture = Fixture::new();
    let token = fixture.token_of(&ask().not_before(NOON + HOUR).lifetime(HOUR));
    assert_eq!(fixture.verdict(&token), "not_yet_valid");
    fixture.clock.set(NOON + HOUR);
    assert_eq!(fixture.verdict(&token), "ok");
}

#[test]
fn what_is_live_is_never_forgotten_to_make_room() {
    let fixture = remembering(2);
    let (first, second) = (fixture.token(), fixture.token_of(&ask().lifetime(HOUR)));
    assert_eq!(fixture.verdict(&first), "ok");
    assert_eq!(fixture.verdict(&second), "ok");
    let third = fixture.token_of(&ask().lifetime(HOUR));
    assert_eq!(fixture.verdict(&third), "replay_memory_full");
    assert_eq!(fixture.verdict(&first), "replayed");
    fixture.clock.advance(SECOND * 300);
    assert_eq!(fixture.verdict(&third), "ok", "the first has expired");
    assert_eq!(fixture.verdict(&first), "expired");
    assert_eq!(fixture.verdict(&second), "replayed");
}

#[test]
fn a_clock_set_back_does_not_bring_back_what_was_forgotten() {
    let fixture = remembering(1);
    let first = fixture.token();
    assert_eq!(fixture.verdict(&first), "ok");
    fixture.clock.set(NOON + SECOND * 300);
    assert_eq!(fixture.verdict(fixture.token()), "ok", "forgets the first");
    fixture.clock.set(NOON + SECOND);
    assert_eq!(fixture.verdict(&first), "expired");
}

#[test]
fn one_issuer_does_not_use_up_the_ids_or_the_room_of_another() {
    let capacity = NonZeroUsize::MIN;
    let fixture = Fixture::with(|builder| {
        builder.replay(Replay::Refuse { capacity }).trust(
            "other".parse().unwrap(),
            "k9".parse().unwrap(),
            key(9).verifying_key(),
        )
    });
    assert_eq!(fixture.verdict(fixture.token()), "ok");
    assert_eq!(fixture.verdict(fixture.token()), "replay_memory_full");
    let other = issuer("other", "k9", 9)
        .clock(|| NOON)
        .issue(&ask())
        .unwrap();
    assert_eq!(fixture.verdict(other.as_str()), "ok");
}

#[test]
fn replay_is_allowed_by_name_alone() {
    let fixture = Fixture::with(|builder| builder.replay(Replay::Allow));
    let token = fixture.token();
    for _ in 0..3 {
        assert_eq!(fixture.verdict(&token), "ok");
    }
    assert_eq!(
        Replay::default(),
        Replay::Refuse {
            capacity: NonZeroUsize::new(65_536).unwrap()
        }
    );
}
