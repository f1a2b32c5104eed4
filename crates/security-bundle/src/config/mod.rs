//! The configuration: one schema for code and files, refused as a whole where any part of it is wrong.

mod diff;
mod environment;
mod file;
mod from_path;
mod json;
mod mcp;
mod mode;
mod money;
mod node;
mod schema;
mod source;
mod span;
mod toml;
#[cfg(feature = "reload")]
mod watch;
mod yaml;

use std::path::PathBuf;

use audit_trail::SigningKey;
use budget_enforcer::{Amounts, BudgetEnforcerConfig, BudgetId, BudgetSpec, SessionId};
use consent::ConsentConfig;
use serde::{Deserialize, Serialize};
use trust_gate::{AgentId, LevelRef, ToolPattern, TrustGateConfig, TrustLevel};

pub use self::diff::{ConfigChange, ConfigDiff, ConfigPart, Direction};
pub use self::environment::EnvironmentNote;
pub use self::from_path::Source;
pub use self::mcp::{McpConfig, MethodRule};
pub use self::mode::{AuditLevel, Mode, ShadowConfig};
pub use self::source::ConfigError;
#[cfg(feature = "reload")]
pub use self::watch::ConfigWatcher;

use self::source::Format;
use crate::stack::create_security_stack;

/// What a security stack is made from. `..Default::default()` denies everything: no tool is known, no budget exists, nobody consented.
///
/// In Rust the parts are the components' own configuration types; [`from_toml_str`](Self::from_toml_str) reads the same from a file
/// (design: security-bundle, Configuration).
///
/// ```
/// use security_bundle::{SecurityStackConfig, create_security_stack};
///
/// let config = SecurityStackConfig::from_toml_str(r#"
///     [[trust.assignments]]
///     agent = "desk-assistant"
///     level = "L3"
///     assigned_by = "ops@example.com"
///
///     [[trust.tools]]
///     tool = "get_*"
///     required_level = "L1"
///     effect = "read_public"
/// "#)?;
/// let stack = create_security_stack(config)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "plain configuration, written with `..Default::default()`"
)]
pub struct SecurityStackConfig {
    /// The file that it was read from, where it was: a reload reads it again. Two configurations from different files may be equal.
    pub source: Source,
    /// Where log and state are kept; without it everything is in memory. In a file a relative path starts at the file's folder.
    pub data_dir: Option<PathBuf>,
    /// Whether denials stop actions.
    pub mode: Mode,
    /// Tools whose denials are recorded and not enforced.
    pub shadow: ShadowConfig,
    /// Whom the process acts for, where it serves one agent.
    pub agent: Option<AgentIdentity>,
    /// Levels, tiers and tool policies.
    pub trust_gate: TrustGateConfig,
    /// A level that every action needs at least, whatever the tool policies say (`trust.minimum_level`).
    pub minimum_level: Option<LevelRef>,
    /// Levels that operators give to agents, applied when the stack is created.
    pub assignments: Vec<trust_gate::Grant>,
    /// The template of every session's budget, overdraft and rollover.
    pub budget: BudgetEnforcerConfig,
    /// Named budgets, in any order; a parent may stand behind its child.
    pub budgets: Vec<BudgetSpec>,
    /// What a tool call charges; every rule that matches applies.
    pub budget_tools: Vec<BudgetToolRule>,
    /// Whether a query that no record answers is denied (the default).
    pub consent: ConsentConfig,
    /// Consent that people gave, recorded when the stack is created.
    pub grants: Vec<consent::Grant>,
    /// Which data a tool touches, and for what; every rule that matches applies.
    pub consent_tools: Vec<ConsentToolRule>,
    /// The gates that every action must name something for.
    pub mandatory: Mandatory,
    /// What the gate in front of an MCP server lets through.
    pub mcp: McpConfig,
    /// The namespace on every audit entry; `aumos.security-bundle` unless given.
    pub audit_namespace: String,
    /// How decisions are recorded.
    pub audit: AuditConfig,
}

impl Default for SecurityStackConfig {
    fn default() -> Self {
        Self {
            source: Source::default(),
            data_dir: None,
            mode: Mode::default(),
            shadow: ShadowConfig::default(),
            agent: None,
            trust_gate: TrustGateConfig::default(),
            minimum_level: None,
            assignments: Vec::new(),
            budget: BudgetEnforcerConfig::default(),
            budgets: Vec::new(),
            budget_tools: Vec::new(),
            consent: ConsentConfig::default(),
            grants: Vec::new(),
            consent_tools: Vec::new(),
            mandatory: Mandatory::default(),
            mcp: McpConfig::default(),
            audit_namespace: audit_trail::DEFAULT_NAMESPACE.to_owned(),
            audit: AuditConfig::default(),
        }
    }
}

