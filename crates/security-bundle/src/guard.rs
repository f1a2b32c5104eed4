//! What agent-side code gets: decisions, and nothing that could change what they are made from.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use budget_enforcer::SessionId;
use trust_gate::{AgentId, Scope, ToolName, TrustLevel};

use crate::action::{Action, ActionBuilder, ActionError, Description};
use crate::blocking;
use crate::core::Core;
use crate::decision::{Decision, Denied};
use crate::far::{self, Far, Question, Reply};
use crate::observer::{self, Observers, Watch};
use crate::permit::Permit;
use crate::recorder::{RecordError, Recorded};
use crate::request::ToolRequest;
use crate::rules::Rules;

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
    place: Place,
}

/// Where the state is.
#[derive(Debug, Clone)]
enum Place {
    Here(Arc<Core>),
    /// In this process or another one: whoever owns the data directory.
    Far(Arc<dyn Far>),
}

/// Whom a question goes to.
enum Asked<'g> {
    Here(Arc<Core>),
    There(&'g Arc<dyn Far>),
}

impl Guard {
    pub(crate) fn here(core: Arc<Core>) -> Self {
        Self {
            place: Place::Here(core),
        }
    }

    #[cfg_attr(
        not(feature = "control"),
        expect(dead_code, reason = "for whoever joins an owner")
    )]
    pub(crate) fn far(far: Arc<dyn Far>) -> Self {
        Self {
            place: Place::Far(far),
        }
    }

    /// Begins the description of an action of this agent.
    pub fn action(&self, agent: impl AsRef<str>) -> ActionBuilder {
        ActionBuilder::new(self.rules(), agent.as_ref())
    }

    /// The action that a tool call is, with all that the configuration says about the tool.
    ///
    /// # Errors
    /// A request that no component could judge.
    pub fn tool_call(&self, request: &ToolRequest) -> Result<Action, ActionError> {
        ActionBuilder::of_request(self.rules(), request).build()
    }

    /// Whether the agent may know of the tool: everything but a denial by trust. Records nothing.
    #[must_use]
    pub fn tool_visible(&self, agent: &AgentId, scope: &Scope, tool: &ToolName) -> bool {
        match self.asked() {
            Asked::Here(core) => core.tool_visible(agent, scope, tool),
            Asked::There(far) => {
                let question = Question::Visible {
                    agent: agent.clone(),
                    scope: scope.clone(),
                    tool: tool.clone(),
                };
                matches!(far.ask_blocking(question), Reply::Yes)
            }
        }
    }

    /// Whether the agent's effective level is at least this. Records nothing.
    #[must_use]
    pub fn level_suffices(&self, agent: &AgentId, scope: &Scope, level: TrustLevel) -> bool {
        match self.asked() {
            Asked::Here(core) => core.level_suffices(agent, scope, level),
            Asked::There(far) => {
                let question = Question::LevelSuffices {
                    agent: agent.clone(),
                    scope: scope.clone(),
                    level,
                };
                matches!(far.ask_blocking(question), Reply::Yes)
            }
        }
    }

    /// Judges an action as [`evaluate`](Self::evaluate) does and records nothing, for explanations.
    pub fn preview(&self, action: &Action) -> Decision {
        match self.asked() {
            Asked::Here(core) => core.look(action).1.into(),
            Asked::There(far) => {
                let action = described(action);
                far::decided(far.ask_blocking(Question::Preview { action }))
            }
        }
    }

    /// Decides without holding or debiting anything, and writes exactly one audit entry.
    ///
    /// The decision is made when this is called, where the state is in this process; only a log that stores slowly is waited for.
    pub fn evaluate(&self, action: &Action) -> impl Future<Output = Decision> + Send + use<> {
        let watch = Watch::begin(&self.observers(), observer::Asked::Evaluate, action);
        let begun = match self.asked() {
            Asked::Here(core) => {
                let (made, entry) = core.decide(action);
                Err((core, made, entry))
            }
            Asked::There(far) => Ok(far.ask(Question::Evaluate {
                action: described(action),
            })),
        };
        async move {
            let decision = match begun {
                Ok(told) => far::decided(told.await),
                Err((core, mut made, entry)) => {
                    if let Some(entry) = entry.filter(|entry| !entry.stored)
                        && core.recorder.acknowledged(&entry).await.is_err()
                    {
                        core.unrecorded(&mut made);
                    }
                    made.into()
                }
            };
            watch.answered(decision)
        }
    }

    /// [`evaluate`](Self::evaluate) for callers without a runtime.
    pub fn evaluate_sync(&self, action: &Action) -> Decision {
        let watch = Watch::begin(&self.observers(), observer::Asked::Evaluate, action);
        let decision = match self.asked() {
            Asked::Here(core) => {
                let (mut made, entry) = core.decide(action);
                if let Some(entry) = entry.filter(|entry| !entry.stored)
                    && core.recorder.wait(&entry).is_err()
                {
                    core.unrecorded(&mut made);
                }
                made.into()
            }
            Asked::There(far) => {
                let action = described(action);
                far::decided(far.ask_blocking(Question::Evaluate { action }))
            }
        };
        watch.answered(decision)
    }

    /// Decides, holds the budget and records the intent; the action may run only while the [`Permit`] is held.
    ///
    /// Trust and consent are looked at again once the intent is stored, so that a revocation that was acknowledged before
    /// the permit always wins. Dropping the future before it is done releases the hold.
    ///
    /// An action that needs an operator's approval is denied with the code `needs_approval`, and operators are asked. Once they
    /// have approved, the same action with the same arguments uses that up and is permitted, once.
    ///
    /// # Errors
    /// [`Denied`], whatever the reason: outages are denials too. Nothing is held then.
    pub fn authorize(
        &self,
        action: &Action,
    ) -> impl Future<Output = Result<Permit, Denied>> + Send + use<> {
        let watch = Watch::begin(&self.observers(), observer::Asked::Authorize, action);
        let begun = match self.asked() {
            Asked::Here(core) => {
                let (begun, entry) = core.begin(action, None);
                Err((core, begun, entry))
            }
            Asked::There(far) => Ok(far::authorize(far, action, false)),
        };
        async move {
            watch.permitted(match begun {
                Ok(told) => told.await,
                Err((core, begun, entry)) => begun.acknowledged(&core, entry).await,
            })
        }
    }

    /// [`authorize`](Self::authorize) for callers without a runtime.
    ///
    /// # Errors
    /// [`Denied`], whatever the reason.
    pub fn authorize_blocking(&self, action: &Action) -> Result<Permit, Denied> {
        let watch = Watch::begin(&self.observers(), observer::Asked::Authorize, action);
        watch.permitted(match self.asked() {
            Asked::Here(core) => {
                let (begun, entry) = core.begin(action, None);
                begun.wait(&core, entry)
            }
            Asked::There(far) => blocking::wait_for(far::authorize(far, action, false)),
        })
    }

    /// [`authorize`](Self::authorize) that waits for the operator where one has to approve: until somebody approves or denies,
    /// or the request's time is up. Dropping the future gives up waiting; the request stays, and a retry finds it.
    ///
    /// # Errors
    /// [`Denied`], whatever the reason: `approval_denied` where an operator said no.
    pub fn authorize_when_approved(
        &self,
        action: &Action,
    ) -> impl Future<Output = Result<Permit, Denied>> + Send + use<> {
        let watch = Watch::begin(&self.observers(), observer::Asked::Authorize, action);
        let begun = match self.asked() {
            Asked::Here(core) => Err((core, action.clone())),
            Asked::There(far) => Ok(far::authorize(far, action, true)),
        };
        async move {
            watch.permitted(match begun {
                Ok(told) => told.await,
                Err((core, action)) => core.authorize_when_approved(&action, None).await,
            })
        }
    }

    /// [`authorize_when_approved`](Self::authorize_when_approved) for callers without a runtime.
    ///
    /// # Errors
    /// [`Denied`], whatever the reason.
    pub fn authorize_when_approved_blocking(&self, action: &Action) -> Result<Permit, Denied> {
        blocking::wait_for(self.authorize_when_approved(action))
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
        match self.asked() {
            Asked::Here(core) => core.note(event, agent, session, detail),
            Asked::There(far) => far::noted(far.ask_blocking(Question::Note {
                event: event.to_owned(),
                agent: agent.clone(),
                session: session.cloned(),
                detail: detail.to_owned(),
            })),
        }
    }

    /// How many entries the log did not take since the stack was created; those of the owner, where it is another process.
    #[must_use]
    pub fn losses(&self) -> u64 {
        match self.asked() {
            Asked::Here(core) => core.losses.load(Ordering::Relaxed),
            Asked::There(far) => match far.ask_blocking(Question::Losses {}) {
                Reply::Losses(losses) => losses,
                _ => 0,
            },
        }
    }

    fn rules(&self) -> Arc<Rules> {
        match &self.place {
            Place::Here(core) => core.rules.load_full(),
            Place::Far(far) => far.rules(),
        }
    }

    fn observers(&self) -> Arc<Observers> {
        match &self.place {
            Place::Here(core) => Arc::clone(&core.observers),
            Place::Far(far) => far.observers(),
        }
    }

    fn asked(&self) -> Asked<'_> {
        match &self.place {
            Place::Here(core) => Asked::Here(Arc::clone(core)),
            Place::Far(far) => far.here().map_or(Asked::There(far), Asked::Here),
        }
    }
}

fn described(action: &Action) -> Box<Description> {
    Box::new(action.0.described.clone())
}
