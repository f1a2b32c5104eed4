//! Versions of notices: what a publication ends, what it leaves, and what may be recorded after it.

use consent::{ConsentError, Event, Notice, NoticeHash, Revision};

use crate::support::{
    all_of, ask_for, blanket, grant, house, id, notice, ops, permissive_house, publication,
};

#[test]
fn a_new_version_ends_consents_given_under_earlier_ones() {
    let house = house();
    house.give(grant("user", "support").notice(notice("v1")));
    let published = house.publish(publication("v2"));
    assert_eq!(published.superseded().len(), 1);
    assert_eq!(published.event().reason, "a new text");
    let decision = house.gate.check(&ask_for("user", "support"));
    assert_eq!(
        (decision.code(), decision.allowed()),
        ("notice_superseded", false)
    );
    insta::assert_snapshot!(decision.reason(), @"No valid consent record found for agent 'bot' accessing 'user' for purpose 'support' (given under version 'v1' of a notice that was superseded). Defaulting to deny.");
    house.give(grant("user", "support").notice(notice("v2")));
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
}

#[test]
fn a_version_that_lets_earlier_consents_stay_good_ends_none() {
    let house = house();
    house.publish(publication("v1"));
    house.give(grant("user", "support").notice(notice("v1")));
    let published = house.publish(publication("v2").earlier_consents_stay_good());
    assert!(published.superseded().is_empty());
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
    house.give(grant("orders", "support").notice(notice("v1")));
    house.give(grant("letters", "support").notice(notice("v2")));
    assert_eq!(house.publish(publication("v3")).superseded().len(), 3);
}

#[test]
fn versions_have_the_order_of_their_publication_whatever_they_are_called() {
    let house = house();
    house.give(grant("user", "support").notice(notice("v9")));
    house.publish(publication("v10"));
    assert_eq!(house.code(&ask_for("user", "support")), "notice_superseded");
    house.give(grant("user", "support").notice(notice("v10")));
    house.publish(publication("a"));
    assert_eq!(house.code(&ask_for("user", "support")), "notice_superseded");
}

#[test]
fn publishing_an_old_version_again_revives_nothing() {
    let house = house();
    house.give(grant("user", "support").notice(notice("v1")));
    house.publish(publication("v2"));
    let again = house.publish(publication("v1"));
    assert!(again.superseded().is_empty());
    assert_eq!(house.code(&ask_for("user", "support")), "notice_superseded");
    house.give(grant("user", "support").notice(notice("v1")));
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
}

#[test]
fn publishing_the_version_that_was_shown_ends_nothing() {
    let house = house();
    house.give(grant("user", "support").notice(notice("v1")));
    assert!(house.publish(publication("v1")).superseded().is_empty());
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
}

#[test]
fn another_text_under_the_same_version_is_another_version() {
    let house = house();
    let altered: NoticeHash = [9; 32].into();
    house
        .give(grant("user", "support").notice(Notice::new(id("v1"), altered).named(id("privacy"))));
    house.publish(publication("v1"));
    assert_eq!(house.code(&ask_for("user", "support")), "notice_superseded");
}

#[test]
fn other_notices_and_consents_without_one_are_untouched() {
    let house = house();
    let cookies = Notice::new(id("v1"), [1; 32].into()).named(id("cookies"));
    let case = Notice::new(id("v1"), [1; 32].into()).named(id("Privacy"));
    house.give(grant("a", "support").notice(cookies));
    house.give(grant("b", "support").notice(case));
    house.give(grant("c", "support").notice(Notice::new(id("v1"), [1; 32].into())));
    house.give(grant("d", "support"));
    house.publish(publication("v2"));
    for data_type in ["a", "b", "c", "d"] {
        assert_eq!(
            house.code(&ask_for(data_type, "support")),
            "consent_granted",
            "{data_type}"
        );
    }
}

#[test]
fn a_consent_that_names_no_notice_goes_on_beside_one_that_was_superseded() {
    let house = house();
    house.give(grant("user", "support"));
    house.give(grant("user", "support").notice(notice("v1")));
    house.publish(publication("v2"));
    let decision = house.gate.check(&ask_for("user", "support"));
    assert_eq!(decision.code(), "consent_granted");
    assert_eq!(decision.record().unwrap().revision().as_u64(), 1);
}

#[test]
fn consent_under_a_version_that_is_not_current_is_refused() {
    let house = house();
    house.publish(publication("v1"));
    house.publish(publication("v2"));
    for version in ["v1", "v3"] {
        let refused = house
            .ledger
            .record(grant("user", "support").notice(notice(version)));
        assert!(
            matches!(refused, Err(ConsentError::NoticeNotCurrent { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(house.ledger.revision().as_u64(), 2);
    let refused = house
        .ledger
        .record(grant("user", "support").notice(notice("v1")));
    insta::assert_snapshot!(refused.unwrap_err(), @"version `v1` of notice `privacy` is not current; show the published version, or publish this one first");
}

#[test]
fn a_superseded_consent_is_withdrawn_like_any_other() {
    let house = house();
    house.give(grant("user", "support").notice(notice("v1")));
    house.publish(publication("v2"));
    assert!(house.withdraw(all_of("user")).matched().is_empty());
    assert_eq!(house.code(&ask_for("user", "support")), "withdrawn");
    house.give(grant("user", "support").notice(notice("v2")));
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
}

#[test]
fn a_superseded_consent_is_absent_where_the_gate_is_permissive() {
    let house = permissive_house();
    house.give(blanket("user").notice(notice("v1")));
    house.publish(publication("v2"));
    assert_eq!(house.code(&ask_for("user", "support")), "permissive_mode");
}

#[test]
fn a_publication_says_whether_it_ended_a_record() {
    let house = house();
    house.give(grant("user", "support").notice(notice("v1")));
    let first = house.publish(publication("v2"));
    house.publish(publication("v1"));
    house.give(grant("user", "support").notice(notice("v1")));
    let ended: Vec<bool> = house
        .ledger
        .history(Revision::ZERO)
        .iter()
        .filter_map(|event| match event {
            Event::Recorded(record) => Some(first.event().supersedes(record)),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [true, false], "what was given later was not ended");
}

#[test]
fn what_was_permitted_before_a_publication_stays_on_record() {
    let house = house();
    house.give(grant("user", "support").notice(notice("v1")));
    let before = house.gate.now();
    house.clock.advance(std::time::Duration::from_secs(10));
    house.publish(publication("v2"));
    let query = ask_for("user", "support");
    assert_eq!(
        house.ledger.as_of(before).check(&query).code(),
        "consent_granted"
    );
    assert_eq!(
        house.ledger.as_of(house.gate.now()).check(&query).code(),
        "notice_superseded"
    );
}

#[test]
fn publishing_needs_a_reason() {
    let house = house();
    for reason in ["", " ", "two\nlines", &"x".repeat(1025)] {
        let refused = house
            .ledger
            .publish_notice(publication("v1"), ops(), reason);
        assert!(
            matches!(refused, Err(ConsentError::Reason { .. })),
            "{reason:?}"
        );
    }
    assert_eq!(house.ledger.revision(), Revision::ZERO);
}
