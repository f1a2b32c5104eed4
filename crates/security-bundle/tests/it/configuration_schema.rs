//! The JSON Schema knows exactly the keys that the parser knows, the page of the documentation describes them all, and the file
//! in the repository is the schema.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jsonschema::Validator;
use security_bundle::SecurityStackConfig;
use serde_json::{Map, Value, json};

pub(crate) const PAGE: &str = include_str!("../../../../docs/configuration.md");

fn schema() -> Value {
    serde_json::from_str(&SecurityStackConfig::json_schema()).unwrap()
}

pub(crate) fn validator() -> Validator {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).unwrap()
}

pub(crate) fn whole() -> Value {
    serde_json::from_str(include_str!("whole.json")).unwrap()
}

/// `UPDATE_SCHEMA=1 cargo test -p security-bundle schema` writes the file anew.
#[test]
fn the_file_in_the_repository_is_the_schema() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/secstack.schema.json");
    let schema = SecurityStackConfig::json_schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap();
    assert!(
        file == schema,
        "out of date: run the test with UPDATE_SCHEMA=1"
    );
}

/// Where a table stands: keys, and how it is told from its alternatives.
struct Table {
    path: Vec<String>,
    keys: BTreeSet<String>,
    /// The `shape` that it needs, where it is one of several.
    shape: Option<String>,
}

fn tables(schema: &Value) -> Vec<Table> {
    fn walk(schema: &Value, path: &[String], tables: &mut Vec<Table>) {
        for one in schema["oneOf"].as_array().into_iter().flatten() {
            walk(one, path, tables);
        }
        if schema["items"].is_object() {
            let mut path = path.to_vec();
            path.push("[]".to_owned());
            walk(&schema["items"], &path, tables);
        }
        // An alternative that only adds a condition is no table.
        if schema["additionalProperties"] != json!(false) {
            return;
        }
        let properties = schema["properties"].as_object().unwrap();
        tables.push(Table {
            path: path.to_vec(),
            keys: properties.keys().cloned().collect(),
            shape: schema["properties"]["shape"]["const"]
                .as_str()
                .map(str::to_owned),
        });
        for (key, value) in properties {
            let mut path = path.to_vec();
            path.push(key.clone());
            walk(value, &path, tables);
        }
    }
    let mut tables_found = Vec::new();
    walk(schema, &[], &mut tables_found);
    tables_found
}

/// A document in which nothing stands but this value at this place.
fn at(path: &[String], value: Value) -> Value {
    path.iter()
        .rev()
        .fold(value, |value, step| match step.as_str() {
            "[]" => json!([value]),
            key => json!({ key: value }),
        })
}

#[test]
fn the_schema_has_the_keys_of_the_parser_in_every_table() {
    let tables = tables(&schema());
    assert!(tables.len() >= 20, "{}", tables.len());
    let validator = validator();
    for table in &tables {
        let mut inside = Map::new();
        if let Some(shape) = &table.shape {
            inside.insert("shape".to_owned(), shape.as_str().into());
        }
        inside.insert("zzzzzzzzzzzz".to_owned(), 1.into());
        let document = at(&table.path, inside.into());
        assert!(!validator.is_valid(&document), "{document}");
        let told = SecurityStackConfig::from_json_str(&document.to_string());
        let message = told.expect_err(&document.to_string()).message;
        assert!(
            message.starts_with("unknown key `zzzzzzzzzzzz`"),
            "{document}: {message}"
        );
        let mut keys = table.keys.clone();
        if table.shape.is_some() {
            // The tag is no key of the shape itself.
            keys.remove("shape");
        }
        let known: BTreeSet<String> = message
            .split_once("known here: ")
            .map(|(_, known)| known.split(", ").map(str::to_owned).collect())
            .unwrap_or_default();
        assert_eq!(keys, known, "{document}: {message}");
    }
}

