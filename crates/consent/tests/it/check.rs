//! What one consent covers, and what it does not.

use std::time::Duration;

use consent::{ConsentOutcome, DenyReason};
use time::macros::datetime;

use crate::support::{
    START, all_of, ask, ask_for, blanket, by, grant, house, id, permissive_house,
};

#[test]
fn denies_by_default() {
    let house = house();
    let decision = house.gate.check(&ask_for("user", "support"));
    assert_eq!(
        decision.outcome(),
        ConsentOutcome::Deny(DenyReason::NoRecord)
    );
    assert!(!decision.allowed());
    assert!(decision.record().is_none());
    assert!(decision.require().is_err());
}

#[test]
fn permits_what_was_given_and_names_the_record() {
    let house = house();
    let record = house
        .ledger
        .record(grant("user_profile", "personalisation"))
        .unwrap();
    let decision = house
        .gate
        .check(&ask_for("user_profile", "personalisation"));
    assert_eq!(decision.outcome(), ConsentOutcome::Permit);
    assert_eq!(decision.record_id(), Some(record.record_id()));
    assert_eq!(decision.revision(), record.revision());
    assert!(decision.require().is_ok());
}

#[test]
fn another_agent_has_no_part_in_it() {
    let house = house();
    house.give(blanket("user"));
    let other = consent::ConsentQuery::new(id("bot2"), id("user"));
    assert_eq!(house.code(&other), "no_record");
}

#[test]
fn data_types_cover_downwards_by_whole_segments() {
    let house = house();
    house.give(grant("user.contact", "support"));
    for (data_type, code) in [
        ("user.contact", "consent_granted"),
        ("user.contact.email", "consent_granted"),
        ("user.contact.email.work", "consent_granted"),
        ("user.contacts", "no_record"),
        ("user.con", "no_record"),
        ("user", "no_record"),
        ("user.Contact", "no_record"),
    ] {
        assert_eq!(
            house.code(&ask_for(data_type, "support")),
            code,
            "{data_type}"
        );
    }
}

#[test]
fn purposes_cover_downwards_and_never_upwards() {
    let house = house();
    house.give(grant("user", "marketing.newsletter"));
    for (purpose, code) in [
        ("marketing.newsletter", "consent_granted"),
        ("marketing.newsletter.weekly", "consent_granted"),
        ("marketing.newsletters", "purpose_not_covered"),
        ("marketing", "purpose_not_covered"),
        ("support", "purpose_not_covered"),
    ] {
        assert_eq!(house.code(&ask_for("user", purpose)), code, "{purpose}");
    }
}

#[test]
fn a_query_without_a_purpose_matches_blanket_consent_only() {
    let house = house();
    house.give(grant("user", "support"));
    assert_eq!(house.code(&ask("user")), "purpose_missing");
    house.give(blanket("user"));
    assert_eq!(house.code(&ask("user")), "consent_granted");
    assert_eq!(house.code(&ask_for("user", "marketing")), "consent_granted");
}

#[test]
fn the_exact_purpose_decides_before_blanket_consent_and_the_latest_among_equals() {
    let house = house();
    let support = house.give(grant("user", "support"));
    let everything = house.give(blanket("user"));
    let decides = |purpose| {
        house
            .gate
            .check(&ask_for("user", purpose))
            .record()
            .unwrap()
            .revision()
    };
    assert_eq!(decides("support"), support);
    assert_eq!(decides("support.billing"), support);
    assert_eq!(decides("marketing"), everything);
    let again = house.give(grant("user", "support"));
    assert_eq!(decides("support"), again);
}

#[test]
fn consent_bound_to_a_subject_or_an_operation_matches_only_queries_that_name_it() {
    let house = house();
    house.give(grant("user", "support").subject(id("ada")));
    house.give(grant("orders", "support").operation(id("read")));
    let user = ask_for("user", "support");
    assert_eq!(
        house.code(&user.clone().subject(id("ada"))),
        "consent_granted"
    );
    assert_eq!(
        house.code(&user.clone().subject(id("ada")).operation(id("read"))),
        "consent_granted"
    );
    assert_eq!(house.code(&user.clone().subject(id("bob"))), "no_record");
    assert_eq!(house.code(&user), "no_record");
    let orders = ask_for("orders", "support");
    assert_eq!(
        house.code(&orders.clone().operation(id("read"))),
        "consent_granted"
    );
    assert_eq!(
        house.code(&orders.clone().operation(id("share"))),
        "no_record"
    );
    assert_eq!(house.code(&orders), "no_record");
}

