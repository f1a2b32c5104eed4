//! Issuing compact tokens.

use agent_identity::{Audience, Authenticator as _, Ceiling, TokenAuthenticator, TokenRequest};
use std::time::Duration;
use time::macros::datetime;

use crate::fixture::{Fixture, HOUR, NOON, SECOND, ask, decode, issuer};

#[test]
fn the_format_is_pinned() {
    let fixture = Fixture::new();
    let token = fixture.token();
    let payload = token.split('.').nth(1).unwrap();
    let text = String::from_utf8(decode(payload)).unwrap();
    let (shown, id) = text.split_once("\"token_id\":").unwrap();
    assert_eq!(id.len(), "\"0123456789012345678901\"}".len());
    insta::assert_snapshot!(
        shown,
        @r#"{"agent":"ada","audience":"gate","expires_at":1795349100,"issued_at":1795348800,"issuer":"launcher","key_id":"k1","not_before":1795348800,"#
    );
    assert!(token.starts_with("aid1.eyJ"));
}

#[test]
fn no_two_tokens_share_an_id() {
    let fixture = Fixture::new();
    let ids: std::collections::BTreeSet<String> = (0..100)
        .map(|_| {
            fixture
                .present(fixture.token())
                .unwrap()
                .token_id()
                .unwrap()
                .to_string()
        })
        .collect();
    assert_eq!(ids.len(), 100);
}

#[test]
fn a_lifetime_is_whole_seconds_and_at_least_one() {
    let fixture = Fixture::new();
    let refused = |lifetime| {
        fixture
            .issuer
            .issue(&ask().lifetime(lifetime))
            .unwrap_err()
            .code()
    };
    assert_eq!(refused(Duration::ZERO), "invalid_config");
    assert_eq!(refused(Duration::from_millis(999)), "invalid_config");
    assert_eq!(refused(Duration::MAX), "invalid_config");
    let short = fixture.token_of(&ask().lifetime(Duration::from_millis(1_999)));
    assert_eq!(
        fixture.present(short).unwrap().valid_until(),
        Some(NOON + SECOND)
    );
}

#[test]
fn fractions_of_a_second_never_lengthen_a_token() {
    let fixture = Fixture::new();
    let half = Duration::from_millis(500);
    fixture.clock.set(NOON + half);
    let agent = fixture
        .present(fixture.token_of(&ask().lifetime(HOUR)))
        .unwrap();
    assert_eq!(agent.valid_until(), Some(NOON + HOUR));
    let later = fixture.token_of(&ask().not_before(NOON + HOUR + half).lifetime(HOUR));
    fixture.clock.set(NOON + HOUR + half);
    assert_eq!(fixture.verdict(&later), "not_yet_valid");
    fixture.clock.set(NOON + HOUR + SECOND);
    assert_eq!(fixture.verdict(&later), "ok");
}

#[test]
fn a_name_that_is_none_is_not_issued() {
    let fixture = Fixture::new();
    for name in ["", " a", "a\nb"] {
        let refused = fixture.issuer.issue(&ask().name(name)).unwrap_err();
        assert_eq!(refused.code(), "invalid_name", "{name:?}");
    }
}

#[test]
fn the_longest_token_that_can_be_issued_is_read() {
    // A backslash takes two bytes in JSON; no name takes more.
    let longest = "\\".repeat(256);
    let audience: Audience = longest.parse().unwrap();
    let issuer = issuer(&longest, &longest, 1).clock(|| NOON);
    let (gate, _) = TokenAuthenticator::builder(audience.clone())
        .trust(
            longest.parse().unwrap(),
            longest.parse().unwrap(),
            issuer.verifying_key(),
        )
        .clock(|| NOON)
        .build()
        .unwrap();
    let request = TokenRequest::new(longest.parse().unwrap(), audience)
        .name(longest.as_str())
        .ceiling(Ceiling::try_from(5).unwrap());
    let token = issuer.issue(&request).unwrap();
    let agent = gate.authenticate(token.as_str().as_bytes()).unwrap();
    assert_eq!(agent.id().as_str(), longest);
}

#[test]
fn the_end_of_time_is_an_error_and_no_panic() {
    let issuer = issuer("launcher", "k1", 1).clock(|| datetime!(9999-12-31 23:59:59 UTC));
    assert_eq!(issuer.issue(&ask()).unwrap_err().code(), "invalid_config");
}
