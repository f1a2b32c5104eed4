//! The JSON Schema and the parser agree on every document: on what is written, with anything in place of anything, and with a key
//! that nobody knows at every level.

use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use security_bundle::SecurityStackConfig;
use serde_json::{Value, json};

use crate::configuration_schema::{PAGE, validator, whole};

static VALIDATOR: LazyLock<Validator> = LazyLock::new(validator);

/// What only the parser can refuse: it looks something up, or holds one part of a document against another.
const BEYOND_A_SCHEMA: [&str; 18] = [
    "is neither a trust level nor a tier",
    "is longer than 256 bytes",
    "is not a time zone",
    "there is no budget",
    "is no budget",
    "budget `",
    "parent",
    "is its own ancestor",
    "it names no amount that",
    "it names no budget and sessions have none",
    "the default level",
    "in the future",
    "when it begins",
    "must expire after it becomes valid",
    "`floor` is above the assigned level",
    "cannot give consent to itself",
    "is not a length of time",
    "duplicate",
];

fn parsed(document: &Value) -> Result<SecurityStackConfig, String> {
    SecurityStackConfig::from_json_str(&document.to_string()).map_err(|error| error.to_string())
}

/// Whether both take it; they may differ only where the parser says what no schema can.
fn agree(document: &Value) -> Result<bool, String> {
    let told: Vec<String> = VALIDATOR
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    match (parsed(document), told.is_empty()) {
        (Ok(_), true) => Ok(true),
        (Err(_), false) => Ok(false),
        (Err(error), true) if BEYOND_A_SCHEMA.iter().any(|known| error.contains(known)) => {
            Ok(false)
        }
        (Ok(_), false) => Err(format!("only the schema refuses it: {told:?}")),
        (Err(error), true) => Err(format!("only the parser refuses it: {error}")),
    }
}

/// The whole configuration with each way in which a level can wear out.
fn wholes() -> Vec<Value> {
    let decays = [
        json!({ "shape": "none" }),
        json!({ "shape": "cliff", "ttl": "30d", "to": 0 }),
        json!({ "shape": "step", "every": "7d", "grace": "1d", "floor": "observer" }),
        json!({ "shape": "inactivity", "gradual_days": 30, "cliff_days": 90 }),
    ];
    let with = |decay: Value| {
        let mut whole = whole();
        whole["trust"]["assignments"][0]["decay"] = decay;
        whole
    };
    [whole()].into_iter().chain(decays.map(with)).collect()
}

/// Every place in all of them; what they have in common once.
fn everywhere() -> Vec<(Value, String)> {
    let wholes = wholes().into_iter().enumerate();
    wholes
        .flat_map(|(number, whole)| {
            let places = places(&whole).into_iter();
            places
                .filter(move |place| number == 0 || place.contains("/decay"))
                .map(move |place| (whole.clone(), place))
        })
        .collect()
}

/// Every place in a document, from the root down, as a JSON pointer.
fn places(document: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, places: &mut Vec<String>) {
        places.push(at.to_owned());
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    walk(value, &format!("{at}/{key}"), places);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{at}/{index}"), places);
                }
            }
            _ => {}
        }
    }
    let mut places_found = Vec::new();
    walk(document, "", &mut places_found);
    places_found
}

/// One of each kind, and what stands at the edge of a range or just beyond it.
fn anything() -> Vec<Value> {
    let texts = [
        "",
        " ",
        " x",
        "x ",
        "x",
        "a\u{7}b",
        "a\u{200b}b",
        "a..b",
        ".a",
        "a.b",
        "a/b",
        "a//b",
        "/",
        "0",
        "5",
        "6",
        "L5",
        "L6",
        "l3",
        "L3_ACT_APPROVE",
        "observer",
        "verified",
        "nobody",
        "0s",
        "1s",
        "90s",
        "5ms",
        "1y",
        "7 d",
        "1.5h",
        "every 59s",
        "every 60s",
        "every 1m",
        "every 0m",
        "every 10s",
        "every 100s",
        "every 7d",
        "hourly",
        "total",
        "fortnightly",
        "5.00",
        "5.",
        ".5",
        "-5",
        "5.0000000001",
        "0.123456789",
        "1e3",
        "99999999999999",
        "18446744073",
        "2026-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01",
        "2026-01-01T00:00:00+01:30",
        "2026-01-01T00:00:00.25z",
        "Europe/Berlin",
        "Mars/Base",
        "llm-calls",
        "team-a",
        "desk-assistant",
        "deny",
        "pass",
        "write",
        "always",
        "exact",
        "shadow",
        "enforce",
        "detailed",
        "none",
    ]
    .map(Value::from);
    let long = [256, 257, 4096, 4097].map(|length| Value::from("x".repeat(length)));
    let deep = [16, 17].map(|depth| Value::from(vec!["x"; depth].join("/")));
    let numbers = [
        0,
        1,
        5,
        6,
        255,
        256,
        u64::from(u32::MAX),
        u64::from(u32::MAX) + 1,
        18_446_744_073,
        18_446_744_074,
        u64::MAX,
    ]
    .map(Value::from);
    let others = [
        json!(null),
        json!(true),
        json!(false),
        json!(-1),
        json!(i64::MIN),
        json!(0.5),
        json!([]),
        json!(["x"]),
        json!([1]),
        json!([{}]),
        json!({}),
        json!({ "x": 1 }),
        json!({ "x": "L1" }),
        json!({ "": 1 }),
        json!({ "L3": 1 }),
        json!({ "3": "public" }),
        json!({ "tools/call": "L1" }),
        json!({ "ping": "pass" }),
        json!({ "pinging": "pass" }),
        json!({ "shape": "none", "ttl": "1d" }),
        json!({ "shape": "cliff" }),
        json!({ "shape": "cliff", "ttl": "1d" }),
        json!({ "ttl": "1d" }),
        json!({ "calls": 1 }),
    ];
    texts
        .into_iter()
        .chain(long)
        .chain(deep)
        .chain(numbers)
        .chain(others)
        .collect()
}

