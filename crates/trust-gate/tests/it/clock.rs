//! A clock can lower a level and never raise one; only an operator can say that it was wrong.

use std::time::Duration;

use time::OffsetDateTime;
use trust_gate::{Decay, ManualClock, MemoryStore, TrustGate, TrustGateConfig, TrustLevel};

use crate::fixture::{DAY, Fixture, HOUR, NOON, agent, grant, ops, scope};

use TrustLevel::{ActAndReport, Observer};

fn expiring() -> Fixture {
    let f = Fixture::new();
    f.admin
        .assign(grant("a", ActAndReport).expires_at(NOON + DAY))
        .unwrap();
    f
}

/// The same with a clock that also tells elapsed time.
fn expiring_with_elapsed_time() -> Fixture {
    let clock = ManualClock::new(NOON);
    clock.set_elapsed(Some(HOUR));
    let f = Fixture::open(TrustGateConfig::default(), clock, MemoryStore::default());
    f.admin
        .assign(grant("a", ActAndReport).expires_at(NOON + DAY))
        .unwrap();
    f
}

#[test]
fn a_clock_set_back_revives_nothing() {
    let f = expiring();
    f.clock.set(NOON + DAY);
    assert_eq!(f.level("a", ""), Observer);
    f.clock.set(NOON);
    assert_eq!(f.level("a", ""), Observer);
    assert_eq!(f.gate.now(), NOON + DAY);
}

#[test]
fn a_clock_set_back_does_not_delay_a_lapse() {
    let f = expiring_with_elapsed_time();
    f.clock.advance(HOUR * 2);
    f.clock.set(NOON - DAY * 30);
    assert_eq!(f.level("a", ""), ActAndReport);
    f.clock.advance(HOUR * 22);
    assert_eq!(f.level("a", ""), Observer);
}

#[test]
fn a_reading_given_from_outside_is_held_to_the_same_rule() {
    let f = expiring();
    let at = |wall| {
        f.gate
            .check_level_at(&agent("a"), &scope(""), TrustLevel::Monitor, wall)
    };
    assert!(at(NOON).allowed());
    assert!(!at(NOON + DAY).allowed());
    let revived = at(NOON);
    assert!(!revived.allowed());
    assert_eq!(revived.at(), NOON + DAY);
}

#[test]
fn a_lapse_that_was_seen_holds_to_the_nanosecond() {
    let f = expiring();
    let half = Duration::from_micros(500);
    f.clock.set(NOON + DAY - half);
    assert_eq!(f.level("a", ""), ActAndReport);
    f.clock.set(NOON + DAY);
    assert_eq!(f.level("a", ""), Observer);
    f.clock.set(NOON + DAY - half);
    assert_eq!(f.level("a", ""), Observer);
}

#[test]
fn a_restart_under_an_older_clock_revives_nothing() {
    let f = expiring();
    f.clock.set(NOON + DAY);
    assert_eq!(f.level("a", ""), Observer);
    f.clock.set(NOON);
    let f = f.restart();
    assert_eq!(f.level("a", ""), Observer);
}

#[test]
fn a_restart_under_an_older_clock_begins_where_the_last_process_was() {
    let f = expiring();
    f.clock.set(NOON + DAY * 3);
    assert_eq!(f.gate.now(), NOON + DAY * 3);
    f.clock.set(NOON);
    let f = f.restart();
    assert_eq!(f.gate.now(), NOON + DAY * 3);
    assert_eq!(f.level("a", ""), Observer, "though nobody saw it lapse");
}

#[test]
fn one_glitch_is_not_carried_into_the_next_process() {
    let f = expiring_with_elapsed_time();
    let glitch = NOON + DAY * 36_500;
    f.clock.set(glitch);
    assert_eq!(f.gate.now(), glitch);
    f.clock.set(NOON + HOUR);
    assert_eq!(f.gate.now(), glitch, "sticky while the process lives");
    let f = f.restart();
    assert_eq!(f.gate.now(), NOON + HOUR);
    assert_eq!(f.level("a", ""), ActAndReport);
}

#[test]
fn a_lapse_that_a_glitch_has_shown_is_carried_into_the_next_process() {
    let f = expiring_with_elapsed_time();
    f.clock.set(NOON + DAY * 36_500);
    assert_eq!(f.level("a", ""), Observer);
    f.clock.set(NOON + HOUR);
    let f = f.restart();
    assert_eq!(f.level("a", ""), Observer);
    assert_eq!(f.gate.now(), NOON + DAY, "and no more than that");
}

#[test]
fn a_jump_that_elapsed_time_bears_out_is_carried_on() {
    let f = expiring_with_elapsed_time();
    f.clock.set(NOON + HOUR * 10);
    let _ = f.gate.now();
    f.clock.set_elapsed(Some(HOUR * 11));
    let _ = f.gate.now();
    f.clock.set(NOON);
    f.clock.set_elapsed(Some(HOUR));
    assert_eq!(f.restart().gate.now(), NOON + HOUR * 10);
}

#[test]
fn an_operator_can_accept_the_clock() {
    let f = expiring();
    f.clock.set(NOON + DAY * 36_500);
    assert_eq!(f.level("a", ""), Observer);
    f.clock.set(NOON + HOUR);
    let event = f.admin.accept_clock(&ops(), "the clock was wrong").unwrap();
    assert_eq!(f.gate.revision(), event.revision);
    assert_eq!(f.gate.now(), NOON + HOUR);
    assert_eq!(f.level("a", ""), ActAndReport);
    let f = f.restart();
    assert_eq!(f.gate.now(), NOON + HOUR, "the mark of before is void");
    assert_eq!(f.level("a", ""), ActAndReport);
    f.clock.set(NOON);
    assert_eq!(f.gate.now(), NOON + HOUR, "and sticky again");
    f.clock.set(NOON + DAY);
    assert_eq!(f.level("a", ""), Observer);
}

#[test]
fn decay_is_counted_on_elapsed_time_when_the_clock_stands_still() {
    let clock = ManualClock::new(NOON);
    clock.set_elapsed(Some(Duration::ZERO));
    let f = Fixture::open(TrustGateConfig::default(), clock, MemoryStore::default());
    f.admin
        .assign(grant("a", ActAndReport).decay(Decay::step(DAY, Observer)))
        .unwrap();
    f.clock.set_elapsed(Some(DAY * 2));
    assert_eq!(f.level("a", ""), TrustLevel::Suggest);
}

#[test]
fn a_closure_is_a_clock() {
    let (gate, _) = TrustGate::builder().clock(|| NOON).build().unwrap();
    assert_eq!(gate.now(), NOON);
}

#[test]
fn a_clock_in_another_zone_tells_the_same_time() {
    let zone = time::UtcOffset::from_hms(9, 30, 0).unwrap();
    let (gate, _) = TrustGate::builder()
        .clock(move || NOON.to_offset(zone))
        .build()
        .unwrap();
    assert_eq!(gate.now(), NOON);
    assert_eq!(gate.now().offset(), time::UtcOffset::UTC);
}

#[test]
fn the_systems_clock_moves_on() {
    let (gate, _) = TrustGate::builder().build().unwrap();
    let first = gate.now();
    assert!(first > OffsetDateTime::UNIX_EPOCH);
    assert!(gate.now() >= first);
}
