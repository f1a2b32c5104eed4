//! Renewing: the same extent for longer, and never what was withdrawn.

use std::time::Duration;

use consent::{ConsentError, RecordId, RecordKind, Renewal};
use time::OffsetDateTime;

use crate::support::{
    House, START, all_of, ask_for, by, grant, house, id, notice, part_of, publication,
};

fn after(seconds: u64) -> OffsetDateTime {
    START + Duration::from_secs(seconds)
}

fn given(house: &House, grant: consent::Grant) -> RecordId {
    house.ledger.record(grant).unwrap().record_id()
}

fn problem(refused: Result<std::sync::Arc<consent::ConsentRecord>, ConsentError>) -> &'static str {
    match refused {
        Err(ConsentError::NotRenewable { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_renewal_names_what_it_renews_and_lasts_longer() {
    let house = house();
    let first = given(
        &house,
        grant("user", "support")
            .subject(id("ada"))
            .expires_at(after(60)),
    );
    let renewed = house
        .ledger
        .renew(
            Renewal::new(first, id("ada"))
                .expires_at(after(90))
                .method(id("web-form")),
        )
        .unwrap();
    assert_eq!(renewed.kind(), RecordKind::Given);
    assert_eq!(renewed.renews(), Some(first));
    assert_eq!(
        renewed.extent(),
        &part_of("user", "support").subject(id("ada"))
    );
    assert_eq!(
        (renewed.by(), renewed.method()),
        (Some(&id("ada")), Some(&id("web-form")))
    );
    house.clock.set(after(89));
    let query = ask_for("user", "support").subject(id("ada"));
    assert_eq!(
        house.gate.check(&query).record_id(),
        Some(renewed.record_id())
    );
    house.clock.set(after(90));
    assert_eq!(house.code(&query), "expired");
}

#[test]
fn a_lapsed_consent_can_be_renewed_and_there_is_a_gap() {
    let house = house();
    let first = given(&house, grant("user", "support").expires_at(after(60)));
    house.clock.set(after(100));
    house
        .ledger
        .renew(Renewal::new(first, by()).expires_at(after(200)))
        .unwrap();
    let query = ask_for("user", "support");
    assert_eq!(house.code(&query), "consent_granted");
    assert_eq!(
        house.ledger.as_of(after(70)).check(&query).code(),
        "expired"
    );
}

#[test]
fn what_was_withdrawn_even_in_part_is_not_renewed() {
    for withdrawn in [
        all_of("user"),
        all_of("user.contact"),
        part_of("user", "support.billing"),
    ] {
        let house = house();
        let first = given(&house, grant("user", "support").expires_at(after(60)));
        house.withdraw(withdrawn);
        let refused = house.ledger.renew(Renewal::new(first, by()));
        assert_eq!(
            problem(refused),
            "something of it was withdrawn or refused since; record a new consent"
        );
        assert_eq!(house.ledger.revision().as_u64(), 2);
    }
}

#[test]
fn what_was_withdrawn_before_it_was_given_does_not_matter() {
    let house = house();
    house.withdraw(all_of("user"));
    let first = given(&house, grant("user", "support").expires_at(after(60)));
    house.withdraw(all_of("orders"));
    assert!(house.ledger.renew(Renewal::new(first, by())).is_ok());
}

#[test]
fn nothing_and_a_refusal_cannot_be_renewed() {
    let house = house();
    let nothing = RecordId::from(uuid::Uuid::nil());
    assert_eq!(
        problem(house.ledger.renew(Renewal::new(nothing, by()))),
        "there is no such record"
    );
    let refusal = house.ledger.refuse(all_of("user"), None).unwrap();
    let refused = house
        .ledger
        .renew(Renewal::new(refusal.record().record_id(), by()));
    assert_eq!(problem(refused), "it gave no consent; record a new one");
}

#[test]
fn a_renewal_is_longer_or_under_another_notice() {
    let house = house();
    let first = given(
        &house,
        grant("user", "support")
            .expires_at(after(60))
            .notice(notice("v1")),
    );
    let renewal = || Renewal::new(first, by());
    let same = house.ledger.renew(renewal().expires_at(after(60)));
    assert_eq!(
        problem(same),
        "it would neither last longer nor be under another notice"
    );
    let shorter = house
        .ledger
        .renew(renewal().expires_at(after(59)).notice(notice("v2")));
    assert_eq!(
        problem(shorter),
        "it would end earlier; withdraw it and record what is left"
    );
    assert!(
        house
            .ledger
            .renew(renewal().expires_at(after(60)).notice(notice("v2")))
            .is_ok()
    );
    let endless = given(&house, grant("orders", "support"));
    assert_eq!(
        problem(house.ledger.renew(Renewal::new(endless, by()))),
        "it would neither last longer nor be under another notice"
    );
    assert!(
        house
            .ledger
            .renew(Renewal::new(endless, by()).expires_at(after(60)))
            .is_err()
    );
}

#[test]
fn a_superseded_consent_is_renewed_under_the_new_notice_only() {
    let house = house();
    let first = given(
        &house,
        grant("user", "support")
            .notice(notice("v1"))
            .expires_at(after(60)),
    );
    house.publish(publication("v2"));
    let unsaid = house.ledger.renew(Renewal::new(first, by()));
    assert!(
        matches!(unsaid, Err(ConsentError::NoticeNotCurrent { .. })),
        "leaving the notice out is no way round it"
    );
    let renewed = house
        .ledger
        .renew(
            Renewal::new(first, by())
                .notice(notice("v2"))
                .expires_at(after(60)),
        )
        .unwrap();
    assert_eq!(renewed.renews(), Some(first));
    assert_eq!(house.code(&ask_for("user", "support")), "consent_granted");
}

#[test]
fn a_renewal_begins_no_earlier_than_what_it_renews() {
    let house = house();
    let first = given(
        &house,
        grant("user", "support")
            .valid_from(after(30))
            .expires_at(after(60)),
    );
    let renewed = house.ledger.renew(Renewal::new(first, by())).unwrap();
    assert_eq!(renewed.valid_from(), Some(after(30)));
    assert_eq!(house.code(&ask_for("user", "support")), "not_yet_valid");
    house.clock.set(after(40));
    let again = house.ledger.renew(Renewal::new(first, by())).unwrap();
    assert_eq!(again.valid_from(), None);
}

#[test]
fn an_agent_renews_nothing_for_itself() {
    let house = house();
    let first = given(&house, grant("user", "support").expires_at(after(60)));
    let refused = house.ledger.renew(Renewal::new(first, id("bot")));
    assert!(matches!(refused, Err(ConsentError::SelfGrant { .. })));
}
