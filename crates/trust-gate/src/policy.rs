//! Tool policies: what an operator demands of an agent for each tool, and how the first rule that matches is found.

use std::collections::HashMap;
use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use crate::effect::Effect;
use crate::error::TrustError;
use crate::level::TrustLevel;
use crate::name::{CarriedHash, ToolName};
use crate::pattern::ToolPattern;
use crate::tier::{LevelRef, Tiers};

/// When a call needs the approval of operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "configuration: approval is by level or always asked"
)]
pub enum ApprovalRule {
    /// As the agent's level says.
    #[default]
    ByLevel,
    /// Each time, whatever the level. A call that was only to be proposed or denied stays so.
    Always,
}

/// An operator's rule for a tool, or for all tools that a pattern matches.
///
/// ```
/// # use trust_gate::{ApprovalRule, Effect, Tier, ToolPolicy, TrustLevel};
/// let rule = ToolPolicy::new("delete_*".parse()?, TrustLevel::ActWithApproval, Effect::Destructive)
///     .approval(ApprovalRule::Always);
/// let reader = ToolPolicy::ordinal("file-reader".parse()?, Tier("verified"));
/// # Ok::<(), trust_gate::TrustError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain configuration")]
pub struct ToolPolicy {
    /// Which tools.
    pub tool: ToolPattern,
    /// The lowest level that may call them.
    pub required_level: LevelRef,
    /// What they do, which the level × effect table judges. `None`: the required level is compared as an ordinal and
    /// that is all. In a file the key must be there; only code, and `null` in JSON, can leave the table out.
    #[serde(deserialize_with = "Option::deserialize")]
    pub effect: Option<Effect>,
    /// When a call needs approval.
    #[serde(default)]
    pub approval: ApprovalRule,
    /// How many distinct operators must approve.
    #[serde(default = "one")]
    pub approvers: NonZeroU8,
}

impl ToolPolicy {
    /// A rule judged by the level × effect table.
    #[must_use]
    pub fn new(tool: ToolPattern, required_level: impl Into<LevelRef>, effect: Effect) -> Self {
        Self {
            effect: Some(effect),
            ..Self::ordinal(tool, required_level)
        }
    }

    /// A rule that compares the levels and looks at nothing else.
    #[must_use]
    pub fn ordinal(tool: ToolPattern, required_level: impl Into<LevelRef>) -> Self {
        Self {
            tool,
            required_level: required_level.into(),
            effect: None,
            approval: ApprovalRule::ByLevel,
            approvers: one(),
        }
    }

    /// Sets when a call needs approval.
    #[must_use]
    pub fn approval(mut self, approval: ApprovalRule) -> Self {
        self.approval = approval;
        self
    }

    /// Sets how many distinct operators must approve.
    #[must_use]
    pub fn approvers(mut self, approvers: NonZeroU8) -> Self {
        self.approvers = approvers;
        self
    }
}

fn one() -> NonZeroU8 {
    NonZeroU8::MIN
}

/// What one rule comes down to once its level is looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) required: TrustLevel,
    pub(crate) effect: Option<Effect>,
    pub(crate) always_ask: bool,
    pub(crate) approvers: NonZeroU8,
}

impl Demand {
    /// This level, and nothing else.
    pub(crate) const fn ordinal(required: TrustLevel) -> Self {
        Self {
            required,
            effect: None,
            always_ask: false,
            approvers: NonZeroU8::MIN,
        }
    }
}

/// All rules in order, indexed so that finding the first match walks globs only for a tool that no rule spells out.
#[derive(Debug, Clone, Default)]
pub(crate) struct PolicyTable {
    demands: Box<[Demand]>,
    /// For each name spelt out, the first rule that matches it, be it a glob before the one that spells it.
    exact: HashMap<ToolName, usize, CarriedHash>,
    globs: Box<[(usize, ToolPattern)]>,
}

impl PolicyTable {
    pub(crate) fn new(policies: &[ToolPolicy], tiers: &Tiers) -> Result<Self, TrustError> {
        let mut table = Self::default();
        let mut globs = Vec::new();
        let mut demands = Vec::with_capacity(policies.len());
        for (index, policy) in policies.iter().enumerate() {
            demands.push(Demand {
                required: tiers.resolve(&policy.required_level)?,
                effect: policy.effect,
                always_ask: policy.approval == ApprovalRule::Always,
                approvers: policy.approvers,
            });
            if policy.tool.is_exact() {
                let tool: ToolName = policy.tool.as_str().try_into()?;
                let first = first_glob(&globs, &tool).unwrap_or(index);
                table.exact.entry(tool).or_insert(first);
            } else {
                globs.push((index, policy.tool.clone()));
            }
        }
        table.demands = demands.into();
        table.globs = globs.into();
        Ok(table)
    }

    /// The place of the first rule that matches.
    #[inline]
    pub(crate) fn position(&self, tool: &ToolName) -> Option<usize> {
        let spelt_out = self.exact.get(tool).copied();
        spelt_out.or_else(|| first_glob(&self.globs, tool))
    }

    #[inline]
    pub(crate) fn find(&self, tool: &ToolName) -> Option<&Demand> {
        self.demands.get(self.position(tool)?)
    }
}

fn first_glob(globs: &[(usize, ToolPattern)], tool: &ToolName) -> Option<usize> {
    let mut globs = globs.iter();
    let (index, _) = globs.find(|(_, glob)| glob.matches(tool))?;
    Some(*index)
}
