//! Which of a provider's keys counts for which token.

use agent_identity::{JwtAlgorithm, JwtKey, JwtProfile};
use serde_json::{Value, json};

use super::fixture::{
    Fixture, KEYS, PROVIDER, but, claims, header, public, signed, token, token_saying,
};

const EDDSA: JwtAlgorithm = JwtAlgorithm::EdDsa;

fn two_keys() -> Fixture {
    Fixture::with(EDDSA, JwtProfile::default(), |builder| {
        builder.trust(
            PROVIDER.parse().unwrap(),
            "k2".parse().unwrap(),
            public(JwtAlgorithm::Es256),
        )
    })
}

fn with_kid(algorithm: JwtAlgorithm, kid: Value) -> String {
    signed(
        algorithm,
        &but(header(algorithm), "kid", kid).to_string(),
        &claims().to_string(),
    )
}

#[test]
fn the_only_key_need_not_be_named() {
    assert_eq!(
        Fixture::new(EDDSA).verdict(with_kid(EDDSA, Value::Null)),
        "ok"
    );
}

#[test]
fn of_several_keys_one_must_be_named() {
    assert_eq!(
        two_keys().verdict(with_kid(EDDSA, Value::Null)),
        "key_not_named"
    );
    assert_eq!(two_keys().verdict(with_kid(EDDSA, json!("k1"))), "ok");
    assert_eq!(
        two_keys().verdict(with_kid(JwtAlgorithm::Es256, json!("k2"))),
        "ok"
    );
}

#[test]
fn a_key_that_is_named_is_that_key() {
    let gate = two_keys();
    assert_eq!(
        gate.verdict(with_kid(EDDSA, json!("k2"))),
        "algorithm_refused"
    );
    assert_eq!(gate.verdict(with_kid(EDDSA, json!("k3"))), "unknown_key");
    assert_eq!(gate.verdict(with_kid(EDDSA, json!("K1"))), "unknown_key");
    assert_eq!(gate.verdict(with_kid(EDDSA, json!("../k1"))), "unknown_key");
    assert_eq!(gate.verdict(with_kid(EDDSA, json!(""))), "invalid_claim");
    assert_eq!(gate.verdict(with_kid(EDDSA, json!(1))), "invalid_claim");
}

#[test]
fn a_key_vouches_for_its_own_issuer_alone() {
    let gate = Fixture::with(EDDSA, JwtProfile::default(), |builder| {
        builder.trust(
            "https://other.example.com".parse().unwrap(),
            "k1".parse().unwrap(),
            public(JwtAlgorithm::Es256),
        )
    });
    let stolen = but(claims(), "iss", json!("https://other.example.com"));
    assert_eq!(
        gate.verdict(token_saying(EDDSA, &stolen)),
        "algorithm_refused"
    );
    assert_eq!(
        gate.verdict(token_saying(JwtAlgorithm::Es256, &stolen)),
        "ok"
    );
    assert_eq!(
        gate.verdict(token(JwtAlgorithm::Es256)),
        "algorithm_refused"
    );
}

#[test]
fn keys_rotate_and_stay_revoked() {
    let gate = Fixture::new(EDDSA);
    let (issuer, k1, k2) = (
        PROVIDER.parse().unwrap(),
        "k1".parse().unwrap(),
        "k2".parse().unwrap(),
    );
    gate.admin
        .trust(PROVIDER.parse().unwrap(), k2, public(JwtAlgorithm::Es256))
        .unwrap();
    gate.admin.revoke(&issuer, &k1).unwrap();
    assert_eq!(gate.verdict(token(EDDSA)), "key_revoked");
    assert_eq!(
        gate.verdict(with_kid(JwtAlgorithm::Es256, Value::Null)),
        "ok",
        "the only one left"
    );
    let again = |id: &str| {
        gate.admin.trust(
            PROVIDER.parse().unwrap(),
            id.parse().unwrap(),
            public(EDDSA),
        )
    };
    assert_eq!(again("k1").unwrap_err().code(), "key_revoked");
    assert_eq!(again("k3").unwrap_err().code(), "invalid_key");
}

