//! A receipt tells what had become of its record when it was issued.

use super::*;

fn state(house: &House, record_id: RecordId) -> RecordState {
    let receipt = issue(house, record_id);
    assert_eq!(
        verified(receipt.to_json_ld()).unwrap().receipt().state(),
        receipt.state()
    );
    assert_eq!(house.ledger.state_of(record_id), Some(receipt.state()));
    receipt.state()
}

#[test]
fn is_what_the_ledger_says_at_issue() {
    let house = house();
    let from = datetime!(2026-11-22 01:00 UTC);
    let until = datetime!(2026-11-22 02:00 UTC);
    let record = house
        .ledger
        .record(grant("user", "ads").valid_from(from).expires_at(until))
        .unwrap();
    let nano = time::Duration::nanoseconds(1);
    let mut told = Vec::new();
    for at in [from - nano, from, until - nano, until] {
        house.clock.set(at);
        told.push(state(&house, record.record_id()));
    }
    let expected = [
        RecordState::NotYetValid,
        RecordState::InForce,
        RecordState::InForce,
        RecordState::Expired,
    ];
    assert_eq!(told, expected);
}

#[test]
fn tells_of_what_was_taken_later_and_not_before() {
    let house = house();
    house.withdraw(all_of("user"));
    let record_id = house
        .ledger
        .record(grant("user.contact", "ads"))
        .unwrap()
        .record_id();
    assert_eq!(state(&house, record_id), RecordState::InForce);
    house.give(grant("user", "ads"));
    assert_eq!(state(&house, record_id), RecordState::InForce);
    house.withdraw(all_of("user.address"));
    house.withdraw(part_of("user", "support"));
    assert_eq!(state(&house, record_id), RecordState::InForce);
    house.withdraw(all_of("user.contact.email"));
    assert_eq!(state(&house, record_id), RecordState::Narrowed);
    house.ledger.refuse(all_of("user"), None).unwrap();
    assert_eq!(state(&house, record_id), RecordState::Refused);
    house.withdraw(all_of("user"));
    assert_eq!(
        state(&house, record_id),
        RecordState::Refused,
        "there was nothing left to withdraw"
    );
    house.ledger.record(grant("user.contact", "ads")).unwrap();
    assert_eq!(
        state(&house, record_id),
        RecordState::Refused,
        "a later consent is another record"
    );
}

#[test]
fn a_withdrawal_and_a_refusal_stay_what_they_are() {
    let house = house();
    house.give(grant("user", "ads"));
    let withdrawal = house.withdraw(all_of("user"));
    let refusal = house.ledger.refuse(all_of("user"), None).unwrap();
    house.give(grant("user", "ads"));
    assert_eq!(
        state(&house, withdrawal.record().record_id()),
        RecordState::Withdrawn
    );
    assert_eq!(
        state(&house, refusal.record().record_id()),
        RecordState::Refused
    );
}

#[test]
fn a_ledger_vouches_for_its_own_records_only() {
    let (ours, theirs) = (house(), house());
    let record_id = theirs.ledger.record(full_grant()).unwrap().record_id();
    let refused = issuer().issue(&ours.ledger, record_id);
    assert_eq!(refused, Err(ReceiptError::NotInLedger { record_id }));
}

#[test]
fn a_consent_whose_notice_was_superseded_says_so() {
    let house = house();
    let shown = Notice::new(id("1"), NoticeHash::from([1; 32])).named(id("terms"));
    let consent = grant("user", "ads").notice(shown);
    let until = datetime!(2026-11-22 02:00 UTC);
    let record = house.ledger.record(consent.expires_at(until)).unwrap();
    house.withdraw(all_of("user.contact"));
    assert_eq!(state(&house, record.record_id()), RecordState::Narrowed);
    let next = NoticePublication::new(id("terms"), id("2"), NoticeHash::from([2; 32]));
    let publish = |next| {
        let by = id("ops@example.com");
        house
            .ledger
            .publish_notice(next, by, "new wording")
            .unwrap();
    };
    publish(next.clone().earlier_consents_stay_good());
    assert_eq!(state(&house, record.record_id()), RecordState::Narrowed);
    publish(next);
    assert_eq!(state(&house, record.record_id()), RecordState::Superseded);
    house.clock.set(until);
    assert_eq!(state(&house, record.record_id()), RecordState::Superseded);
    house.withdraw(all_of("user"));
    assert_eq!(state(&house, record.record_id()), RecordState::Withdrawn);
}
