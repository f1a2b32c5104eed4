//! Who may act for someone else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use consent::{
    AuthorityClaim, ConsentError, ConsentGate, ConsentLedger, Extent, Grant, MemoryStore,
    NotEntitled, RecordKind, Renewal,
};

use crate::support::{START, all_of, ask_for, grant, house, id};

/// Ada alone may act for her child, and every question is counted.
fn registered() -> (ConsentGate, ConsentLedger, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let check = move |claim: &AuthorityClaim<'_>| {
        counter.fetch_add(1, Ordering::Relaxed);
        let entitled = claim.by.as_str() == "ada"
            && claim.subject.as_str() == "child"
            && claim.authority.as_str() == "parental"
            && claim.extent.agent == Some(id("bot"));
        if entitled {
            Ok(())
        } else {
            Err(NotEntitled::because("not in the register"))
        }
    };
    let (gate, ledger) = ConsentGate::builder()
        .clock(|| START)
        .authority_check(check)
        .build()
        .unwrap();
    (gate, ledger, asked)
}

fn from(grantor: &str) -> Grant {
    Grant::new(id("bot"), id("user"), id("support"), id(grantor))
}

#[test]
fn a_guardian_whom_the_check_allows_gives_consent_for_the_subject_alone() {
    let (gate, ledger, _) = registered();
    let record = ledger
        .record(from("ada").on_behalf_of(id("child"), id("parental")))
        .unwrap();
    assert_eq!(record.on_behalf_of(), Some(&id("child")));
    assert_eq!(record.authority(), Some(&id("parental")));
    assert_eq!(record.by(), Some(&id("ada")));
    assert!(
        gate.check(&ask_for("user", "support").subject(id("child")))
            .allowed()
    );
    assert!(
        !gate
            .check(&ask_for("user", "support").subject(id("bob")))
            .allowed()
    );
    assert!(!gate.check(&ask_for("user", "support")).allowed());
}

