//! `secstack check-config`: whether a configuration holds, and what each limit and rule of it does.

use std::path::PathBuf;

use clap::Args;
use security_bundle::budget_enforcer::{Amounts, Limits};
use security_bundle::trust_gate::{ApprovalRule, ScopeMode};
use security_bundle::{Mandatory, SecurityStackConfig};
use serde_json::json;

use crate::{Answer, GOOD, no, paint};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let config = match SecurityStackConfig::from_path(&arguments.file) {
        Ok(config) => config,
        // A file that cannot be read is bad input, not a bad configuration.
        Err(error) if error.key.is_empty() && error.line.is_none() => return Err(error.into()),
        Err(error) if arguments.json => {
            anstream::println!(
                "{}",
                json!({
                    "valid": false,
                    "file": error.file,
                    "line": error.line,
                    "key": error.key,
                    "message": error.message,
                })
            );
            return Ok(no());
        }
        Err(error) => {
            let bad = paint::BAD;
            anstream::println!("{bad}INVALID{bad:#}  {}", paint::plain(&error.to_string()));
            return Ok(no());
        }
    };
    let said = describe(&config);
    if arguments.json {
        let parts: serde_json::Map<_, _> = said
            .into_iter()
            .map(|(part, lines)| (part.to_owned(), json!(lines)))
            .collect();
        anstream::println!("{}", json!({ "valid": true, "rules": parts }));
        return Ok(GOOD);
    }
    let (good, head) = (paint::GOOD, paint::HEAD);
    anstream::println!("{good}VALID{good:#}  {}", arguments.file.display());
    for (part, lines) in said {
        anstream::println!("\n{head}{part}{head:#}");
        for line in lines {
            anstream::println!("  {}", paint::plain(&line));
        }
    }
    Ok(GOOD)
}

fn describe(config: &SecurityStackConfig) -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("trust", trust(config)),
        ("budget", budget(config)),
        ("consent", consent(config)),
        ("mcp", mcp(config)),
        ("audit", audit(config)),
    ]
}

fn trust(config: &SecurityStackConfig) -> Vec<String> {
    let gate = &config.trust_gate;
    let mut lines = vec![format!(
        "an agent that nobody assigned a level has {}; nobody gets more than {}",
        gate.default_level, gate.max_level
    )];
    if gate.scope_mode == ScopeMode::Exact {
        lines.push(
            "a level counts in exactly its scope, and everywhere when it is global".to_owned(),
        );
    }
    for grant in &config.assignments {
        let scope = if grant.scope.is_root() {
            "everywhere".to_owned()
        } else {
            format!("in `{}`", grant.scope)
        };
        lines.push(format!(
            "`{}` has {} {scope}, given by {}",
            grant.agent, grant.level, grant.assigned_by
        ));
    }
    for (position, rule) in gate.tools.iter().enumerate() {
        let effect = rule.effect.map_or_else(
            || "compared by level alone".to_owned(),
            |effect| effect.to_string(),
        );
        let approval = match rule.approval {
            ApprovalRule::Always => format!(", always after {} approval(s)", rule.approvers),
            ApprovalRule::ByLevel => String::new(),
        };
        lines.push(format!(
            "rule {}: `{}` needs {} ({effect}){approval}",
            position.saturating_add(1),
            rule.tool.as_str(),
            rule.required_level
        ));
    }
    lines.push("a tool that no rule names is denied and hidden".to_owned());
    mandatory(&mut lines, config.mandatory, |mandatory| mandatory.trust);
    lines
}

