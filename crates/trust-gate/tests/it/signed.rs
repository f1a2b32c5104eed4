//! What a gate takes on the word of a signature, and what it does not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use time::OffsetDateTime;
use trust_gate::{
    Act, ActKind, Decay, Event, Grant, GrantSigner, HistoryFilter, ManualClock, MemoryStore,
    OperatorId, OperatorKey, SignedGrantError, Tier, TrustError, TrustGate, TrustGateConfig,
    TrustLevel,
};

use crate::fixture::{DAY, Fixture, HOUR, NOON, agent, chain, grant, ops, scope};
use crate::store::{FAILS, Faulty, WORKS};

pub(crate) const GATE: &str = "shop-eu";

pub(crate) fn named(name: &str) -> TrustGateConfig {
    TrustGateConfig {
        name: Some(name.parse().unwrap()),
        ..TrustGateConfig::default()
    }
}

pub(crate) fn operator(name: &str) -> OperatorId {
    name.parse().unwrap()
}

pub(crate) fn signer(name: &str, seed: u8) -> GrantSigner {
    GrantSigner::from_seed(operator(name), GATE.parse().unwrap(), &[seed; 32])
}

/// Agent `a` on the root, by `ada`.
pub(crate) fn by_ada(level: TrustLevel, at: OffsetDateTime) -> Grant {
    Grant::new(agent("a"), level, operator("ada"))
        .assigned_at(at)
        .reason("pilot")
}

fn text(signer: &GrantSigner, grant: Grant, serial: u64) -> String {
    signer.sign(grant, serial).unwrap().to_string()
}

/// A gate that trusts `ada`'s key of seed 1.
pub(crate) fn trusting() -> (Fixture, GrantSigner) {
    let f = Fixture::with(named(GATE));
    let ada = signer("ada", 1);
    f.admin
        .trust_key(&operator("ada"), ada.key(), &ops(), "on call")
        .unwrap();
    (f, ada)
}

fn everything(f: &Fixture) -> Vec<Event> {
    f.admin.history(&HistoryFilter::default()).unwrap()
}

/// Presents a text that must be refused and must leave no trace.
fn refused(f: &Fixture, text: &str) -> TrustError {
    let before = (everything(f), f.admin.keys(), f.level("a", ""));
    let error = f.admin.assign_signed(text).unwrap_err();
    assert_eq!((everything(f), f.admin.keys(), f.level("a", "")), before);
    error
}

fn refusal(f: &Fixture, text: &str) -> String {
    refused(f, text).to_string()
}

