//! Ids are refused, never repaired.

use consent::{AgentId, ConsentQuery, DataType, Extent, Grant, IdProblem, NoticeHash, Purpose};
use proptest::prelude::*;

use crate::support::{ask_for, by, grant, house, id};

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
fn refuse_characters_that_no_reader_sees() {
    let seen_by_no_one = ['\u{61c}', '\u{2060}', '\u{feff}']
        .into_iter()
        .chain('\u{200b}'..='\u{200f}')
        .chain('\u{202a}'..='\u{202e}')
        .chain('\u{2066}'..='\u{2069}');
    for c in seen_by_no_one {
        for text in [format!("a{c}b"), format!("{c}b"), format!("a{c}")] {
            assert_eq!(
                AgentId::try_from(text.as_str()).unwrap_err().problem(),
                IdProblem::Invisible,
                "{text:?}"
            );
            assert!(Purpose::try_from(text).is_err());
        }
    }
    let text = AgentId::try_from("bot\u{202e}").unwrap_err().to_string();
    assert_eq!(
        text,
        r"agent id `bot\u{202e}` holds an invisible character; remove it"
    );
    for text in ["שלום", "مرحبا", "日本", "a\u{2010}b", "e\u{301}"] {
        assert!(AgentId::try_from(text).is_ok(), "{text:?}");
    }
}

#[test]
fn names_that_look_alike_are_told_apart_by_the_gate() {
    let house = house();
    let alike = [
        "bot",
        "Bot",
        "BOT",
        "b\u{43e}t",
        "b\u{ff4f}t",
        "bo\u{301}t",
        "b\u{f3}t",
        "bot.",
    ];
    for agent in alike {
        for other in alike {
            house.ledger.withdraw(Extent::default(), None).unwrap();
            house.give(Grant::new(id(agent), id("user"), id("support"), by()));
            let query = ConsentQuery::new(id(other), id("user")).purpose(id("support"));
            assert_eq!(
                house.gate.check(&query).allowed(),
                agent == other,
                "{agent:?} {other:?}"
            );
            house.ledger.withdraw(Extent::default(), None).unwrap();
            house.give(grant("user", "support").subject(id(agent)));
            let query = ask_for("user", "support").subject(id(other));
            assert_eq!(
                house.gate.check(&query).allowed(),
                agent == other,
                "{agent:?} {other:?}"
            );
        }
    }
}

#[test]
fn names_never_run_into_each_other() {
    let house = house();
    house.give(Grant::new(id("a:b"), id("user"), id("support"), by()).subject(id("c")));
    let query = |agent, subject| {
        let query = ConsentQuery::new(id(agent), id("user")).purpose(id("support"));
        house.gate.check(&query.subject(id(subject))).allowed()
    };
    assert!(query("a:b", "c"));
    for (agent, subject) in [("a", "b:c"), ("c", "a:b"), ("a:b:c", "c"), ("a:bc", "c")] {
        assert!(!query(agent, subject), "{agent} {subject}");
    }
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
