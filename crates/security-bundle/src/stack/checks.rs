//! What of a configuration only shows where its parts come together.

use budget_enforcer::{Amounts, BudgetAdmin, Limits};

use super::{StackError, at};
use crate::config::{ConfigError, MethodRule, SecurityStackConfig};

/// Whether a rule names something that a budget limits; it always charges a call.
fn touches(amounts: &Amounts, limits: &Limits) -> bool {
    limits.calls.is_some()
        || (limits.tokens.is_some() && amounts.tokens.is_some())
        || (limits.cost.is_some() && amounts.cost.is_some())
}

/// A method's level may be a tier, which has to exist.
pub(super) fn methods(config: &SecurityStackConfig) -> Result<(), ConfigError> {
    for (pattern, rule) in &config.mcp.methods {
        const OWN: [&str; 4] = ["tools/", "logging/", "notifications/", "server/discover"];
        if OWN.iter().any(|own| pattern.starts_with(own))
            || ["initialize", "ping"].contains(&pattern.as_str())
        {
            let problem = format!("`{pattern}` is decided by the gate itself; remove it");
            return Err(ConfigError::at("mcp.methods", problem));
        }
        if let MethodRule::Level(level) = rule {
            config
                .trust_gate
                .tiers
                .resolve(level)
                .map_err(|error| ConfigError::at("mcp.methods", format!("`{pattern}`: {error}")))?;
        }
    }
    Ok(())
}

/// A rule that charges a budget which does not exist would deny every call of its tools: that is a mistake, told at the start.
pub(super) fn budget_rules(
    config: &SecurityStackConfig,
    admin: &BudgetAdmin,
) -> Result<(), StackError> {
    let enforcer = admin.enforcer();
    for (index, rule) in config.budget_tools.iter().enumerate() {
        if let Some(spec) = config
            .budgets
            .iter()
            .find(|spec| Some(&spec.id) == rule.budget.as_ref())
            && !touches(&rule.amounts, &spec.limits)
        {
            return Err(at(
                "budget.tools",
                index,
                format!(
                    "it names no amount that `{}` limits, so that every call would be denied; add one",
                    spec.id
                ),
            ));
        }
        if let Some(id) = &rule.budget
            && enforcer.utilization(id).is_err()
        {
            return Err(at(
                "budget.tools",
                index,
                format!("there is no budget `{id}`; add it to budget.budgets"),
            ));
        }
        if rule.budget.is_none() && config.budget.session.is_none() {
            return Err(at(
                "budget.tools",
                index,
                "it names no budget and sessions have none; name a budget, or give budget.session limits",
            ));
        }
    }
    Ok(())
}
