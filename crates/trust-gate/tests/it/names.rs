//! Names are refused, never repaired; scopes are compared segment by segment.

use proptest::prelude::*;
use trust_gate::{AgentId, OperatorId, Scope, ToolName, ToolPattern, TrustError};

fn problem(text: &str) -> Option<String> {
    AgentId::try_from(text).err().map(|error| error.to_string())
}

#[test]
fn what_gate_and_server_could_read_differently_is_refused() {
    let long = "x".repeat(257);
    let refusals: String = [
        "",
        " a",
        "a ",
        "a\u{a0}",
        "\u{2003}a",
        "a\tb",
        "a\nb",
        "a\u{7f}",
        "a\u{85}b",
        "\0",
        &long,
    ]
    .iter()
    .map(|text| problem(text).expect(text) + "\n")
    .collect();
    insta::assert_snapshot!(refusals, @r##"
    agent id `` is empty; write 1 to 256 bytes without control characters or surrounding white space
    agent id ` a` begins or ends with white space; write 1 to 256 bytes without control characters or surrounding white space
    agent id `a ` begins or ends with white space; write 1 to 256 bytes without control characters or surrounding white space
    agent id `a\u{a0}` begins or ends with white space; write 1 to 256 bytes without control characters or surrounding white space
    agent id `\u{2003}a` begins or ends with white space; write 1 to 256 bytes without control characters or surrounding white space
    agent id `a\tb` contains a control character; write 1 to 256 bytes without control characters or surrounding white space
    agent id `a\nb` contains a control character; write 1 to 256 bytes without control characters or surrounding white space
    agent id `a\u{7f}` contains a control character; write 1 to 256 bytes without control characters or surrounding white space
    agent id `a\u{85}b` contains a control character; write 1 to 256 bytes without control characters or surrounding white space
    agent id `\0` contains a control character; write 1 to 256 bytes without control characters or surrounding white space
    agent id `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` is longer than 256 bytes; write 1 to 256 bytes without control characters or surrounding white space
    "##);
}

#[test]
fn every_name_is_under_the_same_rule() {
    let longest = "é".repeat(128);
    for good in [
        "a",
        "a b",
        "ops@example.com",
        "*",
        "a/b",
        "名前",
        longest.as_str(),
    ] {
        assert_eq!(AgentId::try_from(good).unwrap().as_str(), good);
        assert_eq!(good.parse::<OperatorId>().unwrap().to_string(), good);
        assert_eq!(good.parse::<ToolName>().unwrap().as_ref(), good);
    }
    for bad in ["", " ", "a\r", "a\u{2028}"] {
        let json = serde_json::to_string(bad).unwrap();
        assert!(serde_json::from_str::<AgentId>(&json).is_err(), "{json}");
        assert!(serde_json::from_str::<OperatorId>(&json).is_err(), "{json}");
        assert!(serde_json::from_str::<ToolName>(&json).is_err(), "{json}");
        assert!(
            serde_json::from_str::<ToolPattern>(&json).is_err(),
            "{json}"
        );
        assert!(
            serde_json::from_str::<Scope>(&json).is_err() || bad.is_empty(),
            "{json}"
        );
    }
}

#[test]
fn names_that_look_alike_are_refused_or_distinct() {
    let unseen = [
        "\u{202e}", "\u{200b}", "\u{200d}", "\u{2066}", "\u{feff}", "\u{61c}",
    ];
    for unseen in unseen {
        let name = format!("admin{unseen}x");
        assert!(
            problem(&name).is_some_and(|problem| problem.contains("not seen")),
            "{name:?}"
        );
    }
    let [latin, cyrillic, upper, composed, combining]: [AgentId; 5] =
        ["admin", "\u{430}dmin", "Admin", "\u{e9}", "e\u{301}"].map(|text| text.parse().unwrap());
    assert_ne!(latin, cyrillic, "look-alike letters are other letters");
    assert_ne!(latin, upper, "case matters");
    assert_ne!(composed, combining, "nothing is normalised");
}

#[test]
fn names_of_equal_text_are_equal_and_sort_as_text() {
    let [a, also_a, b]: [AgentId; 3] = ["a", "a", "b"].map(|text| text.parse().unwrap());
    assert_eq!(a, also_a);
    assert_ne!(a, b);
    assert!(a < b);
    let set: std::collections::HashSet<_> = [a, also_a, b].into();
    assert_eq!(set.len(), 2);
}

#[test]
fn malformed_scopes_are_refused() {
    let deep = ["x"; 17].join("/");
    let refusals: String = ["/", "a/", "/a", "a//b", "a/ b", "a\u{1}/b", &deep]
        .iter()
        .map(|path| path.parse::<Scope>().expect_err(path).to_string() + "\n")
        .collect();
    insta::assert_snapshot!(refusals, @r##"
    scope segment `` is empty; write segments of 1 to 256 bytes joined by `/`, or nothing for the root
    scope segment `` is empty; write segments of 1 to 256 bytes joined by `/`, or nothing for the root
    scope segment `` is empty; write segments of 1 to 256 bytes joined by `/`, or nothing for the root
    scope segment `` is empty; write segments of 1 to 256 bytes joined by `/`, or nothing for the root
    scope segment ` b` begins or ends with white space; write segments of 1 to 256 bytes joined by `/`, or nothing for the root
    scope segment `a\u{1}` contains a control character; write segments of 1 to 256 bytes joined by `/`, or nothing for the root
    scope `x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x` has more than 16 segments; use fewer
    "##);
    assert!(["x"; 16].join("/").parse::<Scope>().is_ok());
}

#[test]
fn a_segment_cannot_smuggle_in_a_boundary() {
    let error = Scope::from_segments(["a/b", "c"]).unwrap_err();
    assert!(matches!(error, TrustError::InvalidScope { .. }), "{error}");
    let joined = Scope::from_segments(["a:b", "c"]).unwrap();
    assert_ne!(joined, Scope::from_segments(["a", "b:c"]).unwrap());
}

proptest! {
    #[test]
    fn scopes_are_their_segments(
        one in prop::collection::vec("[a-c:. ]{1,3}", 0..5),
        other in prop::collection::vec("[a-c:. ]{1,3}", 0..5),
    ) {
        let trimmed = |segments: &[String]| segments.iter().all(|segment| segment.trim() == segment);
        prop_assume!(trimmed(&one) && trimmed(&other));
        let scope = Scope::from_segments(one.iter().map(String::as_str)).unwrap();
        let second = Scope::from_segments(other.iter().map(String::as_str)).unwrap();
        prop_assert_eq!(scope.segments().collect::<Vec<_>>(), one.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(scope == second, one == other);
        prop_assert_eq!(scope.contains(&second), other.starts_with(&one));
        prop_assert_eq!(&scope.as_str().parse::<Scope>().unwrap(), &scope);
        let around: Vec<Scope> = scope.ancestors().map(|path| path.parse().unwrap()).collect();
        prop_assert_eq!(around.len(), one.len());
        prop_assert!(around.iter().all(|ancestor| ancestor.contains(&scope)));
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        drop((AgentId::try_from(text.as_str()), text.parse::<Scope>(), text.parse::<ToolPattern>()));
        if let Some(problem) = problem(&text) {
            prop_assert!(!problem.chars().any(char::is_control), "{problem:?}");
            prop_assert!(problem.len() < 1_000);
        }
    }
}
