//! The gate's rules as an operator writes them down.

use serde::{Deserialize, Serialize};

use crate::approval::ApprovalRules;
use crate::elevation::{BreakGlassRules, ElevationRules};
use crate::error::{TrustError, excerpt};
use crate::level::TrustLevel;
use crate::name::{GateName, ToolName};
use crate::pattern::ToolPattern;
use crate::policy::{PolicyTable, ToolPolicy};
use crate::tier::{LevelRef, Tiers};

/// How a scope finds its grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "configuration: these are the two modes there are"
)]
pub enum ScopeMode {
    /// The nearest grant on the scope or an ancestor.
    #[default]
    Hierarchical,
    /// A grant on exactly the scope, else the one on the root.
    Exact,
}

/// The rules of a gate. The default knows no tools and trusts no one.
///
/// ```
/// # use trust_gate::{Effect, ToolPolicy, TrustGateConfig, TrustLevel};
/// let config = TrustGateConfig {
///     tools: vec![ToolPolicy::new("get_*".parse()?, TrustLevel::Monitor, Effect::ReadPublic)],
///     ..TrustGateConfig::default()
/// };
/// # Ok::<(), trust_gate::TrustError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "plain configuration, written with `..Default::default()`"
)]
pub struct TrustGateConfig {
    /// What the gate is called. A signed grant names the gate it is for; a gate without a name takes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<GateName>,
    /// The level of an agent that nothing was assigned to, and the most that a lapsed grant can leave. Default L0.
    pub default_level: LevelRef,
    /// No effective level is above this. Default L5.
    pub max_level: LevelRef,
    /// How a scope finds its grant. Default hierarchical.
    pub scope_mode: ScopeMode,
    /// Names for levels.
    pub tiers: Tiers,
    /// How far and for how long an operator may elevate.
    pub elevation: ElevationRules,
    /// How far and for how long two operators may go in an emergency.
    pub break_glass: BreakGlassRules,
    /// How long an approval is good for, and how many may wait.
    pub approvals: ApprovalRules,
    /// What each tool demands: the first rule that matches decides, and a tool that none names is denied.
    pub tools: Vec<ToolPolicy>,
}

impl TrustGateConfig {
    /// A gate with one rule: that tool, that level, compared as an ordinal. Any other tool is unknown and denied.
    ///
    /// ```
    /// # use trust_gate::{Tier, TrustGateConfig};
    /// let config = TrustGateConfig::new(Tier("verified"), "file-reader")?;
    /// # Ok::<(), trust_gate::TrustError>(())
    /// ```
    ///
    /// # Errors
    /// [`TrustError::InvalidName`] if the tool's name is malformed; [`TrustError::InvalidConfig`] if it contains `*`,
    /// which would be a pattern. Whether the tier exists is found when the gate is built.
    pub fn new(level: impl Into<LevelRef>, tool: impl AsRef<str>) -> Result<Self, TrustError> {
        let tool = ToolName::try_from(tool.as_ref())?;
        let pattern = ToolPattern::try_from(tool.as_str())?;
        if !pattern.is_exact() {
            return Err(TrustError::InvalidConfig {
                problem: format!(
                    "`{}` is a pattern; name one tool, or write a tool policy",
                    excerpt(tool.as_str())
                ),
            });
        }
        Ok(Self {
            tools: vec![ToolPolicy::ordinal(pattern, level)],
            ..Self::default()
        })
    }
}

impl Default for TrustGateConfig {
    fn default() -> Self {
        Self {
            name: None,
            default_level: TrustLevel::Observer.into(),
            max_level: TrustLevel::Autonomous.into(),
            scope_mode: ScopeMode::default(),
            tiers: Tiers::default(),
            elevation: ElevationRules::default(),
            break_glass: BreakGlassRules::default(),
            approvals: ApprovalRules::default(),
            tools: Vec::new(),
        }
    }
}

/// The rules with every level looked up, as decisions read them.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) default_level: TrustLevel,
    pub(crate) max_level: TrustLevel,
    pub(crate) scope_mode: ScopeMode,
    pub(crate) tools: PolicyTable,
    pub(crate) config: TrustGateConfig,
}

impl Rules {
    pub(crate) fn new(config: TrustGateConfig) -> Result<Self, TrustError> {
        let default_level = config.tiers.resolve(&config.default_level)?;
        let max_level = config.tiers.resolve(&config.max_level)?;
        if default_level > max_level {
            return Err(TrustError::InvalidConfig {
                problem: format!(
                    "the default level {default_level} is above the highest level {max_level}"
                ),
            });
        }
        if config.approvals.ttl.is_zero() {
            return Err(TrustError::InvalidConfig {
                problem: "approvals with a `ttl` of nothing could never be used".to_owned(),
            });
        }
        config.elevation.bounds().validate(&config.tiers)?;
        config.break_glass.bounds().validate(&config.tiers)?;
        let tools = PolicyTable::new(&config.tools, &config.tiers)?;
        Ok(Self {
            default_level,
            max_level,
            scope_mode: config.scope_mode,
            tools,
            config,
        })
    }
}
