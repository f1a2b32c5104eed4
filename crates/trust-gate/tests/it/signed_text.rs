//! The text of a signed grant: one for each grant, and nothing else is read.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use time::macros::{datetime, offset};
use time::{OffsetDateTime, UtcOffset};
use trust_gate::{
    Decay, Grant, GrantSigner, LevelRef, OperatorKey, Scope, SignedGrant, SignedGrantError, Tier,
    TrustError, TrustLevel,
};

use crate::fixture::{Fixture, NOON, agent, scope};
use crate::signed::{by_ada, operator, signer, trusting};

/// Signs bytes as the format says, whatever they are.
fn sign_raw(json: &str) -> String {
    sign_raw_with(&SigningKey::from_bytes(&[1; 32]), json)
}

fn sign_raw_with(key: &SigningKey, json: &str) -> String {
    let mut message = b"trust-gate signed grant v1\n".to_vec();
    message.extend_from_slice(json.as_bytes());
    let signature = key.sign(&message);
    format!(
        "tg1.{}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(json),
        BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes())
    )
}

fn json_of(text: &str) -> String {
    let json = text.split('.').nth(1).unwrap();
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(json).unwrap()).unwrap()
}

fn a_grant() -> Grant {
    by_ada(TrustLevel::ActWithApproval, NOON)
        .scope(scope("payments/eu"))
        .expires_at(datetime!(2027-01-01 0:00 UTC))
        .decay(Decay::step(
            std::time::Duration::from_secs(7 * 86_400),
            TrustLevel::Monitor,
        ))
}

fn a_text() -> String {
    signer("ada", 1).sign(a_grant(), 7).unwrap().to_string()
}

/// Whether the gate takes it. If not, nothing has happened.
fn takes(f: &Fixture, text: &str) -> bool {
    let revision = f.gate.revision();
    let taken = f.admin.assign_signed(text).is_ok();
    assert_eq!(taken, f.gate.revision() != revision);
    taken
}