fn budget(config: &SecurityStackConfig) -> Vec<String> {
    let mut lines = vec![match &config.budget.session {
        Some(limits) => format!(
            "each session may use {}; each call is one",
            limit_text(limits)
        ),
        None => "sessions have no budget of their own".to_owned(),
    }];
    for budget in &config.budgets {
        let parent = budget
            .parent
            .as_ref()
            .map(|parent| format!(", within `{parent}`"))
            .unwrap_or_default();
        lines.push(format!(
            "`{}` allows {} {} ({}){parent}",
            budget.id,
            limit_text(&budget.limits),
            budget.period,
            budget.zone
        ));
    }
    for rule in &config.budget_tools {
        let target = match (&rule.budget, config.budget.session.is_some()) {
            (Some(budget), true) => format!("the session and `{budget}`"),
            (Some(budget), false) => format!("`{budget}`"),
            (None, _) => "the session".to_owned(),
        };
        lines.push(format!(
            "a call of `{}` charges {target} {}",
            rule.tool.as_str(),
            amounts_text(&rule.amounts)
        ));
    }
    if config.budget.allow_overdraft {
        lines.push("spending that is recorded after the fact may go beyond a limit".to_owned());
    }
    if config.budget.rollover_on_reset {
        lines.push(
            "what is left of a period is added to the next, up to twice the limit".to_owned(),
        );
    }
    mandatory(&mut lines, config.mandatory, |mandatory| mandatory.budget);
    lines
}

fn consent(config: &SecurityStackConfig) -> Vec<String> {
    let mut lines = vec![if config.consent.default_deny {
        "data that nobody agreed to is denied".to_owned()
    } else {
        "PERMISSIVE: data that nobody agreed to is allowed, and each such decision is marked"
            .to_owned()
    }];
    lines.push(format!(
        "{} grant(s) are recorded at the start",
        config.grants.len()
    ));
    for rule in &config.consent_tools {
        let purpose = rule.purpose.as_ref().map_or_else(
            || "any purpose (blanket consent)".to_owned(),
            |purpose| format!("`{purpose}`"),
        );
        lines.push(format!(
            "a call of `{}` needs consent to `{}` for {purpose}",
            rule.tool.as_str(),
            rule.data_type
        ));
    }
    mandatory(&mut lines, config.mandatory, |mandatory| mandatory.consent);
    lines
}

fn mcp(config: &SecurityStackConfig) -> Vec<String> {
    let mut lines = vec![format!(
        "the server's process inherits {}",
        if config.mcp.child_env.is_empty() {
            "nothing of the environment".to_owned()
        } else {
            config.mcp.child_env.join(", ")
        }
    )];
    for (pattern, rule) in &config.mcp.methods {
        lines.push(format!("method `{pattern}`: {rule}"));
    }
    lines.push("a method besides these and the basic ones is denied".to_owned());
    lines
}

fn audit(config: &SecurityStackConfig) -> Vec<String> {
    let audit = &config.audit;
    vec![
        format!("namespace `{}`", config.audit_namespace),
        if audit.required {
            "a decision that cannot be recorded is a denial".to_owned()
        } else {
            "NOT REQUIRED: a decision that cannot be recorded stands, and the loss is counted"
                .to_owned()
        },
        audit.max_records.map_or_else(
            || "every entry is kept in memory".to_owned(),
            |max| format!("the newest {max} entries are kept in memory; older ones stay provable"),
        ),
        audit.key.as_ref().map_or_else(
            || "signed with a fresh key at each start".to_owned(),
            |path| format!("signed with the key in {}", path.display()),
        ),
    ]
}

fn mandatory(lines: &mut Vec<String>, config: Mandatory, chosen: impl Fn(&Mandatory) -> bool) {
    if chosen(&config) {
        lines.push("every action must name something for this gate".to_owned());
    }
}

fn limit_text(limits: &Limits) -> String {
    listed(
        limits.tokens,
        limits.calls,
        limits.cost.map(|cost| cost.exact().to_string()),
    )
}

fn amounts_text(amounts: &Amounts) -> String {
    listed(
        amounts.tokens,
        amounts.calls,
        amounts.cost.map(|cost| cost.exact().to_string()),
    )
}

fn listed(tokens: Option<u64>, calls: Option<u64>, cost: Option<String>) -> String {
    let parts: Vec<String> = [
        tokens.map(|tokens| format!("{tokens} token(s)")),
        calls.map(|calls| format!("{calls} call(s)")),
        cost.map(|cost| format!("{cost} USD")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        return "one call".to_owned();
    }
    parts.join(", ")
}
