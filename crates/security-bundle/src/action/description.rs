//! What was said of an action, before any rule was applied: enough to describe it again, to newer rules or to another process.

use budget_enforcer::{Amounts, BudgetId, SessionId};
use serde::{Deserialize, Serialize};
use trust_gate::{AgentId, ArgsDigest, Arguments, Scope, ToolHints, ToolName, TrustLevel};

use super::ActionError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) agent: AgentId,
    pub(crate) session: Option<SessionId>,
    pub(crate) scope: Scope,
    pub(crate) tool: Option<ToolName>,
    pub(crate) hints: ToolHints,
    pub(crate) required_level: Option<TrustLevel>,
    pub(crate) at_most: Option<TrustLevel>,
    pub(crate) data: Vec<(consent::DataType, Option<consent::Purpose>)>,
    pub(crate) subject: Option<consent::SubjectId>,
    pub(crate) operation: Option<consent::Operation>,
    pub(crate) charges: Vec<(BudgetId, Amounts)>,
    pub(crate) session_amounts: Amounts,
    pub(crate) action_type: Option<Box<str>>,
    pub(crate) resource: Option<Box<str>>,
    #[serde(with = "arguments")]
    pub(crate) arguments: Option<Arguments>,
}

impl Description {
    pub(crate) fn of(agent: AgentId) -> Self {
        Self {
            agent,
            session: None,
            scope: Scope::root(),
            tool: None,
            hints: ToolHints::default(),
            required_level: None,
            at_most: None,
            data: Vec::new(),
            subject: None,
            operation: None,
            charges: Vec::new(),
            session_amounts: Amounts::default(),
            action_type: None,
            resource: None,
            arguments: None,
        }
    }

    /// A subject or an operation of no data is a mistake that would otherwise skip a check.
    pub(super) fn check(&self) -> Result<(), ActionError> {
        if !self.data.is_empty() {
            return Ok(());
        }
        let orphans = [
            ("subject", self.subject.is_some()),
            ("operation", self.operation.is_some()),
        ];
        match orphans.into_iter().find(|(_, named)| *named) {
            Some((what, _)) => Err(ActionError::NoData(what)),
            None => Ok(()),
        }
    }
}

/// Labels go into the log as they are, so what the log would refuse is refused here.
pub(super) fn label(what: &str, text: &str) -> Result<Box<str>, ActionError> {
    if text.is_empty() || text.len() > 256 || text.contains(char::is_control) {
        return Err(ActionError::Invalid(format!(
            "the {what} is empty, longer than 256 bytes or holds control characters"
        )));
    }
    Ok(text.into())
}

/// Arguments between processes: what may be shown, or else the digest alone.
mod arguments {
    use super::{ArgsDigest, Arguments};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Sent<'a> {
        Shown(std::borrow::Cow<'a, str>),
        Digest(ArgsDigest),
    }

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(super) fn serialize<S: Serializer>(
        arguments: &Option<Arguments>,
        target: S,
    ) -> Result<S::Ok, S::Error> {
        arguments
            .as_ref()
            .map(|arguments| match arguments.shown() {
                Some(text) => Sent::Shown(text.into()),
                None => Sent::Digest(arguments.digest()),
            })
            .serialize(target)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        source: D,
    ) -> Result<Option<Arguments>, D::Error> {
        match Option::<Sent<'_>>::deserialize(source)? {
            None => Ok(None),
            Some(Sent::Digest(digest)) => Ok(Some(Arguments::hidden(digest))),
            Some(Sent::Shown(text)) => Arguments::of_json(&text)
                .map(Some)
                .map_err(de::Error::custom),
        }
    }
}
