//! The digest that names the rules a decision was made by.

use budget_enforcer::{BudgetEnforcerConfig, BudgetSpec};
use consent::ConsentConfig;
use serde::{Deserialize, Serialize};
use serde_json::json;
use trust_gate::{LevelRef, TrustGateConfig};

use crate::config::{
    AuditConfig, AuditLevel, BudgetToolRule, ConfigError, ConsentToolRule, Mandatory, Mode,
    SecurityStackConfig, ShadowConfig,
};
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

/// All that the processes on one data directory must agree on: everything but whom each acts for, what its gate lets through, and
/// where directory and key are.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    namespace: String,
    mode: Mode,
    shadow: ShadowConfig,
    trust: TrustGateConfig,
    minimum_level: Option<LevelRef>,
    assignments: Vec<trust_gate::Grant>,
    budget: BudgetEnforcerConfig,
    budgets: Vec<BudgetSpec>,
    budget_tools: Vec<BudgetToolRule>,
    consent: ConsentConfig,
    /// Each one given is an act of its own in the log; they are told apart here, and not read back.
    grants: serde_json::Value,
    consent_tools: Vec<ConsentToolRule>,
    mandatory: Mandatory,
    audit_required: bool,
    audit_level: AuditLevel,
}

/// That as text, always the same for the same.
pub(crate) fn shared_text(config: &SecurityStackConfig) -> Result<Vec<u8>, ConfigError> {
    let told = |error| ConfigError::at("", error);
    let config = config.clone();
    let shared = Shared {
        grants: serde_json::to_value(&config.grants).map_err(told)?,
        namespace: config.audit_namespace,
        mode: config.mode,
        shadow: config.shadow,
        trust: config.trust_gate,
        minimum_level: config.minimum_level,
        assignments: config.assignments,
        budget: config.budget,
        budgets: config.budgets,
        budget_tools: config.budget_tools,
        consent: config.consent,
        consent_tools: config.consent_tools,
        mandatory: config.mandatory,
        audit_required: config.audit.required,
        audit_level: config.audit.level,
    };
    serde_json::to_vec(&shared).map_err(told)
}

/// The digest of [`shared_text`].
pub(crate) fn shared_digest(config: &SecurityStackConfig) -> Result<String, ConfigError> {
    shared_text(config).map(sha256)
}

/// The configuration that has this text, and is like another one in what the text does not say.
pub(crate) fn read_shared(text: &[u8], like: &SecurityStackConfig) -> Option<SecurityStackConfig> {
    let shared: Shared = serde_json::from_slice(text).ok()?;
    let read = SecurityStackConfig {
        audit_namespace: shared.namespace,
        mode: shared.mode,
        shadow: shared.shadow,
        trust_gate: shared.trust,
        minimum_level: shared.minimum_level,
        assignments: shared.assignments,
        budget: shared.budget,
        budgets: shared.budgets,
        budget_tools: shared.budget_tools,
        consent: shared.consent,
        consent_tools: shared.consent_tools,
        mandatory: shared.mandatory,
        audit: AuditConfig {
            required: shared.audit_required,
            level: shared.audit_level,
            ..AuditConfig::default()
        },
        ..SecurityStackConfig::default()
    };
    Some(beside(like, read))
}

/// `old` as it is to be compared with `new`: alike in what the processes on one directory need not agree on.
pub(crate) fn beside(new: &SecurityStackConfig, old: SecurityStackConfig) -> SecurityStackConfig {
    SecurityStackConfig {
        source: new.source.clone(),
        data_dir: new.data_dir.clone(),
        agent: new.agent.clone(),
        grants: new.grants.clone(),
        mcp: new.mcp.clone(),
        audit: AuditConfig {
            max_records: new.audit.max_records,
            key: new.audit.key.clone(),
            ..old.audit
        },
        ..old
    }
}