#[test]
fn a_revoked_key_does_not_come_back_under_another_algorithm() {
    let gate = Fixture::new(JwtAlgorithm::Rs256);
    gate.admin
        .revoke(&PROVIDER.parse().unwrap(), &"k1".parse().unwrap())
        .unwrap();
    let again = gate.admin.trust(
        PROVIDER.parse().unwrap(),
        "k2".parse().unwrap(),
        public(JwtAlgorithm::Ps256),
    );
    assert_eq!(again.unwrap_err().code(), "invalid_key");
}

#[test]
fn secrets_are_long_enough_and_only_for_hmac() {
    for (algorithm, least) in [
        (JwtAlgorithm::Hs256, 32),
        (JwtAlgorithm::Hs384, 48),
        (JwtAlgorithm::Hs512, 64),
    ] {
        assert!(JwtKey::from_secret(algorithm, &vec![7; least]).is_ok());
        let short = JwtKey::from_secret(algorithm, &vec![7; least - 1]).unwrap_err();
        assert_eq!(short.code(), "invalid_key");
    }
    let public = JwtKey::from_secret(JwtAlgorithm::Rs256, &[7; 64]).unwrap_err();
    insta::assert_snapshot!(public, @"unusable key: RS256 takes a public key and no secret");
}

#[test]
fn keys_print_no_more_than_what_they_are_for() {
    assert_eq!(
        format!("{:?}", public(JwtAlgorithm::Hs256)),
        "JwtKey(HS256)"
    );
    assert_eq!(
        format!("{:?}", public(JwtAlgorithm::Rs256)),
        "JwtKey(RS256)"
    );
    assert_eq!(public(JwtAlgorithm::Ps384).algorithm(), JwtAlgorithm::Ps384);
}

#[test]
fn a_key_is_refused_when_it_is_read_and_not_with_the_first_token() {
    let refused = |jwk: Value, algorithm| {
        JwtKey::from_jwk(&jwk.to_string(), algorithm)
            .unwrap_err()
            .code()
    };
    let ed = || KEYS["ed25519"]["jwk"].clone();
    let ec = || KEYS["p256"]["jwk"].clone();
    let rsa = || KEYS["rsa"]["jwk"].clone();
    let rs = JwtAlgorithm::Rs256;
    for (jwk, algorithm) in [
        (ed(), rs),
        (ec(), EDDSA),
        (ec(), JwtAlgorithm::Es384),
        (rsa(), JwtAlgorithm::Es256),
        (rsa(), JwtAlgorithm::Hs256),
        (but(ed(), "x", json!("AA")), EDDSA),
        (
            but(
                ed(),
                "x",
                json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            ),
            EDDSA,
        ),
        (but(ed(), "crv", json!("Ed448")), EDDSA),
        (but(ed(), "d", json!("AA")), EDDSA),
        (but(ed(), "use", json!("enc")), EDDSA),
        (but(ed(), "alg", json!("ES256")), EDDSA),
        (but(ed(), "key_ops", json!(["sign"])), EDDSA),
        (
            but(
                ec(),
                "y",
                json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            ),
            JwtAlgorithm::Es256,
        ),
        (but(ec(), "y", Value::Null), JwtAlgorithm::Es256),
        (KEYS["rsa_1024"]["jwk"].clone(), rs),
        (but(rsa(), "e", json!("AQ")), rs),
        (but(rsa(), "e", json!("Ag")), rs),
        (but(rsa(), "e", json!("")), rs),
        (but(rsa(), "e", json!("AQAAAAE")), rs),
        (but(rsa(), "n", json!("")), rs),
        (
            but(rsa(), "n", json!(crate::fixture::encode([0xfe; 256]))),
            rs,
        ),
        (
            but(rsa(), "n", json!(crate::fixture::encode([0xff; 513]))),
            rs,
        ),
        (
            json!({"kty": "oct", "k": "A".repeat(86)}),
            JwtAlgorithm::Hs512,
        ),
        (json!([]), rs),
    ] {
        assert_eq!(refused(jwk.clone(), algorithm), "invalid_key", "{jwk}");
    }
}