#[test]
fn a_signed_grant_is_an_assignment_by_whoever_signed_it() {
    let (f, ada) = trusting();
    let grant = by_ada(TrustLevel::ActAndReport, NOON - DAY)
        .scope(scope("payments"))
        .expires_at(NOON + DAY)
        .decay(Decay::cliff(DAY * 7));
    let event = f.admin.assign_signed(&text(&ada, grant, 41)).unwrap();
    assert_eq!(f.level("a", "payments/eu"), TrustLevel::ActAndReport);
    let json = serde_json::to_string(&event).unwrap();
    insta::assert_snapshot!(json, @r##"{"revision":3,"at":"2026-11-22T12:00:00Z","by":"ada","reason":"pilot","act":{"kind":"assign","agent":"a","scope":"payments","level":4,"assigned_at":"2026-11-21T12:00:00Z","expires_at":"2026-11-23T12:00:00Z","decay":{"shape":"cliff","ttl":"1w","to":0},"signed":{"key_id":"34750f98bd59fcfc946da45aaabe933b","serial":41}},"before":0,"after":4}"##);
    assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    f.clock.advance(DAY);
    assert_eq!(
        f.level("a", "payments"),
        TrustLevel::Observer,
        "it has ended"
    );
}

#[test]
fn a_local_assignment_is_stored_as_before() {
    let f = Fixture::new();
    f.grant("a", "", TrustLevel::Monitor);
    let json = serde_json::to_string(&everything(&f)[1]).unwrap();
    assert!(!json.contains("\"signed\""), "{json}");
}

#[test]
fn each_counts_once_and_an_older_one_not_at_all() {
    let (f, ada) = trusting();
    let older = text(&ada, by_ada(TrustLevel::Autonomous, NOON), 4);
    let fifth = text(&ada, by_ada(TrustLevel::Suggest, NOON), 5);
    f.admin.assign_signed(&fifth).unwrap();
    insta::assert_snapshot!(refusal(&f, &fifth), @"serial 5 of operator `ada` is not above 5, the last one taken; sign with a higher one");
    insta::assert_snapshot!(refusal(&f, &older), @"serial 4 of operator `ada` is not above 5, the last one taken; sign with a higher one");
    // Not after the grant was taken back, either, nor for another agent or scope.
    f.clock.advance(HOUR);
    f.admin.revoke(&agent("a"), &scope(""), &ops(), "").unwrap();
    refused(&f, &fifth);
    let now = NOON + HOUR + HOUR;
    f.clock.set(now);
    let elsewhere = by_ada(TrustLevel::Suggest, now).scope(scope("payments"));
    refused(&f, &text(&ada, elsewhere.clone(), 5));
    f.admin.assign_signed(&text(&ada, elsewhere, 6)).unwrap();
    assert_eq!(f.level("a", "payments"), TrustLevel::Suggest);
    assert_eq!(f.level("a", ""), TrustLevel::Observer);
}

#[test]
fn the_first_serial_may_be_zero_and_the_last_is_the_last() {
    let (f, ada) = trusting();
    f.admin
        .assign_signed(&text(&ada, by_ada(TrustLevel::Monitor, NOON), 0))
        .unwrap();
    f.clock.advance(HOUR);
    let last = by_ada(TrustLevel::Suggest, NOON + HOUR);
    refused(&f, &text(&ada, last.clone(), 0));
    f.admin.assign_signed(&text(&ada, last, u64::MAX)).unwrap();
    f.clock.advance(HOUR);
    let after = by_ada(TrustLevel::Monitor, NOON + HOUR * 2);
    refused(&f, &text(&ada, after, u64::MAX));
}

#[test]
fn a_refused_grant_does_not_use_its_serial_up() {
    let (f, ada) = trusting();
    let tomorrow = text(&ada, by_ada(TrustLevel::Suggest, NOON + DAY), 9);
    let error = refused(&f, &tomorrow);
    assert!(matches!(error, TrustError::FutureDated { .. }), "{error}");
    f.admin
        .assign_signed(&text(&ada, by_ada(TrustLevel::Monitor, NOON), 8))
        .unwrap();
    f.clock.advance(DAY);
    f.admin.assign_signed(&tomorrow).unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Suggest);
}

#[test]
fn a_new_key_continues_the_serials_of_the_old_one() {
    let (f, old) = trusting();
    let new = signer("ada", 2);
    f.admin
        .assign_signed(&text(&old, by_ada(TrustLevel::Monitor, NOON), 7))
        .unwrap();
    f.admin
        .trust_key(&operator("ada"), new.key(), &ops(), "rotation")
        .unwrap();
    f.admin
        .revoke_key(old.key().id(), &ops(), "rotation")
        .unwrap();
    let f = f.restart();
    f.clock.advance(HOUR);
    let next = by_ada(TrustLevel::Suggest, NOON + HOUR);
    assert!(matches!(
        refused(&f, &text(&new, next.clone(), 7)),
        TrustError::SignedGrant(SignedGrantError::StaleSerial { highest: 7, .. })
    ));
    insta::assert_snapshot!(refusal(&f, &text(&old, next.clone(), 8)), @"the key 34750f98bd59fcfc946da45aaabe933b was revoked by revision 5; sign with another key");
    f.admin.assign_signed(&text(&new, next, 8)).unwrap();
    let listed: Vec<_> = f
        .admin
        .keys()
        .into_iter()
        .map(|key| (key.key, key.operator.to_string(), key.revoked.is_some()))
        .collect();
    assert_eq!(listed.len(), 2);
    assert!(listed.contains(&(old.key(), "ada".into(), true)));
    assert!(listed.contains(&(new.key(), "ada".into(), false)));
}

