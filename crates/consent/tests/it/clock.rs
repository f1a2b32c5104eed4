//! A clock set back revives nothing; only an operator's act does.

use std::time::Duration;

use consent::{Clock, ConsentError, ConsentGate, ConsentLedger, Revision, SystemClock};

use crate::support::{House, START, ask_for, blanket, grant, house, id};

fn reopen(house: &House) -> (ConsentGate, ConsentLedger) {
    let builder = ConsentGate::builder().clock(house.clock.clone());
    builder.store(house.store.clone()).build().unwrap()
}

#[test]
fn a_lapsed_consent_does_not_revive_when_the_clock_is_set_back() {
    let house = house();
    house.give(grant("user", "support").expires_at(START + Duration::from_secs(60)));
    let query = ask_for("user", "support");
    assert_eq!(house.code(&query), "consent_granted");
    house.clock.set(START + Duration::from_secs(60));
    assert_eq!(house.code(&query), "expired");
    house.clock.set(START);
    assert_eq!(house.code(&query), "expired");
    assert_eq!(house.gate.check_at(&query, START).code(), "expired");
    assert_eq!(house.gate.now(), START + Duration::from_secs(60));
}

#[test]
fn what_was_denied_as_expired_stays_so_to_the_nanosecond() {
    let house = house();
    let end = START + Duration::from_nanos(1);
    house.give(grant("user", "support").expires_at(end));
    let query = ask_for("user", "support");
    assert_eq!(house.gate.check_at(&query, end).code(), "expired");
    assert_eq!(house.gate.check_at(&query, START).code(), "expired");
}

#[test]
fn elapsed_time_carries_on_when_the_wall_clock_is_set_back() {
    let house = house();
    house.clock.set_elapsed(Some(Duration::from_secs(7)));
    house
        .ledger
        .accept_clock(id("ops@example.com"), "this clock has elapsed time")
        .unwrap();
    house.give(grant("user", "support").expires_at(START + Duration::from_secs(60)));
    let query = ask_for("user", "support");
    house.clock.advance(Duration::from_secs(59));
    house.clock.set(START);
    assert_eq!(house.code(&query), "consent_granted");
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(house.code(&query), "expired");
    assert_eq!(house.gate.check_at(&query, START).code(), "expired");
}

#[test]
fn an_operator_who_accepts_the_clock_lets_time_go_back_and_it_is_on_record() {
    let house = house();
    house.give(grant("user", "support").expires_at(START + Duration::from_secs(60)));
    let query = ask_for("user", "support");
    house.clock.set(START + Duration::from_secs(1_000_000));
    assert_eq!(house.code(&query), "expired");
    house.clock.set(START + Duration::from_secs(30));
    let revision = house
        .ledger
        .accept_clock(id("ops@example.com"), "time server was wrong")
        .unwrap();
    assert_eq!(house.code(&query), "consent_granted");
    assert_eq!(house.gate.revision(), revision);
    house.clock.set(START + Duration::from_secs(60));
    assert_eq!(house.code(&query), "expired");
}

#[test]
fn accepting_the_clock_needs_a_reason() {
    let house = house();
    for reason in [
        "",
        "  ",
        "\u{feff} \u{200b}",
        "two\nlines",
        &"x".repeat(1025),
    ] {
        let refused = house.ledger.accept_clock(id("ops@example.com"), reason);
        assert!(
            matches!(refused, Err(ConsentError::Reason { .. })),
            "{reason:?}"
        );
    }
    assert_eq!(house.ledger.revision(), Revision::ZERO);
}

#[test]
fn consent_given_under_a_wrong_clock_is_in_force_once_the_clock_is_accepted() {
    let house = house();
    house.clock.set(START + Duration::from_secs(1_000_000)); // wrong
    house.give(grant("user", "support"));
    house.clock.set(START);
    house
        .ledger
        .accept_clock(id("ops@example.com"), "wrong day")
        .unwrap();
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
}

#[test]
fn a_restart_under_an_older_clock_goes_on_from_the_kept_mark() {
    let house = house();
    house.give(grant("user", "support").expires_at(START + Duration::from_secs(60)));
    house.clock.set(START + Duration::from_secs(60));
    house.give(grant("orders", "support"));
    house.clock.set(START);
    let (gate, _) = ConsentGate::builder()
        .clock(house.clock.clone())
        .store(house.store.clone())
        .build()
        .unwrap();
    assert_eq!(gate.check(&ask_for("user", "support")).code(), "expired");
}

