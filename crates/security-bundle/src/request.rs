//! A tool call as the quick start's handler receives it: one request that every component of the stack can judge.

use budget_enforcer::SessionId;
use trust_gate::{AgentId, ArgsDigest, Arguments, Scope, ToolName, TrustLevel};

use crate::action::ActionError;

/// Who wants to call which tool, in which session.
///
/// ```
/// use security_bundle::ToolRequest;
///
/// let request = ToolRequest::new("my-agent", "session-1", "file-reader")?;
/// assert_eq!(request.tool().as_str(), "file-reader");
/// # Ok::<(), security_bundle::ActionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRequest {
    trust: trust_gate::ToolRequest,
    session: SessionId,
    args: Option<Arguments>,
}

impl ToolRequest {
    /// A call of `tool` by `agent` in `session`.
    ///
    /// # Errors
    /// A name that is empty, longer than 256 bytes, or has control characters or white space around it.
    pub fn new(agent: &str, session: &str, tool: &str) -> Result<Self, ActionError> {
        let agent = AgentId::try_from(agent).map_err(invalid)?;
        let tool = ToolName::try_from(tool).map_err(invalid)?;
        Ok(Self {
            trust: trust_gate::ToolRequest::new(agent, tool),
            session: SessionId::try_from(session).map_err(invalid)?,
            args: None,
        })
    }

    /// The scope in which the agent acts.
    ///
    /// # Errors
    /// A path with an empty or unprintable segment.
    pub fn in_scope(mut self, scope: &str) -> Result<Self, ActionError> {
        self.trust = self.trust.scope(scope.parse::<Scope>().map_err(invalid)?);
        Ok(self)
    }

    /// The arguments as JSON text, of which the digest is kept.
    ///
    /// # Errors
    /// Arguments that have no digest: see [`ArgsDigest::of_json`].
    pub fn with_args(mut self, arguments: &str) -> Result<Self, ActionError> {
        self.args = Some(Arguments::of_json(arguments)?);
        Ok(self)
    }

    /// Who calls.
    #[must_use]
    pub fn agent(&self) -> &AgentId {
        &self.trust.agent
    }

    /// In which session.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// Which tool.
    #[must_use]
    pub fn tool(&self) -> &ToolName {
        &self.trust.tool
    }

    /// The digest of the arguments, where they were given.
    #[must_use]
    pub fn args(&self) -> Option<ArgsDigest> {
        self.args.as_ref().map(Arguments::digest)
    }

    /// The most that the agent's credential lets it have, whatever operators gave it.
    #[must_use]
    pub fn at_most(mut self, level: TrustLevel) -> Self {
        self.trust = self.trust.at_most(level);
        self
    }

    pub(crate) fn arguments(&self) -> Option<&Arguments> {
        self.args.as_ref()
    }

    pub(crate) fn trust(&self) -> &trust_gate::ToolRequest {
        &self.trust
    }
}

impl AsRef<trust_gate::ToolRequest> for ToolRequest {
    fn as_ref(&self) -> &trust_gate::ToolRequest {
        &self.trust
    }
}

fn invalid(error: impl std::fmt::Display) -> ActionError {
    ActionError::Invalid(error.to_string())
}