#[test]
fn both_take_every_configuration_that_is_written_somewhere() {
    for document in wholes() {
        assert_eq!(agree(&document), Ok(true), "{document}");
    }
    let mut examples = vec![PAGE.to_owned()];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for entry in std::fs::read_dir(folder).unwrap() {
        let readme = entry.unwrap().path().join("README.md");
        examples.extend(std::fs::read_to_string(readme));
    }
    let mut taken = 0;
    for text in &examples {
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            // What names no gate of this configuration is about something else, such as a manifest.
            let Ok(document) = toml::from_str::<Value>(block) else {
                continue;
            };
            if ["trust", "budget", "consent"]
                .iter()
                .any(|gate| document.get(gate).is_some())
            {
                assert_eq!(agree(&document), Ok(true), "{block}");
                SecurityStackConfig::from_toml_str(block).unwrap();
                taken += 1;
            }
        }
    }
    assert!(taken >= 1, "{taken}");
}

/// Each place is tried with a fifth of it all, so that places of one kind have all of it between them. `CONFIGURATION_PLACES=all` tries the rest.
#[test]
fn both_take_or_refuse_whatever_stands_in_the_place_of_a_value() {
    let (mut tried, mut taken, mut apart) = (0, 0, Vec::new());
    let is_all = std::env::var_os("CONFIGURATION_PLACES").is_some();
    let parts = if is_all { 1 } else { 5 };
    for (number, (whole, place)) in everywhere().into_iter().enumerate() {
        for other in anything().into_iter().skip(number % parts).step_by(parts) {
            let mut document = whole.clone();
            *document.pointer_mut(&place).unwrap() = other.clone();
            tried += 1;
            match agree(&document) {
                Ok(both) => taken += u32::from(both),
                Err(told) => apart.push(format!("{place} = {other}: {told}")),
            }
        }
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
    assert!(tried > 2500 && taken > 250, "{taken} of {tried}");
}

#[test]
fn both_take_or_refuse_what_has_a_key_less() {
    for (mut document, place) in everywhere() {
        let Some((table, key)) = place.rsplit_once('/') else {
            continue;
        };
        match document.pointer_mut(table).unwrap() {
            Value::Object(members) => {
                members.remove(&key.replace("~1", "/"));
            }
            Value::Array(items) => {
                items.remove(key.parse().unwrap());
            }
            _ => unreachable!(),
        }
        agree(&document).unwrap_or_else(|told| panic!("without {place}: {told}"));
    }
}

#[test]
fn a_key_that_nobody_knows_is_refused_and_named_at_every_level_in_all_three_formats() {
    let mut tried = 0;
    for (mut document, place) in everywhere() {
        // Names of the reader's own choice stand in these two.
        let is_open = ["/trust/tiers", "/mcp/methods"].contains(&&*place);
        if is_open || !document.pointer(&place).unwrap().is_object() {
            continue;
        }
        for unknown in [json!(1), json!("x"), json!({}), json!([])] {
            let table = document
                .pointer_mut(&place)
                .unwrap()
                .as_object_mut()
                .unwrap();
            table.insert("zzzzzzzz".to_owned(), unknown);
            assert!(!VALIDATOR.is_valid(&document), "{place}");
            let json = document.to_string();
            for told in [
                SecurityStackConfig::from_json_str(&json),
                SecurityStackConfig::from_yaml_str(&json),
                SecurityStackConfig::from_yaml_str(&block(&document, 0)),
                SecurityStackConfig::from_toml_str(&toml::to_string(&document).unwrap()),
            ] {
                let refused = told.expect_err(&place);
                let is_named = refused.message.starts_with("unknown key `zzzzzzzz`")
                    || refused.key.ends_with(".zzzzzzzz");
                assert!(is_named, "{place}: {refused}");
                tried += 1;
            }
        }
    }
    assert!(tried > 400, "{tried}");
}

/// A document in the block style of YAML.
fn block(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let inner = |value: &Value| match value {
        Value::Object(members) if !members.is_empty() => format!("\n{}", block(value, depth + 1)),
        Value::Array(items) if !items.is_empty() => format!("\n{}", block(value, depth + 1)),
        plain => format!(" {plain}\n"),
    };
    let lines: Vec<String> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| format!("{indent}{}:{}", json!(key), inner(value)))
            .collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| format!("{indent}-{}", inner(item)))
            .collect(),
        plain => vec![plain.to_string()],
    };
    lines.concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Several changes at once: a rule of a table that counts several keys is held as well.
    #[test]
    fn both_take_or_refuse_a_configuration_with_anything_anywhere(
        start in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>()), 1..6),
    ) {
        let wholes = wholes();
        let mut document = start.get(&wholes).clone();
        let pool = anything();
        for (place, other, is_gone) in changes {
            let places = places(&document);
            let place = place.get(&places);
            if is_gone && let Some((table, key)) = place.rsplit_once('/') {
                if let Some(Value::Object(members)) = document.pointer_mut(table) {
                    members.remove(&key.replace("~1", "/"));
                }
            } else {
                *document.pointer_mut(place).unwrap() = other.get(&pool).clone();
            }
        }
        let agreed = agree(&document);
        prop_assert!(agreed.is_ok(), "{document}: {agreed:?}");
    }
}
