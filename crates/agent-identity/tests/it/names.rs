//! Names are refused or distinct, never repaired.

use agent_identity::{AgentId, Audience, Issuer, KeyId, TokenId};
use proptest::prelude::*;

#[test]
fn refuses_what_two_sides_could_read_differently() {
    let long = "a".repeat(257);
    for text in [
        "",
        " ",
        " a",
        "a ",
        "\ta",
        "a\n",
        "a\0b",
        "a\u{7f}",
        "\u{a0}a",
        "a\u{85}b",
        "a\u{200b}da",
        "\u{202e}ada",
        &long,
    ] {
        assert_eq!(
            text.parse::<AgentId>().unwrap_err().code(),
            "invalid_name",
            "{text:?}"
        );
        assert!(text.parse::<Issuer>().is_err());
        assert!(text.parse::<Audience>().is_err());
        assert!(text.parse::<KeyId>().is_err());
        assert!(text.parse::<TokenId>().is_err());
    }
    assert!("a".repeat(256).parse::<AgentId>().is_ok());
}

#[test]
fn look_alikes_are_different_agents() {
    let names = ["ada", "Ada", "аda", "ad\u{430}", "ada\u{301}"];
    for (one, first) in names.iter().enumerate() {
        for (other, second) in names.iter().enumerate() {
            let same = first.parse::<AgentId>().unwrap() == second.parse::<AgentId>().unwrap();
            assert_eq!(same, one == other, "{first:?} {second:?}");
        }
    }
}

#[test]
fn the_error_says_what_and_how() {
    insta::assert_snapshot!(
        "a\nb".parse::<KeyId>().unwrap_err(),
        @r"key id `a\nb` contains a control character; write 1 to 256 bytes without control characters or surrounding white space"
    );
}

proptest! {
    #[test]
    fn a_name_is_kept_to_the_byte_or_refused(text: String) {
        if let Ok(name) = text.parse::<AgentId>() {
            prop_assert_eq!(name.as_str(), text.as_str());
            prop_assert_eq!(String::from(name), text);
        }
    }
}
