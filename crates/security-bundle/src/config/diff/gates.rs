//! Whether gates are asked at all, whether their denials count, what operators may do beside them, and how all of it is recorded.

use std::time::Duration;

use trust_gate::{LevelRef, ToolPattern};

use super::{ConfigPart, Direction, Rows, both, optional, patterns};
use crate::config::{ConfigError, Mode, SecurityStackConfig};

pub(super) fn compare(
    old: &SecurityStackConfig,
    new: &SecurityStackConfig,
    rows: &mut Rows,
) -> Result<(), ConfigError> {
    asked(old, new, rows)?;
    shadow(old, new, rows);
    operators(old, new, rows)?;
    environment(old, new, rows);
    audit(old, new, rows);
    process(old, new, rows);
    Ok(())
}

fn asked(
    old: &SecurityStackConfig,
    new: &SecurityStackConfig,
    rows: &mut Rows,
) -> Result<(), ConfigError> {
    let (was, is) = (&old.mandatory, &new.mandatory);
    for (part, key, was, is) in [
        (ConfigPart::Gate, "trust.required", was.trust, is.trust),
        (ConfigPart::Gate, "budget.required", was.budget, is.budget),
        (
            ConfigPart::Gate,
            "consent.required",
            was.consent,
            is.consent,
        ),
        (
            ConfigPart::Consent,
            "consent.default_deny",
            old.consent.default_deny,
            new.consent.default_deny,
        ),
    ] {
        rows.holding(part, key, &was, &is);
    }
    let (was, is) = (old.least_level()?, new.least_level()?);
    if was != is {
        let direction = if is > was {
            Direction::Tightens
        } else {
            Direction::Loosens
        };
        let sides = optional(was.as_ref(), is.as_ref());
        rows.push(ConfigPart::Gate, "trust.minimum_level", direction, sides);
    }
    Ok(())
}

fn shadow(old: &SecurityStackConfig, new: &SecurityStackConfig, rows: &mut Rows) {
    match (old.mode, new.mode) {
        (Mode::Enforce, Mode::Shadow) => {
            rows.raise(ConfigPart::Gate, "mode", both(old.mode, new.mode));
        }
        (Mode::Shadow, Mode::Enforce) => {
            rows.push(
                ConfigPart::Gate,
                "mode",
                Direction::Tightens,
                both(old.mode, new.mode),
            );
        }
        (Mode::Enforce, Mode::Enforce) | (Mode::Shadow, Mode::Shadow) => {}
    }
    let (was, is) = (&old.shadow.tools, &new.shadow.tools);
    for tool in without(is, was) {
        let sides = both("enforced", "watched only");
        rows.raise(ConfigPart::Gate, format!("calls of {tool}"), sides);
    }
    for tool in without(was, is) {
        let sides = both("watched only", "enforced");
        rows.push(
            ConfigPart::Gate,
            format!("calls of {tool}"),
            Direction::Tightens,
            sides,
        );
    }
}

/// Those patterns that none of the others covers.
fn without<'a>(
    tools: &'a [ToolPattern],
    others: &'a [ToolPattern],
) -> impl Iterator<Item = &'a ToolPattern> {
    tools.iter().filter(|tool| {
        !others
            .iter()
            .any(|other| patterns::covers(other.as_str(), tool.as_str()))
    })
}

/// What operators may give for a while, and what waits for them.
fn operators(
    old: &SecurityStackConfig,
    new: &SecurityStackConfig,
    rows: &mut Rows,
) -> Result<(), ConfigError> {
    let (was, is) = (&old.trust_gate, &new.trust_gate);
    for (key, before, after) in [
        (
            "trust.elevation.max_level",
            &was.elevation.max_level,
            &is.elevation.max_level,
        ),
        (
            "trust.break_glass.max_level",
            &was.break_glass.max_level,
            &is.break_glass.max_level,
        ),
    ] {
        let level = |config: &SecurityStackConfig, level: &LevelRef| {
            let level = config.trust_gate.tiers.resolve(level);
            level.map_err(|error| ConfigError::at(key, error))
        };
        rows.ordered(
            ConfigPart::Agent,
            key,
            &level(old, before)?,
            &level(new, after)?,
        );
    }
    for (part, key, before, after) in [
        (
            ConfigPart::Agent,
            "trust.elevation.max_duration",
            was.elevation.max_duration,
            is.elevation.max_duration,
        ),
        (
            ConfigPart::Agent,
            "trust.break_glass.max_duration",
            was.break_glass.max_duration,
            is.break_glass.max_duration,
        ),
        (
            ConfigPart::Tool,
            "trust.approvals.ttl",
            was.approvals.ttl,
            is.approvals.ttl,
        ),
    ] {
        rows.ordered(part, key, &Span(before), &Span(after));
    }
    for (key, before, after) in [
        (
            "trust.approvals.max_pending_per_agent",
            was.approvals.max_pending_per_agent,
            is.approvals.max_pending_per_agent,
        ),
        (
            "trust.approvals.max_pending",
            was.approvals.max_pending,
            is.approvals.max_pending,
        ),
    ] {
        rows.ordered(ConfigPart::Tool, key, &before, &after);
    }
    // Signed grants name the gate they are for.
    if was.name != is.name {
        let direction = if is.name.is_some() {
            Direction::Loosens
        } else {
            Direction::Tightens
        };
        let sides = optional(was.name.as_ref(), is.name.as_ref());
        rows.push(ConfigPart::Agent, "trust.name", direction, sides);
    }
    let tiers = |config: &SecurityStackConfig| {
        let tiers = config.trust_gate.tiers.iter();
        let tiers: Vec<String> = tiers
            .map(|(tier, level)| format!("{tier} {level}"))
            .collect();
        Some(tiers.join(", "))
    };
    rows.neutral(ConfigPart::Agent, "trust.tiers", (tiers(old), tiers(new)));
    Ok(())
}

