//! A journal says what happened. What never could have happened is not believed: an old consent appended again would undo a
//! withdrawal.

use consent::{ConsentError, ConsentGate, ConsentStore, Event, MemoryStore, Revision, StoreError};
use serde_json::{Value, json};

use crate::support::{House, all_of, by, grant, house, id, notice, publication};

/// A journal of these events, opened.
fn open(events: &[Value]) -> Result<ConsentGate, ConsentError> {
    let store = MemoryStore::default();
    let events: Vec<Event> = events
        .iter()
        .map(|event| serde_json::from_value(event.clone()).unwrap())
        .collect();
    store.append(Revision::ZERO, &events).unwrap();
    ConsentGate::builder()
        .store(store)
        .build()
        .map(|(gate, _)| gate)
}

fn journal(house: &House) -> Vec<Value> {
    let history = house.ledger.history(Revision::ZERO);
    history
        .iter()
        .map(|event| serde_json::to_value(event).unwrap())
        .collect()
}

fn problem(refused: Result<ConsentGate, ConsentError>) -> &'static str {
    match refused {
        Err(ConsentError::Store(StoreError::Damaged { problem, .. })) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_old_consent_appended_again_undoes_no_withdrawal() {
    let house = house();
    house.give(grant("user", "support"));
    house.withdraw(all_of("user"));
    let mut events = journal(&house);
    events.push(events[0].clone());
    assert_eq!(problem(open(&events)), "its number is not the next one");
    events[2]["recorded"]["revision"] = 3.into();
    assert_eq!(problem(open(&events)), "a record that is there already");
    events.pop();
    assert!(open(&events).is_ok());
}

#[test]
fn an_old_withdrawal_appended_again_is_no_better() {
    let house = house();
    house.withdraw(all_of("user"));
    house.give(grant("user", "support"));
    let mut events = journal(&house);
    events.push(events[0].clone());
    events[2]["recorded"]["revision"] = 3.into();
    assert_eq!(problem(open(&events)), "a record that is there already");
}

#[test]
fn two_ledgers_cannot_write_an_old_consent_behind_each_others_back() {
    let house = house();
    house.give(grant("user", "support"));
    let first = house.ledger.history(Revision::ZERO);
    house.withdraw(all_of("user"));
    let again = house.store.append(Revision::ZERO, &first);
    assert!(matches!(again, Err(StoreError::Conflict { .. })));
}

#[test]
fn what_no_ledger_writes_is_not_read() {
    let house = house();
    house.publish(publication("v1"));
    house.give(
        grant("user", "support")
            .subject(id("ada"))
            .notice(notice("v1")),
    );
    house.ledger.refuse(all_of("orders"), by()).unwrap();
    let good = journal(&house);
    assert!(open(&good).is_ok());
    let cases: [(&str, usize, &str, Value); 5] = [
        (
            "a consent under a notice that was not current",
            1,
            "/recorded/notice/version",
            json!("v2"),
        ),
        (
            "a renewal of a consent that is not there",
            1,
            "/recorded/renews",
            json!(uuid::Uuid::nil()),
        ),
        (
            "a refusal that renews a consent",
            2,
            "/recorded/renews",
            good[1]["recorded"]["record_id"].clone(),
        ),
        (
            "an act for another that leaves out who acted or for whom",
            2,
            "/recorded/authority",
            json!("parental"),
        ),
        (
            "its number is not the next one",
            0,
            "/notice_published/revision",
            json!(2),
        ),
    ];
    for (expected, nth, place, value) in cases {
        let mut events = good.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        events[nth].pointer_mut(parent).unwrap()[key] = value;
        assert_eq!(problem(open(&events)), expected);
    }
}

#[test]
fn a_renewal_that_no_ledger_writes_is_not_read() {
    let house = house();
    let first = house
        .ledger
        .record(grant("user", "support").subject(id("ada")))
        .unwrap();
    let renewal = consent::Renewal::new(first.record_id(), by()).notice(notice("v1"));
    house.ledger.renew(renewal).unwrap();
    let good = journal(&house);
    assert!(open(&good).is_ok());

    let mut wider = good.clone();
    wider[1]["recorded"]["extent"]["data_type"] = "all".into();
    assert_eq!(
        problem(open(&wider)),
        "a renewal of a consent that is not there"
    );
    let mut of_everyone = good.clone();
    let extent = of_everyone[1]["recorded"]["extent"].as_object_mut();
    extent.unwrap().remove("subject");
    assert_eq!(
        problem(open(&of_everyone)),
        "a renewal of a consent that is not there"
    );

    for taken in [all_of("user"), all_of("user.contact")] {
        let other = crate::support::house();
        other.withdraw(taken);
        let mut withdrawal = journal(&other).remove(0);
        withdrawal["recorded"]["revision"] = 2.into();
        let mut renewal = good[1].clone();
        renewal["recorded"]["revision"] = 3.into();
        let of_withdrawn = [good[0].clone(), withdrawal.clone(), renewal.clone()];
        assert_eq!(
            problem(open(&of_withdrawn)),
            "a renewal of what was withdrawn or refused"
        );
        renewal["recorded"]["renews"] = withdrawal["recorded"]["record_id"].clone();
        let of_a_withdrawal = [good[0].clone(), withdrawal, renewal];
        assert_eq!(
            problem(open(&of_a_withdrawal)),
            "a renewal of a consent that is not there"
        );
    }
}

#[test]
fn records_without_the_newer_fields_are_still_read() {
    let old = json!({"recorded": {
        "record_id": "019ab3f0-0000-7000-8000-000000000000", "revision": 1, "kind": "given",
        "extent": {"agent": "bot", "data_type": "user", "purpose": "support"}, "by": "ada",
        "at": "2026-11-22T00:00:00Z", "notice": {"version": "v1", "sha256": "07".repeat(32)},
    }});
    let gate = open(&[old]).unwrap();
    let decision = gate.check(&crate::support::ask_for("user", "support"));
    let record = decision.record().unwrap();
    assert!(decision.allowed());
    assert_eq!(
        (record.renews(), record.authority(), record.on_behalf_of()),
        (None, None, None)
    );
    assert_eq!(record.notice().unwrap().id(), None);
}

#[test]
fn the_newer_fields_are_written_and_read() {
    let house = house();
    let first = house
        .ledger
        .record(grant("user", "support").notice(notice("v1")))
        .unwrap();
    house.publish(publication("v2"));
    let renewal = consent::Renewal::new(first.record_id(), by()).notice(notice("v2"));
    house.ledger.renew(renewal).unwrap();
    house
        .ledger
        .withdraw_on_behalf_of(id("ada"), id("parental"), all_of("user"), id("eve"))
        .unwrap();
    let mut events = journal(&house);
    for event in &mut events {
        for place in ["/recorded/record_id", "/recorded/renews"] {
            if let Some(id) = event.pointer_mut(place) {
                *id = "[uuid]".into();
            }
        }
    }
    insta::assert_json_snapshot!(events[1..], @r#"
    [
      {
        "notice_published": {
          "at": "2026-11-22T00:00:00Z",
          "by": "ops@example.com",
          "notice": "privacy",
          "reason": "a new text",
          "requires_renewal": true,
          "revision": 2,
          "sha256": "3232323232323232323232323232323232323232323232323232323232323232",
          "version": "v2"
        }
      },
      {
        "recorded": {
          "at": "2026-11-22T00:00:00Z",
          "by": "admin@example.com",
          "extent": {
            "agent": "bot",
            "data_type": "user",
            "purpose": "support"
          },
          "kind": "given",
          "notice": {
            "id": "privacy",
            "sha256": "3232323232323232323232323232323232323232323232323232323232323232",
            "version": "v2"
          },
          "record_id": "[uuid]",
          "renews": "[uuid]",
          "revision": 3
        }
      },
      {
        "recorded": {
          "at": "2026-11-22T00:00:00Z",
          "authority": "parental",
          "by": "eve",
          "extent": {
            "agent": "bot",
            "data_type": "user",
            "subject": "ada"
          },
          "kind": "withdrawn",
          "record_id": "[uuid]",
          "revision": 4
        }
      }
    ]
    "#);
    let (gate, ledger) = ConsentGate::builder()
        .store(house.store.clone())
        .build()
        .unwrap();
    assert_eq!(
        ledger.history(Revision::ZERO),
        house.ledger.history(Revision::ZERO)
    );
    assert_eq!(gate.revision(), house.gate.revision());
}
