//! The journal: what is stored when, what happens when it cannot be, and what a damaged one does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use consent::{
    ClockMark, ConsentError, ConsentGate, ConsentLedger, ConsentStore, Event, Extent, MemoryStore,
    RecordKind, Revision, StoreError,
};

use crate::support::{START, all_of, ask_for, grant, house, id, notice, ops, publication};

const WORKS: u8 = 0;
const FAILS: u8 = 1;
const PANICS: u8 = 2;
const LIES: u8 = 3; // it worked, but you are told that it failed

/// A journal that fails on demand.
#[derive(Clone, Default)]
struct Moody {
    journal: MemoryStore,
    mood: Arc<AtomicU8>,
}

impl ConsentStore for Moody {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        match self.mood.load(Ordering::SeqCst) {
            WORKS => self.journal.append(expected, events),
            PANICS => panic!("the store panics, as the test asked it to"),
            mood => {
                if mood == LIES {
                    self.journal.append(expected, events)?;
                }
                Err(StoreError::failed("disk on fire"))
            }
        }
    }

    fn replay(
        &self,
        after: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.journal.replay(after, each)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        match self.mood.load(Ordering::SeqCst) {
            WORKS => self.journal.keep_mark(mark),
            _ => Err(StoreError::failed("disk on fire")),
        }
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        self.journal.mark()
    }
}

impl Moody {
    fn open(&self) -> (ConsentGate, ConsentLedger) {
        ConsentGate::builder()
            .clock(|| START)
            .store(self.clone())
            .build()
            .unwrap()
    }

    fn feel(&self, mood: u8) {
        self.mood.store(mood, Ordering::SeqCst);
    }
}

#[test]
fn reopening_the_journal_gives_the_same_state() {
    let house = house();
    house.give(grant("user", "support"));
    house.withdraw(all_of("user.contact"));
    let (gate, ledger) = ConsentGate::builder()
        .clock(|| START)
        .store(house.store.clone())
        .build()
        .unwrap();
    assert_eq!(
        ledger.history(Revision::ZERO),
        house.ledger.history(Revision::ZERO)
    );
    assert_eq!(
        gate.check(&ask_for("user.orders", "support")).code(),
        "consent_granted"
    );
    assert_eq!(
        gate.check(&ask_for("user.contact", "support")).code(),
        "withdrawn"
    );
    assert_eq!(
        ledger
            .record(grant("orders", "support"))
            .unwrap()
            .revision()
            .as_u64(),
        3
    );
}

#[test]
fn a_grant_that_cannot_be_stored_changes_nothing() {
    let store = Moody::default();
    let (gate, ledger) = store.open();
    store.feel(FAILS);
    assert!(matches!(
        ledger.record(grant("user", "support")),
        Err(ConsentError::Store(_))
    ));
    assert!(matches!(
        ledger.accept_clock(id("ops@example.com"), "why not"),
        Err(ConsentError::Store(_))
    ));
    assert_eq!(gate.check(&ask_for("user", "support")).code(), "no_record");
    assert_eq!(
        (gate.revision(), ledger.history(Revision::ZERO).len()),
        (Revision::ZERO, 0)
    );
}

#[test]
fn a_withdrawal_that_cannot_be_stored_is_in_force_and_stored_with_the_next_act() {
    let store = Moody::default();
    let (gate, ledger) = store.open();
    ledger.record(grant("user", "support")).unwrap();
    store.feel(FAILS);
    let refused = ledger.withdraw(all_of("user"), None);
    let Err(ConsentError::NotStored { withdrawal, .. }) = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(withdrawal.matched().len(), 1);
    assert_eq!(
        refused.as_ref().unwrap_err().to_string(),
        "withdrawal in force in memory but not stored: the store failed: disk on fire"
    );
    assert_eq!(gate.check(&ask_for("user", "support")).code(), "withdrawn");
    assert_eq!(
        store.open().0.check(&ask_for("user", "support")).code(),
        "consent_granted"
    ); // not stored yet
    store.feel(WORKS);
    ledger.record(grant("orders", "support")).unwrap();
    let (reopened, again) = store.open();
    assert_eq!(
        reopened.check(&ask_for("user", "support")).code(),
        "withdrawn"
    );
    assert_eq!(
        again.history(Revision::ZERO),
        ledger.history(Revision::ZERO)
    );
}

#[test]
fn several_withdrawals_that_could_not_be_stored_are_stored_in_order() {
    let store = Moody::default();
    let (_, ledger) = store.open();
    store.feel(FAILS);
    ledger.refuse(all_of("a"), None).unwrap_err();
    ledger.withdraw_agent(id("bee"), None).unwrap_err();
    assert!(ledger.record(grant("user", "support")).is_err());
    store.feel(WORKS);
    ledger.withdraw_subject(id("ada"), None).unwrap();
    let stored = store.open().1.history(Revision::ZERO);
    assert_eq!(stored, ledger.history(Revision::ZERO));
    assert_eq!(stored.len(), 3);
}