#[test]
fn serials_are_counted_for_each_operator_alone() {
    let (f, ada) = trusting();
    let bob = signer("bob", 2);
    f.admin
        .trust_key(&operator("bob"), bob.key(), &ops(), "")
        .unwrap();
    f.admin
        .assign_signed(&text(&ada, by_ada(TrustLevel::Monitor, NOON), 100))
        .unwrap();
    f.clock.advance(HOUR);
    let mut grant = by_ada(TrustLevel::Suggest, NOON + HOUR);
    grant.assigned_by = operator("bob");
    f.admin.assign_signed(&text(&bob, grant, 1)).unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Suggest);
}

#[test]
fn nothing_is_forgotten_by_a_restart() {
    let (f, ada) = trusting();
    let first = text(&ada, by_ada(TrustLevel::Suggest, NOON), 1);
    f.admin.assign_signed(&first).unwrap();
    let f = f.restart();
    let error = refused(&f, &first);
    assert!(
        matches!(
            error,
            TrustError::SignedGrant(SignedGrantError::StaleSerial { .. })
        ),
        "{error}"
    );
    f.admin.revoke_key(ada.key().id(), &ops(), "lost").unwrap();
    let f = f.restart();
    f.clock.advance(HOUR);
    let error = refused(&f, &text(&ada, by_ada(TrustLevel::Suggest, NOON + HOUR), 2));
    assert!(
        matches!(
            error,
            TrustError::SignedGrant(SignedGrantError::RevokedKey { .. })
        ),
        "{error}"
    );
}

#[test]
fn revoking_a_key_leaves_what_it_signed_and_says_what_that_was() {
    let (f, ada) = trusting();
    f.grant("b", "", TrustLevel::Monitor);
    f.admin
        .assign_signed(&text(&ada, by_ada(TrustLevel::Suggest, NOON), 1))
        .unwrap();
    let key_id = ada.key().id();
    f.admin.revoke_key(key_id, &ops(), "lost").unwrap();
    f.admin.revoke_key(key_id, &ops(), "lost, again").unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Suggest);
    let of_key = HistoryFilter {
        key_id: Some(key_id),
        ..HistoryFilter::default()
    };
    let kinds: Vec<ActKind> = f
        .admin
        .history(&of_key)
        .unwrap()
        .iter()
        .map(|event| event.act.kind())
        .collect();
    let expected = [
        ActKind::TrustKey,
        ActKind::Assign,
        ActKind::RevokeKey,
        ActKind::RevokeKey,
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn nobody_signs_in_the_name_of_another() {
    let (f, _) = trusting();
    let bob = signer("bob", 2);
    f.admin
        .trust_key(&operator("bob"), bob.key(), &ops(), "")
        .unwrap();
    let grant = by_ada(TrustLevel::Autonomous, NOON);
    let error = bob.sign(grant.clone(), 1).unwrap_err();
    insta::assert_snapshot!(error, @"the grant is by operator `ada` but the key is that of `bob`; let them sign it themselves");
    // With bob's key, by tools of his own.
    let posing = signer("ada", 2);
    insta::assert_snapshot!(refusal(&f, &text(&posing, grant, 1)), @"the grant is by operator `ada` but the key is that of `bob`; let them sign it themselves");
}

#[test]
fn refuses_keys_and_gates_that_do_not_fit() {
    let (f, ada) = trusting();
    let grant = by_ada(TrustLevel::Suggest, NOON);
    let stranger = signer("ada", 3);
    insta::assert_snapshot!(refusal(&f, &text(&stranger, grant.clone(), 1)), @"the key b62e867fa2f33afe62d5d6b1642e1621 is not known here; let an operator trust it first");

    let elsewhere = GrantSigner::from_seed(operator("ada"), "Shop-eu".parse().unwrap(), &[1; 32]);
    insta::assert_snapshot!(refusal(&f, &text(&elsewhere, grant.clone(), 1)), @"the grant is for the gate `Shop-eu`, and this is `shop-eu`; have it signed for this one");

    let good = text(&ada, grant, 1);
    f.admin
        .configure(TrustGateConfig::default(), &ops(), "no name")
        .unwrap();
    insta::assert_snapshot!(refusal(&f, &good), @"this gate has no name and takes no signed grants; set `name` in its configuration");
    f.admin
        .configure(named(GATE), &ops(), "named again")
        .unwrap();
    f.admin.assign_signed(&good).unwrap();
}

#[test]
fn refuses_grants_that_have_ended_or_make_no_sense_here() {
    let (f, ada) = trusting();
    let grant = by_ada(TrustLevel::Suggest, NOON - DAY);
    let ended = text(&ada, grant.clone().expires_at(NOON), 1);
    insta::assert_snapshot!(refusal(&f, &ended), @"the grant ended at 2026-11-22 12:00:00.0 +00:00:00, and it is 2026-11-22 12:00:00.0 +00:00:00; have another one signed");
    let last_moment = grant
        .clone()
        .expires_at(NOON + std::time::Duration::from_nanos(1));
    f.admin.assign_signed(&text(&ada, last_moment, 1)).unwrap();

    let grant = by_ada(TrustLevel::Suggest, NOON).scope(scope("x"));
    let mut tier = grant.clone();
    tier.level = Tier("staff").into();
    insta::assert_snapshot!(refusal(&f, &text(&ada, tier, 2)), @"`staff` is neither a trust level nor a tier; the tiers are `privileged`, `public`, `verified`");
    let zero = Decay::cliff(std::time::Duration::ZERO);
    insta::assert_snapshot!(refusal(&f, &text(&ada, grant.clone().decay(zero), 2)), @"invalid decay: `ttl` is zero; give it a length");
    let soon = by_ada(TrustLevel::Suggest, NOON + HOUR).expires_at(NOON + HOUR);
    f.clock.advance(HOUR / 2);
    let error = refused(&f, &text(&ada, soon, 2));
    assert!(matches!(error, TrustError::FutureDated { .. }), "{error}");
    let backwards = grant.expires_at(NOON - HOUR);
    refused(&f, &text(&ada, backwards, 2));
}

#[test]
fn a_tier_is_looked_up_by_the_gate() {
    let (f, ada) = trusting();
    let mut grant = by_ada(TrustLevel::Observer, NOON);
    grant.level = Tier("verified").into();
    f.admin.assign_signed(&text(&ada, grant, 1)).unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Suggest);
}

