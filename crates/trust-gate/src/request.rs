//! What is asked of the gate.

use crate::effect::ToolHints;
use crate::level::TrustLevel;
use crate::name::{AgentId, ToolName};
use crate::scope::Scope;

/// One tool call that an agent wants to make. Build it once and ask as often as you like; it is cheap to clone.
///
/// ```
/// # use trust_gate::ToolRequest;
/// let request = ToolRequest::new("desk-assistant".parse()?, "get_time".parse()?).scope("office".parse()?);
/// # Ok::<(), trust_gate::TrustError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolRequest {
    /// Who asks.
    pub agent: AgentId,
    /// For what.
    pub tool: ToolName,
    /// Where.
    pub scope: Scope,
    /// A level that the code at the tool asks for, never the agent. Where no tool policy applies it is compared as an
    /// ordinal; where one does, the higher of the two is required.
    pub required_level: Option<TrustLevel>,
    /// What the tool server says about the tool. Can only make the policy stricter.
    pub hints: ToolHints,
    /// The most that the agent's credential lets it have. Can only lower what the gate would give.
    pub at_most: Option<TrustLevel>,
}

impl ToolRequest {
    /// A request at the root scope.
    #[must_use]
    pub fn new(agent: AgentId, tool: ToolName) -> Self {
        Self {
            agent,
            tool,
            scope: Scope::root(),
            required_level: None,
            hints: ToolHints::default(),
            at_most: None,
        }
    }

    /// Sets the scope.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the level that the code at the tool asks for.
    #[must_use]
    pub fn required_level(mut self, level: TrustLevel) -> Self {
        self.required_level = Some(level);
        self
    }

    /// Sets what the tool server says about the tool.
    #[must_use]
    pub fn hints(mut self, hints: ToolHints) -> Self {
        self.hints = hints;
        self
    }

    /// Sets the most that the agent's credential lets it have, whatever operators gave it.
    #[must_use]
    pub fn at_most(mut self, level: TrustLevel) -> Self {
        self.at_most = Some(level);
        self
    }
}

impl AsRef<Self> for ToolRequest {
    fn as_ref(&self) -> &Self {
        self
    }
}
