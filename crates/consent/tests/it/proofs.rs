//! The whole story of one record.

use std::time::Duration;

use consent::{Change, RecordId, RecordState, Renewal};

use crate::support::{House, START, all_of, by, grant, house, id, notice, part_of, publication};

/// The chain of a record, a word for each link.
fn chain(house: &House, id: RecordId) -> Vec<String> {
    let proof = house.ledger.prove(id).unwrap();
    let word = |change: &Change| match change {
        Change::Preceded { by } => format!("preceded by {}", by.revision()),
        Change::Recorded => "recorded".to_owned(),
        Change::Taken { by, taken, wholly } => {
            let data = taken.data_type.as_ref().unwrap();
            format!(
                "{} took {data}{}",
                by.revision(),
                if *wholly { " wholly" } else { "" }
            )
        }
        Change::Renewed { by } => format!("renewed by {}", by.revision()),
        Change::Superseded { by } => format!("superseded by {}", by.version),
        Change::TookFrom { consent, taken } => {
            format!(
                "took {} of {}",
                taken.data_type.as_ref().unwrap(),
                consent.revision()
            )
        }
        Change::GaveBack { by, given } => {
            format!(
                "{} gave back {}",
                by.revision(),
                given.data_type.as_ref().unwrap()
            )
        }
        Change::Expired => "expired".to_owned(),
        other => panic!("{other:?}"),
    };
    proof.chain.iter().map(|link| word(&link.change)).collect()
}

fn given(house: &House, grant: consent::Grant) -> RecordId {
    house.ledger.record(grant).unwrap().record_id()
}

#[test]
fn of_a_consent_it_tells_all_that_became_of_it() {
    let house = house();
    let end = START + Duration::from_secs(60);
    let first = given(
        &house,
        grant("user", "support")
            .notice(notice("v1"))
            .expires_at(end),
    );
    let second = house
        .ledger
        .renew(Renewal::new(first, by()))
        .unwrap()
        .record_id();
    let third = house
        .ledger
        .renew(Renewal::new(second, by()).notice(notice("v2")))
        .unwrap()
        .record_id();
    house.publish(publication("v2"));
    house.withdraw(all_of("user.contact"));
    house.withdraw(all_of("orders"));
    house.withdraw(all_of("user"));
    house.withdraw(all_of("user.contact"));
    house.clock.set(end);
    assert_eq!(
        chain(&house, first),
        [
            "recorded",
            "renewed by 2",
            "superseded by v2",
            "5 took user.contact",
            "7 took user wholly",
            "expired"
        ]
    );
    assert_eq!(
        chain(&house, second),
        [
            "preceded by 1",
            "recorded",
            "renewed by 3",
            "superseded by v2",
            "5 took user.contact",
            "7 took user wholly"
        ]
    );
    assert_eq!(
        chain(&house, third),
        [
            "preceded by 1",
            "preceded by 2",
            "recorded",
            "5 took user.contact",
            "7 took user wholly"
        ]
    );
    assert!(
        house
            .ledger
            .prove(RecordId::from(uuid::Uuid::nil()))
            .is_none()
    );
}

#[test]
fn of_a_withdrawal_it_tells_what_it_took_and_what_came_back() {
    let house = house();
    house.give(grant("user", "support"));
    house.give(grant("user.contact.email", "support"));
    house.give(grant("orders", "support"));
    house.give(grant("user", "marketing").expires_at(START));
    house.withdraw(part_of("user.contact.email", "support"));
    let withdrawal = house.withdraw(all_of("user.contact"));
    house.give(grant("user.contact", "support"));
    let id = withdrawal.record().record_id();
    assert_eq!(
        chain(&house, id),
        [
            "took user.contact of 1",
            "recorded",
            "7 gave back user.contact"
        ]
    );
    assert_eq!(
        house.ledger.prove(id).unwrap().state,
        RecordState::Withdrawn
    );
}

#[test]
fn a_record_is_in_one_state_at_a_time() {
    let house = house();
    let late = START + Duration::from_secs(60);
    let narrowed = given(&house, grant("user", "support"));
    let to_come = given(&house, grant("a", "support").valid_from(late));
    let over = given(&house, grant("b", "support").expires_at(START));
    let superseded = given(&house, grant("c", "support").notice(notice("v1")));
    let refused = given(&house, grant("d", "support"));
    let both = given(&house, grant("e", "support").notice(notice("v1")));
    let untouched = given(&house, grant("f", "support"));
    house.publish(publication("v2"));
    house.withdraw(all_of("user.contact"));
    house.withdraw(all_of("e"));
    house.ledger.refuse(all_of("d"), None).unwrap();
    for (record, state) in [
        (narrowed, RecordState::Narrowed),
        (to_come, RecordState::NotYetValid),
        (over, RecordState::Expired),
        (superseded, RecordState::Superseded),
        (refused, RecordState::Refused),
        (both, RecordState::Withdrawn),
        (untouched, RecordState::InForce),
    ] {
        assert_eq!(house.ledger.state_of(record), Some(state));
        assert_eq!(house.ledger.as_of(START).state_of(record), Some(state));
    }
    house.ledger.refuse(all_of("e"), None).unwrap();
    house.withdraw(all_of("d"));
    let first = [both, refused].map(|record| house.ledger.state_of(record).unwrap());
    assert_eq!(first, [RecordState::Withdrawn, RecordState::Refused]);
    house.clock.set(late);
    assert_eq!(house.ledger.state_of(to_come), Some(RecordState::InForce));
}

#[test]
fn it_is_written_as_json() {
    let house = house();
    let record = given(
        &house,
        grant("user", "support")
            .subject(id("ada"))
            .expires_at(START + Duration::from_secs(60)),
    );
    house.withdraw(all_of("user.contact"));
    house.clock.set(START + Duration::from_secs(60));
    let mut shown = serde_json::to_value(house.ledger.prove(record).unwrap()).unwrap();
    for place in ["/record/record_id", "/chain/1/change/taken/by/record_id"] {
        *shown.pointer_mut(place).unwrap() = "[uuid]".into();
    }
    insta::assert_json_snapshot!(shown, @r#"
    {
      "at": "2026-11-22T00:01:00Z",
      "chain": [
        {
          "at": "2026-11-22T00:00:00Z",
          "change": "recorded",
          "revision": 1
        },
        {
          "at": "2026-11-22T00:00:00Z",
          "change": {
            "taken": {
              "by": {
                "at": "2026-11-22T00:00:00Z",
                "extent": {
                  "agent": "bot",
                  "data_type": "user.contact"
                },
                "kind": "withdrawn",
                "record_id": "[uuid]",
                "revision": 2
              },
              "taken": {
                "agent": "bot",
                "data_type": "user.contact",
                "purpose": "support",
                "subject": "ada"
              },
              "wholly": false
            }
          },
          "revision": 2
        },
        {
          "at": "2026-11-22T00:01:00Z",
          "change": "expired"
        }
      ],
      "record": {
        "at": "2026-11-22T00:00:00Z",
        "by": "admin@example.com",
        "expires_at": "2026-11-22T00:01:00Z",
        "extent": {
          "agent": "bot",
          "data_type": "user",
          "purpose": "support",
          "subject": "ada"
        },
        "kind": "given",
        "record_id": "[uuid]",
        "revision": 1
      },
      "revision": 2,
      "state": "expired"
    }
    "#);
}
