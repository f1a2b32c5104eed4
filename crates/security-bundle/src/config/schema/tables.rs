//! The tables of the schema, as `file.rs` reads them.

use serde_json::{Value, json};

use super::{flag, list, money, name, period, table, text, time, whole, words};

pub(super) const TOOL: &str = "a tool's name, or a pattern in which `*` stands for anything";
const TOKENS: &str = "how many tokens";
const CALLS: &str = "how many calls";
const COST: &str = "how many US dollars, as text so that it is exact, or whole";

pub(super) fn document() -> Value {
    let shadow = table(
        &[],
        [(
            "tools",
            list(&name()),
            "tools whose denials are recorded and not enforced",
        )],
    );
    let agent = table(
        &["id"],
        [
            ("id", name(), "who acts"),
            (
                "session",
                name(),
                "the session whose budget is charged; one per process where it is left out",
            ),
        ],
    );
    table(
        &[],
        [
            (
                "data_dir",
                text(),
                "where log and state are kept; a relative path starts at the file's folder; in memory where it is left out",
            ),
            (
                "mode",
                words(&["enforce", "shadow"]),
                "`shadow`: every action is decided and recorded, and let through",
            ),
            (
                "shadow",
                shadow,
                "tools in shadow mode while everything else is enforced",
            ),
            (
                "agent",
                agent,
                "whom a process serves, where it serves one agent",
            ),
            ("trust", super::trust::trust(), "who may act"),
            ("budget", budget(), "how much"),
            ("consent", consent(), "on whose data, and for what"),
            ("mcp", mcp(), "the gate in front of an MCP server"),
            ("audit", audit(), "what happened, provably"),
        ],
    )
}

fn budget() -> Value {
    let session = table(
        &[],
        [
            ("tokens", whole(0), TOKENS),
            ("calls", whole(0), CALLS),
            ("cost_usd", money(), COST),
        ],
    );
    let window = table(
        &["period"],
        [
            ("period", period(), "how often it starts again"),
            ("tokens", whole(0), TOKENS),
            ("calls", whole(0), CALLS),
            ("cost_usd", money(), COST),
        ],
    );
    let envelope = table(
        &["id", "period"],
        [
            ("id", name(), "what it is called"),
            (
                "parent",
                name(),
                "the budget that is charged together with it",
            ),
            ("tokens", whole(0), TOKENS),
            ("calls", whole(0), CALLS),
            ("cost_usd", money(), COST),
            ("period", period(), "how often it starts again"),
            (
                "zone",
                name(),
                "the IANA name of the zone in which its days begin",
            ),
            (
                "rollover",
                json!({ "type": "boolean" }),
                "overrides `rollover_on_reset`",
            ),
            (
                "overdraft",
                json!({ "type": "boolean" }),
                "overrides `allow_overdraft`",
            ),
            (
                "also",
                list(&window),
                "further windows that hold at the same time",
            ),
        ],
    );
    let tool = table(
        &["tool"],
        [
            ("tool", name(), TOOL),
            (
                "budget",
                name(),
                "a named budget that is charged besides the session",
            ),
            ("tokens", whole(0), TOKENS),
            ("calls", whole(0), CALLS),
            ("cost_usd", money(), COST),
        ],
    );
    table(
        &[],
        [
            (
                "required",
                flag(false),
                "every action must name a budget or a session",
            ),
            (
                "allow_overdraft",
                flag(false),
                "spending recorded after the fact may go beyond a limit",
            ),
            (
                "rollover_on_reset",
                flag(false),
                "what is left of a period is added to the next",
            ),
            ("session", session, "the limits of every session"),
            ("budgets", list(&envelope), "named budgets"),
            (
                "tools",
                list(&tool),
                "what a call charges; every rule that matches applies",
            ),
        ],
    )
}

fn consent() -> Value {
    let mut grant = table(
        &["agent", "data_type", "granted_by"],
        [
            ("agent", name(), "who may use the data"),
            ("data_type", name(), "which data; it covers what is below"),
            ("purpose", name(), "what for"),
            ("blanket", flag(false), "for every purpose"),
            ("subject", name(), "whose data"),
            ("operation", name(), "what may be done with it"),
            ("granted_by", name(), "who agreed; never the agent"),
            ("valid_from", time(), "since when"),
            ("expires_at", time(), "until when"),
        ],
    );
    if let Value::Object(parts) = &mut grant {
        let blanket =
            json!({ "properties": { "blanket": { "const": true } }, "required": ["blanket"] });
        parts.insert(
            "oneOf".to_owned(),
            json!([{ "required": ["purpose"] }, blanket]),
        );
    }
    let tool = table(
        &["tool", "data_type"],
        [
            ("tool", name(), TOOL),
            ("data_type", name(), "which data it touches"),
            (
                "purpose",
                name(),
                "what for; only blanket consent will do where it is left out",
            ),
            ("subject", name(), "whose data"),
            ("operation", name(), "what is done with it"),
        ],
    );
    table(
        &[],
        [
            (
                "required",
                flag(false),
                "every action must name the data that it uses",
            ),
            (
                "default_deny",
                flag(true),
                "`false` allows what nobody refused, and marks each such decision",
            ),
            ("grants", list(&grant), "what people agreed to"),
            (
                "tools",
                list(&tool),
                "which data a tool touches; every rule that matches applies",
            ),
        ],
    )
}

fn mcp() -> Value {
    table(
        &[],
        [
            (
                "child_env",
                list(&text()),
                "all that the server's process inherits of the environment",
            ),
            (
                "methods",
                json!({ "type": "object", "additionalProperties": name() }),
                "what a method needs: a level, `pass` or `deny`",
            ),
            (
                "approval_wait",
                json!({ "type": "string", "pattern": "^0*[1-9][0-9]*[smhdw]$", "examples": ["2m"] }),
                "how long a call is held open for the operator's answer",
            ),
        ],
    )
}

fn audit() -> Value {
    table(
        &[],
        [
            ("namespace", text(), "stands on every entry"),
            (
                "required",
                flag(true),
                "a decision that cannot be recorded is a denial",
            ),
            (
                "level",
                words(&["minimal", "standard", "detailed"]),
                "how much of a decision stands in its entry",
            ),
            (
                "max_records",
                whole(0),
                "how many entries are kept in memory; older ones stay provable",
            ),
            (
                "key",
                text(),
                "the file with the log's signing key; a relative path starts at the file's folder",
            ),
        ],
    )
}
