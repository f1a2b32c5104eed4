//! The tables of the schema, as `file.rs` reads them.

use serde_json::{Value, json};

use super::values::{flag, list, of, positive, text, words};
use super::{also, table};

pub(super) const TOOL: &str = "a tool's name, or a pattern in which `*` stands for anything";
const TOKENS: &str = "how many tokens";
const CALLS: &str = "how many calls";
const COST: &str = "how many US dollars, as text so that it is exact, or whole";

pub(super) fn document() -> Value {
    let shadow = table(
        &[],
        [(
            "tools",
            list(&of("name")),
            "tools whose denials are recorded and not enforced",
        )],
    );
    let agent = table(
        &["id"],
        [
            ("id", of("name"), "who acts"),
            (
                "session",
                of("id"),
                "the session whose budget is charged; one per process where it is left out",
            ),
        ],
    );
    let mut document = table(
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
    );
    // The state comes back from the log.
    let waived =
        json!({ "properties": { "required": { "const": false } }, "required": ["required"] });
    let without_log =
        json!({ "properties": { "audit": waived }, "required": ["data_dir", "audit"] });
    also(&mut document, json!({ "not": without_log }));
    document
}

fn budget() -> Value {
    // A limit on nothing is a mistake.
    let limits = json!({ "anyOf": [{ "required": ["tokens"] }, { "required": ["calls"] }, { "required": ["cost_usd"] }] });
    let mut session = table(
        &[],
        [
            ("tokens", of("count"), TOKENS),
            ("calls", of("count"), CALLS),
            ("cost_usd", of("money"), COST),
        ],
    );
    also(&mut session, limits.clone());
    let mut window = table(
        &["period"],
        [
            ("period", of("period"), "how often it starts again"),
            ("tokens", of("count"), TOKENS),
            ("calls", of("count"), CALLS),
            ("cost_usd", of("money"), COST),
        ],
    );
    also(&mut window, limits.clone());
    let mut envelope = table(
        &["id", "period"],
        [
            ("id", of("id"), "what it is called"),
            (
                "parent",
                of("id"),
                "the budget that is charged together with it",
            ),
            ("tokens", of("count"), TOKENS),
            ("calls", of("count"), CALLS),
            ("cost_usd", of("money"), COST),
            ("period", of("period"), "how often it starts again"),
            (
                "zone",
                text(),
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
    also(&mut envelope, limits);
    let tool = table(
        &["tool"],
        [
            ("tool", of("name"), TOOL),
            (
                "budget",
                of("id"),
                "a named budget that is charged besides the session",
            ),
            ("tokens", of("count"), TOKENS),
            ("calls", of("count"), CALLS),
            ("cost_usd", of("money"), COST),
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
            ("agent", of("name"), "who may use the data"),
            (
                "data_type",
                of("dotted"),
                "which data; it covers what is below",
            ),
            ("purpose", of("dotted"), "what for"),
            ("blanket", flag(false), "for every purpose"),
            ("subject", of("name"), "whose data"),
            ("operation", of("name"), "what may be done with it"),
            ("granted_by", of("name"), "who agreed; never the agent"),
            ("valid_from", of("time"), "since when"),
            ("expires_at", of("time"), "until when"),
        ],
    );
    let blanket =
        json!({ "properties": { "blanket": { "const": true } }, "required": ["blanket"] });
    also(
        &mut grant,
        json!({ "oneOf": [{ "required": ["purpose"] }, blanket] }),
    );
    let tool = table(
        &["tool", "data_type"],
        [
            ("tool", of("name"), TOOL),
            ("data_type", of("dotted"), "which data it touches"),
            (
                "purpose",
                of("dotted"),
                "what for; only blanket consent will do where it is left out",
            ),
            ("subject", of("name"), "whose data"),
            ("operation", of("name"), "what is done with it"),
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
                json!({
                    "type": "object",
                    "propertyNames": {
                        "not": { "pattern": "^(tools/|logging/|notifications/|server/discover|initialize$|ping$)" },
                    },
                    "additionalProperties": of("name"),
                }),
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
    let mut some_note = of("note");
    also(&mut some_note, json!({ "minLength": 1 }));
    table(
        &[],
        [
            ("namespace", some_note, "stands on every entry"),
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
                positive(u64::MAX),
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
