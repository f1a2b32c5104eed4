//! What was done, act by act, without arguments and without whole configurations.

use serde::Serialize;
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::act::Act;
use crate::event::{Event, Revision};
use crate::level::TrustLevel;
use crate::name::{AgentId, OperatorId, ToolName};
use crate::scope::Scope;

/// One act, as the timeline tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TimelineEntry {
    /// Its number.
    pub revision: Revision,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
    /// What: the code of the act's kind.
    pub act: &'static str,
    /// About whom; `None` for what concerns the whole gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The tool, where the act is about an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolName>,
    /// The agent's effective level there just before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<TrustLevel>,
    /// The same just after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<TrustLevel>,
    /// The operator; `None` where it was the agent's side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<OperatorId>,
    /// The second operator, where the glass was broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<OperatorId>,
    /// Why.
    pub reason: String,
}

impl TimelineEntry {
    pub(super) fn of(event: &Event) -> Self {
        let (agent, scope) = event.act.subject().unzip();
        let (tool, second) = match &event.act {
            Act::RequestApproval { tool, .. }
            | Act::Approve { tool, .. }
            | Act::DenyApproval { tool, .. }
            | Act::CancelApproval { tool, .. }
            | Act::ConsumeApproval { tool, .. } => (Some(tool), None),
            Act::BreakGlass { second, .. } => (None, Some(second)),
            _ => (None, None),
        };
        Self {
            revision: event.revision,
            at: event.at,
            act: event.act.kind().code(),
            agent: agent.cloned(),
            scope: scope.cloned(),
            tool: tool.cloned(),
            before: event.before,
            after: event.after,
            by: event.by.clone(),
            second: second.cloned(),
            reason: event.reason.clone(),
        }
    }
}