/// What reaches the process behind the gate.
fn environment(old: &SecurityStackConfig, new: &SecurityStackConfig, rows: &mut Rows) {
    let (was, is) = (&old.mcp.child_env, &new.mcp.child_env);
    for name in is.iter().filter(|name| !was.contains(name)) {
        let sides = (None, Some(name.clone()));
        rows.push(
            ConfigPart::Process,
            "mcp.child_env",
            Direction::Loosens,
            sides,
        );
    }
    for name in was.iter().filter(|name| !is.contains(name)) {
        let sides = (Some(name.clone()), None);
        rows.push(
            ConfigPart::Process,
            "mcp.child_env",
            Direction::Tightens,
            sides,
        );
    }
    let wait =
        |config: &SecurityStackConfig| config.mcp.approval_wait.map(|wait| Span(wait).to_string());
    rows.neutral(
        ConfigPart::Process,
        "mcp.approval_wait",
        (wait(old), wait(new)),
    );
}

fn audit(old: &SecurityStackConfig, new: &SecurityStackConfig, rows: &mut Rows) {
    let part = ConfigPart::Audit;
    let (was, is) = (&old.audit, &new.audit);
    rows.holding(part, "audit.required", &was.required, &is.required);
    rows.holding(part, "audit.level", &was.level, &is.level);
    let namespaces = (
        Some(old.audit_namespace.clone()),
        Some(new.audit_namespace.clone()),
    );
    rows.neutral(part, "audit.namespace", namespaces);
    let records = optional(was.max_records.as_ref(), is.max_records.as_ref());
    rows.neutral(part, "audit.max_records", records);
    let key = |config: &SecurityStackConfig| {
        config
            .audit
            .key
            .as_ref()
            .map(|path| path.display().to_string())
    };
    rows.neutral(part, "audit.key", (key(old), key(new)));
}

fn process(old: &SecurityStackConfig, new: &SecurityStackConfig, rows: &mut Rows) {
    let part = ConfigPart::Process;
    if old.data_dir != new.data_dir {
        let text = |config: &SecurityStackConfig| {
            config
                .data_dir
                .as_ref()
                .map(|path| path.display().to_string())
        };
        // What operators took away, and what was spent, stands in the other directory only.
        rows.raise(part, "data_dir", (text(old), text(new)));
    }
    let id = |config: &SecurityStackConfig| config.agent.as_ref().map(|agent| agent.id.to_string());
    match (id(old), id(new)) {
        // It acts with the other agent's levels from then on.
        (Some(was), Some(is)) if was != is => rows.raise(part, "agent.id", both(was, is)),
        sides => rows.neutral(part, "agent.id", sides),
    }
    let session = |config: &SecurityStackConfig| {
        let session = config.agent.as_ref()?.session.as_ref()?;
        Some(session.to_string())
    };
    let (was, is) = (session(old), session(new));
    if was != is {
        // Another session has a budget of its own.
        rows.push(part, "agent.session", Direction::Loosens, (was, is));
    }
    let (was, is) = (&old.budget, &new.budget);
    for (key, was, is) in [
        ("default_ttl", was.default_ttl, is.default_ttl),
        ("max_ttl", was.max_ttl, is.max_ttl),
        (
            "late_settle_window",
            was.late_settle_window,
            is.late_settle_window,
        ),
        (
            "idempotency_window",
            was.idempotency_window,
            is.idempotency_window,
        ),
    ] {
        let sides = both(Span(was), Span(is));
        rows.neutral(ConfigPart::Budget, &format!("budget.{key}"), sides);
    }
    for (key, was, is) in [
        (
            "max_transactions",
            was.max_transactions,
            is.max_transactions,
        ),
        (
            "max_idempotency_keys",
            was.max_idempotency_keys,
            is.max_idempotency_keys,
        ),
    ] {
        rows.neutral(ConfigPart::Budget, &format!("budget.{key}"), both(was, is));
    }
    let lanes = both(format!("{:?}", was.lanes), format!("{:?}", is.lanes));
    rows.neutral(ConfigPart::Budget, "budget.lanes", lanes);
}

/// A length of time as configurations have it: whole seconds, but for what code makes.
#[derive(PartialEq, PartialOrd)]
struct Span(Duration);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.as_secs(), self.0.subsec_nanos()) {
            (0, 0) => f.write_str("0s"),
            (seconds, 0) if seconds.is_multiple_of(86_400) => {
                write!(f, "{}d", seconds.div_euclid(86_400))
            }
            (seconds, 0) if seconds.is_multiple_of(3_600) => {
                write!(f, "{}h", seconds.div_euclid(3_600))
            }
            (seconds, 0) if seconds.is_multiple_of(60) => write!(f, "{}m", seconds.div_euclid(60)),
            (seconds, 0) => write!(f, "{seconds}s"),
            _ => write!(f, "{:?}", self.0),
        }
    }
}
