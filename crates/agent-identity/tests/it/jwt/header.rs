//! What a header may ask for: nothing but a key by its id.

use agent_identity::{JwtAlgorithm, JwtProfile, Replay};
use serde_json::{Value, json};

use super::fixture::{Fixture, KEYS, but, claims, header, signed};

const EDDSA: JwtAlgorithm = JwtAlgorithm::EdDsa;

fn with_header(header: &Value) -> String {
    signed(EDDSA, &header.to_string(), &claims().to_string())
}

fn open(profile: JwtProfile) -> Fixture {
    Fixture::with(EDDSA, profile, |builder| builder.replay(Replay::Allow))
}

#[test]
fn a_token_that_brings_its_own_key_or_rules_is_refused() {
    let gate = open(JwtProfile::default());
    for (parameter, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("jku", json!("https://login.example.com/keys")),
        ("jwk", KEYS["ed25519"]["jwk"].clone()),
        ("x5u", json!("https://login.example.com/chain")),
        ("x5c", json!(["AA"])),
        ("b64", json!(true)),
        ("cty", json!("JWT")),
    ] {
        let token = with_header(&but(header(EDDSA), parameter, value));
        assert_eq!(gate.verdict(token), "header_refused", "{parameter}");
    }
    let null = header(EDDSA)
        .to_string()
        .replacen('{', "{\"crit\":null,", 1);
    assert_eq!(
        gate.verdict(signed(EDDSA, &null, &claims().to_string())),
        "header_refused"
    );
}

#[test]
fn hints_and_strangers_in_a_header_are_ignored() {
    let gate = open(JwtProfile::default());
    for (parameter, value) in [
        ("x5t", json!("AA")),
        ("x5t#S256", json!("AA")),
        ("nonce", json!({"a": 1})),
    ] {
        assert_eq!(
            gate.verdict(with_header(&but(header(EDDSA), parameter, value))),
            "ok",
            "{parameter}"
        );
    }
}

#[test]
fn a_header_is_one_object_with_each_parameter_once() {
    let gate = open(JwtProfile::default());
    let claims = claims().to_string();
    for text in [
        r#"{"alg":"EdDSA","alg":"EdDSA","kid":"k1"}"#,
        r#"{"alg":"none","kid":"k1","\u0061lg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","kid":"k2","kid":"k1"}"#,
        r#"["EdDSA"]"#,
        "",
        r#"{"alg":"EdDSA"} {}"#,
    ] {
        assert_eq!(
            gate.verdict(signed(EDDSA, text, &claims)),
            "malformed",
            "{text}"
        );
    }
}

#[test]
fn types_other_than_those_of_access_are_refused() {
    let gate = open(JwtProfile::default());
    let verdict =
        |gate: &Fixture, typ: Value| gate.verdict(with_header(&but(header(EDDSA), "typ", typ)));
    for typ in ["JWT", "jwt", "at+jwt", "application/at+JWT"] {
        assert_eq!(verdict(&gate, json!(typ)), "ok", "{typ}");
    }
    assert_eq!(verdict(&gate, Value::Null), "ok");
    for typ in ["logout+jwt", "secevent+jwt", "JOSE", "", "JWT "] {
        assert_eq!(verdict(&gate, json!(typ)), "header_refused", "{typ}");
    }
    assert_eq!(verdict(&gate, json!(1)), "invalid_claim");
}

#[test]
fn a_type_that_is_demanded_must_be_there() {
    let gate = open(JwtProfile::default().typ("at+jwt").unwrap());
    let verdict = |typ: Value| gate.verdict(with_header(&but(header(EDDSA), "typ", typ)));
    assert_eq!(verdict(json!("at+jwt")), "ok");
    assert_eq!(verdict(json!("application/AT+JWT")), "ok");
    assert_eq!(verdict(json!("JWT")), "header_refused");
    assert_eq!(verdict(Value::Null), "header_refused");
}