#[test]
fn whoever_the_check_does_not_allow_changes_nothing() {
    let (gate, ledger, _) = registered();
    for (grantor, subject, authority) in [
        ("bob", "child", "parental"),
        ("ada", "Child", "parental"),
        ("ada", "child", "legal"),
        ("Ada", "child", "parental"),
    ] {
        let refused = ledger.record(from(grantor).on_behalf_of(id(subject), id(authority)));
        assert!(
            matches!(refused, Err(ConsentError::NotEntitled { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(gate.revision().as_u64(), 0);
    let refused = ledger.record(from("bob").on_behalf_of(id("child"), id("parental")));
    insta::assert_snapshot!(refused.unwrap_err(), @"`bob` may not give consent on behalf of `child`: not in the register");
}

#[test]
fn without_a_check_no_one_acts_for_another_and_everyone_for_themselves() {
    let house = house();
    let refused = house
        .ledger
        .record(grant("user", "support").on_behalf_of(id("child"), id("parental")));
    insta::assert_snapshot!(refused.unwrap_err(), @"`admin@example.com` may not give consent on behalf of `child`: no authority check is configured; give the builder one");
    house.give(from("ada").subject(id("ada")));
    assert_eq!(
        house.code(&ask_for("user", "support").subject(id("ada"))),
        "consent_granted"
    );
}

#[test]
fn the_check_is_asked_once_for_each_grant_on_behalf_and_for_nothing_else() {
    let (_, ledger, asked) = registered();
    ledger.record(from("ada")).unwrap();
    ledger.record(from("ada").subject(id("child"))).unwrap();
    ledger.withdraw(all_of("user"), None).unwrap();
    ledger
        .withdraw_on_behalf_of(id("child"), id("parental"), all_of("user"), id("ada"))
        .unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    ledger
        .record(from("ada").on_behalf_of(id("child"), id("parental")))
        .unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn the_agent_is_no_guardian_even_if_the_check_would_have_it() {
    let (gate, ledger) = ConsentGate::builder()
        .authority_check(|_: &AuthorityClaim<'_>| Ok(()))
        .build()
        .unwrap();
    let refused = ledger.record(from("bot").on_behalf_of(id("child"), id("parental")));
    assert!(
        matches!(refused, Err(ConsentError::SelfGrant { .. })),
        "{refused:?}"
    );
    let given = ledger
        .record(from("ada").on_behalf_of(id("child"), id("parental")))
        .unwrap();
    let renewal = Renewal::new(given.record_id(), id("bot")).authority(id("parental"));
    assert!(
        ledger
            .renew(renewal.notice(crate::support::notice("v1")))
            .is_err()
    );
    assert_eq!(gate.revision().as_u64(), 1);
}

#[test]
fn a_renewal_on_behalf_is_asked_about_too() {
    let (_, ledger, asked) = registered();
    let end = START + std::time::Duration::from_secs(60);
    let given = ledger
        .record(
            from("ada")
                .on_behalf_of(id("child"), id("parental"))
                .expires_at(end),
        )
        .unwrap();
    let by_bob = Renewal::new(given.record_id(), id("bob")).authority(id("parental"));
    let refused = ledger.renew(by_bob);
    assert!(
        matches!(refused, Err(ConsentError::NotEntitled { .. })),
        "{refused:?}"
    );
    let by_ada = Renewal::new(given.record_id(), id("ada")).authority(id("parental"));
    assert_eq!(
        ledger.renew(by_ada).unwrap().on_behalf_of(),
        Some(&id("child"))
    );
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[test]
fn a_renewal_on_behalf_of_no_one_is_refused() {
    let (_, ledger, _) = registered();
    let end = START + std::time::Duration::from_secs(60);
    let given = ledger.record(from("ada").expires_at(end)).unwrap();
    let refused =
        ledger.renew(Renewal::new(given.record_id(), id("ada")).authority(id("parental")));
    assert!(
        matches!(refused, Err(ConsentError::NotRenewable { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_withdrawal_on_behalf_is_always_taken_and_says_by_whom() {
    let house = house();
    house.give(grant("user", "support"));
    let withdrawal = house
        .ledger
        .withdraw_on_behalf_of(id("child"), id("says so"), all_of("user"), id("a stranger"))
        .unwrap();
    assert_eq!(withdrawal.matched().len(), 1);
    let record = withdrawal.record();
    assert_eq!(
        (record.kind(), record.by()),
        (RecordKind::Withdrawn, Some(&id("a stranger")))
    );
    assert_eq!(
        (record.on_behalf_of(), record.authority()),
        (Some(&id("child")), Some(&id("says so")))
    );
    assert_eq!(record.extent(), &all_of("user").subject(id("child")));
    let query = ask_for("user", "support");
    assert_eq!(house.code(&query.clone().subject(id("child"))), "withdrawn");
    assert_eq!(house.code(&query.subject(id("bob"))), "consent_granted");
}

#[test]
fn a_withdrawal_on_behalf_of_one_does_not_touch_another() {
    let house = house();
    let refused = house.ledger.withdraw_on_behalf_of(
        id("child"),
        id("parental"),
        Extent::of_subject(id("bob")),
        id("ada"),
    );
    insta::assert_snapshot!(refused.unwrap_err(), @"a withdrawal on behalf of `child` names the data of `bob`; name the same subject or none");
    assert_eq!(house.ledger.revision().as_u64(), 0);
}

#[test]
fn a_check_that_panics_leaves_the_ledger_whole() {
    let (_, ledger) = ConsentGate::builder()
        .authority_check(|_: &AuthorityClaim<'_>| {
            panic!("the check panics, as the test asked it to")
        })
        .build()
        .unwrap();
    let grant = from("ada").on_behalf_of(id("child"), id("parental"));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ledger.record(grant)));
    assert!(panicked.is_err());
    ledger.record(from("ada")).unwrap();
}

#[test]
fn what_was_given_on_behalf_is_read_back_without_asking_again() {
    let store = MemoryStore::default();
    let open = |allowed: bool| {
        let check = move |_: &AuthorityClaim<'_>| {
            allowed
                .then_some(())
                .ok_or_else(|| NotEntitled::because("no"))
        };
        ConsentGate::builder()
            .store(store.clone())
            .authority_check(check)
            .build()
            .unwrap()
    };
    let (_, ledger) = open(true);
    ledger
        .record(from("ada").on_behalf_of(id("child"), id("parental")))
        .unwrap();
    let (gate, _) = open(false);
    assert!(
        gate.check(&ask_for("user", "support").subject(id("child")))
            .allowed()
    );
}
