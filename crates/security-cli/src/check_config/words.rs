//! What a configuration says, in sentences: one for each limit and rule.

mod trust;

use security_bundle::budget_enforcer::{Amounts, BudgetSpec, Limits};
use security_bundle::{AuditLevel, Mandatory, Mode, SecurityStackConfig};

use crate::times;

pub(super) fn describe(config: &SecurityStackConfig) -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("stack", stack(config)),
        ("trust", trust::told(config)),
        ("budget", budget(config)),
        ("consent", consent(config)),
        ("mcp", mcp(config)),
        ("audit", audit(config)),
    ]
}

fn stack(config: &SecurityStackConfig) -> Vec<String> {
    let mut lines = vec![match config.mode {
        Mode::Enforce => "a denied action does not happen".to_owned(),
        Mode::Shadow => {
            "SHADOW: every action is let through; what would be denied is only marked".to_owned()
        }
    }];
    for tool in &config.shadow.tools {
        lines.push(format!(
            "SHADOW: a denied call of `{}` is let through and marked",
            tool.as_str()
        ));
    }
    lines.push(config.data_dir.as_ref().map_or_else(
        || "log and state are in memory and begin anew with each process".to_owned(),
        |path| format!("log and state are kept in {}", path.display()),
    ));
    if let Some(agent) = &config.agent {
        let session = agent.session.as_ref().map_or_else(
            || "a session of each process's own".to_owned(),
            |session| format!("the session `{session}`"),
        );
        lines.push(format!(
            "the process acts for `{}` and charges {session}",
            agent.id
        ));
    }
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
        lines.extend(beyond(budget));
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
    for grant in &config.grants {
        lines.push(granted(grant));
    }
    for rule in &config.consent_tools {
        let purpose = rule.purpose.as_ref().map_or_else(
            || "any purpose (blanket consent)".to_owned(),
            |purpose| format!("`{purpose}`"),
        );
        lines.push(format!(
            "a call of `{}` needs consent to `{}` for {purpose}{}",
            rule.tool.as_str(),
            rule.data_type,
            extent(rule.subject.as_ref(), rule.operation.as_ref())
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
    lines.push(config.mcp.approval_wait.map_or_else(
        || "a call that needs an approval is answered at once, to be asked again".to_owned(),
        |wait| {
            format!(
                "a call that needs an approval is held open for {}",
                times::length(wait)
            )
        },
    ));
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
        match audit.level {
            AuditLevel::Minimal => "an entry says who, what, and how it was decided",
            AuditLevel::Standard => "an entry says what each gate said as well",
            AuditLevel::Detailed => {
                "an entry says what each gate said, with the figures and rules behind it"
            }
        }
        .to_owned(),
        match (&config.data_dir, audit.max_records) {
            (Some(_), None) => "every entry is kept in the data directory".to_owned(),
            (Some(_), Some(max)) => format!(
                "every entry is kept in the data directory, whatever `max_records = {max}` would keep in memory"
            ),
            (None, None) => "every entry is kept in memory".to_owned(),
            (None, Some(max)) => {
                format!("the newest {max} entries are kept in memory; older ones stay provable")
            }
        },
        match (&audit.key, &config.data_dir) {
            (Some(path), _) => format!("signed with the key in {}", path.display()),
            (None, Some(directory)) => {
                let key = directory.join("stack").join("log.key");
                format!("signed with the key in {}", key.display())
            }
            (None, None) => "signed with a fresh key at each start".to_owned(),
        },
    ]
}

/// What a budget says beyond its limits.
fn beyond(budget: &BudgetSpec) -> impl Iterator<Item = String> {
    let id = &budget.id;
    let windows = budget.also.iter().map(move |window| {
        format!(
            "`{id}` also allows only {} {}",
            limit_text(&window.limits),
            window.period
        )
    });
    let rollover = budget.rollover.map(|on| {
        if on {
            format!("what is left of `{id}` is added to its next period")
        } else {
            format!("what is left of `{id}` lapses")
        }
    });
    let overdraft = budget.overdraft.map(|on| {
        if on {
            format!("spending that is recorded after the fact may go beyond `{id}`")
        } else {
            format!("nothing goes beyond `{id}`")
        }
    });
    windows.chain(rollover).chain(overdraft)
}

fn granted(grant: &consent::Grant) -> String {
    let covered = grant.extent();
    let purpose = covered.purpose.as_ref().map_or_else(
        || "any purpose (blanket)".to_owned(),
        |purpose| format!("`{purpose}`"),
    );
    let shown = |id: Option<String>| id.map_or_else(|| "any".to_owned(), |id| format!("`{id}`"));
    // Who granted it and when is read from its written form, in which alone it is told.
    let written = serde_json::to_value(grant).unwrap_or_default();
    let part = |key: &str| written.get(key).and_then(serde_json::Value::as_str);
    let mut line = format!(
        "{} may use {} for {purpose}{}",
        shown(covered.agent.as_ref().map(ToString::to_string)),
        shown(covered.data_type.as_ref().map(ToString::to_string)),
        extent(covered.subject.as_ref(), covered.operation.as_ref())
    );
    for (word, key) in [
        ("from", "valid_from"),
        ("until", "expires_at"),
        ("granted by", "granted_by"),
    ] {
        if let Some(told) = part(key) {
            line.extend([", ", word, " ", told]);
        }
    }
    line
}

fn extent(subject: Option<&consent::SubjectId>, operation: Option<&consent::Operation>) -> String {
    let subject = subject.map(|subject| format!(", data of `{subject}`"));
    let operation = operation.map(|operation| format!(", only to `{operation}`"));
    [subject, operation].into_iter().flatten().collect()
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
