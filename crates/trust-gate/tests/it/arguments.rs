//! Which arguments are the same arguments: what an approval is bound to.

use trust_gate::{ArgsDigest, ArgsError};

fn digest(text: &str) -> ArgsDigest {
    ArgsDigest::of_json(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn texts_that_mean_the_same_json_have_one_digest() {
    for (one, other) in [
        (
            r#"{"a":1,"b":[true,null]}"#,
            " {\n\"b\" : [true , null],\t\"a\":1} ",
        ),
        (
            r#"{"a":"x/é😀"}"#,
            r#"{"\u0061":"\u0078\/\u00E9\ud83d\uDe00"}"#,
        ),
        ("1", "1.0"),
        ("1", "10e-1"),
        ("100", "1E2"),
        ("0", "-0"),
        ("0", "-0.0"),
        ("0.1", "1e-1"),
        (
            r#"{"b":{"d":1,"c":2},"a":0}"#,
            r#"{"a":0,"b":{"c":2,"d":1}}"#,
        ),
    ] {
        assert_eq!(digest(one), digest(other), "{one} and {other}");
    }
}

#[test]
fn arguments_that_a_server_can_tell_apart_differ() {
    let texts = [
        "{}",
        "null",
        "[]",
        r#""""#,
        "0",
        "false",
        r#"{"a":null}"#,
        r#"{"a":"1"}"#,
        r#"{"a":1}"#,
        r#"{"A":1}"#,
        "[1,2]",
        "[2,1]",
        "[12]",
        "[[1],2]",
        // The same letter, composed and decomposed.
        "\"\u{e9}\"",
        "\"e\u{301}\"",
        "9007199254740992",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551617",
        "-18446744073709551617",
        "1e21",
        "1000000000000000000000",
        "123456789012345678901234567890123456789012345678901234567890",
        "123456789012345678901234567890123456789012345678901234567891",
    ];
    let digests: std::collections::BTreeMap<ArgsDigest, &str> = texts
        .iter()
        .map(|text| (digest(text), *text))
        .chain([(ArgsDigest::none(), "missing")])
        .collect();
    assert_eq!(digests.len(), texts.len() + 1, "{digests:#?}");
}

#[test]
fn a_missing_value_an_empty_object_and_null_are_three_things() {
    insta::assert_snapshot!(ArgsDigest::none(), @"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    insta::assert_snapshot!(digest("{}"), @"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    insta::assert_snapshot!(digest("null"), @"74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b");
}

#[test]
fn refuses_what_two_readers_could_read_differently() {
    let refusal = |text: &str| ArgsDigest::of_json(text).unwrap_err().to_string();
    insta::assert_snapshot!(refusal(r#"{"name":1,"na\u006de":2}"#), @"arguments repeat the key `name`; send each key once");
    insta::assert_snapshot!(refusal(r#"{"a":{"\u202e":1,"\u202e":2}}"#), @r##"arguments repeat the key `\u{202e}`; send each key once"##);
    insta::assert_snapshot!(refusal("[1e400]"), @"the number `1e400` is beyond a double's range; send it as a string");
    insta::assert_snapshot!(refusal("-1.0e309"), @"the number `-1.0e309` is beyond a double's range; send it as a string");
    insta::assert_snapshot!(refusal(r#"{"a":"\ud800"}"#), @"arguments are not valid JSON (unexpected end of hex escape at line 1 column 8); send one JSON value");
    insta::assert_snapshot!(refusal(r#"{"\udc00\ud800":1}"#), @"arguments are not valid JSON (lone leading surrogate in hex escape at line 1 column 7); send one JSON value");
}

#[test]
fn refuses_what_is_not_one_json_value() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{} {}",
        "nul",
        "NaN",
        "Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "0x1",
        "'a'",
        "{a:1}",
        "{\"a\":1,}",
        "\"\n\"",
        "\u{feff}{}",
        "\u{a0}1",
        "/**/1",
    ] {
        assert!(
            matches!(ArgsDigest::of_json(text), Err(ArgsError::NotJson(_))),
            "{text:?}"
        );
    }
}

#[test]
fn refuses_deep_nesting_without_recursing_into_it() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(ArgsDigest::of_json(&nested(128)).is_ok());
    for depth in [129, 200_000] {
        assert_eq!(
            ArgsDigest::of_json(&nested(depth)),
            Err(ArgsError::TooDeep),
            "{depth}"
        );
    }
    let objects = format!("{}1{}", r#"{"a":"#.repeat(200_000), "}".repeat(200_000));
    assert_eq!(ArgsDigest::of_json(&objects), Err(ArgsError::TooDeep));
}

#[test]
fn a_digest_is_written_in_one_way() {
    let digest = digest(r#"{"a":1}"#);
    let text = digest.to_string();
    assert_eq!(text.parse(), Ok(digest));
    let json = serde_json::to_string(&digest).unwrap();
    assert_eq!(json, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<ArgsDigest>(&json).unwrap(), digest);
    for bad in [text.to_uppercase(), text[1..].to_owned(), text + "00"] {
        assert!(bad.parse::<ArgsDigest>().is_err(), "{bad}");
    }
}
