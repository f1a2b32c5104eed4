//! What agent-side code gets: decisions, and nothing that could change what they are made from.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use audit_trail::{Entry, recordable};
use budget_enforcer::SessionId;
use trust_gate::{AgentId, Scope, ToolName, TrustLevel};

use crate::action::{Action, ActionBuilder, ActionError};
use crate::core::{Core, Stored};
use crate::decision::{Decision, Denied, Made};
use crate::gate::Gate;
use crate::observer::{Asked, Watch};
use crate::permit::Permit;
use crate::recorder::{RecordError, Recorded};
use crate::request::ToolRequest;

/// Decides on actions. Cheap to clone, shared between threads, and without any way to administer the stack.
///
/// ```
/// # use security_bundle::{SecurityStackConfig, create_security_stack};
/// # let stack = create_security_stack(SecurityStackConfig::default())?;
/// let guard = stack.guard();
/// let action = guard.action("my-agent").tool("delete_everything").build()?;
/// let decision = guard.evaluate_sync(&action);
/// assert_eq!(decision.code(), "unknown_tool");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Guard {
    pub(crate) core: Arc<Core>,
}

impl Guard {
    /// Begins the description of an action of this agent.
    pub fn action(&self, agent: impl AsRef<str>) -> ActionBuilder {
        ActionBuilder::new(self.core.rules.load_full(), agent.as_ref())
    }

    /// The action that a tool call is, with all that the configuration says about the tool.
    ///
    /// # Errors
    /// A request that no component could judge.
    pub fn tool_call(&self, request: &ToolRequest) -> Result<Action, ActionError> {
        ActionBuilder::of_request(self.core.rules.load_full(), request).build()
    }

    /// Whether the agent may know of the tool: everything but a denial by trust. Records nothing.
    #[must_use]
    pub fn tool_visible(&self, agent: &AgentId, scope: &Scope, tool: &ToolName) -> bool {
        let request =
            trust_gate::ToolRequest::new(agent.clone(), tool.clone()).scope(scope.clone());
        Gate::ask(|| self.core.trust.check(&request))
            .said()
            .is_some_and(trust_gate::TrustDecision::visible)
    }

    /// Whether the agent's effective level is at least this. Records nothing.
    #[must_use]
    pub fn level_suffices(&self, agent: &AgentId, scope: &Scope, level: TrustLevel) -> bool {
        Gate::ask(|| self.core.trust.check_level(agent, scope, level)).open()
    }

    /// Judges an action as [`evaluate`](Self::evaluate) does and records nothing, for explanations.
    pub fn preview(&self, action: &Action) -> Decision {
        self.core.look(action).1.into()
    }

    /// Decides without holding or debiting anything, and writes exactly one audit entry.
    ///
    /// The decision is made when this is called; only a log that stores slowly is waited for.
    pub fn evaluate(&self, action: &Action) -> impl Future<Output = Decision> + Send + use<> {
        let watch = Watch::begin(&self.core.observers, Asked::Evaluate, action);
        let (mut made, entry) = self.decide(action);
        let core = Arc::clone(&self.core);
        async move {
            if let Some(entry) = entry.filter(|entry| !entry.stored)
                && core.recorder.acknowledged(&entry).await.is_err()
            {
                core.unrecorded(&mut made);
            }
            watch.answered(made.into())
        }
    }

    /// [`evaluate`](Self::evaluate) for callers without a runtime.
    pub fn evaluate_sync(&self, action: &Action) -> Decision {
        let watch = Watch::begin(&self.core.observers, Asked::Evaluate, action);
        let (mut made, entry) = self.decide(action);
        if let Some(entry) = entry.filter(|entry| !entry.stored)
            && self.core.recorder.wait(&entry).is_err()
        {
            self.core.unrecorded(&mut made);
        }
        watch.answered(made.into())
    }

    /// Decides, holds the budget and records the intent; the action may run only while the [`Permit`] is held.
    ///
    /// Trust and consent are looked at again once the intent is stored, so that a revocation that was acknowledged before
    /// the permit always wins. Dropping the future before it is done releases the hold.
    ///
    /// # Errors
    /// [`Denied`], whatever the reason: outages are denials too. Nothing is held then.
    pub fn authorize(
        &self,
        action: &Action,
    ) -> impl Future<Output = Result<Permit, Denied>> + Send + use<> {
        let watch = Watch::begin(&self.core.observers, Asked::Authorize, action);
        let (begun, entry) = self.core.begin(action);
        let core = Arc::clone(&self.core);
        async move {
            let stored = match entry.filter(|entry| !entry.stored) {
                None => Stored::AtOnce,
                Some(entry) => core.recorder.acknowledged(&entry).await.into(),
            };
            watch.permitted(begun.finish(&core, stored))
        }
    }

    /// [`authorize`](Self::authorize) for callers without a runtime.
    ///
    /// # Errors
    /// [`Denied`], whatever the reason.
    pub fn authorize_blocking(&self, action: &Action) -> Result<Permit, Denied> {
        let watch = Watch::begin(&self.core.observers, Asked::Authorize, action);
        let (begun, entry) = self.core.begin(action);
        let stored = match entry.filter(|entry| !entry.stored) {
            None => Stored::AtOnce,
            Some(entry) => self.core.recorder.wait(&entry).into(),
        };
        watch.permitted(begun.finish(&self.core, stored))
    }

    /// Records an event beside the decisions, such as a message that a gate refused. Only an event: what decides, ends or
    /// administers is recorded by the stack itself. Control characters are replaced, and long texts cut.
    ///
    /// # Errors
    /// The log did not take it; the loss is counted.
    pub fn record_event(
        &self,
        event: &str,
        agent: &AgentId,
        session: Option<&SessionId>,
        detail: &str,
    ) -> Result<Recorded, RecordError> {
        let event = recordable(event);
        let mut entry = Entry::event(&event).agent(agent).reason_lossy(detail);
        if let Some(session) = session {
            entry = entry.session(session);
        }
        self.core
            .record(entry)
            .inspect_err(|_| self.core.count_loss())
    }

    /// How many entries the log did not take since the stack was created.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.core.losses.load(Ordering::Relaxed)
    }

    fn decide(&self, action: &Action) -> (Made, Option<Recorded>) {
        let (action, mut made) = self.core.look(action);
        let entry = self.core.record_decision(&action, &mut made, None);
        (made, entry)
    }
}