/// The one agent that a process serves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain configuration")]
pub struct AgentIdentity {
    /// Who acts.
    pub id: AgentId,
    /// The session that is charged; one per process where it is not given.
    pub session: Option<SessionId>,
}

/// A tool whose calls charge more than one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain configuration")]
pub struct BudgetToolRule {
    /// Which tools.
    pub tool: ToolPattern,
    /// A named budget that is charged besides the session.
    pub budget: Option<BudgetId>,
    /// How much, of the session and of the named budget. Where it names no calls, a named budget is charged one.
    pub amounts: Amounts,
}

/// A tool that touches people's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain configuration")]
pub struct ConsentToolRule {
    /// Which tools.
    pub tool: ToolPattern,
    /// Which data.
    pub data_type: consent::DataType,
    /// What for; without one only blanket consent will do.
    pub purpose: Option<consent::Purpose>,
    /// Whose data, where it is one person's.
    pub subject: Option<consent::SubjectId>,
    /// What is done with it, where consent is per operation.
    pub operation: Option<consent::Operation>,
}

/// Gates that are asked even by an action that names nothing for them, and then deny it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain configuration")]
pub struct Mandatory {
    /// Every action names a tool or a level (`trust.required`).
    pub trust: bool,
    /// Every action names a budget or a session (`budget.required`).
    pub budget: bool,
    /// Every action names the data that it uses (`consent.required`).
    pub consent: bool,
}

/// How decisions are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "plain configuration, written with `..Default::default()`"
)]
pub struct AuditConfig {
    /// A decision that cannot be recorded is a denial. `false` must be chosen by name; each loss is then counted.
    pub required: bool,
    /// How much of a decision stands in its entry.
    pub level: AuditLevel,
    /// How many entries the log in memory keeps at hand; older ones stay provable.
    pub max_records: Option<usize>,
    /// The file with the log's signing key; without one a fresh key is made. In a file a relative path starts at the file's folder.
    pub key: Option<PathBuf>,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            required: true,
            level: AuditLevel::default(),
            max_records: None,
            key: None,
        }
    }
}

