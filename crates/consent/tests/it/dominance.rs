//! A withdrawal takes away what it names from every earlier grant, and nothing else; a later grant gives back what it names.

use consent::Extent;

use crate::support::{all_of, ask, ask_for, blanket, by, grant, house, id, part_of};

#[test]
fn takes_the_intersection_from_a_broader_grant_not_the_whole() {
    let house = house();
    house.give(grant("user", "support"));
    house.withdraw(all_of("user.contact"));
    for (data_type, code) in [
        ("user.contact", "withdrawn"),
        ("user.contact.email", "withdrawn"),
        ("user.contacts", "consent_granted"),
        ("user.orders", "consent_granted"),
        ("user", "withdrawn"), // asks for the whole, of which a part is gone
    ] {
        assert_eq!(
            house.code(&ask_for(data_type, "support")),
            code,
            "{data_type}"
        );
    }
}

#[test]
fn takes_a_narrower_grant_with_it() {
    let house = house();
    house.give(grant("user.contact.email", "support.billing"));
    house.withdraw(part_of("user", "support"));
    assert_eq!(
        house.code(&ask_for("user.contact.email", "support.billing")),
        "withdrawn"
    );
}

#[test]
fn takes_one_purpose_from_blanket_consent() {
    let house = house();
    house.give(blanket("user"));
    house.withdraw(part_of("user", "marketing"));
    assert_eq!(
        house.code(&ask_for("user", "marketing.newsletter")),
        "withdrawn"
    );
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
    assert_eq!(house.code(&ask("user")), "withdrawn");
}

#[test]
fn without_a_purpose_takes_every_purpose() {
    let house = house();
    house.give(grant("user", "support"));
    house.give(blanket("user"));
    house.withdraw(all_of("user"));
    assert_eq!(house.code(&ask_for("user", "support")), "withdrawn");
    assert_eq!(house.code(&ask("user")), "withdrawn");
}

#[test]
fn bound_to_one_subject_takes_nothing_from_another() {
    let house = house();
    house.give(grant("user", "support"));
    house.withdraw(all_of("user").subject(id("ada")));
    let asked = ask_for("user", "support");
    assert_eq!(house.code(&asked.clone().subject(id("ada"))), "withdrawn");
    assert_eq!(
        house.code(&asked.clone().subject(id("bob"))),
        "consent_granted"
    );
    // Everyone's data is Ada's too: leaving her unnamed is no way round her withdrawal.
    assert_eq!(house.code(&asked), "withdrawn");
}

#[test]
fn unbound_takes_from_every_subject_and_operation() {
    let house = house();
    house.give(
        grant("user", "support")
            .subject(id("ada"))
            .operation(id("read")),
    );
    house.withdraw(all_of("user"));
    let asked = ask_for("user", "support")
        .subject(id("ada"))
        .operation(id("read"));
    assert_eq!(house.code(&asked), "withdrawn");
}

#[test]
fn bound_to_one_operation_takes_nothing_from_another() {
    let house = house();
    house.give(grant("user", "support"));
    house.withdraw(all_of("user").operation(id("share")));
    let asked = ask_for("user", "support");
    assert_eq!(
        house.code(&asked.clone().operation(id("share"))),
        "withdrawn"
    );
    assert_eq!(
        house.code(&asked.clone().operation(id("read"))),
        "consent_granted"
    );
    assert_eq!(house.code(&asked), "withdrawn");
}

#[test]
fn a_later_grant_gives_back_only_what_it_names() {
    let house = house();
    house.give(blanket("user"));
    house.withdraw(all_of("user"));
    house.give(grant("user.contact", "support"));
    assert_eq!(
        house.code(&ask_for("user.contact.email", "support")),
        "consent_granted"
    );
    assert_eq!(
        house.code(&ask_for("user.contact", "marketing")),
        "withdrawn"
    );
    assert_eq!(house.code(&ask_for("user.orders", "support")), "withdrawn");
    assert_eq!(house.code(&ask("user.contact")), "withdrawn");
}