#[test]
fn of_several_data_types_all_must_be_permitted() {
    let house = house();
    let first = house.give(grant("user", "support"));
    let both = ask_for("user", "support").and(id("orders"));
    let decision = house.gate.check(&both);
    assert_eq!(decision.code(), "no_record");
    assert!(decision.reason().to_string().contains("'orders'"));
    house.give(grant("orders", "support"));
    let decision = house.gate.check(&both);
    assert!(decision.allowed());
    assert_eq!(decision.record().unwrap().revision(), first);
    house.withdraw(all_of("user"));
    assert_eq!(house.code(&both), "withdrawn");
}

#[test]
fn is_valid_from_its_first_instant_and_denies_exactly_at_expiry() {
    let house = house();
    let (from, until) = (
        datetime!(2027-01-01 0:00 UTC),
        datetime!(2027-02-01 0:00 UTC),
    );
    house.give(grant("user", "support").valid_from(from).expires_at(until));
    let nanosecond = Duration::from_nanos(1);
    for (at, code) in [
        (from - nanosecond, "not_yet_valid"),
        (from, "consent_granted"),
        (until - nanosecond, "consent_granted"),
        (until, "expired"),
    ] {
        assert_eq!(
            house.gate.check_at(&ask_for("user", "support"), at).code(),
            code,
            "{at}"
        );
    }
}

#[test]
fn what_has_expired_is_absent_and_a_broader_consent_stands_in() {
    let house = house();
    house.give(grant("user", "support").expires_at(START + Duration::from_secs(10)));
    let everything = house.give(blanket("user"));
    house.clock.advance(Duration::from_secs(10));
    let decision = house.gate.check(&ask_for("user", "support"));
    assert_eq!(decision.record().unwrap().revision(), everything);
}

#[test]
fn a_renewal_recorded_ahead_leaves_no_gap() {
    let house = house();
    let (first, second) = (
        START + Duration::from_secs(100),
        START + Duration::from_secs(200),
    );
    house.give(grant("user", "support").expires_at(first));
    house.give(
        grant("user", "support")
            .valid_from(first)
            .expires_at(second),
    );
    for (seconds, code) in [
        (50, "consent_granted"),
        (100, "consent_granted"),
        (199, "consent_granted"),
        (200, "expired"),
    ] {
        let at = START + Duration::from_secs(seconds);
        assert_eq!(
            house.gate.check_at(&ask_for("user", "support"), at).code(),
            code,
            "{seconds}"
        );
    }
}

#[test]
fn permissive_mode_allows_what_nothing_forbids_and_flags_it() {
    let house = permissive_house();
    let decision = house.gate.check(&ask_for("user", "support"));
    assert!(decision.allowed() && decision.permissive());
    assert_eq!(decision.code(), "permissive_mode");
    house.ledger.refuse(all_of("user.contact"), by()).unwrap();
    assert_eq!(
        house.code(&ask_for("user.contact.email", "support")),
        "refused"
    );
    assert_eq!(house.code(&ask_for("user", "support")), "refused");
    assert_eq!(
        house.code(&ask_for("user.orders", "support")),
        "permissive_mode"
    );
    house.give(grant("user.contact", "support"));
    assert_eq!(
        house.code(&ask_for("user.contact.email", "support")),
        "consent_granted"
    );
}

#[test]
fn permissive_mode_knows_a_withdrawn_subject_for_agents_it_has_never_met() {
    let house = permissive_house();
    house.ledger.withdraw_subject(id("ada"), None).unwrap();
    assert_eq!(house.code(&ask("user").subject(id("ada"))), "refused");
    assert_eq!(
        house.code(&ask("user").subject(id("bob"))),
        "permissive_mode"
    );
    assert_eq!(house.code(&ask("user")), "refused");
}

#[test]
fn one_permissive_data_type_flags_the_whole_decision() {
    let house = permissive_house();
    house.give(grant("user", "support"));
    let decision = house
        .gate
        .check(&ask_for("user", "support").and(id("orders")));
    assert!(decision.permissive());
    assert!(decision.reason().to_string().contains("accessing 'orders'"));
}
