//! A check allocates nothing, whatever it answers: memory is what threads that have nothing else in common wait for.

use std::hint::black_box;
use std::time::Duration;

use allocation_counter::measure;
use consent::{ConsentGate, ConsentQuery, Extent};

use crate::support::{START, ask, ask_for, blanket, grant, house, id, permissive_house};

/// The allocations of many checks, once one has told this thread to the gate; and what they answered.
fn allocations(gate: &ConsentGate, query: &ConsentQuery) -> (u64, &'static str) {
    let first = gate.check(query).code();
    let counted = measure(|| {
        for _ in 0..100 {
            assert_eq!(black_box(gate.check(query)).code(), first);
        }
    });
    (counted.count_total, first)
}

#[test]
fn the_counter_counts() {
    let counted = measure(|| drop(black_box(Box::new(7))));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn check_allocates_nothing() {
    let h = house();
    h.give(grant("user", "support"));
    h.give(blanket("orders"));
    h.give(grant("user", "analytics").expires_at(START + Duration::from_secs(60)));
    h.give(grant("letters", "support").subject(id("ada")));
    h.withdraw(Extent::new(id("bot"), id("user.contact")).purpose(id("support")));
    h.clock.advance(Duration::from_secs(3_600));
    for (query, code) in [
        (ask_for("user.name", "support"), "consent_granted"),
        (
            ask_for("user.name", "support").and(id("orders")),
            "consent_granted",
        ),
        (
            ask_for("letters", "support").subject(id("ada")),
            "consent_granted",
        ),
        (ask_for("user.contact.email", "support"), "withdrawn"),
        (ask_for("user", "analytics"), "expired"),
        (ask_for("user", "marketing"), "purpose_not_covered"),
        (ask("letters").subject(id("ada")), "purpose_missing"),
        (ask_for("salary", "support"), "no_record"),
    ] {
        assert_eq!(allocations(&h.gate, &query), (0, code), "{query:?}");
    }
}

#[test]
fn check_in_permissive_mode_allocates_nothing() {
    let h = permissive_house();
    let query = ask_for("salary", "support");
    assert_eq!(allocations(&h.gate, &query), (0, "permissive_mode"));
}

#[test]
fn check_under_the_systems_clock_allocates_nothing() {
    let (gate, ledger) = ConsentGate::builder().build().unwrap();
    ledger.record(grant("user", "support")).unwrap();
    let query = ask_for("user", "support");
    assert_eq!(allocations(&gate, &query), (0, "consent_granted"));
}
