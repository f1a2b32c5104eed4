//! Key sets as providers publish them.

use agent_identity::Authenticator as _;
use agent_identity::{IdentityError, JwtAlgorithm, JwtAuthenticator, JwtKeys, JwtProfile};
use serde_json::{Value, json};

use super::fixture::{KEYS, PROVIDER, but, token};
use crate::fixture::NOON;

const EDDSA: JwtAlgorithm = JwtAlgorithm::EdDsa;
const RS256: JwtAlgorithm = JwtAlgorithm::Rs256;

fn jwk(kind: &str, id: &str) -> Value {
    but(KEYS[kind]["jwk"].clone(), "kid", json!(id))
}

fn read(keys: &[Value], allowed: &[JwtAlgorithm]) -> Result<JwtKeys, IdentityError> {
    JwtKeys::from_jwks(&json!({ "keys": keys }).to_string(), allowed)
}

#[test]
fn each_key_is_bound_to_what_it_names_or_alone_fits() {
    let published = [
        jwk("ed25519", "k1"),
        but(jwk("rsa", "k2"), "alg", json!("RS256")),
    ];
    let keys = read(&published, &[EDDSA, RS256, JwtAlgorithm::Ps256]).unwrap();
    assert_eq!(keys.len(), 2);
    let (gate, _) = JwtAuthenticator::builder("gate".parse().unwrap())
        .trust_keys(&PROVIDER.parse().unwrap(), keys)
        .clock(|| NOON)
        .build(JwtProfile::default())
        .unwrap();
    assert!(gate.authenticate(token(EDDSA).as_bytes()).is_ok());
}

#[test]
fn keys_for_other_purposes_are_left_out() {
    let published = [
        jwk("ed25519", "k1"),
        but(jwk("rsa", "k2"), "use", json!("enc")),
        but(jwk("rsa", "k3"), "alg", json!("RSA-OAEP")),
        but(jwk("rsa", "k4"), "key_ops", json!(["encrypt"])),
        jwk("p256", "k5"),
        json!({"kty": "new-kind", "kid": "k6"}),
        json!({"kid": "k7"}),
    ];
    assert_eq!(read(&published, &[EDDSA, RS256]).unwrap().len(), 1);
}

#[test]
fn what_is_not_clear_is_refused() {
    let problem =
        |keys: &[Value], allowed: &[JwtAlgorithm]| read(keys, allowed).unwrap_err().to_string();
    insta::assert_snapshot!(
        problem(&[jwk("rsa", "k1")], &[RS256, JwtAlgorithm::Ps256]),
        @"unusable key: a key without `alg` fits several of the allowed algorithms; allow one of them"
    );
    insta::assert_snapshot!(
        problem(&[KEYS["rsa"]["jwk"].clone()], &[RS256]),
        @"unusable key: it has no text `kid`"
    );
    insta::assert_snapshot!(
        problem(&[jwk("p256", "k1")], &[RS256]),
        @"unusable key: the set has no key for any of the allowed algorithms"
    );
    insta::assert_snapshot!(
        problem(&[jwk("rsa", "k1"), json!({"kty": "oct", "k": "AA"})], &[RS256]),
        @"unusable key: it is a private or symmetric key, which belongs to the issuer alone; give the public one"
    );
    insta::assert_snapshot!(
        problem(&[jwk("rsa_1024", "k1")], &[RS256]),
        @"unusable key: an RSA modulus is an odd number of 2048 to 4096 bits without leading zeros"
    );
}

#[test]
fn the_same_algorithm_allowed_twice_is_one() {
    assert_eq!(read(&[jwk("rsa", "k1")], &[RS256, RS256]).unwrap().len(), 1);
}

#[test]
fn a_set_is_an_object_with_an_array() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[]}"#,
        r#"{"keys":[1]}"#,
        r#"{"keys":[],"keys":[]}"#,
    ] {
        assert_eq!(
            JwtKeys::from_jwks(text, &[RS256]).unwrap_err().code(),
            "invalid_key",
            "{text}"
        );
    }
    let twice = r#"{"keys":[{"kty":"OKP","kid":"a","kid":"b","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    assert_eq!(
        JwtKeys::from_jwks(twice, &[EDDSA]).unwrap_err().code(),
        "invalid_key"
    );
}

#[test]
fn two_keys_under_one_id_are_not_trusted() {
    let keys = read(&[jwk("ed25519", "k1"), jwk("rsa", "k1")], &[EDDSA, RS256]).unwrap();
    let built = JwtAuthenticator::builder("gate".parse().unwrap())
        .trust_keys(&PROVIDER.parse().unwrap(), keys)
        .build(JwtProfile::default());
    assert_eq!(built.unwrap_err().code(), "key_exists");
}
