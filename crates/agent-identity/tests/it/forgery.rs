//! Nothing passes but what the issuer wrote, byte for byte.

use std::sync::LazyLock;

use agent_identity::{Ceiling, Replay};
use proptest::prelude::*;

use crate::fixture::{Fixture, ask, by_hand, decode, encode};

/// A gate that lets a token pass over and over, so that every refusal is for the change alone.
static OPEN: LazyLock<Fixture> =
    LazyLock::new(|| Fixture::with(|builder| builder.replay(Replay::Allow)));
static TOKEN: LazyLock<String> =
    LazyLock::new(|| OPEN.token_of(&ask().ceiling(Ceiling::try_from(1).unwrap())));

const PAYLOAD: &str = r#"{"agent":"ada","audience":"gate","ceiling":1,"expires_at":1795349100,"issued_at":1795348800,"issuer":"launcher","key_id":"k1","not_before":1795348800,"token_id":"t1"}"#;

fn verdict(payload: &str) -> &'static str {
    OPEN.verdict(by_hand(payload.as_bytes(), 1))
}

#[test]
fn a_token_written_from_the_description_is_accepted() {
    let agent = OPEN.present(by_hand(PAYLOAD.as_bytes(), 1)).unwrap();
    assert_eq!(agent.id().as_str(), "ada");
    assert_eq!(agent.token_id().unwrap().as_str(), "t1");
}

#[test]
fn another_key_does_not_sign_for_this_one() {
    assert_eq!(
        OPEN.verdict(by_hand(PAYLOAD.as_bytes(), 2)),
        "bad_signature"
    );
}

#[test]
fn a_signature_for_another_purpose_is_none() {
    use ed25519_dalek::Signer as _;
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let payload = encode(PAYLOAD);
    for signed in [
        PAYLOAD.to_owned(),
        payload.clone(),
        format!("aid1.{payload}"),
    ] {
        let signature = encode(key.sign(signed.as_bytes()).to_bytes());
        assert_eq!(
            OPEN.verdict(format!("aid1.{payload}.{signature}")),
            "bad_signature"
        );
    }
}

#[test]
fn one_object_has_one_text() {
    for (from, to) in [
        ("{\"agent\"", "{ \"agent\""),
        ("\"ada\"", "\"\\u0061da\""),
        ("1795349100", "1795349100.0"),
        ("1795349100", "17953491e2"),
        ("\"ceiling\":1", "\"ceiling\":01"),
        ("\"ceiling\":1", "\"ceiling\":null"),
        ("\"agent\":\"ada\"", "\"agent\":\"eve\",\"agent\":\"ada\""),
        ("\"agent\":\"ada\"", "\"agent\":\"ada\",\"agent\":\"eve\""),
        ("\"token_id\":\"t1\"", "\"token_id\":\"t1\",\"admin\":true"),
        (
            "\"agent\":\"ada\",\"audience\":\"gate\"",
            "\"audience\":\"gate\",\"agent\":\"ada\"",
        ),
        ("\"token_id\":\"t1\"}", "\"token_id\":\"t1\"} "),
    ] {
        let payload = PAYLOAD.replacen(from, to, 1);
        assert_ne!(payload, PAYLOAD);
        assert_eq!(verdict(&payload), "malformed", "{payload}");
    }
}

#[test]
fn every_member_is_required_and_of_its_kind() {
    for (from, to) in [
        ("\"agent\":\"ada\",", ""),
        ("\"audience\":\"gate\",", ""),
        ("\"expires_at\":1795349100,", ""),
        ("\"issued_at\":1795348800,", ""),
        ("\"issuer\":\"launcher\",", ""),
        ("\"key_id\":\"k1\",", ""),
        ("\"not_before\":1795348800,", ""),
        (",\"token_id\":\"t1\"", ""),
        ("\"ceiling\":1", "\"ceiling\":-1"),
        ("\"ceiling\":1", "\"ceiling\":256"),
        ("\"ceiling\":1", "\"ceiling\":\"1\""),
        ("\"ada\"", "7"),
        ("\"gate\"", "[\"gate\"]"),
        ("1795349100", "\"1795349100\""),
    ] {
        assert_eq!(
            verdict(&PAYLOAD.replacen(from, to, 1)),
            "malformed",
            "{from} → {to}"
        );
    }
}

#[test]
fn what_is_signed_must_also_make_sense() {
    for (from, to, code) in [
        ("\"ceiling\":1", "\"ceiling\":6", "invalid_claim"),
        ("\"ada\"", "\"\"", "invalid_claim"),
        ("\"ada\"", "\" ada\"", "invalid_claim"),
        ("\"ada\"", "\"a\\u0000da\"", "invalid_claim"),
        ("\"t1\"", "\"\"", "invalid_claim"),
        (
            "\"not_before\"",
            "\"name\":\"a\\nb\",\"not_before\"",
            "invalid_claim",
        ),
        ("1795349100", "9223372036854775807", "invalid_claim"),
        ("1795349100", "1795348800", "malformed"),
        ("1795349100", "-1", "malformed"),
        ("\"gate\"", "\"gate2\"", "wrong_audience"),
        ("\"gate\"", "\"Gate\"", "wrong_audience"),
        ("\"gate\"", "\"\"", "wrong_audience"),
    ] {
        assert_eq!(
            verdict(&PAYLOAD.replacen(from, to, 1)),
            code,
            "{from} → {to}"
        );
    }
}

