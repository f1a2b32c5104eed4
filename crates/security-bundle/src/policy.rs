//! The digest that names the rules a decision was made by.

use std::fmt::Write as _;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::config::{ConfigError, SecurityStackConfig};

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
    });
    let bytes = serde_json::to_vec(&rules).map_err(|error| ConfigError::at("", error))?;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").map_err(|error| ConfigError::at("", error))?;
    }
    Ok(text)
}