impl AuditConfig {
    /// Reads the signing key's file, where one is named. Blocks.
    ///
    /// # Errors
    /// A file that cannot be read or holds no signing key. The key itself is never part of the error.
    pub fn signing_key(&self) -> Result<Option<SigningKey>, ConfigError> {
        let Some(path) = &self.key else {
            return Ok(None);
        };
        let told = |error: &dyn std::fmt::Display| {
            ConfigError::at("audit.key", format!("{}: {error}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
        text.trim()
            .parse()
            .map(Some)
            .map_err(|error: audit_trail::NoteError| told(&error))
    }
}

impl SecurityStackConfig {
    /// Reads and checks a configuration: everything but the signing key's file and the data directory is tried out.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and key.
    pub fn from_toml_str(text: &str) -> Result<Self, ConfigError> {
        Self::read(Format::Toml, text)
    }

    /// The same from YAML. What YAML's versions read differently is refused (`no`, `010`, `1_000`), and so are anchors, tags and
    /// empty values: write what you mean.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and key.
    ///
    /// ```
    /// use security_bundle::SecurityStackConfig;
    ///
    /// let config = SecurityStackConfig::from_yaml_str("budget: { session: { cost_usd: \"5.00\" } }")?;
    /// assert!(SecurityStackConfig::from_yaml_str("audit: { required: no }").is_err());
    /// # Ok::<(), security_bundle::ConfigError>(())
    /// ```
    pub fn from_yaml_str(text: &str) -> Result<Self, ConfigError> {
        Self::read(Format::Yaml, text)
    }

    /// The same from JSON. `null` is refused: a key without a value is left out.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and key.
    pub fn from_json_str(text: &str) -> Result<Self, ConfigError> {
        Self::read(Format::Json, text)
    }

    fn read(format: Format, text: &str) -> Result<Self, ConfigError> {
        let node = format.parse(text)?;
        let document: file::Document = source::schema(&node)?;
        let config = Self::try_from(document).map_err(|error| error.within(&node))?;
        config.try_out().map_err(|error| error.within(&node))?;
        Ok(config)
    }

    /// Makes a stack of it in memory: what the components refuse, they refuse now.
    pub(crate) fn try_out(&self) -> Result<(), ConfigError> {
        self.check_log()?;
        let mut trial = self.clone();
        trial.data_dir = None;
        trial.audit.key = None;
        create_security_stack(trial)?;
        Ok(())
    }

    /// What comes back from a log cannot go on without it.
    pub(crate) fn check_log(&self) -> Result<(), ConfigError> {
        if self.data_dir.is_none() || self.audit.required {
            return Ok(());
        }
        let problem = "the log of a data directory is what the state comes back from, so that nothing can go on without it; remove `required = false`";
        Err(ConfigError::at("audit.required", problem))
    }

    /// The trust gate's rules with the level that every action needs at least, if there is one.
    pub(crate) fn trust_in_force(&self) -> Result<TrustGateConfig, ConfigError> {
        let mut gate = self.trust_gate.clone();
        let tiers = &gate.tiers;
        if let Some(least) = self.least_level()? {
            for (index, rule) in gate.tools.iter_mut().enumerate() {
                let required = tiers.resolve(&rule.required_level).map_err(|error| {
                    ConfigError::at(format!("trust.tools[{index}].required_level"), error)
                })?;
                rule.required_level = required.max(least).into();
            }
        }
        Ok(gate)
    }

    /// [`minimum_level`](Self::minimum_level), looked up.
    pub(crate) fn least_level(&self) -> Result<Option<TrustLevel>, ConfigError> {
        self.minimum_level
            .as_ref()
            .map(|level| self.trust_gate.tiers.resolve(level))
            .transpose()
            .map_err(|error| ConfigError::at("trust.minimum_level", error))
    }
}

impl TryFrom<file::Document> for SecurityStackConfig {
    type Error = ConfigError;

    fn try_from(document: file::Document) -> Result<Self, ConfigError> {
        let file::Document {
            data_dir,
            mode,
            shadow,
            agent,
            trust,
            budget,
            consent,
            mcp,
            audit,
        } = document;
        let defaults = Self::default();
        let gate = TrustGateConfig::default();
        let mut consent_config = ConsentConfig::default();
        consent_config.default_deny = consent.default_deny;
        Ok(Self {
            source: Source::default(),
            data_dir,
            mode,
            shadow,
            minimum_level: trust.minimum_level,
            agent: agent.map(|agent| AgentIdentity {
                id: agent.id,
                session: agent.session,
            }),
            mandatory: Mandatory {
                trust: trust.required,
                budget: budget.required,
                consent: consent.required,
            },
            trust_gate: TrustGateConfig {
                name: trust.name,
                default_level: trust.default_level.unwrap_or(gate.default_level),
                max_level: trust.max_level.unwrap_or(gate.max_level),
                scope_mode: trust.scope_mode,
                tiers: trust.tiers,
                elevation: trust.elevation,
                break_glass: trust.break_glass,
                approvals: trust.approvals,
                tools: trust.tools,
            },
            assignments: trust.assignments,
            budget: BudgetEnforcerConfig {
                session: budget.session.map(|limits| budget_enforcer::Limits {
                    tokens: limits.tokens,
                    calls: limits.calls,
                    cost: limits.cost_usd,
                }),
                allow_overdraft: budget.allow_overdraft,
                rollover_on_reset: budget.rollover_on_reset,
                ..BudgetEnforcerConfig::default()
            },
            budgets: budget
                .budgets
                .into_iter()
                .map(file::Envelope::spec)
                .collect(),
            budget_tools: budget.tools.into_iter().map(Into::into).collect(),
            consent: consent_config,
            grants: consent
                .grants
                .into_iter()
                .enumerate()
                .map(|(index, grant)| {
                    grant.grant().map_err(|problem| {
                        ConfigError::at(format!("consent.grants[{index}]"), problem)
                    })
                })
                .collect::<Result<_, _>>()?,
            consent_tools: consent.tools.into_iter().map(Into::into).collect(),
            mcp,
            audit_namespace: audit.namespace.unwrap_or(defaults.audit_namespace),
            audit: AuditConfig {
                required: audit.required,
                level: audit.level,
                max_records: audit.max_records,
                key: audit.key,
            },
        })
    }
}
