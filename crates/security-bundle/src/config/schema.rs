//! The configuration file's JSON Schema, from which editors complete and check: written beside the parser, because the types of
//! other crates have none, and compared with it key by key in a test.
//!
//! It takes everything that the parser takes. The parser takes less: it also looks names, tiers and zones up.

use serde_json::{Map, Value, json};

use super::SecurityStackConfig;

mod tables;
mod trust;

impl SecurityStackConfig {
    /// The JSON Schema (draft 2020-12) of a configuration file, whichever way it is written, as indented JSON.
    /// `docs/secstack.schema.json` in the repository is this text.
    ///
    /// ```
    /// let schema = security_bundle::SecurityStackConfig::json_schema();
    /// assert!(schema.contains("https://json-schema.org/draft/2020-12/schema"));
    /// ```
    #[must_use]
    pub fn json_schema() -> String {
        let mut schema = tables::document();
        if let Value::Object(parts) = &mut schema {
            parts.insert(
                "$schema".to_owned(),
                "https://json-schema.org/draft/2020-12/schema".into(),
            );
            parts.insert("title".to_owned(), "secstack configuration".into());
        }
        format!("{schema:#}\n")
    }
}

/// A key, what stands behind it, and what it does.
type Key = (&'static str, Value, &'static str);

/// A table in which no other key may stand.
fn table<const N: usize>(required: &[&str], keys: [Key; N]) -> Value {
    let properties: Map<String, Value> = keys
        .into_iter()
        .map(|(key, mut value, what)| {
            if let Value::Object(parts) = &mut value
                && !what.is_empty()
            {
                parts.insert("description".to_owned(), what.into());
            }
            (key.to_owned(), value)
        })
        .collect();
    let mut table =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let Value::Object(parts) = &mut table
        && !required.is_empty()
    {
        parts.insert("required".to_owned(), required.into());
    }
    table
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn flag(default: bool) -> Value {
    json!({ "type": "boolean", "default": default })
}

fn text() -> Value {
    json!({ "type": "string" })
}

/// An id or a name; what it may consist of is up to the component.
fn name() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn words(words: &[&str]) -> Value {
    json!({ "enum": words })
}

fn whole(least: u64) -> Value {
    json!({ "type": "integer", "minimum": least })
}

/// A level by number, code or name, or a tier.
fn level() -> Value {
    json!({
        "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 5 }, { "type": "string", "minLength": 1 }],
        "examples": ["L3", 3, "act_with_approval", "verified"],
    })
}

fn money() -> Value {
    json!({
        "anyOf": [{ "type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,9})?$" }, { "type": "integer", "minimum": 0 }],
        "examples": ["5.00"],
    })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// A length of time as the trust gate reads it.
fn span() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+(ns|us|ms|s|m|h|d|w)$", "examples": ["90s", "36h", "7d"] })
}

fn period() -> Value {
    json!({
        "anyOf": [
            { "enum": ["hourly", "daily", "weekly", "monthly", "yearly", "lifetime", "total"] },
            { "type": "string", "pattern": "^every [0-9]+[smhdw]$" },
        ],
    })
}
