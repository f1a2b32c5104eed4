//! The `[trust]` part of the schema.

use serde_json::{Value, json};

use super::tables::TOOL;
use super::{flag, level, list, name, span, table, text, time, whole, words};

pub(super) fn trust() -> Value {
    let bounds = || {
        table(
            &[],
            [
                ("max_level", level(), "the highest level that it gives"),
                ("max_duration", span(), "the longest that it lasts"),
            ],
        )
    };
    let approvals = table(
        &[],
        [
            (
                "ttl",
                span(),
                "from the request on, how long an approval may be given and used",
            ),
            (
                "max_pending_per_agent",
                whole(1),
                "how many requests of one agent may wait",
            ),
            ("max_pending", whole(1), "how many may wait in all"),
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
                name(),
                "what the gate is called, for grants that are signed elsewhere",
            ),
            (
                "default_level",
                level(),
                "the level of an agent that nobody assigned one",
            ),
            (
                "max_level",
                level(),
                "nobody gets more, whatever was assigned",
            ),
            ("minimum_level", level(), "what every action needs at least"),
            (
                "scope_mode",
                words(&["hierarchical", "exact"]),
                "whether a grant counts below its scope",
            ),
            (
                "tiers",
                json!({ "type": "object", "additionalProperties": level() }),
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
    table(
        &["agent", "level", "assigned_by"],
        [
            ("agent", name(), "who is trusted"),
            ("scope", text(), "where; everywhere if it is empty"),
            ("level", level(), "how far"),
            ("assigned_by", name(), "who decided it"),
            ("reason", text(), "why"),
            (
                "assigned_at",
                time(),
                "since when; required where there is decay",
            ),
            ("expires_at", time(), "until when"),
            ("decay", decay(), "how the level wears out; it never rises"),
        ],
    )
}

fn tool() -> Value {
    table(
        &["tool", "required_level", "effect"],
        [
            ("tool", name(), TOOL),
            (
                "required_level",
                level(),
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
                json!({ "type": "integer", "minimum": 1, "maximum": 255 }),
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
            ("ttl", span(), "how long the level holds"),
            ("to", level(), "what it falls to"),
        ],
    );
    let step = table(
        &["shape", "every"],
        [
            ("shape", shape("step"), ""),
            ("every", span(), "how long each level lasts"),
            ("grace", span(), "time that does not count"),
            ("floor", level(), "the lowest level that it falls to"),
        ],
    );
    let inactivity = table(
        &["shape"],
        [
            ("shape", shape("inactivity"), ""),
            ("gradual_days", whole(1), "days without activity"),
            ("cliff_days", whole(1), "days without activity"),
        ],
    );
    json!({ "oneOf": [none, cliff, step, inactivity] })
}