#[test]
fn a_grant_that_was_held_back_does_not_undo_what_was_decided_since() {
    let (f, ada) = trusting();
    let held_back = |serial| text(&ada, by_ada(TrustLevel::Autonomous, NOON), serial);
    f.clock.advance(HOUR);
    f.admin.revoke(&agent("a"), &scope(""), &ops(), "").unwrap();
    insta::assert_snapshot!(refusal(&f, &held_back(1)), @"the grant is dated 2026-11-22 12:00:00.0 +00:00:00, not later than revision 3 on its scope or around it, dated 2026-11-22 13:00:00.0 +00:00:00; have another one signed");
    f.grant("a", "", TrustLevel::Monitor);
    refused(&f, &held_back(1));
    let same_moment = by_ada(TrustLevel::Suggest, NOON + HOUR);
    refused(&f, &text(&ada, same_moment, 1));
    f.clock.advance(HOUR);
    let made_since = by_ada(TrustLevel::Suggest, NOON + HOUR * 2);
    f.admin.assign_signed(&text(&ada, made_since, 1)).unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Suggest);
}

#[test]
fn a_grant_that_was_held_back_does_not_undo_a_revocation_around_it() {
    let (f, ada) = trusting();
    let inner = |at| by_ada(TrustLevel::Suggest, at).scope(scope("payments/eu"));
    f.clock.advance(HOUR);
    f.grant("a", "", TrustLevel::Monitor);
    f.admin
        .revoke(&agent("a"), &scope("payments"), &ops(), "")
        .unwrap();
    insta::assert_snapshot!(refusal(&f, &text(&ada, inner(NOON), 1)), @"the grant is dated 2026-11-22 12:00:00.0 +00:00:00, not later than revision 4 on its scope or around it, dated 2026-11-22 13:00:00.0 +00:00:00; have another one signed");
    // A wider grant is no reason, nor is a revocation elsewhere or further in.
    let beside = inner(NOON).scope(scope("pay"));
    f.admin.assign_signed(&text(&ada, beside, 1)).unwrap();
    f.admin
        .revoke(&agent("a"), &scope("payments/eu/fr"), &ops(), "")
        .unwrap();
    f.clock.advance(HOUR);
    f.admin
        .assign_signed(&text(&ada, inner(NOON + HOUR * 2), 2))
        .unwrap();
    assert_eq!(f.level("a", "payments/eu"), TrustLevel::Suggest);
    assert_eq!(f.level("a", "payments/eu/fr"), TrustLevel::Observer);
}

