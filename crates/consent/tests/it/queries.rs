//! What can be asked of the ledger.

use std::time::Duration;

use consent::{Grant, RecordFilter, Renewal, Usage};
use time::OffsetDateTime;

use crate::support::{
    START, all_of, blanket, by, grant, house, id, notice, permissive_house, publication,
};

const DAY: u64 = 86_400;

fn day(n: u64) -> OffsetDateTime {
    START + Duration::from_secs(n * DAY)
}

fn revisions(records: &[std::sync::Arc<consent::ConsentRecord>]) -> Vec<u64> {
    records
        .iter()
        .map(|record| record.revision().as_u64())
        .collect()
}

#[test]
fn who_may_lists_agents_that_have_consent_by_name() {
    let house = house();
    for agent in ["zoe", "bee", "ant", "cat"] {
        house.give(Grant::new(id(agent), id("user"), id("support"), by()));
    }
    house.ledger.withdraw_agent(id("cat"), None).unwrap();
    house.give(Grant::new(id("dog"), id("user"), id("marketing"), by()));
    let usage = Usage::new(id("user.contact")).purpose(id("support"));
    let names = |decisions: Vec<consent::ConsentDecision>| {
        let names = decisions
            .iter()
            .map(|decision| decision.query().agent_id().to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(house.ledger.who_may(&usage)), ["ant", "bee", "zoe"]);
    assert!(house.ledger.who_may(&Usage::new(id("user"))).is_empty());
    house.clock.set(day(1));
    house.ledger.withdraw_agent(id("ant"), None).unwrap();
    assert_eq!(names(house.ledger.who_may(&usage)), ["bee", "zoe"]);
    assert_eq!(
        names(house.ledger.as_of(START).who_may(&usage)),
        ["ant", "bee", "zoe"]
    );
}

#[test]
fn who_may_leaves_out_what_permissive_mode_lets_through() {
    let house = permissive_house();
    house.give(grant("user", "support"));
    assert!(
        house
            .ledger
            .who_may(&Usage::new(id("user")).purpose(id("marketing")))
            .is_empty()
    );
    let usage = Usage::new(id("user")).purpose(id("support"));
    let usage = usage.subject(id("ada")).operation(id("read"));
    assert_eq!(house.ledger.who_may(&usage).len(), 1);
}

#[test]
fn what_a_subject_agreed_to_is_told_of_any_instant() {
    let house = house();
    house.give(
        grant("user", "support")
            .subject(id("ada"))
            .expires_at(day(9)),
    );
    house.give(grant("user", "support").subject(id("Ada")));
    house.give(grant("user", "support"));
    house.clock.set(day(2));
    house.give(grant("orders", "support").subject(id("ada")));
    house.clock.set(day(4));
    house.withdraw(all_of("orders"));
    let agreed = |n| revisions(&house.ledger.as_of(day(n)).agreed(&id("ada")));
    assert_eq!(
        [agreed(0), agreed(3), agreed(5), agreed(9)],
        [vec![1], vec![1, 4], vec![1], vec![]]
    );
    let all = house.ledger.as_of(day(3)).records(&RecordFilter::default());
    assert_eq!(revisions(&all), [1, 2, 3, 4]);
}

#[test]
fn records_of_a_subject_are_those_that_name_it() {
    let house = house();
    house.give(grant("user", "support").subject(id("ada")));
    house.give(grant("user", "support"));
    house.ledger.withdraw_subject(id("ada"), None).unwrap();
    house.ledger.withdraw_subject(id("bob"), None).unwrap();
    assert_eq!(revisions(&house.ledger.records_of(&id("ada"))), [1, 3]);
    let record = house.ledger.records_of(&id("bob")).remove(0);
    assert_eq!(house.ledger.record_by_id(record.record_id()), Some(record));
}

#[test]
fn expiring_lists_what_still_stands_and_ends_in_time() {
    let house = house();
    house.give(grant("c", "support").expires_at(day(3)));
    house.give(grant("b", "support").expires_at(day(2)));
    house.give(grant("never", "support"));
    house.give(grant("later", "support").expires_at(day(3) + Duration::from_nanos(1)));
    house.give(grant("over", "support").expires_at(START));
    house.give(grant("gone", "support").expires_at(day(1)));
    house.withdraw(all_of("gone"));
    house.give(
        grant("old", "support")
            .expires_at(day(1))
            .notice(notice("v1")),
    );
    house.publish(publication("v2"));
    assert_eq!(
        revisions(&house.ledger.expiring(Duration::from_secs(3 * DAY))),
        [2, 1]
    );
    assert_eq!(revisions(&house.ledger.expiring(Duration::MAX)), [2, 1, 4]);
    assert!(house.ledger.expiring(Duration::ZERO).is_empty());
}

#[test]
fn expiring_leaves_out_what_was_renewed_until_the_renewal_is_gone() {
    let house = house();
    let first = house
        .ledger
        .record(grant("user", "support").expires_at(day(1)))
        .unwrap();
    house
        .ledger
        .renew(Renewal::new(first.record_id(), by()).expires_at(day(9)))
        .unwrap();
    assert!(
        house
            .ledger
            .expiring(Duration::from_secs(3 * DAY))
            .is_empty()
    );
    assert_eq!(
        revisions(&house.ledger.expiring(Duration::from_secs(9 * DAY))),
        [2]
    );
}

#[test]
fn counts_are_per_purpose() {
    let house = house();
    house.give(grant("a", "support"));
    house.give(grant("b", "support"));
    house.give(grant("c", "support").expires_at(START));
    house.give(grant("d", "support").valid_from(day(1)));
    house.give(grant("e", "support").notice(notice("v1")));
    house.give(blanket("a"));
    house.publish(publication("v2"));
    house.withdraw(all_of("a.x"));
    house.withdraw(all_of("b"));
    house
        .ledger
        .refuse(all_of("f").purpose(id("marketing")), None)
        .unwrap();
    insta::assert_debug_snapshot!(
        house.ledger.counts().iter().map(|(purpose, counts)| {
            (purpose.as_ref().map(ToString::to_string), serde_json::to_string(counts).unwrap())
        }).collect::<Vec<_>>(),
        @r#"
    [
        (
            None,
            "{\"in_force\":0,\"narrowed\":1,\"not_yet_valid\":0,\"expired\":0,\"superseded\":0,\"withdrawn\":0,\"refusals\":0}",
        ),
        (
            Some(
                "marketing",
            ),
            "{\"in_force\":0,\"narrowed\":0,\"not_yet_valid\":0,\"expired\":0,\"superseded\":0,\"withdrawn\":0,\"refusals\":1}",
        ),
        (
            Some(
                "support",
            ),
            "{\"in_force\":0,\"narrowed\":1,\"not_yet_valid\":1,\"expired\":1,\"superseded\":1,\"withdrawn\":1,\"refusals\":0}",
        ),
    ]
    "#
    );
}
