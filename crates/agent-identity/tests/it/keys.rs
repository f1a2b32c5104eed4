//! Which keys may vouch for whom, and what rotation and revocation do.

use agent_identity::{KeyAdmin, SigningKey, TokenAuthenticator, VerifyingKey};

use crate::fixture::{Fixture, NOON, ask, issuer, key};

fn trust(admin: &KeyAdmin<VerifyingKey>, name: &str, id: &str, seed: u8) -> &'static str {
    admin
        .trust(
            name.parse().unwrap(),
            id.parse().unwrap(),
            key(seed).verifying_key(),
        )
        .map_or_else(|error| error.code(), |()| "ok")
}

fn revoke(admin: &KeyAdmin<VerifyingKey>, name: &str, id: &str) -> &'static str {
    admin
        .revoke(&name.parse().unwrap(), &id.parse().unwrap())
        .map_or_else(|error| error.code(), |()| "ok")
}

fn token(name: &str, id: &str, seed: u8) -> String {
    issuer(name, id, seed)
        .clock(|| NOON)
        .issue(&ask())
        .unwrap()
        .into_string()
}

#[test]
fn an_issuer_that_nobody_trusts_is_unknown() {
    let fixture = Fixture::new();
    for name in ["other", "Launcher", "launcher2", "launcher/k1", "k1"] {
        assert_eq!(
            fixture.verdict(token(name, "k1", 1)),
            "unknown_issuer",
            "{name}"
        );
    }
}

#[test]
fn a_key_that_nobody_added_is_unknown() {
    let fixture = Fixture::new();
    assert_eq!(fixture.verdict(token("launcher", "k2", 1)), "unknown_key");
}

#[test]
fn a_key_vouches_for_its_own_issuer_alone() {
    let fixture = Fixture::new();
    assert_eq!(trust(&fixture.admin, "other", "k9", 9), "ok");
    assert_eq!(fixture.verdict(token("other", "k9", 9)), "ok");
    assert_eq!(fixture.verdict(token("launcher", "k9", 9)), "unknown_key");
    assert_eq!(fixture.verdict(token("launcher", "k1", 9)), "bad_signature");
    assert_eq!(fixture.verdict(token("other", "k1", 1)), "unknown_key");
}

#[test]
fn the_same_id_under_two_issuers_is_two_keys() {
    let fixture = Fixture::new();
    assert_eq!(trust(&fixture.admin, "other", "k1", 9), "ok");
    assert_eq!(fixture.verdict(token("other", "k1", 9)), "ok");
    assert_eq!(fixture.verdict(token("other", "k1", 1)), "bad_signature");
    assert_eq!(revoke(&fixture.admin, "other", "k1"), "ok");
    assert_eq!(fixture.verdict(token("launcher", "k1", 1)), "ok");
}

#[test]
fn names_that_join_to_one_text_stay_apart() {
    let fixture = Fixture::with(|builder| {
        builder.trust(
            "a".parse().unwrap(),
            "b:c".parse().unwrap(),
            key(7).verifying_key(),
        )
    });
    assert_eq!(fixture.verdict(token("a:b", "c", 7)), "unknown_issuer");
    assert_eq!(fixture.verdict(token("a", "b:c", 7)), "ok");
}

#[test]
fn keys_rotate_without_a_gap() {
    let fixture = Fixture::new();
    assert_eq!(trust(&fixture.admin, "launcher", "k2", 2), "ok");
    assert_eq!(fixture.verdict(token("launcher", "k1", 1)), "ok");
    assert_eq!(fixture.verdict(token("launcher", "k2", 2)), "ok");
    let made_before = token("launcher", "k1", 1);
    assert_eq!(revoke(&fixture.admin, "launcher", "k1"), "ok");
    assert_eq!(fixture.verdict(made_before), "key_revoked");
    assert_eq!(fixture.verdict(token("launcher", "k2", 2)), "ok");
}

#[test]
fn a_revoked_key_stays_revoked_by_whatever_name() {
    let fixture = Fixture::new();
    assert_eq!(revoke(&fixture.admin, "launcher", "k1"), "ok");
    assert_eq!(
        revoke(&fixture.admin, "launcher", "k1"),
        "ok",
        "twice is no error"
    );
    assert_eq!(trust(&fixture.admin, "launcher", "k1", 1), "key_revoked");
    assert_eq!(trust(&fixture.admin, "launcher", "k1", 2), "key_revoked");
    assert_eq!(trust(&fixture.admin, "launcher", "k2", 1), "invalid_key");
    assert_eq!(trust(&fixture.admin, "other", "k2", 1), "invalid_key");
    assert_eq!(fixture.verdict(fixture.token()), "key_revoked");
}

#[test]
fn an_id_means_one_key_for_good() {
    let fixture = Fixture::new();
    assert_eq!(trust(&fixture.admin, "launcher", "k1", 2), "key_exists");
    assert_eq!(fixture.verdict(token("launcher", "k1", 2)), "bad_signature");
    assert_eq!(fixture.verdict(token("launcher", "k1", 1)), "ok");
}

#[test]
fn revoking_what_is_not_there_says_so() {
    let fixture = Fixture::new();
    assert_eq!(revoke(&fixture.admin, "other", "k1"), "unknown_issuer");
    assert_eq!(revoke(&fixture.admin, "launcher", "k9"), "unknown_key");
}

#[test]
fn an_authenticator_that_trusts_nobody_is_not_built() {
    let nobody = TokenAuthenticator::builder("gate".parse().unwrap()).build();
    assert_eq!(nobody.unwrap_err().code(), "invalid_config");
    let twice = TokenAuthenticator::builder("gate".parse().unwrap())
        .trust(
            "a".parse().unwrap(),
            "k1".parse().unwrap(),
            key(1).verifying_key(),
        )
        .trust(
            "b".parse().unwrap(),
            "k1".parse().unwrap(),
            key(1).verifying_key(),
        )
        .build();
    assert_eq!(twice.unwrap_err().code(), "invalid_key");
}

#[test]
fn a_weak_key_or_one_that_is_none_is_refused() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let off_the_curve = [7; 32];
    for bytes in [neutral, [0; 32], off_the_curve] {
        let refused = VerifyingKey::from_bytes(&bytes).unwrap_err();
        assert_eq!(refused.code(), "invalid_key", "{bytes:?}");
    }
}

#[test]
fn the_texts_of_a_key_are_one() {
    let key = key(1).verifying_key();
    let text = key.to_string();
    assert_eq!(text.parse::<VerifyingKey>().unwrap(), key);
    for other in [
        format!("{text}="),
        format!(" {text}"),
        text[1..].to_owned(),
        String::new(),
    ] {
        assert_eq!(
            other.parse::<VerifyingKey>().unwrap_err().code(),
            "invalid_key"
        );
    }
}

#[test]
fn a_seed_is_the_whole_key() {
    let key = SigningKey::generate().unwrap();
    let again = SigningKey::from_seed(&key.to_seed());
    assert_eq!(again.verifying_key(), key.verifying_key());
    assert_ne!(SigningKey::generate().unwrap().to_seed(), key.to_seed());
}
