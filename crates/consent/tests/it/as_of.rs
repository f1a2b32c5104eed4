//! What was permitted at a past instant.

use std::time::Duration;

use crate::support::{START, all_of, ask_for, grant, house, id};

fn after(seconds: u64) -> time::OffsetDateTime {
    START + Duration::from_secs(seconds)
}

#[test]
fn knows_only_what_had_been_recorded_by_then() {
    let house = house();
    house.clock.set(after(10));
    house.give(
        grant("user", "support")
            .valid_from(START)
            .expires_at(after(15)),
    );
    house.clock.set(after(20));
    house.give(grant("user", "support"));
    house.clock.set(after(30));
    house.withdraw(all_of("user"));
    let query = ask_for("user", "support");
    for (seconds, code, revision) in [
        (9, "no_record", 0),
        (10, "consent_granted", 1),
        (15, "expired", 1),
        (20, "consent_granted", 2),
        (29, "consent_granted", 2),
        (30, "withdrawn", 3),
        (1000, "withdrawn", 3),
    ] {
        let then = house.ledger.as_of(after(seconds));
        assert_eq!(
            (then.check(&query).code(), then.revision().as_u64()),
            (code, revision),
            "{seconds}"
        );
        assert_eq!(then.check(&query).at(), after(seconds));
    }
}

#[test]
fn an_act_stamped_by_a_wrong_clock_has_its_place_by_revision() {
    let house = house();
    house.clock.set(after(10));
    house.give(grant("user", "support"));
    house.clock.set(after(1_000_000)); // wrong
    house.withdraw(all_of("user"));
    house.clock.set(after(20));
    house
        .ledger
        .accept_clock(id("ops@example.com"), "wrong day")
        .unwrap();
    let query = ask_for("user", "support");
    assert_eq!(
        house.ledger.as_of(after(15)).check(&query).code(),
        "consent_granted"
    );
    assert_eq!(
        house.ledger.as_of(after(20)).check(&query).code(),
        "withdrawn"
    );
}
