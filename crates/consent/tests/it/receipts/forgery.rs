//! Whatever was changed, added, left out or signed by someone else is refused.

use super::*;

#[test]
fn no_byte_can_change() {
    let text = document().to_string();
    assert!(verified(&text).is_ok());
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= if at % 2 == 0 { 0x01 } else { 0x20 };
        let found = receipt::verify(&bytes, &[public()]);
        assert!(found.is_err(), "byte {at}");
    }
}

#[test]
fn no_part_can_be_cut_off() {
    let text = document().to_string();
    for end in 0..text.len() {
        assert!(
            matches!(verified(&text[..end]), Err(ReceiptError::NotJson { .. })),
            "{end}"
        );
    }
    assert!(matches!(
        verified(&format!("{text}{text}")),
        Err(ReceiptError::NotJson { .. })
    ));
}

/// Every object of a document, by its path.
fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.push(path.to_owned());
            members
                .iter()
                .for_each(|(key, value)| objects(value, &format!("{path}/{key}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(nth, item)| objects(item, &format!("{path}/{nth}"), found));
        }
        _ => {}
    }
}

#[test]
fn a_member_added_anywhere_is_refused_even_if_it_is_signed() {
    let document = document();
    let mut places = Vec::new();
    objects(&document, "", &mut places);
    assert!(places.len() > 15, "{places:?}");
    for place in places {
        let mut more = document.clone();
        more.pointer_mut(&place)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .insert("dpv:hasRisk".to_owned(), json!("none"));
        assert_eq!(
            verified(&more.to_string()),
            Err(ReceiptError::Forged),
            "{place}"
        );
        let found = verified(&signed(more, DOMAIN));
        assert!(
            matches!(found, Err(ReceiptError::Unfamiliar { .. })),
            "{place}: {found:?}"
        );
    }
}

