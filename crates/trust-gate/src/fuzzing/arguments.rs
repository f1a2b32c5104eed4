//! Arguments of calls: what means the same has one digest, and nothing else has it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::args::canonical;
use crate::{ArgsDigest, Arguments};

pub(super) const SEEDS: &[&str] = &[
    r#"{ "b": [1.0, -0, 10e-1, 9007199254740993, 1e21, 0.1, 5e-324], "a\u0062": "\ud83d\ude00\n\/", "": null }"#,
    r#"{"€":{"\r":1,"ö":true,"😀":[[[]]],"ﬁ":{}},"\u0080":false}"#,
    "  null\t",
    r#"{"a":1,"\u0061":2}"#,
    r#""\ud800""#,
    "-18446744073709551616.5e+3",
];

/// Arguments as JSON text.
pub fn arguments(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(one) = canonical(text) else {
        assert!(ArgsDigest::of_json(text).is_err(), "refused and digested");
        return;
    };
    let digest = ArgsDigest::of_canonical(&one);
    assert_ne!(digest, ArgsDigest::none(), "a text has no arguments");
    assert_eq!(canonical(&one).as_ref(), Ok(&one), "there is one form");
    for other in [text, &one, &respelled(text)] {
        assert_eq!(ArgsDigest::of_json(other), Ok(digest), "another spelling");
    }
    let shown = Arguments::of_json(text).map(|arguments| arguments.shown);
    let shown = shown.ok().flatten();
    assert!(
        shown.is_none_or(|shown| *shown == *one),
        "what is shown is what was digested"
    );
    // Where the reader beside this one keeps every digit, it finds the same meaning, and its own spelling has the same digest.
    let meaning: Option<Value> = serde_json::from_str(text).ok();
    if let Some(meaning) = meaning.filter(|value| !has_float(value)) {
        assert_eq!(
            serde_json::from_str(&one).ok().as_ref(),
            Some(&meaning),
            "the canonical form means something else"
        );
        let other = meaning.to_string();
        assert_eq!(ArgsDigest::of_json(&other), Ok(digest), "written anew");
    }
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(members) => members.values().any(has_float),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// The same JSON with white space wherever some may be, and with every letter of every text escaped.
fn respelled(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_text, mut escaped) = (false, 0_u8);
    for character in json.chars() {
        if !in_text {
            let may_have_space = matches!(character, '{' | '}' | '[' | ']' | ':' | ',');
            out.push_str(if may_have_space { " \n" } else { "" });
            out.push(character);
            out.push_str(if may_have_space { "\t\r" } else { "" });
            in_text = character == '"';
        } else if escaped > 0 {
            out.push(character);
            escaped = match character {
                'u' if escaped == 5 => 4,
                _ if escaped == 5 => 0,
                _ => escaped.saturating_sub(1),
            };
        } else if character == '\\' {
            out.push(character);
            escaped = 5;
        } else if character == '"' {
            out.push(character);
            in_text = false;
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // A string takes whatever is written to it.
                let _ = write!(out, "\\u{unit:04X}");
            }
        }
    }
    out
}