#[test]
fn a_lapse_that_was_told_of_survives_a_restart_within_the_minute() {
    let house = house();
    house.give(grant("user", "support").expires_at(START + Duration::from_secs(5)));
    house.clock.set(START + Duration::from_secs(9));
    assert_eq!(house.code(&ask_for("user", "support")), "expired");
    house.clock.set(START);
    let (gate, _) = reopen(&house);
    assert_eq!(gate.check(&ask_for("user", "support")).code(), "expired");
    assert_eq!(gate.now(), START + Duration::from_secs(5));
}

#[test]
fn a_denial_tells_of_every_consent_that_would_have_permitted() {
    let house = house();
    house.give(grant("user", "support").expires_at(START + Duration::from_secs(5)));
    house.give(blanket("user").expires_at(START + Duration::from_secs(9)));
    house.clock.set(START + Duration::from_secs(20));
    assert_eq!(house.code(&ask_for("user", "support")), "expired");
    house.clock.set(START + Duration::from_secs(7));
    let (gate, _) = reopen(&house);
    assert_eq!(gate.check(&ask_for("user", "support")).code(), "expired");
}

#[test]
fn a_jump_that_elapsed_time_does_not_bear_out_does_not_freeze_the_next_process() {
    let house = house();
    house.clock.set_elapsed(Some(Duration::ZERO));
    let (gate, _) = reopen(&house);
    house.clock.set(START + Duration::from_secs(1_000_000_000));
    assert_eq!(gate.now(), START + Duration::from_secs(1_000_000_000));
    house.clock.set(START);
    let (gate, _) = reopen(&house);
    assert_eq!(gate.now(), START);
}

#[test]
fn after_the_clock_was_accepted_a_restart_does_not_bring_the_wrong_time_back() {
    let house = house();
    house.clock.set(START + Duration::from_secs(1_000_000_000));
    assert_eq!(house.gate.now(), START + Duration::from_secs(1_000_000_000)); // and kept, for want of elapsed time
    house.clock.set(START);
    assert!(reopen(&house).0.now() > START);
    let (_, ledger) = reopen(&house);
    ledger
        .accept_clock(id("ops@example.com"), "wrong decade")
        .unwrap();
    assert_eq!(reopen(&house).0.now(), START);
}

#[test]
fn a_restart_goes_on_from_the_reading_that_was_accepted() {
    let house = house();
    house.give(grant("user", "support").expires_at(START + Duration::from_secs(5)));
    house.clock.set(START + Duration::from_secs(10));
    let accepted = house.ledger.accept_clock(id("ops@example.com"), "checked");
    accepted.unwrap();
    house.clock.set(START);
    let (gate, _) = reopen(&house); // no check had kept a mark since
    assert_eq!(gate.now(), START + Duration::from_secs(10));
    assert_eq!(gate.check(&ask_for("user", "support")).code(), "expired");
}

#[test]
fn a_closure_is_a_clock() {
    let (gate, ledger) = ConsentGate::builder().clock(|| START).build().unwrap();
    assert_eq!(ledger.record(grant("user", "support")).unwrap().at(), START);
    assert_eq!(gate.check(&ask_for("user", "support")).at(), START);
}

#[test]
fn the_system_clock_moves_and_has_elapsed_time() {
    let (wall, elapsed) = (
        SystemClock::new().now(),
        SystemClock::new().elapsed().unwrap(),
    );
    while SystemClock::new().elapsed().unwrap() == elapsed {}
    assert!(SystemClock::new().elapsed().unwrap() > elapsed);
    assert!(wall.year() >= 2025);
}

#[test]
fn an_absurd_clock_denies_what_can_expire_and_breaks_nothing() {
    let house = house();
    house.give(grant("user", "support").expires_at(time::macros::datetime!(2300-01-01 0:00 UTC)));
    house.give(grant("orders", "support"));
    house.clock.set(time::OffsetDateTime::new_utc(
        time::Date::MAX,
        time::Time::MIDNIGHT,
    ));
    assert_eq!(house.code(&ask_for("user", "support")), "expired");
    assert_eq!(house.code(&ask_for("orders", "support")), "consent_granted");
    house.give(grant("user", "support"));
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
}
