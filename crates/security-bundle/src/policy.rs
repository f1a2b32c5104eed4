//! The digest that names the rules a decision was made by.

use serde_json::json;

use crate::config::{ConfigError, SecurityStackConfig};
use crate::hex::sha256;

/// SHA-256 over the rules as JSON, 64 hexadecimal digits. Assignments, budgets' creation and grants are acts with entries of
/// their own; what stays are the rules that no act records.
pub(crate) fn digest(config: &SecurityStackConfig) -> Result<String, ConfigError> {
    let rules = json!({
        "trust": config.trust_gate,
        "budget": config.budget,
        "budgets": config.budgets,
        "budget_tools": config.budget_tools,
        "consent": config.consent,
        "consent_tools": config.consent_tools,
        "mandatory": config.mandatory,
        "mcp": config.mcp,
        "audit_required": config.audit.required,
        "audit_level": config.audit.level,
        "mode": config.mode,
        "shadow": config.shadow,
        "minimum_level": config.minimum_level,
    });
    let bytes = serde_json::to_vec(&rules).map_err(|error| ConfigError::at("", error))?;
    Ok(sha256(bytes))
}

/// The digest of all that the processes on one data directory must agree on: everything but whom each acts for, what its gate lets
/// through, and where directory and key are.
pub(crate) fn shared_digest(config: &SecurityStackConfig) -> Result<String, ConfigError> {
    let shared = json!({
        "rules": digest(&SecurityStackConfig {
            mcp: crate::config::McpConfig::default(),
            ..config.clone()
        })?,
        "assignments": config.assignments,
        "grants": config.grants,
        "namespace": config.audit_namespace,
    });
    let bytes = serde_json::to_vec(&shared).map_err(|error| ConfigError::at("", error))?;
    Ok(sha256(bytes))
}