#[test]
fn a_store_that_stored_and_said_it_failed_is_found_out_at_the_next_act() {
    let store = Moody::default();
    let (gate, ledger) = store.open();
    store.feel(LIES);
    assert!(ledger.record(grant("user", "support")).is_err());
    store.feel(WORKS);
    let next = ledger.record(grant("orders", "support"));
    assert!(
        matches!(next, Err(ConsentError::Store(StoreError::Conflict { .. }))),
        "{next:?}"
    );
    assert!(!gate.check(&ask_for("user", "support")).allowed());
    assert!(!gate.check(&ask_for("orders", "support")).allowed());
}

#[test]
fn two_ledgers_on_one_journal_do_not_overwrite_each_other() {
    let store = MemoryStore::default();
    let open = || ConsentGate::builder().store(store.clone()).build().unwrap();
    let ((_, one), (gate, other)) = (open(), open());
    one.record(grant("user", "support")).unwrap();
    let refused = other.record(grant("orders", "support"));
    assert!(matches!(
        refused,
        Err(ConsentError::Store(StoreError::Conflict { .. }))
    ));
    let refused = other.refuse(Extent::default(), None);
    assert!(matches!(refused, Err(ConsentError::NotStored { .. })));
    assert_eq!(gate.check(&ask_for("user", "support")).code(), "refused");
}

#[test]
fn after_a_panic_of_the_store_narrowing_works_and_widening_is_refused() {
    let store = Moody::default();
    let (gate, ledger) = store.open();
    ledger.record(grant("user", "support")).unwrap();
    store.feel(PANICS);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        ledger.record(grant("a", "support"))
    }));
    assert!(panicked.is_err());
    store.feel(WORKS);
    assert!(matches!(
        ledger.record(grant("a", "support")),
        Err(ConsentError::Poisoned)
    ));
    assert!(matches!(
        ledger.accept_clock(id("ops@example.com"), "why not"),
        Err(ConsentError::Poisoned)
    ));
    ledger.withdraw(all_of("user"), None).unwrap();
    assert_eq!(gate.check(&ask_for("user", "support")).code(), "withdrawn");
    let kinds: Vec<_> = store
        .open()
        .1
        .records(&consent::RecordFilter::default())
        .iter()
        .map(|r| r.kind())
        .collect();
    assert_eq!(kinds, [RecordKind::Given, RecordKind::Withdrawn]);
}

#[test]
fn a_withdrawal_is_in_force_even_if_the_store_panics() {
    let store = Moody::default();
    let (gate, ledger) = store.open();
    ledger.record(grant("user", "support")).unwrap();
    store.feel(PANICS);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        ledger.withdraw(all_of("user"), None)
    }));
    assert!(panicked.is_err());
    assert_eq!(gate.check(&ask_for("user", "support")).code(), "withdrawn");
}

#[test]
fn a_publication_that_cannot_be_stored_is_in_force_and_stored_with_the_next_act() {
    let store = Moody::default();
    let (gate, ledger) = store.open();
    let query = ask_for("user", "support");
    ledger
        .record(grant("user", "support").notice(notice("v1")))
        .unwrap();
    store.feel(FAILS);
    let refused = ledger.publish_notice(publication("v2"), ops(), "a new processor");
    let Err(ConsentError::PublicationNotStored {
        publication: kept, ..
    }) = &refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(kept.superseded().len(), 1);
    assert_eq!(
        refused.as_ref().unwrap_err().to_string(),
        "publication in force in memory but not stored: the store failed: disk on fire"
    );
    assert_eq!(gate.check(&query).code(), "notice_superseded");
    assert!(matches!(
        ledger.record(grant("user", "support").notice(notice("v1"))),
        Err(ConsentError::NoticeNotCurrent { .. })
    ));
    assert!(store.open().0.check(&query).allowed()); // not stored yet
    store.feel(WORKS);
    ledger.flush().unwrap();
    assert_eq!(store.open().0.check(&query).code(), "notice_superseded");
}

#[test]
fn a_publication_that_ends_nothing_is_stored_first_or_not_made() {
    let store = Moody::default();
    let (gate, ledger) = store.open();
    ledger
        .publish_notice(publication("v1"), ops(), "the first")
        .unwrap();
    store.feel(FAILS);
    let lenient = || publication("v2").earlier_consents_stay_good();
    let refused = ledger.publish_notice(lenient(), ops(), "a typing error");
    assert!(
        matches!(refused, Err(ConsentError::Store(_))),
        "{refused:?}"
    );
    assert_eq!(gate.revision().as_u64(), 1);
    store.feel(WORKS);
    let refused = ledger.record(grant("user", "support").notice(notice("v2")));
    assert!(
        matches!(refused, Err(ConsentError::NoticeNotCurrent { .. })),
        "{refused:?}"
    );
}