#[test]
fn a_broader_query_needs_the_broader_consent_again() {
    let house = house();
    house.give(grant("user", "support"));
    house.withdraw(all_of("user.contact"));
    house.give(grant("user.contact", "support"));
    assert_eq!(
        house.code(&ask_for("user.contact", "support")),
        "consent_granted"
    );
    assert_eq!(
        house.code(&ask_for("user.orders", "support")),
        "consent_granted"
    );
    assert_eq!(house.code(&ask_for("user", "support")), "withdrawn");
    house.give(grant("user", "support"));
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
}

#[test]
fn a_refusal_has_the_same_force_and_no_end() {
    let house = house();
    house.give(grant("user", "support"));
    house.ledger.refuse(all_of("user.contact"), by()).unwrap();
    house
        .clock
        .set(time::macros::datetime!(2200-01-01 0:00 UTC));
    assert_eq!(house.code(&ask_for("user.contact", "support")), "refused");
    assert_eq!(
        house.code(&ask_for("user.orders", "support")),
        "consent_granted"
    );
}

#[test]
fn of_an_agent_takes_all_that_agent_has_and_leaves_the_others() {
    let house = house();
    house.give(grant("user", "support"));
    house.give(grant("orders", "support").subject(id("ada")));
    house.give(consent::Grant::blanket(id("bee"), id("user"), by()));
    let withdrawal = house.ledger.withdraw_agent(id("bot"), by()).unwrap();
    assert_eq!(withdrawal.matched().len(), 2);
    assert_eq!(house.code(&ask_for("user", "support")), "withdrawn");
    assert_eq!(
        house.code(&ask_for("orders", "support").subject(id("ada"))),
        "withdrawn"
    );
    assert!(
        house
            .gate
            .check(&consent::ConsentQuery::new(id("bee"), id("user")))
            .allowed()
    );
}

#[test]
fn of_a_subject_takes_that_subject_from_every_agent() {
    let house = house();
    house.give(grant("user", "support"));
    house.give(consent::Grant::blanket(id("bee"), id("user"), by()).subject(id("ada")));
    house
        .ledger
        .withdraw_subject(id("ada"), id::<consent::GrantorId>("ada"))
        .unwrap();
    let bee = consent::ConsentQuery::new(id("bee"), id("user")).subject(id("ada"));
    assert_eq!(
        house.code(&ask_for("user", "support").subject(id("ada"))),
        "withdrawn"
    );
    assert_eq!(house.code(&bee), "withdrawn");
    assert_eq!(
        house.code(&ask_for("user", "support").subject(id("bob"))),
        "consent_granted"
    );
    house.give(consent::Grant::blanket(id("bee"), id("user"), by()).subject(id("ada")));
    assert_eq!(house.code(&bee), "consent_granted");
    assert_eq!(
        house.code(&ask_for("user", "support").subject(id("ada"))),
        "withdrawn"
    );
}

#[test]
fn of_a_subject_and_a_purpose_leaves_the_subjects_other_purposes() {
    let house = house();
    house.give(blanket("user"));
    house.withdraw(Extent::of_subject(id("ada")).purpose(id("marketing")));
    let of_ada = |purpose| ask_for("user", purpose).subject(id("ada"));
    assert_eq!(house.code(&of_ada("marketing")), "withdrawn");
    assert_eq!(house.code(&of_ada("support")), "consent_granted");
}

#[test]
fn of_everything_stops_every_agent() {
    let house = house();
    house.give(blanket("user"));
    house.withdraw(Extent::default());
    assert_eq!(house.code(&ask("user")), "withdrawn");
    house.give(blanket("user"));
    assert_eq!(house.code(&ask("user")), "consent_granted");
}

#[test]
fn earlier_and_later_are_told_by_revision_not_by_time() {
    let house = house();
    house
        .clock
        .set(time::macros::datetime!(2030-01-01 0:00 UTC)); // wrong, and nobody knows
    house.withdraw(all_of("user"));
    house.clock.set(crate::support::START);
    house
        .ledger
        .accept_clock(id("ops@example.com"), "wrong year")
        .unwrap();
    let given = house.ledger.record(grant("user", "support")).unwrap();
    assert_eq!(given.at(), crate::support::START);
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
}