#[test]
fn a_member_left_out_is_refused_even_if_it_is_signed() {
    let document = document();
    let mut places = Vec::new();
    objects(&document, "", &mut places);
    for place in places {
        for key in document
            .pointer(&place)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
        {
            let mut less = document.clone();
            less.pointer_mut(&place)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(key);
            assert!(verified(&less.to_string()).is_err(), "{place}/{key}");
            if key.starts_with("sec:proof") && key != "sec:proofPurpose" {
                continue; // signing puts it back
            }
            // What may be absent makes another receipt, which is fine if the issuer signed it.
            if let Ok(read) = verified(&signed(less, DOMAIN)) {
                let optional = [
                    "dct:identifier",
                    "dpv:hasIndicationMethod",
                    "schema:validFrom",
                    "dpv:hasNotice",
                ];
                assert!(
                    optional.contains(&key.as_str()) || key == "sec:proofValue",
                    "{place}/{key}"
                );
                assert_ne!(read.receipt().to_json_ld(), document.to_string());
            }
        }
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    let text = document().to_string();
    let doubled = text.replacen(
        "\"@type\":",
        "\"@type\":\"dpv:ConsentReceipt\",\"@type\":",
        1,
    );
    let Err(ReceiptError::NotJson { problem }) = verified(&doubled) else {
        panic!("accepted")
    };
    assert!(
        problem.starts_with("the key `@type` is there twice"),
        "{problem}"
    );
}

#[test]
fn what_makes_no_sense_is_refused_even_if_it_is_signed() {
    let changes = [
        ("/@context/dpv", "https://example.com/dpv#"),
        ("/@type", "dpv:ConsentRecord"),
        ("/@id", "urn:uuid:00000000-0000-7000-8000-000000000000"),
        ("/dct:created", "2026-11-22T01:00:00Z"),
        ("/sec:proof/sec:cryptosuite", "eddsa-jcs-2022"),
        ("/dpv:hasRecordOfActivity/schema:position", "01"),
        ("/dpv:hasRecordOfActivity/schema:position", "-1"),
        ("/dpv:hasRecordOfActivity/dpv:hasJurisdiction", "IE"),
        (
            "/dpv:hasRecordOfActivity/dpv:hasProcess/dpv:isImplementedUsingTechnology/dct:identifier",
            "ada",
        ),
        (
            "/dpv:hasRecordOfActivity/dpv:hasProcess/dpv:hasPurpose/dct:identifier",
            "a..b",
        ),
        (
            "/dpv:hasRecordOfActivity/dpv:hasConsentStatus/0/@type",
            "dpv:ConsentExpired",
        ),
        (
            "/dpv:hasRecordOfActivity/dpv:hasConsentStatus/0/@type",
            "dpv:ConsentWithdrawn",
        ),
        (
            "/dpv:hasRecordOfActivity/dpv:hasConsentStatus/0/dpv:isIndicatedBy/@type",
            "dpv:Entity",
        ),
        (
            "/dpv:hasRecordOfActivity/dpv:hasConsentStatus/0/dpv:hasDuration/@type",
            "dpv:EndlessDuration",
        ),
        (
            "/dpv:hasRecordOfActivity/dpv:hasConsentStatus/0/dpv:hasDuration/rdf:value",
            "2026-11-20T00:00:00Z",
        ),
        (
            "/dpv:hasRecordOfActivity/dpv:hasConsentStatus/0/dpv:isIndicatedAtTime",
            "2026-11-22T00:00:00+00:00",
        ),
        (
            "/dpv:hasRecordOfActivity/dpv:hasDataController/dpv:hasNotice/@id",
            "javascript:alert(1)",
        ),
    ];
    for (place, text) in changes {
        let mut other = document();
        *other.pointer_mut(place).unwrap() = json!(text);
        assert_eq!(
            verified(&other.to_string()),
            Err(ReceiptError::Forged),
            "{place}"
        );
        let found = verified(&signed(other, DOMAIN));
        assert!(
            matches!(found, Err(ReceiptError::Unfamiliar { .. })),
            "{place}: {found:?}"
        );
    }
    assert!(verified(&signed(document(), DOMAIN)).is_ok());
}

#[test]
fn a_signature_of_anything_else_is_none_of_a_receipt() {
    for domain in ["", "consent receipt v2\n", "consent receipt v1"] {
        assert_eq!(
            verified(&signed(document(), domain)),
            Err(ReceiptError::Forged)
        );
    }
}

#[test]
fn keys_are_found_by_their_id_and_none_stands_in_for_another() {
    let text = document().to_string();
    let other = SigningKey::from_seed(&[8; 32]).verifying_key();
    assert!(receipt::verify(text.as_bytes(), &[other, public()]).is_ok());
    let key_id = public().id().to_string();
    let unknown = Err(ReceiptError::UnknownKey {
        key_id: key_id.clone(),
    });
    assert_eq!(receipt::verify(text.as_bytes(), &[other]), unknown);
    assert_eq!(receipt::verify(text.as_bytes(), &[]), unknown);
    let renamed = text.replace(&key_id, &other.id().to_string());
    assert_eq!(
        receipt::verify(renamed.as_bytes(), &[other, public()]),
        Err(ReceiptError::Forged)
    );
    let mut resigned = document();
    resigned["sec:proof"]["sec:verificationMethod"] = json!(other.id().to_string());
    let resigned = signed(resigned, DOMAIN);
    assert_eq!(
        receipt::verify(resigned.as_bytes(), &[other, public()]),
        Err(ReceiptError::Forged)
    );
}

#[test]
fn what_is_too_long_is_not_even_read() {
    let padded = format!("{:1$}", document().to_string(), receipt::MAX_BYTES + 1);
    assert_eq!(
        verified(&padded),
        Err(ReceiptError::TooLong {
            bytes: receipt::MAX_BYTES + 1
        })
    );
    assert!(
        verified(&padded[..receipt::MAX_BYTES]).is_ok(),
        "trailing blanks are layout"
    );
}

#[test]
fn errors_show_nothing_unescaped_of_what_they_refuse() {
    let mut evil = document();
    evil["sec:proof"]["sec:verificationMethod"] = json!("\u{1b}[2J\u{202e}".repeat(1000));
    let shown = verified(&evil.to_string()).unwrap_err().to_string();
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    assert!(shown.len() < 2000, "{shown}");
    let shown = verified("{\"\u{202e}\":\"\",\"\u{202e}\":\"\"}")
        .unwrap_err()
        .to_string();
    assert!(!shown.contains('\u{202e}'), "{shown}");
}