#[test]
fn after_a_panic_of_the_store_a_publication_still_ends_what_it_must() {
    let store = Moody::default();
    let (gate, ledger) = store.open();
    let first = ledger
        .record(grant("user", "support").notice(notice("v1")))
        .unwrap();
    store.feel(PANICS);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        ledger.publish_notice(publication("v2"), ops(), "a new processor")
    }));
    assert!(panicked.is_err());
    assert_eq!(
        gate.check(&ask_for("user", "support")).code(),
        "notice_superseded"
    );
    store.feel(WORKS);
    ledger
        .publish_notice(publication("v3"), ops(), "another")
        .unwrap();
    let lenient = publication("v4").earlier_consents_stay_good();
    let refused = ledger.publish_notice(lenient, ops(), "a typing error");
    assert!(
        matches!(refused, Err(ConsentError::Poisoned)),
        "{refused:?}"
    );
    let renewal = consent::Renewal::new(first.record_id(), crate::support::by());
    let refused = ledger.renew(renewal.notice(notice("v3")));
    assert!(
        matches!(refused, Err(ConsentError::Poisoned)),
        "{refused:?}"
    );
}

#[test]
fn events_are_written_and_read_as_json() {
    let house = house();
    house.give(
        grant("user", "support")
            .subject(id("ada"))
            .expires_at(START + std::time::Duration::from_secs(60))
            .notice(consent::Notice::new(id("v1"), [7; 32].into())),
    );
    house.withdraw(Extent::of_subject(id("ada")));
    house
        .ledger
        .accept_clock(id("ops@example.com"), "checked")
        .unwrap();
    let history = house.ledger.history(Revision::ZERO);
    let mut shown = serde_json::to_value(&history).unwrap();
    for event in shown.as_array_mut().unwrap() {
        if let Some(record_id) = event.pointer_mut("/recorded/record_id") {
            *record_id = "[uuid]".into();
        }
    }
    insta::assert_json_snapshot!(shown, @r#"
    [
      {
        "recorded": {
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
          "notice": {
            "sha256": "0707070707070707070707070707070707070707070707070707070707070707",
            "version": "v1"
          },
          "record_id": "[uuid]",
          "revision": 1
        }
      },
      {
        "recorded": {
          "at": "2026-11-22T00:00:00Z",
          "extent": {
            "subject": "ada"
          },
          "kind": "withdrawn",
          "record_id": "[uuid]",
          "revision": 2
        }
      },
      {
        "clock_accepted": {
          "at": "2026-11-22T00:00:00Z",
          "by": "ops@example.com",
          "reason": "checked",
          "revision": 3
        }
      }
    ]
    "#);
    let json = serde_json::to_string(&history).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Event>>(&json).unwrap(), history);
}

#[test]
fn a_damaged_journal_is_not_opened() {
    let house = house();
    house.give(
        grant("user", "support")
            .valid_from(START)
            .expires_at(START + std::time::Duration::from_secs(60)),
    );
    let good = serde_json::to_value(&house.ledger.history(Revision::ZERO)[0]).unwrap();
    let cases: [(&str, &[&str], serde_json::Value); 7] = [
        ("its number is not the next one", &["revision"], 2.into()),
        (
            "a consent that no one gave",
            &["by"],
            serde_json::Value::Null,
        ),
        (
            "a consent that names no agent or no data",
            &["extent", "agent"],
            serde_json::Value::Null,
        ),
        (
            "a consent that names no agent or no data",
            &["extent", "data_type"],
            serde_json::Value::Null,
        ),
        (
            "a consent that the agent gave itself",
            &["by"],
            "bot".into(),
        ),
        (
            "a consent that expires before it begins",
            &["expires_at"],
            "2026-11-22T00:00:00Z".into(),
        ),
        ("a refusal with a time limit", &["kind"], "refused".into()),
    ];
    for (problem, path, value) in cases {
        let mut bad = good.clone();
        let place = path
            .iter()
            .fold(&mut bad["recorded"], |place, key| &mut place[*key]);
        *place = value;
        let store = MemoryStore::default();
        store
            .append(Revision::ZERO, &[serde_json::from_value(bad).unwrap()])
            .unwrap();
        let refused = ConsentGate::builder()
            .store(store)
            .build()
            .unwrap_err()
            .to_string();
        assert!(refused.contains(problem), "{refused}");
    }
}

#[test]
fn unknown_fields_in_a_journal_are_refused() {
    let house = house();
    house.give(grant("user", "support"));
    let mut event = serde_json::to_value(&house.ledger.history(Revision::ZERO)[0]).unwrap();
    event["recorded"]["extent"]["region"] = "eu".into();
    assert!(serde_json::from_value::<Event>(event).is_err());
}
