//! Asking the process that holds the state, where that is not this one: what is asked and what is answered, as data.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use audit_trail::AuditError;
use budget_enforcer::{SessionId, Settlement};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use trust_gate::{AgentId, Scope, ToolName, TrustLevel};
use uuid::Uuid;

use crate::action::{Action, Description};
use crate::core::Core;
use crate::decision::{Decision, Denied, Told};
use crate::observer::Observers;
use crate::permit::{Permit, Spent};
use crate::recorder::{RecordError, Recorded};
use crate::rules::Rules;

/// Whoever stands between a guard and the state: it may be in this process now, and in another one later.
pub(crate) trait Far: Send + Sync + fmt::Debug {
    /// The rules by which actions are described here.
    fn rules(&self) -> Arc<Rules>;
    /// The state, where it is in this process.
    fn here(&self) -> Option<Arc<Core>>;
    fn observers(&self) -> Arc<Observers>;
    /// A new record id, under which a call is known whoever answers for it.
    fn next_id(&self) -> Result<Uuid, AuditError>;
    fn ask(&self, question: Question) -> Pin<Box<dyn Future<Output = Reply> + Send>>;
    fn ask_blocking(&self, question: Question) -> Reply;
    /// Asks without anybody waiting for it: what has begun comes to its end, also where its future is dropped.
    fn tell(&self, question: Question) -> Pin<Box<dyn Future<Output = Reply> + Send>>;
}

/// What a guard asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Question {
    Evaluate {
        action: Box<Description>,
    },
    Preview {
        action: Box<Description>,
    },
    Authorize {
        record: Uuid,
        action: Box<Description>,
        /// Whether to wait for the approval that it may need.
        waits: bool,
    },
    End {
        record: Uuid,
        action: Box<Description>,
        ending: Ended,
        spent: Spent,
        why: Option<String>,
    },
    Visible {
        agent: AgentId,
        scope: Scope,
        tool: ToolName,
    },
    LevelSuffices {
        agent: AgentId,
        scope: Scope,
        level: TrustLevel,
    },
    Note {
        event: String,
        agent: AgentId,
        session: Option<SessionId>,
        detail: String,
    },
    Losses {},
    /// Answered once all is stored that was in the log's queue.
    Awake {},
}

impl Question {
    /// The end of a call that nobody got a permit for.
    pub(crate) fn end_of_nothing(record: Uuid, action: Box<Description>) -> Self {
        Self::End {
            record,
            action,
            ending: Ended::Cancelled,
            spent: Spent::Nothing,
            why: None,
        }
    }
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    Settled,
    Failed,
    Cancelled,
    Abandoned,
}

impl Ended {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Reply {
    /// To evaluate and preview, and to an authorization that was denied.
    Decided(Box<Told>),
    Permitted(Box<Told>),
    Ended(Option<Settlement>),
    Yes,
    No,
    Noted {
        id: Uuid,
        index: u64,
    },
    Losses(u64),
    /// Nothing was done, or it cannot be told whether it was.
    Failed {
        code: String,
        message: String,
    },
}

#[cfg(all(unix, feature = "control"))]
impl Reply {
    pub(crate) fn failed(code: &str, message: impl fmt::Display) -> Self {
        Self::Failed {
            code: code.to_owned(),
            message: message.to_string(),
        }
    }
}

/// Asks for a permit. Dropped before the answer, it gives up what may have been held meanwhile.
pub(crate) fn authorize(
    far: &Arc<dyn Far>,
    action: &Action,
    waits: bool,
) -> impl Future<Output = Result<Permit, Denied>> + Send + use<> {
    let far = Arc::clone(far);
    let action = action.clone();
    async move {
        let record = far
            .next_id()
            .map_err(|error| denied("internal_error", &error))?;
        let mut asking = Asking {
            far: &far,
            action: &action,
            record: Some(record),
        };
        let question = Question::Authorize {
            record,
            action: Box::new(action.0.described.clone()),
            waits,
        };
        let reply = far.ask(question).await;
        asking.record = None;
        drop(asking);
        match reply {
            Reply::Permitted(told) => Ok(Permit::there(far, record, action, *told)),
            other => Err(Denied::new(decided(other))),
        }
    }
}

/// A question for a permit that nobody has answered yet.
struct Asking<'a> {
    far: &'a Arc<dyn Far>,
    action: &'a Action,
    record: Option<Uuid>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let Some(record) = self.record else {
            return;
        };
        let action = Box::new(self.action.0.described.clone());
        drop(self.far.tell(Question::end_of_nothing(record, action)));
    }
}

/// A decision as it was told. Anything else is a denial.
pub(crate) fn decided(reply: Reply) -> Decision {
    match reply {
        Reply::Decided(told) => (*told).into(),
        Reply::Failed { code, message } => denied_told(&code, &message).into(),
        _ => denied_told(
            "internal_error",
            "the owner of the data directory answered something else",
        )
        .into(),
    }
}

pub(crate) fn noted(reply: Reply) -> Result<Recorded, RecordError> {
    match reply {
        Reply::Noted { id, index } => Ok(Recorded {
            id,
            index,
            stored: true,
        }),
        Reply::Failed { message, .. } => Err(RecordError::new(message)),
        _ => Err(RecordError::new("the owner answered something else")),
    }
}

fn denied(code: &str, problem: &impl fmt::Display) -> Denied {
    Denied::new(denied_told(code, &problem.to_string()).into())
}

fn denied_told(code: &str, reason: &str) -> Told {
    // Nobody who holds the state has dated it.
    Told::unreachable(code, reason, OffsetDateTime::UNIX_EPOCH)
}