#[test]
fn what_the_parser_takes_the_schema_takes() {
    let validator = validator();
    let takes = |document: &Value| {
        SecurityStackConfig::from_json_str(&document.to_string()).unwrap();
        let told: Vec<String> = validator
            .iter_errors(document)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(told.is_empty(), "{told:?}");
    };
    takes(&whole());
    takes(&json!({}));
    for decay in [
        json!({ "shape": "none" }),
        json!({ "shape": "cliff", "ttl": "30d", "to": 0 }),
        json!({ "shape": "step", "every": "7d", "grace": "1d", "floor": "observer" }),
        json!({ "shape": "inactivity", "gradual_days": 30, "cliff_days": 90 }),
    ] {
        let mut document = whole();
        document["trust"]["assignments"][0]["decay"] = decay;
        takes(&document);
    }
    for (pointer, value) in [
        ("/trust/default_level", json!(0)),
        ("/trust/default_level", json!("public")),
        ("/budget/session/cost_usd", json!(5)),
        ("/budget/session/cost_usd", json!("0.000000001")),
        ("/budget/budgets/0/period", json!("total")),
        ("/budget/budgets/0/period", json!("every 90m")),
        ("/mcp/approval_wait", json!("90s")),
    ] {
        let mut document = whole();
        *document.pointer_mut(pointer).unwrap() = value;
        takes(&document);
    }
    // The example that the page shows whole.
    let example = PAGE
        .rsplit("```toml\n")
        .next()
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    SecurityStackConfig::from_toml_str(example).unwrap();
    let example: Value = toml::from_str(example).unwrap();
    takes(&example);
}

#[test]
fn what_the_schema_refuses_the_parser_refuses() {
    let validator = validator();
    for (pointer, value) in [
        ("/mode", json!("off")),
        ("/trust/default_level", json!(6)),
        ("/trust/required", json!("yes")),
        ("/trust/tools/0/effect", json!(null)),
        ("/trust/tools/0/approvers", json!(0)),
        ("/trust/elevation/max_duration", json!(8)),
        ("/trust/assignments/0/decay", json!({ "shape": "slope" })),
        ("/budget/session/cost_usd", json!(0.1)),
        ("/budget/session/cost_usd", json!("1e3")),
        ("/budget/session/calls", json!(-1)),
        ("/budget/budgets/0/period", json!("fortnightly")),
        ("/consent/grants/0/blanket", json!(true)),
        ("/consent/grants/1/blanket", json!(false)),
        ("/audit/level", json!("full")),
        ("/mcp/approval_wait", json!("0s")),
        ("/mcp/child_env", json!("PATH")),
    ] {
        let mut document = whole();
        let (place, key) = pointer.rsplit_once('/').unwrap();
        let there = document.pointer_mut(place).unwrap();
        there.as_object_mut().unwrap().insert(key.to_owned(), value);
        assert!(!validator.is_valid(&document), "{pointer}");
        SecurityStackConfig::from_json_str(&document.to_string()).expect_err(pointer);
    }
    // Whatever the parser cannot do without, the schema asks for.
    let whole = whole();
    for table in tables(&schema()) {
        let place = format!("/{}", table.path.join("/").replace("[]", "0"));
        let place = if table.path.is_empty() { "" } else { &place };
        let Some(Value::Object(there)) = whole.pointer(place) else {
            continue;
        };
        for key in there.keys() {
            let mut document = whole.clone();
            document
                .pointer_mut(place)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(key);
            if !validator.is_valid(&document) {
                SecurityStackConfig::from_json_str(&document.to_string())
                    .expect_err(&format!("{place}/{key}"));
            }
        }
    }
}

/// The words in the code spans of a text.
fn coded(text: &str) -> BTreeSet<&str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .flat_map(|span| span.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .collect()
}

#[test]
fn the_page_describes_every_key_where_its_table_is() {
    let sections: Vec<&str> = PAGE.split("\n## ").collect();
    let section = |named: &str| {
        *sections
            .iter()
            .find(|text| text.starts_with(named))
            .unwrap()
    };
    for table in tables(&schema()) {
        let steps: Vec<&str> = table
            .path
            .iter()
            .map(String::as_str)
            .filter(|step| *step != "[]")
            .collect();
        let Some(first) = steps.first() else {
            // Each of the other keys has a section of its own.
            let (page, top) = (coded(PAGE), coded(section("Before the first table")));
            for key in &table.keys {
                let known = if schema()["properties"][key]["type"] == "object" {
                    &page
                } else {
                    &top
                };
                assert!(known.contains(key.as_str()), "`{key}` is not on the page");
            }
            continue;
        };
        let section = if *first == "shadow" {
            section("Before the first table")
        } else {
            section(&format!("`[{first}]`"))
        };
        // The paragraph of the table, or of the one in which it stands.
        let text = (2..=steps.len())
            .rev()
            .find_map(|count| {
                let name = format!("[{}]", steps[..count].join("."));
                section
                    .split("\n\n")
                    .find(|paragraph| paragraph.contains(&name))
            })
            .unwrap_or(section);
        let known = coded(text);
        for key in &table.keys {
            assert!(
                known.contains(key.as_str()),
                "`{key}` of {steps:?} is not where the page describes it"
            );
        }
    }
}
