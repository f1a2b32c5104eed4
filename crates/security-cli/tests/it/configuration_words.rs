//! `check-config` in all three formats and on every key, and `config schema`.

use std::path::PathBuf;

use crate::support::{Folder, run};

fn bundle(file: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../security-bundle/tests/it");
    std::fs::read_to_string(folder.join(file)).unwrap()
}

#[test]
fn every_key_is_explained_and_alike_in_all_three_formats() {
    let folder = Folder::with("");
    let told: Vec<String> = ["toml", "yaml", "json"]
        .iter()
        .map(|ending| {
            let path = folder.file(&format!("whole.{ending}"));
            std::fs::write(&path, bundle(&format!("whole.{ending}"))).unwrap();
            let ran = run(["check-config", &path]);
            assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
            folder
                .plain(&ran.out)
                .replace(&format!("whole.{ending}"), "whole")
        })
        .collect();
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    insta::assert_snapshot!(told[0]);
}

/// Any other value of a key changes what is said.
#[test]
fn no_key_is_passed_over() {
    fn leaves(value: &serde_json::Value, path: &str, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    leaves(value, &format!("{path}/{key}"), found);
                }
            }
            serde_json::Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    leaves(value, &format!("{path}/{index}"), found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }
    let whole: serde_json::Value = serde_json::from_str(&bundle("whole.json")).unwrap();
    let mut places = Vec::new();
    leaves(&whole, "", &mut places);
    assert!(places.len() > 80, "{}", places.len());
    let folder = Folder::with("");
    let path = folder.file("a.json");
    let say = |document: &serde_json::Value| {
        std::fs::write(&path, document.to_string()).unwrap();
        let ran = run(["check-config", &path]);
        (ran.status == Some(0)).then_some(ran.out)
    };
    let before = say(&whole).unwrap();
    let (mut tried, mut silent) = (0, Vec::new());
    for place in &places {
        let old = whole.pointer(place).unwrap().clone();
        let others: Vec<serde_json::Value> = match &old {
            serde_json::Value::Bool(value) => vec![(!value).into()],
            serde_json::Value::Number(number) => {
                let number = number.as_u64().unwrap();
                vec![(number + 1).into(), number.saturating_sub(1).into()]
            }
            _ => [
                "L2",
                "L0",
                "3h",
                "write",
                "always",
                "exact",
                "shadow",
                "detailed",
                "weekly",
                "Europe/Berlin",
                "7.00",
                "2199-01-01T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "llm-calls",
                "team-a",
                "other",
            ]
            .iter()
            .filter(|text| old != **text)
            .map(|text| (*text).into())
            .collect(),
        };
        let said = others.into_iter().find_map(|other| {
            let mut document = whole.clone();
            *document.pointer_mut(place).unwrap() = other;
            say(&document)
        });
        let Some(said) = said else { continue };
        tried += 1;
        if said == before {
            silent.push(place);
        }
    }
    assert!(tried > 70, "{tried} of {}", places.len());
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn an_unknown_key_is_told_in_yaml_and_json_too() {
    let folder = Folder::with("");
    for (name, text) in [
        ("a.yaml", "audit:\n  requird: true\n"),
        ("a.json", "{\"audit\": {\n  \"requird\": true}}"),
    ] {
        let path = folder.file(name);
        std::fs::write(&path, text).unwrap();
        let ran = run(["check-config", &path]);
        assert_eq!(ran.status, Some(1), "{}", ran.err);
        assert!(ran.out.contains(&format!("{name}:2: ")), "{}", ran.out);
        assert!(ran.out.contains("did you mean `required`?"), "{}", ran.out);
    }
}

#[test]
fn the_schema_is_the_one_in_the_documentation() {
    let ran = run(["config", "schema"]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/secstack.schema.json");
    assert!(ran.out == std::fs::read_to_string(docs).unwrap());
}
