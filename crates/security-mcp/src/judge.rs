//! The seam between protocol and policy: the gate asks a [`Judge`], and knows no rule of its own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{RequestId, Usage};

/// Decides what an agent may do through a [`Gate`](crate::Gate).
///
/// One judge speaks for one agent identity, fixed before the first byte is read. What a client says about itself is
/// never shown to it.
#[async_trait]
pub trait Judge: Send + Sync + 'static {
    /// Whether the agent may know that `tool` exists. Filters `tools/list`.
    ///
    /// Called once a listed tool: must neither block nor record.
    fn tool_visible(&self, tool: &str) -> bool;

    /// Whether `method`, asked for by `from`, may pass.
    ///
    /// Not asked for `initialize`, `ping`, `server/discover`, `logging/*` and `tools/*`.
    fn method_allowed(&self, from: Peer, method: &str) -> bool;

    /// Decides on one tool call. What it decides it records itself.
    ///
    /// While this waits, other traffic passes; tool calls are forwarded in the order in which they came, so that it must not wait
    /// for people: that is what [`Verdict::Held`] is for.
    async fn call(&self, call: ToolCall) -> Verdict;

    /// Takes note of something that the gate refused, dropped or could not make sense of. Must not block.
    fn note(&self, event: &ProtocolEvent<'_>);
}

/// The permission to run one tool call, and the money that it holds.
///
/// Exactly one of its methods is called. A ticket that is dropped belongs to a call whose end nobody saw: its hold is
/// settled in full, for the tool may have run.
#[async_trait]
pub trait Ticket: Send {
    /// The tool has run.
    async fn settle(self: Box<Self>, usage: Usage);

    /// The tool has run and reports an error.
    async fn fail(self: Box<Self>, error: String, usage: Usage);

    /// The call never reached the server.
    async fn cancel(self: Box<Self>);
}

/// A tool call as the gate read it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ToolCall {
    /// `params.name`, decoded.
    pub name: String,
    /// `params.arguments` as they came; `None` where absent or `null`.
    pub arguments: Option<Box<RawValue>>,
}

impl ToolCall {
    /// A call of `name`.
    #[must_use]
    pub fn new(name: impl Into<String>, arguments: Option<Box<RawValue>>) -> Self {
        Self {
            name: name.into(),
            arguments,
        }
    }
}

/// What a [`Judge`] says to a tool call.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever enforces a verdict must handle each one"
)]
#[must_use = "a verdict that nobody acts on governs nothing"]
pub enum Verdict {
    /// The call is forwarded, and the ticket told how it ended.
    Run(Box<dyn Ticket>),
    /// For this agent there is no such tool.
    Hidden,
    /// The tool may be known, but not run now.
    Refused {
        /// What a model can act on: what was refused, and what would help.
        text: String,
        /// The decision, shown in the result's `_meta["aumos/decision"]`.
        decision: Value,
    },
    /// Somebody has to answer first, such as an operator. Calls that came later need not wait for it.
    Held {
        /// The verdict, once there is one. Dropped where the client gives the call up.
        until: Pin<Box<dyn Future<Output = Verdict> + Send>>,
        /// As of [`Refused`](Self::Refused), where the client's side ends before there is a verdict.
        text: String,
        /// As of [`Refused`](Self::Refused).
        decision: Value,
    },
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(_) => f.write_str("Run(..)"),
            Self::Hidden => f.write_str("Hidden"),
            Self::Refused { text, decision } => f
                .debug_struct("Refused")
                .field("text", text)
                .field("decision", decision)
                .finish(),
            Self::Held { text, decision, .. } => f
                .debug_struct("Held")
                .field("text", text)
                .field("decision", decision)
                .finish_non_exhaustive(),
        }
    }
}

/// One of the two sides between which a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a gate has two sides")]
pub enum Peer {
    /// The agent's side.
    Client,
    /// The tools' side.
    Server,
}

impl Peer {
    /// `client` or `server`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// Something on the wire that did not pass as it came, for the audit log.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ProtocolEvent<'a> {
    /// Who sent the message.
    pub from: Peer,
    /// What happened; stable, in snake case.
    pub code: &'static str,
    /// The message's method, where it could be read. At most 256 bytes.
    pub method: Option<&'a str>,
    /// The message's id, where it could be read.
    pub id: Option<&'a RequestId>,
    /// The same in words.
    pub detail: &'a str,
}
