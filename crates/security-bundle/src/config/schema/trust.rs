//! The `[trust]` part of the schema.

use serde_json::{Value, json};

use super::tables::TOOL;
use super::values::{flag, level_words, list, of, positive, words};
use super::{also, table};

pub(super) fn trust() -> Value {
    let bounds = || {
        table(
            &[],
            [
                ("max_level", of("level"), "the highest level that it gives"),
                ("max_duration", of("span"), "the longest that it lasts"),
            ],
        )
    };
    let approvals = table(
        &[],
        [
            (
                "ttl",
                of("some_span"),
                "from the request on, how long an approval may be given and used",
            ),
            (
                "max_pending_per_agent",
                positive(u64::MAX),
                "how many requests of one agent may wait",
            ),
            (
                "max_pending",
                positive(u64::MAX),
                "how many may wait in all",
            ),
        ],
    );
    table(
        &[],
        [
            (
                "required",
                flag(false),
                "every action must name a tool or a level",
            ),
            (
                "name",
                of("name"),
                "what the gate is called, for grants that are signed elsewhere",
            ),
            (
                "default_level",
                of("level"),
                "the level of an agent that nobody assigned one",
            ),
            (
                "max_level",
                of("level"),
                "nobody gets more, whatever was assigned",
            ),
            (
                "minimum_level",
                of("level"),
                "what every action needs at least",
            ),
            (
                "scope_mode",
                words(&["hierarchical", "exact"]),
                "whether a grant counts below its scope",
            ),
            (
                "tiers",
                json!({
                    "type": "object",
                    "propertyNames": {
                        "allOf": [of("name"), { "not": { "enum": level_words(false) } }],
                    },
                    "additionalProperties": of("fixed_level"),
                }),
                "names for levels",
            ),
            (
                "elevation",
                bounds(),
                "how far and for how long an operator may elevate",
            ),
            (
                "break_glass",
                bounds(),
                "how far and for how long two operators may go in an emergency",
            ),
            (
                "approvals",
                approvals,
                "how long an approval is good for, and how many may wait",
            ),
            (
                "assignments",
                list(&assignment()),
                "levels that operators give to agents",
            ),
            (
                "tools",
                list(&tool()),
                "what each tool needs; the first rule that matches wins",
            ),
        ],
    )
}

fn assignment() -> Value {
    let mut assignment = table(
        &["agent", "level", "assigned_by"],
        [
            ("agent", of("name"), "who is trusted"),
            ("scope", of("scope"), "where; everywhere if it is empty"),
            ("level", of("level"), "how far"),
            ("assigned_by", of("name"), "who decided it"),
            ("reason", of("note"), "why"),
            (
                "assigned_at",
                of("time"),
                "since when; required where there is decay",
            ),
            ("expires_at", of("time"), "until when"),
            ("decay", decay(), "how the level wears out; it never rises"),
        ],
    );
    // What wears out has to have a beginning.
    let wears = json!({ "properties": { "decay": { "properties": { "shape": { "not": { "const": "none" } } } } } });
    let rule = json!({ "if": { "required": ["decay"], "allOf": [wears] }, "then": { "required": ["assigned_at"] } });
    also(&mut assignment, rule);
    assignment
}

fn tool() -> Value {
    table(
        &["tool", "required_level", "effect"],
        [
            ("tool", of("name"), TOOL),
            (
                "required_level",
                of("level"),
                "the lowest level that may call it",
            ),
            (
                "effect",
                words(&["read_public", "read_sensitive", "write", "destructive"]),
                "what it does to the world",
            ),
            (
                "approval",
                words(&["by_level", "always"]),
                "when a call waits for operators",
            ),
            (
                "approvers",
                positive(u8::MAX.into()),
                "how many operators must approve",
            ),
        ],
    )
}

fn decay() -> Value {
    let shape = |shape: &str| json!({ "const": shape });
    let none = table(&["shape"], [("shape", shape("none"), "")]);
    let cliff = table(
        &["shape", "ttl"],
        [
            ("shape", shape("cliff"), ""),
            ("ttl", of("some_span"), "how long the level holds"),
            ("to", of("fixed_level"), "what it falls to"),
        ],
    );
    let step = table(
        &["shape", "every"],
        [
            ("shape", shape("step"), ""),
            ("every", of("some_span"), "how long each level lasts"),
            ("grace", of("span"), "time that does not count"),
            (
                "floor",
                of("fixed_level"),
                "the lowest level that it falls to",
            ),
        ],
    );
    let inactivity = table(
        &["shape"],
        [
            ("shape", shape("inactivity"), ""),
            (
                "gradual_days",
                positive(u32::MAX.into()),
                "days without activity",
            ),
            (
                "cliff_days",
                positive(u32::MAX.into()),
                "days without activity",
            ),
        ],
    );
    json!({ "oneOf": [none, cliff, step, inactivity] })
}
