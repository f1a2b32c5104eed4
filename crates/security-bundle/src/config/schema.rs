//! The configuration file's JSON Schema, from which editors complete and check: written beside the parser, because the types of
//! other crates have none, and compared with it key by key in a test.
//!
//! It takes everything that the parser takes, and refuses every key, type and value out of range that the parser refuses. The parser
//! alone looks things up and holds one against the other: tiers, zones, parents, dates, a length of time in seconds, a name's bytes.

use serde_json::{Map, Value, json};

use super::SecurityStackConfig;

mod tables;
mod trust;
mod values;

use self::values::definitions;

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
            parts.insert("$defs".to_owned(), definitions());
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

/// A rule that holds for a table besides its keys.
fn also(table: &mut Value, rule: Value) {
    if let (Value::Object(parts), Value::Object(rule)) = (table, rule) {
        parts.extend(rule);
    }
}