#[test]
fn every_truncation_is_refused() {
    for end in 0..TOKEN.len() {
        assert_ne!(OPEN.verdict(&TOKEN[..end]), "ok", "{end}");
        assert_ne!(OPEN.verdict(&TOKEN[end + 1..]), "ok", "{end}");
    }
}

#[test]
fn anything_before_or_after_is_refused() {
    for more in [
        " ", "\n", "\r\n", "\0", "=", "==", ".", "A", "AAAA", "é", "\u{feff}",
    ] {
        assert_ne!(OPEN.verdict(format!("{}{more}", *TOKEN)), "ok", "{more:?}");
        assert_ne!(OPEN.verdict(format!("{more}{}", *TOKEN)), "ok", "{more:?}");
    }
    assert_eq!(OPEN.verdict(format!("Bearer {}", *TOKEN)), "malformed");
}

#[test]
fn the_tag_is_to_the_letter() {
    let rest = TOKEN.strip_prefix("aid1").unwrap();
    for tag in [
        "",
        "aid",
        "aid2",
        "AID1",
        "aid01",
        "v1",
        "eyJhbGciOiJub25lIn0",
    ] {
        assert_eq!(OPEN.verdict(format!("{tag}{rest}")), "malformed", "{tag}");
    }
}

#[test]
fn every_other_spelling_of_the_base64_is_refused() {
    let (head, signature) = TOKEN.rsplit_once('.').unwrap();
    // 64 bytes leave four bits over in the last letter, which another decoder might drop.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for other in alphabet.chars().filter(|c| *c != last) {
        let spelled = format!("{head}.{}{other}", &signature[..signature.len() - 1]);
        assert_ne!(OPEN.verdict(spelled), "ok");
    }
    assert_eq!(OPEN.verdict(format!("{head}.{signature}==")), "malformed");
    let standard = TOKEN.replace('-', "+").replace('_', "/");
    assert!(standard == *TOKEN || OPEN.verdict(standard) == "malformed");
}

#[test]
fn a_signature_with_the_group_order_added_is_refused() {
    // s and s + L verify alike where nobody looks; then a second text of a token would exist.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let (head, signature) = TOKEN.rsplit_once('.').unwrap();
    let mut bytes = decode(signature);
    let mut carry = 0_u16;
    for (byte, add) in bytes[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    assert_eq!(
        OPEN.verdict(format!("{head}.{}", encode(bytes))),
        "bad_signature"
    );
}

#[test]
fn what_is_longer_than_any_token_is_not_even_read() {
    assert_eq!(OPEN.verdict(vec![b'a'; 4096]), "malformed");
    assert_eq!(OPEN.verdict(vec![b'a'; 4097]), "too_long");
    assert_eq!(OPEN.verdict(vec![b'.'; 10_000_000]), "too_long");
}

#[test]
fn what_is_no_text_is_refused() {
    let mut bytes = TOKEN.clone().into_bytes();
    bytes.push(0xff);
    assert_eq!(OPEN.verdict(&bytes), "malformed");
    assert_eq!(OPEN.verdict([0xff, 0xfe, 0]), "malformed");
    assert_eq!(OPEN.verdict([]), "malformed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_token_with_any_one_byte_changed_is_refused(at: prop::sample::Index, change in 1_u8..=255) {
        let mut token = TOKEN.clone().into_bytes();
        let at = at.index(token.len());
        token[at] ^= change;
        prop_assert_ne!(OPEN.verdict(&token), "ok");
    }

    #[test]
    fn a_token_with_any_byte_put_in_or_taken_out_is_refused(at: prop::sample::Index, byte: u8) {
        let mut more = TOKEN.clone().into_bytes();
        more.insert(at.index(more.len() + 1), byte);
        prop_assert_ne!(OPEN.verdict(&more), "ok");
        let mut fewer = TOKEN.clone().into_bytes();
        fewer.remove(at.index(fewer.len()));
        prop_assert_ne!(OPEN.verdict(&fewer), "ok");
    }

    #[test]
    fn any_bytes_are_refused_and_none_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_ne!(OPEN.verdict(&bytes), "ok");
        let three = format!("aid1.{}.{}", encode(&bytes), encode(&bytes));
        prop_assert_ne!(OPEN.verdict(three), "ok");
        prop_assert_ne!(OPEN.verdict(by_hand(&bytes, 1)), "ok");
    }

}

proptest! {
    #[test]
    fn any_text_in_the_place_of_a_member_is_refused_or_means_itself(text in any::<String>()) {
        let payload = PAYLOAD.replacen("\"ada\"", &serde_json::to_string(&text).unwrap(), 1);
        match OPEN.present(by_hand(payload.as_bytes(), 1)) {
            Ok(agent) => prop_assert_eq!(agent.id().as_str(), text),
            Err(error) => prop_assert_eq!(error.code(), "invalid_claim"),
        }
    }
}
