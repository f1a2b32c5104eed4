//! What was presented stays out of errors and of everything that can be printed.

use agent_identity::{IdentityError, SigningKey};

use crate::fixture::{Fixture, HOUR, ask, by_hand, encode, issuer, key};

/// No piece of the credential that could be of use: 16 letters in a row.
fn assert_silent(shown: &str, credential: &str) {
    for start in 0..credential.len().saturating_sub(15) {
        if let Some(piece) = credential.get(start..start + 16) {
            assert!(!shown.contains(piece), "{shown} shows {piece}");
        }
    }
}

#[test]
fn no_error_shows_the_token() {
    let fixture = Fixture::new();
    let used = fixture.token();
    assert_eq!(fixture.verdict(&used), "ok");
    let spoilt = format!("{}A", fixture.token());
    let old = fixture.token();
    let stranger = issuer("a-stranger-with-a-long-name", "k1", 3)
        .issue(&ask())
        .unwrap();
    let wrong = TokenFor::other(&fixture);
    fixture.clock.advance(HOUR);
    let secret_inside = by_hand(b"{\"password\":\"correct horse battery staple\"}", 1);
    for token in [
        &used,
        &spoilt,
        &old,
        stranger.as_str(),
        &wrong,
        &secret_inside,
        &old.repeat(40),
    ] {
        let error: IdentityError = fixture.present(token).unwrap_err();
        let shown = format!("{error} {error:?} {error:#?}");
        assert_silent(&shown, token);
        assert!(!shown.contains("battery"), "{shown}");
    }
}

struct TokenFor;

impl TokenFor {
    fn other(fixture: &Fixture) -> String {
        let request =
            agent_identity::TokenRequest::new("ada".parse().unwrap(), "elsewhere".parse().unwrap());
        fixture.token_of(&request)
    }
}

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    let seed = [0xa7; 32];
    let key = SigningKey::from_seed(&seed);
    let issuer = agent_identity::TokenIssuer::new(
        "launcher".parse().unwrap(),
        "k1".parse().unwrap(),
        SigningKey::from_seed(&seed),
    );
    let token = issuer.issue(&ask()).unwrap();
    let shown = format!("{key:?} {issuer:?} {token:?}");
    assert_silent(&shown, &encode(seed));
    assert_silent(&shown, token.as_str());
    assert!(
        !shown.contains("167, 167") && !shown.contains("a7a7"),
        "{shown}"
    );
}

#[test]
fn what_an_authenticator_prints_is_ids() {
    let fixture = Fixture::new();
    let agent = fixture.present(fixture.token()).unwrap();
    let shown = format!("{:?} {:?} {agent:?}", fixture.gate, fixture.admin);
    assert!(shown.contains("launcher"));
    assert_silent(&shown, &key(1).verifying_key().to_string());
}

#[test]
fn a_refusal_says_what_is_wrong_without_saying_the_value() {
    let fixture = Fixture::new();
    let told = |payload: &str| {
        fixture
            .present(by_hand(payload.as_bytes(), 1))
            .unwrap_err()
            .to_string()
    };
    let payload = r#"{"agent":" ada","audience":"gate","expires_at":1795349100,"issued_at":1795348800,"issuer":"launcher","key_id":"k1","not_before":1795348800,"token_id":"t1"}"#;
    insta::assert_snapshot!(told(payload), @"the token's `agent` claim begins or ends with white space");
    insta::assert_snapshot!(
        told(&payload.replace("launcher", "x\\\"y")),
        @r#"issuer `x\"y` is not trusted here; an operator must add it with a key of its own"#
    );
    insta::assert_snapshot!(
        told(&payload.replace(" ada", "ada").replace("1795349100", "1795348750").replace("1795348800", "1795348700")),
        @"the identity was valid until 2026-11-22 11:59:10.0 +00:00:00, and it is 2026-11-22 12:00:00.0 +00:00:00"
    );
}