#[test]
fn what_is_assigned_after_a_revocation_does_not_let_in_what_was_held_back() {
    for place in ["", "payments"] {
        let (f, ada) = trusting();
        f.clock.advance(HOUR);
        let held_back = by_ada(TrustLevel::Autonomous, NOON).scope(scope(place));
        let held_back = text(&ada, held_back, 1);
        f.admin.revoke(&agent("a"), &scope(""), &ops(), "").unwrap();
        // From a file, in which a grant that wears out has to say since when it holds.
        let again = grant("a", TrustLevel::Monitor)
            .assigned_at(NOON - DAY)
            .decay(Decay::inactivity());
        f.admin.assign(again).unwrap();
        refused(&f, &held_back);
        f.admin.touch(&agent("a"), &scope(""), &ops(), "").unwrap();
        let f = f.restart();
        refused(&f, &held_back);
        f.clock.advance(HOUR);
        let made_since = by_ada(TrustLevel::Suggest, NOON + HOUR * 2).scope(scope(place));
        f.admin.assign_signed(&text(&ada, made_since, 1)).unwrap();
        assert_eq!(f.level("a", place), TrustLevel::Suggest);
    }
}

#[test]
fn a_revocation_by_a_clock_that_was_ahead_holds_grants_up_no_longer_than_what_came_after_it() {
    let (f, ada) = trusting();
    f.clock.set(NOON + DAY * 365);
    f.admin.revoke(&agent("a"), &scope(""), &ops(), "").unwrap();
    f.clock.set(NOON + HOUR);
    f.admin.accept_clock(&ops(), "it was ahead").unwrap();
    f.grant("a", "", TrustLevel::Monitor);
    refused(&f, &text(&ada, by_ada(TrustLevel::Suggest, NOON + HOUR), 1));
    f.clock.advance(HOUR);
    let inner = by_ada(TrustLevel::Suggest, NOON + HOUR * 2).scope(scope("payments"));
    f.admin.assign_signed(&text(&ada, inner, 1)).unwrap();
}

#[test]
fn of_two_that_were_signed_elsewhere_the_newer_one_counts_whenever_they_come() {
    let (f, ada) = trusting();
    f.clock.advance(DAY);
    for hours in [1, 2] {
        let level = TrustLevel::try_from(hours as u8).unwrap();
        let signed = text(&ada, by_ada(level, NOON + HOUR * hours), hours.into());
        f.admin.assign_signed(&signed).unwrap();
    }
    assert_eq!(f.level("a", ""), TrustLevel::Suggest);
}

#[test]
fn caps_and_quarantines_hold_against_a_signature() {
    let (f, ada) = trusting();
    let (a, root) = (agent("a"), scope(""));
    f.admin
        .cap(&a, &root, TrustLevel::Monitor, &ops(), "")
        .unwrap();
    f.admin
        .assign_signed(&text(&ada, by_ada(TrustLevel::Autonomous, NOON), 1))
        .unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Monitor);
    f.admin.quarantine(&a, &root, &ops(), "").unwrap();
    f.clock.advance(HOUR);
    f.admin
        .assign_signed(&text(&ada, by_ada(TrustLevel::Autonomous, NOON + HOUR), 2))
        .unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Observer);
}

#[test]
fn of_many_who_present_one_grant_one_succeeds() {
    let (f, ada) = trusting();
    let text = text(&ada, by_ada(TrustLevel::Suggest, NOON), 1);
    let start = std::sync::Barrier::new(8);
    let successes = std::thread::scope(|threads| {
        let tries: Vec<_> = (0..8)
            .map(|_| {
                threads.spawn(|| {
                    start.wait();
                    f.admin.assign_signed(&text).is_ok()
                })
            })
            .collect();
        tries
            .into_iter()
            .map(|one| one.join().unwrap())
            .filter(|done| *done)
            .count()
    });
    assert_eq!(successes, 1);
}