#[test]
fn the_format_stays_as_it_is() {
    let text = a_text();
    insta::assert_snapshot!(json_of(&text), @r##"{"audience":"shop-eu","serial":7,"key_id":"34750f98bd59fcfc946da45aaabe933b","operator":"ada","agent":"a","scope":"payments/eu","level":3,"assigned_at":"2026-11-22T12:00:00Z","expires_at":"2027-01-01T00:00:00Z","decay":{"shape":"step","every":"1w","grace":"0s","floor":1},"reason":"pilot"}"##);
    insta::assert_snapshot!(text, @"tg1.eyJhdWRpZW5jZSI6InNob3AtZXUiLCJzZXJpYWwiOjcsImtleV9pZCI6IjM0NzUwZjk4YmQ1OWZjZmM5NDZkYTQ1YWFhYmU5MzNiIiwib3BlcmF0b3IiOiJhZGEiLCJhZ2VudCI6ImEiLCJzY29wZSI6InBheW1lbnRzL2V1IiwibGV2ZWwiOjMsImFzc2lnbmVkX2F0IjoiMjAyNi0xMS0yMlQxMjowMDowMFoiLCJleHBpcmVzX2F0IjoiMjAyNy0wMS0wMVQwMDowMDowMFoiLCJkZWNheSI6eyJzaGFwZSI6InN0ZXAiLCJldmVyeSI6IjF3IiwiZ3JhY2UiOiIwcyIsImZsb29yIjoxfSwicmVhc29uIjoicGlsb3QifQ.znrbMmUs4-R7Iy_cHtiT0_ZdtorROhmZJ0OIJDHIwSFiGkBtuofpCwPX12XTd1EiTYPn1AP2z4-u-7mfLt45BQ");
    assert_eq!(sign_raw(&json_of(&text)), text, "anyone can write it");
    insta::assert_snapshot!(signer("ada", 1).key(), @"8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c");
}

#[test]
fn no_altered_byte_is_taken() {
    let (f, _) = trusting();
    let good = a_text();
    for place in 0..good.len() {
        let (before, after) = (&good[..place], &good[place + 1..]);
        for other in ["A", "B", "g", "-", "_", ".", "=", "\n", "é", ""] {
            let altered = format!("{before}{other}{after}");
            assert!(altered == good || !takes(&f, &altered), "{altered}");
        }
        assert!(!takes(&f, before), "cut off at {place}");
        assert!(!takes(&f, &good[place + 1..]), "begun at {place}");
    }
    for added in [" ", "\n", "=", "==", "A", ".", ".AAAA"] {
        assert!(!takes(&f, &format!("{good}{added}")), "{added:?} added");
        assert!(
            !takes(&f, &format!("{added}{good}")),
            "{added:?} put before"
        );
    }
    assert!(takes(&f, &good));
}

#[test]
fn a_second_signature_that_fits_cannot_be_made_from_the_first() {
    /// The order of the group, least byte first (RFC 8032, section 5.1).
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let (f, _) = trusting();
    let text = a_text();
    let (front, signature) = text.rsplit_once('.').unwrap();
    let mut signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut carry = 0;
    for (byte, more) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    let malleated = format!("{front}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
    let error = f.admin.assign_signed(&malleated).unwrap_err();
    assert!(
        matches!(
            error,
            TrustError::SignedGrant(SignedGrantError::BadSignature { .. })
        ),
        "{error}"
    );
}

#[test]
fn a_signature_over_something_else_is_none() {
    let json = json_of(&a_text());
    let key = SigningKey::from_bytes(&[1; 32]);
    let bare = key.sign(json.as_bytes());
    let other = key.sign(format!("trust-gate signed grant v2\n{json}").as_bytes());
    let refusals = [bare, other].map(|signature| {
        let text = format!(
            "tg1.{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(&json),
            BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes())
        );
        let read: SignedGrant = text.parse().unwrap();
        read.verify(&signer("ada", 1).key()).unwrap_err()
    });
    assert_eq!(refusals[0], refusals[1]);
    insta::assert_snapshot!(refusals[0], @"the signature is not that of the key 34750f98bd59fcfc946da45aaabe933b over this grant; it was altered or not signed with that key");
}

#[test]
fn a_signature_with_another_key_than_the_one_named_is_none() {
    let [named, signing] = [1, 2].map(|seed| SigningKey::from_bytes(&[seed; 32]));
    let json = json_of(&a_text());
    let text = sign_raw_with(&signing, &json);
    let read: SignedGrant = text.parse().unwrap();
    for key in [named, signing] {
        let key = OperatorKey::from_bytes(key.verifying_key().to_bytes());
        assert!(read.verify(&key).is_err(), "{key}");
    }
}

#[test]
fn another_way_of_writing_the_same_is_refused_though_it_is_signed() {
    let json = json_of(&a_text());
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).unwrap();
    let order =
        "audience serial key_id operator agent scope level assigned_at expires_at decay reason";
    let list: Vec<_> = order.split(' ').map(|name| &members[name]).collect();
    let as_list = serde_json::to_string(&list).unwrap();
    let ways = [
        (r#"{"audience""#, r#"{ "audience""#),
        (r#""serial":7"#, r#""serial": 7"#),
        (r#""serial":7"#, r#""serial":7.0"#),
        (r#""serial":7"#, r#""serial":"7""#),
        (r#""serial":7"#, r#""serial":7,"serial":7"#),
        (r#""serial":7"#, r#""serial":8,"serial":7"#),
        (r#""serial":7"#, r#""serial":-7"#),
        (r#""serial":7"#, r#""serial":18446744073709551616"#),
        (r#""level":3"#, r#""level":"L3""#),
        (r#""level":3"#, r#""level":"3""#),
        (r#""level":3"#, r#""level":3,"note":"x""#),
        (r#""level":3"#, r#""level":6"#),
        (r#""agent":"a""#, r#""agent":"\u0061""#),
        (r#""agent":"a""#, r#""agent":" a""#),
        (r#""agent":"a""#, r#""agent":"""#),
        (r#""scope":"payments/eu""#, r#""scope":"payments\/eu""#),
        (r#""scope":"payments/eu""#, r#""scope":"payments//eu""#),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00.0Z"),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00+00:00"),
        ("2026-11-22T12:00:00Z", "2026-11-22T13:00:00+01:00"),
        ("2026-11-22T12:00:00Z", "2026-11-22t12:00:00z"),
        ("2027-01-01T00:00:00Z", "9999-01-01T00:00:00Z"),
        (r#""every":"1w""#, r#""every":"7d""#),
        (r#","floor":1"#, r#","floor":1,"to":1"#),
        (r#""grace":"0s","#, ""),
        (r#""shape":"step","#, r#""shape":"step","shape":"step","#),
        (
            r#""reason":"pilot""#,
            r#""reason":"pilot","reason":"pilot""#,
        ),
        (
            r#""operator":"ada","agent":"a""#,
            r#""agent":"a","operator":"ada""#,
        ),
        (r#""reason":"pilot""#, r#""reason":"pi\not""#),
        ("\"}", "\"}\n"),
        ("\"}", "\"}{}"),
        (json.as_str(), as_list.as_str()),
    ];
    for (written, other) in ways {
        let changed = json.replacen(written, other, 1);
        assert_ne!(changed, json, "{written}");
        let error = sign_raw(&changed).parse::<SignedGrant>().unwrap_err();
        assert!(
            matches!(error, SignedGrantError::Malformed { .. }),
            "{changed}: {error}"
        );
    }
}

#[test]
fn every_member_is_needed() {
    let json: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&json_of(&a_text())).unwrap();
    assert_eq!(json.len(), 11);
    for member in json.keys() {
        let mut less = json.clone();
        less.remove(member);
        let less = serde_json::to_string(&less).unwrap();
        let error = sign_raw(&less).parse::<SignedGrant>().unwrap_err();
        let expected = format!("missing field `{member}`");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn says_what_is_wrong_with_a_text() {
    let text = a_text();
    let problem = |text: &str| text.parse::<SignedGrant>().unwrap_err().to_string();
    insta::assert_snapshot!(problem(""), @"this is not a signed grant: it has not the form `tg1.grant.signature`; take the text exactly as it was signed");
    insta::assert_snapshot!(problem(&text.replacen("tg1", "tg2", 1)), @"this is not a signed grant: it has not the form `tg1.grant.signature`; take the text exactly as it was signed");
    insta::assert_snapshot!(problem("tg1.e30="), @"this is not a signed grant: it has not the form `tg1.grant.signature`; take the text exactly as it was signed");
    insta::assert_snapshot!(problem("tg1.e30=.AAAA"), @"this is not a signed grant: the grant is not base64url: Invalid padding; take the text exactly as it was signed");
    insta::assert_snapshot!(problem("tg1.e30.AAAA"), @"this is not a signed grant: the signature is not 64 bytes long; take the text exactly as it was signed");
    insta::assert_snapshot!(problem(&sign_raw("{}")), @"this is not a signed grant: missing field `audience` at line 1 column 2; take the text exactly as it was signed");
    insta::assert_snapshot!(problem(&sign_raw("{\"\u{202e}\u{7}\":1}")), @r##"this is not a signed grant: control character (\\u0000-\\u001F) found while parsing a string a…; take the text exactly as it was signed"##);
    insta::assert_snapshot!(problem(&sign_raw(&json_of(&text).replace(":3,", ":\"L3\","))), @"this is not a signed grant: the grant is not in canonical form; take the text exactly as it was signed");
    insta::assert_snapshot!(problem(&"x".repeat(8193)), @"this is not a signed grant: it is longer than 8192 bytes; take the text exactly as it was signed");
    let nested = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    insta::assert_snapshot!(problem(&sign_raw(&nested)), @"this is not a signed grant: invalid type: sequence, expected a string at line 1 column 1; take the text exactly as it was signed");
}

#[test]
fn what_cannot_be_presented_is_not_signed() {
    let ada = signer("ada", 1);
    let refusal = |grant: Grant| ada.sign(grant, 1).unwrap_err().to_string();
    let mut undated = a_grant();
    undated.assigned_at = None;
    insta::assert_snapshot!(refusal(undated), @"a grant to be signed needs `assigned_at`; it would otherwise begin when it is presented");
    insta::assert_snapshot!(refusal(a_grant().reason("two\nlines")), @"the reason contains a control character; write at most 4096 bytes without control characters");
    insta::assert_snapshot!(refusal(a_grant().reason("\"".repeat(4096))), @"the signed grant would be 11393 bytes long, more than 8192; shorten the reason");
    assert!(ada.sign(a_grant().reason("é".repeat(2048)), 1).is_ok());
}

#[test]
fn a_signer_shows_its_public_half_alone() {
    let ada = GrantSigner::from_seed(operator("ada"), "shop-eu".parse().unwrap(), &[0xab; 32]);
    let shown = format!("{ada:?}");
    assert!(shown.contains(&ada.key().to_string()), "{shown}");
    assert!(
        !shown.contains("abababab") && !shown.contains("171, 171"),
        "{shown}"
    );
}

fn a_time() -> impl Strategy<Value = OffsetDateTime> {
    // Where nanoseconds fit into a word: the gate knows no other times.
    (any::<i64>(), -18..=18_i8).prop_map(|(nanos, hours)| {
        OffsetDateTime::from_unix_timestamp_nanos(nanos.into())
            .unwrap()
            .to_offset(UtcOffset::from_hms(hours, 0, 0).unwrap_or(offset!(UTC)))
    })
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let level = prop_oneof![
        (0..6_u8).prop_map(|level| LevelRef::from(TrustLevel::try_from(level).unwrap())),
        "[a-z]{1,3}-tier".prop_map(|name| LevelRef::from(Tier(&name))),
    ];
    let span = (any::<u64>(), 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| std::time::Duration::new(seconds, nanos));
    let decay = prop_oneof![
        Just(Decay::None),
        span.clone().prop_map(Decay::cliff),
        span.prop_map(|every| Decay::step(every, TrustLevel::Monitor)),
        (any::<u32>(), any::<u32>()).prop_map(|(gradual_days, cliff_days)| Decay::Inactivity {
            gradual_days,
            cliff_days
        }),
    ];
    let segments = prop::collection::vec("[a-zA-Z0-9é漢😀.:\"\\\\]{1,6}", 0..4);
    (
        "[a-zA-Z0-9/é漢😀.:\"\\\\]{1,8}",
        segments,
        level,
        a_time(),
        prop::option::of(a_time()),
        decay,
        "\\PC{0,12}",
    )
        .prop_map(|(name, segments, level, at, end, decay, reason)| {
            let segments = segments.iter().map(String::as_str);
            let mut grant = Grant::new(agent(&name), level, operator("ada"))
                .scope(Scope::from_segments(segments).unwrap())
                .reason(reason)
                .assigned_at(at)
                .decay(decay);
            grant.expires_at = end;
            grant
        })
}

proptest! {
    #[test]
    fn what_is_signed_is_read_back_and_signed_again_alike(grant in any_grant(), serial: u64) {
        let ada = signer("ada", 1);
        let signed = ada.sign(grant.clone(), serial).unwrap();
        let read: SignedGrant = signed.to_string().parse().unwrap();
        prop_assert_eq!(&read, &signed);
        prop_assert_eq!(read.grant(), grant);
        prop_assert_eq!((read.serial(), read.key_id()), (serial, ada.key().id()));
        prop_assert_eq!(read.audience().as_str(), "shop-eu");
        prop_assert_eq!(read.verify(&ada.key()), Ok(()));
        prop_assert!(read.verify(&signer("ada", 2).key()).is_err());
        prop_assert_eq!(ada.sign(read.grant(), serial).unwrap().to_string(), signed.to_string());
    }

    #[test]
    fn two_texts_are_two_grants(one in any_grant(), two in any_grant(), serials in (0..2_u64, 0..2_u64)) {
        let ada = signer("ada", 1);
        let (first, second) = (ada.sign(one.clone(), serials.0).unwrap(), ada.sign(two.clone(), serials.1).unwrap());
        let same = one == two && serials.0 == serials.1;
        prop_assert_eq!(first.to_string() == second.to_string(), same);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), form in "tg1\\.[A-Za-z0-9_=-]{0,80}\\.[A-Za-z0-9_=-]{0,90}", json in "\\PC{0,60}") {
        for text in [text, form, sign_raw(&json)] {
            prop_assert!(text.parse::<SignedGrant>().is_err());
        }
    }

    #[test]
    fn what_is_read_has_that_text_and_no_other(place in 0..400_usize, other in "[\"0-9a-z{}:, \\\\]{0,2}") {
        // Any small change to the JSON, properly signed: if it is read at all, it is read as what it says.
        let json = json_of(&a_text());
        let mut changed = json.clone();
        let place = place % json.len();
        changed.replace_range(place..=place, &other);
        let text = sign_raw(&changed);
        if let Ok(read) = text.parse::<SignedGrant>() {
            let by = GrantSigner::from_seed(read.grant().assigned_by, read.audience().clone(), &[1; 32]);
            if read.key_id() == by.key().id() {
                prop_assert_eq!(by.sign(read.grant(), read.serial()).unwrap().to_string(), text);
            }
        }
    }
}
