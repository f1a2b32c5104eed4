//! What may stand behind a key of the schema, as the components read it.

use serde_json::{Value, json};
use trust_gate::TrustLevel;

/// Characters that no name may hold: controls, and those that no reader sees.
const UNSEEN: &str =
    r"\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff";
/// The same for budgets and sessions, which may hold those that no reader sees.
const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";
/// Above it an amount of money is none.
const MAX_DOLLARS: u64 = 18_446_744_073;

/// What several keys have in common, by name.
pub(super) fn definitions() -> Value {
    json!({
        "name": {
            "type": "string",
            "maxLength": 256,
            "pattern": format!("^{}$", padless(UNSEEN)),
        },
        "id": {
            "description": "of a budget or a session",
            "type": "string",
            "maxLength": 256,
            "pattern": format!("^{}$", padless(CONTROL)),
        },
        "dotted": {
            "description": "from the general to the particular; it covers what is below",
            "type": "string",
            "maxLength": 256,
            "pattern": format!("^{}$", padless(UNSEEN)),
            "allOf": [{ "pattern": r"^[^.]+(\.[^.]+)*$" }],
            "examples": ["user.contact"],
        },
        "scope": {
            "description": "a path of at most 16 names; empty: everywhere",
            "type": "string",
            "pattern": format!("^({0}(/{0}){{0,15}})?$", padless(&format!("/{UNSEEN}"))),
            "examples": ["payments/eu"],
        },
        "note": {
            "type": "string",
            "maxLength": 4096,
            "pattern": format!("^[^{CONTROL}]*$"),
        },
        "level": {
            "description": "a level by number, code or name, or a tier",
            "anyOf": [number(), { "$ref": "#/$defs/name" }],
            "examples": ["L3", 3, "act_with_approval", "verified"],
        },
        "fixed_level": {
            "description": "a level by number, code or name",
            "anyOf": [number(), { "enum": level_words(true) }],
        },
        "count": { "type": "integer", "minimum": 0, "maximum": u64::MAX },
        "money": {
            "description": "US dollars, as text so that it is exact, or whole",
            "anyOf": [
                { "type": "string", "pattern": r"^0*[0-9]{1,11}(\.[0-9]{1,9})?$" },
                { "type": "integer", "minimum": 0, "maximum": MAX_DOLLARS },
            ],
            "examples": ["5.00"],
        },
        "time": {
            "description": "as RFC 3339 writes it",
            "type": "string",
            "pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]).([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
            "examples": ["2026-11-22T00:00:00Z"],
        },
        "span": {
            "type": "string",
            "pattern": "^[0-9]+(ns|us|ms|s|m|h|d|w)$",
            "examples": ["90s", "36h", "7d"],
        },
        "some_span": {
            "description": "above 0",
            "type": "string",
            "pattern": "^0*[1-9][0-9]*(ns|us|ms|s|m|h|d|w)$",
            "examples": ["90s", "36h", "7d"],
        },
        "period": {
            "anyOf": [
                { "enum": ["hourly", "daily", "weekly", "monthly", "yearly", "lifetime", "total"] },
                {
                    "description": "at least a minute",
                    "type": "string",
                    "pattern": "^every 0*([1-9][0-9]*[mhdw]|([6-9][0-9]|[1-9][0-9]{2,})s)$",
                },
            ],
            "examples": ["monthly", "every 36h"],
        },
    })
}

/// Text without these characters, and without white space at either end.
fn padless(refused: &str) -> String {
    format!(r"[^\s{refused}]([^{refused}]*[^\s{refused}])?")
}

/// What `definitions` says of this name.
pub(super) fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn words(words: &[&str]) -> Value {
    json!({ "enum": words })
}

pub(super) fn flag(default: bool) -> Value {
    json!({ "type": "boolean", "default": default })
}

pub(super) fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// A whole number, of at least one.
pub(super) fn positive(most: u64) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": most })
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 5 })
}

/// Every text that means a level whatever the tiers are, and those of the tiers that are always there.
pub(super) fn level_words(with_tiers: bool) -> Vec<String> {
    let words = TrustLevel::ALL.into_iter().flat_map(|level| {
        let number = level.as_u8().to_string();
        let names = [level.code(), level.name()].map(str::to_owned);
        [number, level.to_string()].into_iter().chain(names)
    });
    let tiers = ["public", "verified", "privileged"];
    let tiers = tiers.into_iter().filter(|_| with_tiers).map(str::to_owned);
    words.chain(tiers).collect()
}
