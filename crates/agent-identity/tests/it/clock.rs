//! Times of tokens, and a clock that somebody moves.

use agent_identity::{Replay, TokenAuthenticator};
use std::time::Duration;

use crate::fixture::{DAY, Fixture, HOUR, NOON, SECOND, ask, key};

const NANO: Duration = Duration::from_nanos(1);

#[test]
fn is_valid_from_its_beginning_to_just_before_its_end() {
    // The memory of used tokens refuses what has ended too, so the rule is tried without it as well.
    for replay in [Replay::default(), Replay::Allow] {
        begins_and_ends(&Fixture::with(|builder| builder.replay(replay)));
    }
}

fn begins_and_ends(fixture: &Fixture) {
    let token = || fixture.token_of(&ask().not_before(NOON + HOUR).lifetime(HOUR));
    let tokens = [token(), token(), token()];
    let at = |moment, token: &str| {
        fixture.clock.set(moment);
        fixture.verdict(token)
    };
    assert_eq!(at(NOON + HOUR - NANO, &tokens[0]), "not_yet_valid");
    assert_eq!(at(NOON + HOUR, &tokens[0]), "ok");
    assert_eq!(at(NOON + HOUR * 2 - NANO, &tokens[1]), "ok");
    assert_eq!(at(NOON + HOUR * 2, &tokens[2]), "expired");
}

#[test]
fn leeway_moves_both_ends_and_no_further() {
    let fixture = Fixture::with(|builder| builder.leeway(SECOND * 60));
    let token = || fixture.token_of(&ask().not_before(NOON + HOUR).lifetime(HOUR));
    let tokens = [token(), token(), token()];
    let at = |moment, token: &str| {
        fixture.clock.set(moment);
        fixture.verdict(token)
    };
    assert_eq!(
        at(NOON + HOUR - SECOND * 60 - NANO, &tokens[0]),
        "not_yet_valid"
    );
    assert_eq!(at(NOON + HOUR - SECOND * 60, &tokens[0]), "ok");
    assert_eq!(at(NOON + HOUR * 2 + SECOND * 60 - NANO, &tokens[1]), "ok");
    assert_eq!(at(NOON + HOUR * 2 + SECOND * 60, &tokens[2]), "expired");
}

#[test]
fn a_token_from_the_future_waits_even_if_it_says_that_it_is_valid() {
    let fixture = Fixture::new();
    fixture.clock.set(NOON + SECOND);
    let token = fixture.token();
    fixture.clock.set(NOON);
    assert_eq!(fixture.verdict(&token), "not_yet_valid");
}

#[test]
fn a_clock_set_back_does_not_revive_an_expired_token() {
    for replay in [Replay::default(), Replay::Allow] {
        let fixture = Fixture::with(|builder| builder.replay(replay));
        let (token, other) = (fixture.token(), fixture.token());
        fixture.clock.set(NOON + HOUR);
        assert_eq!(fixture.verdict(&other), "expired");
        fixture.clock.set(NOON + SECOND);
        assert_eq!(fixture.verdict(&token), "expired");
    }
}

#[test]
fn time_passes_behind_a_clock_that_stands_still() {
    for replay in [Replay::default(), Replay::Allow] {
        let clock = agent_identity::ManualClock::new(NOON);
        clock.set_elapsed(Some(DAY));
        let fixture = Fixture::with(|builder| builder.replay(replay).clock(clock.clone()));
        let token = fixture.token();
        clock.set_elapsed(Some(DAY + HOUR));
        assert_eq!(fixture.verdict(&token), "expired");
    }
}

#[test]
fn a_clock_that_once_ran_ahead_lets_nothing_in_early() {
    let fixture = Fixture::new();
    let token = fixture.token_of(&ask().not_before(NOON + HOUR).lifetime(HOUR * 10));
    fixture.clock.set(NOON + HOUR * 2);
    assert_eq!(fixture.verdict("aid1..").len(), "malformed".len());
    assert_eq!(
        fixture.verdict(fixture.token()),
        "ok",
        "so the jump was read"
    );
    fixture.clock.set(NOON);
    assert_eq!(fixture.verdict(&token), "not_yet_valid");
}

#[test]
fn lives_no_longer_than_is_accepted() {
    let fixture = Fixture::new();
    assert_eq!(
        fixture.verdict(fixture.token_of(&ask().lifetime(DAY))),
        "ok"
    );
    let longer = fixture.token_of(&ask().lifetime(DAY + SECOND));
    assert_eq!(fixture.verdict(longer), "lives_too_long");
    let fixture = Fixture::with(|builder| builder.max_lifetime(HOUR));
    let waiting = fixture.token_of(&ask().not_before(NOON + SECOND).lifetime(HOUR));
    assert_eq!(fixture.verdict(waiting), "lives_too_long", "from issue on");
}

#[test]
fn a_leeway_or_lifetime_that_makes_no_sense_is_refused() {
    let build = |leeway, lifetime| {
        TokenAuthenticator::builder("gate".parse().unwrap())
            .trust(
                "launcher".parse().unwrap(),
                "k1".parse().unwrap(),
                key(1).verifying_key(),
            )
            .leeway(leeway)
            .max_lifetime(lifetime)
            .build()
            .map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(build(SECOND * 60, SECOND), "ok");
    assert_eq!(build(SECOND * 60 + NANO, SECOND), "invalid_config");
    assert_eq!(build(SECOND, NANO * 999_999_999), "invalid_config");
}