#[test]
fn only_what_is_stored_uses_a_serial_up_but_a_revocation_holds_at_once() {
    let store = Faulty::default();
    let open = || {
        TrustGate::builder()
            .config(named(GATE))
            .clock(ManualClock::new(NOON))
            .store(store.clone())
            .build()
            .unwrap()
    };
    let (gate, admin) = open();
    let ada = signer("ada", 1);
    store.mode(FAILS);
    let error = admin.trust_key(&operator("ada"), ada.key(), &ops(), "");
    assert!(matches!(error, Err(TrustError::Store(_))));
    assert_eq!(admin.keys(), []);
    store.mode(WORKS);
    admin
        .trust_key(&operator("ada"), ada.key(), &ops(), "")
        .unwrap();
    let text = |serial| text(&ada, by_ada(TrustLevel::Suggest, NOON), serial);
    store.mode(FAILS);
    let error = admin.assign_signed(&text(1)).unwrap_err();
    assert!(matches!(error, TrustError::Store(_)), "{error}");
    store.mode(WORKS);
    admin.assign_signed(&text(1)).unwrap();

    store.mode(FAILS);
    let error = admin
        .revoke_key(ada.key().id(), &ops(), "lost")
        .unwrap_err();
    assert_eq!(
        chain(&error),
        "revision 4 is in force in memory but not stored: disk full"
    );
    let error = admin.assign_signed(&text(2)).unwrap_err();
    assert!(
        matches!(
            error,
            TrustError::SignedGrant(SignedGrantError::RevokedKey { .. })
        ),
        "{error}"
    );
    store.mode(WORKS);
    admin.flush().unwrap();
    let (reopened, again) = open();
    assert_eq!(reopened.revision(), gate.revision());
    assert!(again.keys()[0].revoked.is_some());
}

#[test]
fn a_key_has_one_operator_and_does_not_come_back() {
    let (f, ada) = trusting();
    let trust = |name: &str, key| {
        let error = f.admin.trust_key(&operator(name), key, &ops(), "");
        error.unwrap_err().to_string()
    };
    insta::assert_snapshot!(trust("ada", ada.key()), @"the key 34750f98bd59fcfc946da45aaabe933b is already trusted as that of operator `ada`; use one key for one operator");
    insta::assert_snapshot!(trust("bob", ada.key()), @"the key 34750f98bd59fcfc946da45aaabe933b is already trusted as that of operator `ada`; use one key for one operator");
    let unknown = signer("ada", 9).key().id();
    let error = f.admin.revoke_key(unknown, &ops(), "").unwrap_err();
    insta::assert_snapshot!(error, @"the key dbc298251c51321b7266e78d1c151c2b is not known here; let an operator trust it first");
    f.admin.revoke_key(ada.key().id(), &ops(), "").unwrap();
    insta::assert_snapshot!(trust("ada", ada.key()), @"the key 34750f98bd59fcfc946da45aaabe933b was revoked by revision 3; sign with another key");
    insta::assert_snapshot!(trust("bob", ada.key()), @"the key 34750f98bd59fcfc946da45aaabe933b was revoked by revision 3; sign with another key");
}

#[test]
fn keys_with_which_anyone_can_sign_are_refused() {
    let (f, _) = trusting();
    let small = |first: u8, last: u8| {
        let mut bytes = [if first == 0xec { 0xff } else { 0 }; 32];
        bytes[0] = first;
        bytes[31] = last;
        bytes
    };
    // The points of order 1, 2 and 4; then something that is no point at all.
    let points = [small(1, 0), small(0xec, 0x7f), small(0, 0), small(0, 0x80)];
    let no_point = (2..20)
        .map(|n| small(n, 0))
        .find(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).is_err())
        .unwrap();
    for bytes in points.into_iter().chain([no_point]) {
        let key = OperatorKey::from_bytes(bytes);
        let error = f
            .admin
            .trust_key(&operator("bob"), key, &ops(), "")
            .unwrap_err();
        assert!(
            matches!(
                error,
                TrustError::SignedGrant(SignedGrantError::UnsoundKey { .. })
            ),
            "{key}: {error}"
        );
    }
    assert_eq!(f.admin.keys().len(), 1);
}

