//! Ids are refused, never repaired.

use consent::{AgentId, DataType, IdProblem, NoticeHash, Purpose};
use proptest::prelude::*;

#[test]
fn take_1_to_256_bytes() {
    assert_eq!(
        AgentId::try_from("").unwrap_err().problem(),
        IdProblem::Empty
    );
    assert!(AgentId::try_from("a").is_ok());
    assert!(AgentId::try_from("a".repeat(256)).is_ok());
    assert_eq!(
        AgentId::try_from("a".repeat(257)).unwrap_err().problem(),
        IdProblem::TooLong
    );
    assert_eq!(
        AgentId::try_from("é".repeat(129)).unwrap_err().problem(),
        IdProblem::TooLong
    );
}

#[test]
fn refuse_white_space_at_the_ends_and_control_characters_anywhere() {
    for text in [" a", "a ", "\u{a0}a", "a\u{2003}", "a\u{3000}"] {
        assert_eq!(
            AgentId::try_from(text).unwrap_err().problem(),
            IdProblem::Padded,
            "{text:?}"
        );
    }
    for text in ["a\0b", "a\nb", "a\u{7f}b", "a\u{85}b"] {
        assert_eq!(
            AgentId::try_from(text).unwrap_err().problem(),
            IdProblem::Control,
            "{text:?}"
        );
    }
    assert!(AgentId::try_from("desk assistant, Zürich").is_ok());
}

#[test]
fn dotted_names_have_no_empty_segments_and_plain_ones_may_have_dots() {
    for text in [".", "a.", ".a", "a..b"] {
        assert_eq!(
            DataType::try_from(text).unwrap_err().problem(),
            IdProblem::EmptySegment,
            "{text:?}"
        );
        assert_eq!(
            Purpose::try_from(text).unwrap_err().problem(),
            IdProblem::EmptySegment,
            "{text:?}"
        );
        assert!(AgentId::try_from(text).is_ok(), "{text:?}");
    }
}

#[test]
fn are_checked_when_they_are_deserialised() {
    assert_eq!(
        serde_json::from_str::<AgentId>(r#""bot""#)
            .unwrap()
            .as_str(),
        "bot"
    );
    assert!(serde_json::from_str::<AgentId>(r#"" bot""#).is_err());
    assert!(serde_json::from_str::<DataType>(r#""user..contact""#).is_err());
    assert_eq!(
        serde_json::to_string(&AgentId::try_from("bot").unwrap()).unwrap(),
        r#""bot""#
    );
}

#[test]
fn a_notices_hash_is_64_hexadecimal_digits() {
    let text = "00ff".repeat(16);
    let hash: NoticeHash = text.to_uppercase().parse().unwrap();
    assert_eq!(hash.to_string(), text);
    for bad in [
        "",
        "00",
        &text[..63],
        &format!("{text}0"),
        &format!("{text}00"),
        &text.replace('f', "g"),
        &"é".repeat(32),
    ] {
        assert!(bad.parse::<NoticeHash>().is_err(), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_taken_as_it_is_or_refused(text in any::<String>()) {
        if let Ok(id) = AgentId::try_from(text.as_str()) {
            prop_assert_eq!(id.as_str(), text.as_str());
        }
        if let Ok(data_type) = DataType::try_from(text.as_str()) {
            prop_assert_eq!(data_type.as_str(), text.as_str());
        }
    }

    #[test]
    fn covering_is_having_the_same_first_segments(wide in "[ab]{1,2}(\\.[ab]{1,2}){0,3}", narrow in "[ab]{1,2}(\\.[ab]{1,2}){0,3}") {
        let segments = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let expected = segments(&narrow).starts_with(&segments(&wide));
        prop_assert_eq!(DataType::try_from(wide.as_str()).unwrap().covers(&narrow.parse().unwrap()), expected);
    }
}
