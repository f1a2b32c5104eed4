//! What the claims must say, each alone wrong in an otherwise good token.

use std::time::Duration;

use agent_identity::{Ceiling, JwtAlgorithm, JwtProfile, Replay};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixture::{Fixture, but, claims, header, signed, token, token_saying};
use crate::fixture::{DAY, NOON, SECOND};

const EDDSA: JwtAlgorithm = JwtAlgorithm::EdDsa;

fn open(profile: JwtProfile) -> Fixture {
    Fixture::with(EDDSA, profile, |builder| builder.replay(Replay::Allow))
}

fn verdict(claim: &str, value: Value) -> &'static str {
    open(JwtProfile::default()).verdict(token_saying(EDDSA, &but(claims(), claim, value)))
}

#[test]
fn what_counts_is_required() {
    for claim in ["iss", "sub", "aud", "iat", "exp"] {
        assert_eq!(verdict(claim, Value::Null), "missing_claim", "{claim}");
    }
    assert_eq!(verdict("nbf", Value::Null), "ok");
    assert_eq!(
        verdict("jti", Value::Null),
        "ok",
        "where a token may be used twice"
    );
    let once = Fixture::new(EDDSA);
    let nameless = token_saying(EDDSA, &but(claims(), "jti", Value::Null));
    assert_eq!(once.verdict(nameless), "missing_claim");
}

#[test]
fn what_counts_is_of_one_type() {
    for (claim, value) in [
        ("iss", json!(1)),
        ("sub", json!(["ada"])),
        ("sub", json!({"id": "ada"})),
        ("sub", json!("")),
        ("sub", json!(" ada")),
        ("sub", json!("a\u{0}da")),
        ("sub", json!("a".repeat(257))),
        ("aud", json!(1)),
        ("aud", json!(["gate", 1])),
        ("iat", json!("1795348800")),
        ("iat", json!(1_795_348_800.5)),
        ("exp", json!(1e300)),
        ("exp", json!(true)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(i64::MAX)),
        ("nbf", json!([])),
        ("jti", json!(7)),
        ("jti", json!("")),
    ] {
        assert_eq!(
            verdict(claim, value.clone()),
            "invalid_claim",
            "{claim} {value}"
        );
    }
    let null = claims()
        .to_string()
        .replacen("\"nbf\":1795348800", "\"nbf\":null", 1);
    let token = signed(EDDSA, &header(EDDSA).to_string(), &null);
    assert_eq!(open(JwtProfile::default()).verdict(token), "invalid_claim");
}

#[test]
fn is_meant_for_this_audience_to_the_letter() {
    assert_eq!(verdict("aud", json!(["other", "gate"])), "ok");
    for other in [
        json!("other"),
        json!("Gate"),
        json!("gate "),
        json!("gat"),
        json!("gate/"),
        json!(""),
        json!([]),
        json!(["gate2"]),
    ] {
        assert_eq!(verdict("aud", other.clone()), "wrong_audience", "{other}");
    }
}

#[test]
fn is_from_an_issuer_that_is_trusted_to_the_letter() {
    for other in [
        "https://login.example.com/",
        "https://Login.example.com",
        "login.example.com",
        "k1",
    ] {
        assert_eq!(verdict("iss", json!(other)), "unknown_issuer", "{other}");
    }
}

#[test]
fn claims_are_one_object_with_each_claim_once() {
    let gate = open(JwtProfile::default());
    let good = claims().to_string();
    for text in [
        good.replacen("\"sub\":\"ada\"", "\"sub\":\"eve\",\"sub\":\"ada\"", 1),
        good.replacen(
            "\"sub\":\"ada\"",
            "\"sub\":\"ada\",\"s\\u0075b\":\"eve\"",
            1,
        ),
        good.replacen('{', "{\"a\":{\"b\":1,\"b\":2},", 1),
        format!("[{good}]"),
        format!("{good}{good}"),
    ] {
        assert_ne!(text, good);
        assert_eq!(
            gate.verdict(signed(EDDSA, &header(EDDSA).to_string(), &text)),
            "malformed",
            "{text}"
        );
    }
}

#[test]
fn is_valid_from_its_beginning_to_just_before_its_end() {
    let nano = Duration::from_nanos(1);
    let noon = NOON.unix_timestamp();
    let times = but(
        but(claims(), "nbf", json!(noon + 10)),
        "exp",
        json!(noon + 20),
    );
    let token = token_saying(EDDSA, &times);
    let at = |leeway, moment| {
        let gate = Fixture::with(EDDSA, JwtProfile::default(), |b| b.leeway(leeway));
        gate.clock.set(moment);
        gate.verdict(&token)
    };
    let none = Duration::ZERO;
    assert_eq!(at(none, NOON + SECOND * 10 - nano), "not_yet_valid");
    assert_eq!(at(none, NOON + SECOND * 10), "ok");
    assert_eq!(at(none, NOON + SECOND * 20 - nano), "ok");
    assert_eq!(at(none, NOON + SECOND * 20), "expired");
    assert_eq!(at(SECOND * 5, NOON + SECOND * 5), "ok");
    assert_eq!(at(SECOND * 5, NOON + SECOND * 25 - nano), "ok");
    assert_eq!(at(SECOND * 5, NOON + SECOND * 25), "expired");
}

