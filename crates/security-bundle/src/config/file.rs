//! The configuration file's schema, key by key; unknown keys are refused at every level (design: security-bundle, Configuration).

use std::path::PathBuf;

use serde::Deserialize;
use time::OffsetDateTime;

use super::mcp::McpConfig;
use super::mode::{AuditLevel, Mode, ShadowConfig};
use super::money;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Document {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) mode: Mode,
    pub(super) shadow: ShadowConfig,
    pub(super) agent: Option<Agent>,
    pub(super) trust: Trust,
    pub(super) budget: Budget,
    pub(super) consent: Consent,
    pub(super) mcp: McpConfig,
    pub(super) audit: Audit,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) id: trust_gate::AgentId,
    pub(super) session: Option<budget_enforcer::SessionId>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Trust {
    pub(super) required: bool,
    pub(super) name: Option<trust_gate::GateName>,
    pub(super) default_level: Option<trust_gate::LevelRef>,
    pub(super) max_level: Option<trust_gate::LevelRef>,
    pub(super) minimum_level: Option<trust_gate::LevelRef>,
    pub(super) scope_mode: trust_gate::ScopeMode,
    pub(super) tiers: trust_gate::Tiers,
    pub(super) elevation: trust_gate::ElevationRules,
    pub(super) break_glass: trust_gate::BreakGlassRules,
    pub(super) approvals: trust_gate::ApprovalRules,
    pub(super) assignments: Vec<trust_gate::Grant>,
    pub(super) tools: Vec<trust_gate::ToolPolicy>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Budget {
    pub(super) required: bool,
    pub(super) allow_overdraft: bool,
    pub(super) rollover_on_reset: bool,
    pub(super) session: Option<Limits>,
    pub(super) budgets: Vec<Envelope>,
    pub(super) tools: Vec<BudgetTool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) tokens: Option<u64>,
    pub(super) calls: Option<u64>,
    #[serde(deserialize_with = "money::deserialize_option")]
    pub(super) cost_usd: Option<budget_enforcer::Usd>,
}

// `deny_unknown_fields` and `flatten` exclude each other, so the three amounts stand in each table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    pub(super) id: budget_enforcer::BudgetId,
    pub(super) parent: Option<budget_enforcer::BudgetId>,
    pub(super) tokens: Option<u64>,
    pub(super) calls: Option<u64>,
    #[serde(default, deserialize_with = "money::deserialize_option")]
    pub(super) cost_usd: Option<budget_enforcer::Usd>,
    pub(super) period: budget_enforcer::Period,
    #[serde(default)]
    pub(super) zone: budget_enforcer::Zone,
    pub(super) rollover: Option<bool>,
    pub(super) overdraft: Option<bool>,
    #[serde(default)]
    pub(super) also: Vec<Window>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    pub(super) period: budget_enforcer::Period,
    pub(super) tokens: Option<u64>,
    pub(super) calls: Option<u64>,
    #[serde(default, deserialize_with = "money::deserialize_option")]
    pub(super) cost_usd: Option<budget_enforcer::Usd>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetTool {
    pub(super) tool: trust_gate::ToolPattern,
    pub(super) budget: Option<budget_enforcer::BudgetId>,
    pub(super) tokens: Option<u64>,
    pub(super) calls: Option<u64>,
    #[serde(default, deserialize_with = "money::deserialize_option")]
    pub(super) cost_usd: Option<budget_enforcer::Usd>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Consent {
    pub(super) required: bool,
    pub(super) default_deny: bool,
    pub(super) grants: Vec<Grant>,
    pub(super) tools: Vec<ConsentTool>,
}

impl Default for Consent {
    fn default() -> Self {
        Self {
            required: false,
            default_deny: true,
            grants: Vec::new(),
            tools: Vec::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    pub(super) agent: consent::AgentId,
    pub(super) data_type: consent::DataType,
    pub(super) purpose: Option<consent::Purpose>,
    #[serde(default)]
    pub(super) blanket: bool,
    pub(super) subject: Option<consent::SubjectId>,
    pub(super) operation: Option<consent::Operation>,
    pub(super) granted_by: consent::GrantorId,
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(super) valid_from: Option<OffsetDateTime>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(super) expires_at: Option<OffsetDateTime>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsentTool {
    pub(super) tool: trust_gate::ToolPattern,
    pub(super) data_type: consent::DataType,
    pub(super) purpose: Option<consent::Purpose>,
    pub(super) subject: Option<consent::SubjectId>,
    pub(super) operation: Option<consent::Operation>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Audit {
    pub(super) namespace: Option<String>,
    pub(super) required: bool,
    pub(super) level: AuditLevel,
    pub(super) max_records: Option<usize>,
    pub(super) key: Option<PathBuf>,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            namespace: None,
            required: true,
            level: AuditLevel::default(),
            max_records: None,
            key: None,
        }
    }
}

impl Envelope {
    pub(super) fn spec(self) -> budget_enforcer::BudgetSpec {
        let mut spec = budget_enforcer::BudgetSpec::new(self.id)
            .period(self.period)
            .zone(self.zone);
        if let Some(parent) = self.parent {
            spec = spec.parent(parent);
        }
        if let Some(tokens) = self.tokens {
            spec = spec.tokens(tokens);
        }
        if let Some(calls) = self.calls {
            spec = spec.calls(calls);
        }
        if let Some(cost) = self.cost_usd {
            spec = spec.cost(cost);
        }
        spec.rollover = self.rollover;
        spec.overdraft = self.overdraft;
        self.also.into_iter().fold(spec, |spec, window| {
            let limits = budget_enforcer::Limits {
                tokens: window.tokens,
                calls: window.calls,
                cost: window.cost_usd,
            };
            spec.also(window.period, limits)
        })
    }
}

impl From<BudgetTool> for super::BudgetToolRule {
    fn from(rule: BudgetTool) -> Self {
        Self {
            tool: rule.tool,
            budget: rule.budget,
            amounts: budget_enforcer::Amounts {
                tokens: rule.tokens,
                calls: rule.calls,
                cost: rule.cost_usd,
            },
        }
    }
}

impl Grant {
    pub(super) fn grant(self) -> Result<consent::Grant, &'static str> {
        let mut grant = match (self.purpose, self.blanket) {
            (Some(purpose), false) => {
                consent::Grant::new(self.agent, self.data_type, purpose, self.granted_by)
            }
            (None, true) => consent::Grant::blanket(self.agent, self.data_type, self.granted_by),
            (None, false) => {
                return Err(
                    "has no purpose; name one, or write `blanket = true` for every purpose",
                );
            }
            (Some(_), true) => {
                return Err("is blanket and has a purpose; remove one of the two");
            }
        };
        if let Some(subject) = self.subject {
            grant = grant.subject(subject);
        }
        if let Some(operation) = self.operation {
            grant = grant.operation(operation);
        }
        if let Some(at) = self.valid_from {
            grant = grant.valid_from(at);
        }
        if let Some(at) = self.expires_at {
            grant = grant.expires_at(at);
        }
        Ok(grant)
    }
}

impl From<ConsentTool> for super::ConsentToolRule {
    fn from(rule: ConsentTool) -> Self {
        Self {
            tool: rule.tool,
            data_type: rule.data_type,
            purpose: rule.purpose,
            subject: rule.subject,
            operation: rule.operation,
        }
    }
}