/// A step of a walk: signatures by two operators with two keys each, and what happens around them.
#[derive(Debug, Clone)]
enum Step {
    Present {
        who: usize,
        key: u8,
        serial: u64,
        level: u8,
    },
    Trust {
        who: usize,
        key: u8,
    },
    RevokeKey {
        key: u8,
    },
    RevokeLevel,
    Wait,
    Restart,
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..2_usize, 0..4_u8, 0..12_u64, 0..6_u8)
            .prop_map(|(who, key, serial, level)| Step::Present { who, key, serial, level }),
        3 => (0..2_usize, 0..4_u8).prop_map(|(who, key)| Step::Trust { who, key }),
        1 => (0..4_u8).prop_map(|key| Step::RevokeKey { key }),
        1 => Just(Step::RevokeLevel),
        4 => Just(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

/// What a gate should remember, written down the slow way.
#[derive(Debug, Default)]
struct Model {
    owners: BTreeMap<u8, usize>,
    revoked: BTreeSet<u8>,
    taken: BTreeMap<usize, Vec<u64>>,
    decided_at: Option<OffsetDateTime>,
    level: u8,
}

impl Model {
    fn takes(&self, who: usize, key: u8, serial: u64, now: OffsetDateTime) -> bool {
        self.owners.get(&key) == Some(&who)
            && !self.revoked.contains(&key)
            && self
                .taken
                .get(&who)
                .is_none_or(|taken| taken.iter().all(|before| *before < serial))
            && self.decided_at.is_none_or(|before| before < now)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_gate_remembers_what_a_plain_model_remembers(steps in prop::collection::vec(a_step(), 1..60)) {
        let names = ["ada", "bob"];
        let mut now = NOON;
        let mut f = Fixture::open(named(GATE), ManualClock::new(now), MemoryStore::default());
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Present { who, key, serial, level } => {
                    let by = signer(names[who], key + 1);
                    let level_given = TrustLevel::try_from(level).unwrap();
                    let grant = Grant::new(agent("a"), level_given, operator(names[who])).assigned_at(now);
                    let taken = f.admin.assign_signed(&text(&by, grant, serial));
                    prop_assert_eq!(taken.is_ok(), model.takes(who, key, serial, now), "{:?}", taken);
                    if let Ok(event) = taken {
                        model.taken.entry(who).or_default().push(serial);
                        model.decided_at = Some(now);
                        model.level = level;
                        let told = match event.act {
                            Act::Assign { signed: Some(signed), .. } => Some((signed.key_id, signed.serial)),
                            _ => None,
                        };
                        prop_assert_eq!(told, Some((by.key().id(), serial)));
                    }
                }
                Step::Trust { who, key } => {
                    let new = signer(names[who], key + 1).key();
                    let trusted = f.admin.trust_key(&operator(names[who]), new, &ops(), "");
                    prop_assert_eq!(trusted.is_ok(), !model.owners.contains_key(&key));
                    model.owners.entry(key).or_insert(who);
                }
                Step::RevokeKey { key } => {
                    let id = signer("ada", key + 1).key().id();
                    let revoked = f.admin.revoke_key(id, &ops(), "");
                    prop_assert_eq!(revoked.is_ok(), model.owners.contains_key(&key));
                    if revoked.is_ok() {
                        model.revoked.insert(key);
                    }
                }
                Step::RevokeLevel => {
                    f.admin.revoke(&agent("a"), &scope(""), &ops(), "").unwrap();
                    model.decided_at = Some(now);
                    model.level = 0;
                }
                Step::Wait => {
                    f.clock.advance(HOUR);
                    now += HOUR;
                }
                Step::Restart => f = f.restart(),
            }
            prop_assert_eq!(f.level("a", "").as_u8(), model.level);
        }
    }
}