#[test]
fn the_time_is_that_of_the_clock_that_was_handed_in() {
    // These times are years away from any clock that the machine running this may have.
    for year in [1990, 2200] {
        let noon = NOON.replace_year(year).unwrap();
        let gate = Fixture::new(EDDSA);
        gate.clock.set(noon);
        let times = but(
            but(claims(), "iat", json!(noon.unix_timestamp())),
            "nbf",
            Value::Null,
        );
        let times = but(times, "exp", json!(noon.unix_timestamp() + 60));
        let expected = if year < 2026 { "expired" } else { "ok" };
        assert_eq!(
            gate.verdict(token_saying(EDDSA, &times)),
            expected,
            "{year}: time does not go back"
        );
    }
}

#[test]
fn was_not_issued_in_the_future_nor_for_too_long() {
    let noon = NOON.unix_timestamp();
    assert_eq!(verdict("iat", json!(noon + 1)), "not_yet_valid");
    let day = i64::try_from(DAY.as_secs()).unwrap();
    assert_eq!(verdict("exp", json!(noon + day)), "ok");
    assert_eq!(verdict("exp", json!(noon + day + 1)), "lives_too_long");
    assert_eq!(verdict("iat", json!(noon - day)), "lives_too_long");
    assert_eq!(verdict("exp", json!(noon)), "malformed");
    assert_eq!(verdict("exp", json!(-1)), "malformed");
}

#[test]
fn a_token_is_accepted_once() {
    let gate = Fixture::new(EDDSA);
    assert_eq!(gate.verdict(token(EDDSA)), "ok");
    assert_eq!(gate.verdict(token(EDDSA)), "replayed");
    let again = token_saying(
        EDDSA,
        &but(claims(), "exp", json!(NOON.unix_timestamp() + 301)),
    );
    assert_eq!(
        gate.verdict(again),
        "replayed",
        "the same id in another token"
    );
}

#[test]
fn the_profile_says_what_names_the_agent() {
    let profile = JwtProfile::default().agent_claim("client_id").unwrap();
    let gate = open(profile);
    assert_eq!(gate.verdict(token(EDDSA)), "missing_claim");
    let token = token_saying(EDDSA, &but(claims(), "client_id", json!("desk")));
    assert_eq!(gate.present(token).unwrap().id().as_str(), "desk");
    assert_eq!(
        JwtProfile::default().agent_claim("").unwrap_err().code(),
        "invalid_name"
    );
}

#[test]
fn a_ceiling_is_read_only_where_the_profile_says() {
    let claims = but(claims(), "ceiling", json!(1));
    let unread = open(JwtProfile::default())
        .present(token_saying(EDDSA, &claims))
        .unwrap();
    assert_eq!(unread.ceiling(), None);
    let gate = open(JwtProfile::default().ceiling_claim("ceiling").unwrap());
    let agent = gate.present(token_saying(EDDSA, &claims)).unwrap();
    assert_eq!(agent.ceiling().map(Ceiling::get), Some(1));
    assert_eq!(gate.present(token(EDDSA)).unwrap().ceiling(), None);
    for bad in [
        json!(6),
        json!(-1),
        json!("1"),
        json!(1.0),
        json!([1]),
        json!(256),
        json!(true),
    ] {
        let token = token_saying(EDDSA, &but(claims.clone(), "ceiling", bad.clone()));
        assert_eq!(gate.verdict(token), "invalid_claim", "{bad}");
    }
}

#[test]
fn a_name_is_a_claim_and_no_identity() {
    let gate = open(JwtProfile::default().name_claim("name").unwrap());
    let named = |name: &str| token_saying(EDDSA, &but(claims(), "name", json!(name)));
    let agent = gate.present(named("admin")).unwrap();
    assert_eq!(
        (agent.id().as_str(), agent.claimed_name()),
        ("ada", Some("admin"))
    );
    assert_eq!(gate.verdict(named("a\nb")), "invalid_claim");
    let unread = open(JwtProfile::default()).present(named("a\nb")).unwrap();
    assert_eq!(unread.claimed_name(), None);
}

#[test]
fn no_error_shows_what_the_token_says() {
    let gate = Fixture::new(EDDSA);
    let secretive = but(
        but(claims(), "sub", json!(" top-secret-agent")),
        "x",
        json!("top-secret"),
    );
    let token = token_saying(EDDSA, &secretive);
    let error = gate.present(&token).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("top-secret"), "{shown}");
    for segment in token.split('.') {
        assert!(!shown.contains(segment));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_token_only_ever_lowers_a_level(claim in proptest::option::of(any::<i64>().prop_map(|n| n % 8)), level: u8) {
        let gate = open(JwtProfile::default().ceiling_claim("ceiling").unwrap());
        let claims = claim.map_or(claims(), |claim| but(claims(), "ceiling", json!(claim)));
        match gate.present(token_saying(EDDSA, &claims)) {
            Ok(agent) => prop_assert!(agent.lower(level) <= level),
            Err(error) => {
                prop_assert_eq!(error.code(), "invalid_claim");
                prop_assert!(claim.is_some_and(|claim| !(0..=5).contains(&claim)));
            }
        }
    }
}
