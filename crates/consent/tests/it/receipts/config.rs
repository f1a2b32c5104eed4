//! Whom receipts may name as controller.

use super::*;

#[test]
fn a_controller_is_refused_with_the_field_and_the_text_that_is_wrong() {
    let new = Controller::new;
    let long = "a".repeat(513);
    let refusals = [
        new("", "a", "IE", "https://a"),
        new(&long, "a", "IE", "https://a"),
        new("a", " a", "IE", "https://a"),
        new("a", "a\nb", "IE", "https://a"),
        new("a", "a", "Ireland", "https://a"),
        new("a", "a", "ie", "https://a"),
        new("a", "a", "US-", "https://a"),
        new("a", "a", "US-CALI", "https://a"),
        new("a", "a", "IE", "javascript:alert(1)"),
        new("a", "a", "IE", "https://"),
        new("a", "a", "IE", "https:///path"),
        new("a", "a", "IE", "https://example.com/a b"),
        new("a", "a", "IE", "https://example.com/ä"),
        new("a", "a", "IE", "https://example.com/%4"),
        new("a", "a", "IE", "https://example.com/\">"),
        controller().with_address(""),
        controller().with_withdrawal("call us"),
    ];
    let told: Vec<_> = refusals
        .into_iter()
        .map(|refused| {
            refused
                .unwrap_err()
                .to_string()
                .replace(&long[..120], "[…]")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
the controller's `name` is empty; give it at least one character: ``
the controller's `name` is longer than 512 bytes; shorten it: `[…]…`
the controller's `contact` begins or ends with white space; remove it: ` a`
the controller's `contact` holds a control character; remove it: `a\nb`
the controller's `jurisdiction` is no ISO 3166 code; write one such as `IE` or `US-CA`, or `EU`: `Ireland`
the controller's `jurisdiction` is no ISO 3166 code; write one such as `IE` or `US-CA`, or `EU`: `ie`
the controller's `jurisdiction` is no ISO 3166 code; write one such as `IE` or `US-CA`, or `EU`: `US-`
the controller's `jurisdiction` is no ISO 3166 code; write one such as `IE` or `US-CA`, or `EU`: `US-CALI`
the controller's `privacy_policy` is no `https` or `http` URL; write one, with what is not ASCII percent-encoded: `javascript:alert(1)`
the controller's `privacy_policy` is no `https` or `http` URL; write one, with what is not ASCII percent-encoded: `https://`
the controller's `privacy_policy` is no `https` or `http` URL; write one, with what is not ASCII percent-encoded: `https:///path`
the controller's `privacy_policy` is no `https` or `http` URL; write one, with what is not ASCII percent-encoded: `https://example.com/a b`
the controller's `privacy_policy` is no `https` or `http` URL; write one, with what is not ASCII percent-encoded: `https://example.com/ä`
the controller's `privacy_policy` is no `https` or `http` URL; write one, with what is not ASCII percent-encoded: `https://example.com/%4`
the controller's `privacy_policy` is no `https` or `http` URL; write one, with what is not ASCII percent-encoded: `https://example.com/\">`
the controller's `address` is empty; give it at least one character: ``
the controller's `withdrawal` is no `https` or `http` URL; write one, with what is not ASCII percent-encoded: `call us`
"#);
    for code in ["IE", "EU", "US-CA", "GB-SCT", "FR-75"] {
        assert!(
            new("a", "a", code, "http://a.example:8080/%C3%A4?x#y").is_ok(),
            "{code}"
        );
    }
}

#[test]
fn a_controller_is_configuration_with_unknown_keys_refused() {
    let text = serde_json::to_string(&full_controller()).unwrap();
    assert_eq!(
        serde_json::from_str::<Controller>(&text).unwrap(),
        full_controller()
    );
    let least = r#"{"name":"a","contact":"b","jurisdiction":"IE","privacy_policy":"https://a"}"#;
    assert!(serde_json::from_str::<Controller>(least).is_ok());
    for bad in [
        least.replace("\"name\"", "\"nam\""),
        least.replace('{', "{\"mail\":\"c\","),
        least.replace("\"IE\"", "\"ie\""),
        least.replace("https", "ftp"),
    ] {
        assert!(serde_json::from_str::<Controller>(&bad).is_err(), "{bad}");
    }
}
