//! The agent's side: to ask for an approval, to wait for the answer, and to use it once.

use std::convert::Infallible;
use std::fmt;

use crate::act::Act;
use crate::approval::board::Call;
use crate::approval::{
    Approval, ApprovalError, ApprovalId, ApprovalState, ApprovalWait, Arguments, Board,
};
use crate::decision::{TrustDecision, TrustOutcome};
use crate::error::TrustError;
use crate::gate::TrustGate;
use crate::judge;
use crate::ledger::{Done, Now, Present, Raise, Step};
use crate::name::OperatorId;
use crate::request::ToolRequest;

/// Asks for approvals, waits for them and uses them. Cheap to clone; it can be given to code that runs agents, and not to
/// agents: it looks at every approval by its number, whoever asked, and takes it back.
///
/// An approval lets one call run, once; it raises no level. It cannot be given from here:
/// ```compile_fail,E0599
/// # fn f(approvals: trust_gate::Approvals, id: trust_gate::ApprovalId, by: trust_gate::OperatorId) {
/// approvals.approve(id, &by, "me too");
/// # }
/// ```
///
/// # Concurrency
/// Asking and using wait for other acts and for the store, for both are durable before they are told. Of any number that use
/// one approval at once, one succeeds.
#[derive(Clone)]
pub struct Approvals(pub(crate) TrustGate);

/// What a call comes to where operators may be asked.
#[derive(Debug, Clone)]
#[must_use = "an answer that nobody looks at guards nothing"]
#[expect(
    clippy::exhaustive_enums,
    reason = "enforcers match on it: a new answer must break their build"
)]
pub enum Answer {
    /// No approval is involved: the call may run, may only be proposed, or may not run.
    Decided(TrustDecision),
    /// The call was approved. The approval is used up, and the decision [permits](TrustDecision::allowed).
    Approved(TrustDecision),
    /// Operators have yet to answer. To make the call again with the very same arguments is to ask again.
    Pending(Approval),
    /// An operator said no. That answers the same call until the request's time is up.
    Refused(Approval),
}

impl Answer {
    /// Whether the call may run now.
    #[must_use]
    pub const fn allowed(&self) -> bool {
        match self {
            Self::Decided(decision) | Self::Approved(decision) => decision.allowed(),
            Self::Pending(_) | Self::Refused(_) => false,
        }
    }
}

/// What may be done for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    Ask,
    Use,
    AskAndUse,
}

impl Approvals {
    /// Judges a call, uses an approval that is there for it, or asks operators for one: everything that a gate needs where
    /// the call is retried until it is answered.
    ///
    /// ```
    /// # use trust_gate::{Answer, Arguments, Effect, Grant, ToolPolicy, ToolRequest, TrustGate, TrustGateConfig, TrustLevel};
    /// # let config = TrustGateConfig {
    /// #     tools: vec![ToolPolicy::new("send_mail".parse()?, TrustLevel::Suggest, Effect::Write)],
    /// #     ..TrustGateConfig::default()
    /// # };
    /// # let (gate, admin) = TrustGate::builder().config(config).build()?;
    /// # admin.assign(Grant::new("bot".parse()?, TrustLevel::ActWithApproval, "ops@example.com".parse()?))?;
    /// let call = ToolRequest::new("bot".parse()?, "send_mail".parse()?);
    /// let arguments = Arguments::of_json(r#"{"to":"ada"}"#)?;
    /// let Answer::Pending(asked) = gate.approvals().ask(&call, &arguments)? else { panic!("nobody was asked") };
    ///
    /// admin.approvals().approve(asked.id, &"ops@example.com".parse()?, "known recipient")?;
    /// assert!(gate.approvals().ask(&call, &arguments)?.allowed());
    /// assert!(!gate.approvals().ask(&call, &arguments)?.allowed(), "once");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ApprovalError::QueueFull`]; [`TrustError::Store`] if what was asked or used could not be stored, and then it was not.
    pub fn ask(&self, request: &ToolRequest, arguments: &Arguments) -> Result<Answer, TrustError> {
        let decision = self.0.check(request);
        if needs_approval(&decision) {
            self.step(request, arguments, May::AskAndUse)
        } else {
            Ok(Answer::Decided(decision))
        }
    }

    /// Asks operators for an approval without using one that is there. The same call is asked for once: who asks again
    /// while it is pending, or approved and not used, or denied within its time, is told of that.
    ///
    /// # Errors
    /// [`ApprovalError::NotNeeded`] if an approval would not make the call run, and those of [`ask`](Self::ask).
    pub fn request(
        &self,
        request: &ToolRequest,
        arguments: &Arguments,
    ) -> Result<Approval, TrustError> {
        match self.step(request, arguments, May::Ask)? {
            Answer::Pending(approval) | Answer::Refused(approval) => Ok(approval),
            Answer::Decided(decision) | Answer::Approved(decision) => {
                let code = decision.code();
                Err(ApprovalError::NotNeeded { code }.into())
            }
        }
    }

    /// Uses the approval of exactly this call, and asks for none. The decision permits; what was used is in
    /// [`approval`](TrustDecision::approval).
    ///
    /// # Errors
    /// [`ApprovalError::NotApproved`]; [`ApprovalError::NotNeeded`] if the call is not for approval, for instance
    /// since the agent was quarantined; [`TrustError::Store`] if it could not be stored, and then it was not used.
    pub fn consume(
        &self,
        request: &ToolRequest,
        arguments: &Arguments,
    ) -> Result<TrustDecision, TrustError> {
        match self.step(request, arguments, May::Use)? {
            Answer::Approved(decision) => Ok(decision),
            Answer::Decided(decision) => {
                let code = decision.code();
                Err(ApprovalError::NotNeeded { code }.into())
            }
            Answer::Pending(_) | Answer::Refused(_) => Err(ApprovalError::NotApproved.into()),
        }
    }

    /// The approval of this number, as it is now. One that ended long ago is only in the history.
    #[must_use]
    pub fn get(&self, id: ApprovalId) -> Option<Approval> {
        let ledger = &self.0.0;
        let at = ledger.reading(&ledger.present(), ledger.wall());
        let approval = ledger.board().get(id)?.seen_at(at);
        ledger.told(&approval);
        Some(approval)
    }

    /// Takes a request or an approval back, for instance since the call that waits for it was given up.
    ///
    /// # Errors
    /// [`ApprovalError::NotFound`], [`ApprovalError::WrongState`]; [`TrustError::NotStored`]: taken back, but not stored.
    pub fn cancel(&self, id: ApprovalId) -> Result<Approval, TrustError> {
        self.cancel_as(None, id, "")
    }

    /// Takes an approval back, in an operator's name or in nobody's.
    pub(crate) fn cancel_as(
        &self,
        by: Option<&OperatorId>,
        id: ApprovalId,
        reason: &str,
    ) -> Result<Approval, TrustError> {
        let ledger = &self.0.0;
        let Done::Event(_) = ledger.step::<Infallible>(by, reason, Raise::Refuse, |_, now| {
            let approval = ledger.approval(id, now)?;
            if !approval.is_open_at(now.at) {
                return Err(ApprovalError::WrongState {
                    id,
                    state: approval.state,
                    wanted: "pending or approved",
                    verb: "cancelled",
                }
                .into());
            }
            Ok(Step::Do(Act::CancelApproval {
                approval: id,
                agent: approval.agent,
                scope: approval.scope,
                tool: approval.tool,
            }))
        })?;
        self.get(id)
            .ok_or_else(|| ApprovalError::NotFound(id).into())
    }

    /// A future of the answer: it is there once the approval is no longer pending. It needs no runtime; a thread looks at
    /// the clock ten times a second while futures wait, and ends with them.
    ///
    /// # Errors
    /// The future's: [`ApprovalError::NotFound`], [`ApprovalError::NoTimer`].
    pub fn wait(&self, id: ApprovalId) -> ApprovalWait {
        ApprovalWait::new(self.clone(), id)
    }

    /// Blocks until the approval is no longer pending.
    ///
    /// # Errors
    /// [`ApprovalError::NotFound`].
    pub fn wait_blocking(&self, id: ApprovalId) -> Result<Approval, TrustError> {
        let bell = &self.0.0.bell;
        let mut waiting = bell.lock();
        loop {
            // Looked at under the bell's lock, so that no ring is missed in between.
            let approval = self.get(id).ok_or(ApprovalError::NotFound(id))?;
            if approval.state != ApprovalState::Pending {
                return Ok(approval);
            }
            waiting = bell.doze(waiting);
        }
    }

    fn step(
        &self,
        request: &ToolRequest,
        arguments: &Arguments,
        may: May,
    ) -> Result<Answer, TrustError> {
        let ledger = &self.0.0;
        let mut used = None;
        let done = ledger.step(None, "", Raise::Refuse, |present, now| {
            let decision = self.0.judge(present, request, now.wall);
            let TrustOutcome::NeedsApproval { approvers } = decision.outcome else {
                return Ok(Step::Nothing(Answer::Decided(decision)));
            };
            let call = Call {
                agent: request.agent.clone(),
                scope: request.scope.clone(),
                tool: request.tool.clone(),
                args: arguments.digest,
                policy: present.snapshot.policy,
            };
            let board = ledger.board();
            if let Some(there) = board.find(&call, now.at) {
                return Ok(match there.state {
                    ApprovalState::Approved if may != May::Ask => {
                        used = Some((there.id, decision));
                        Step::Do(Act::ConsumeApproval {
                            approval: there.id,
                            agent: call.agent,
                            scope: call.scope,
                            tool: call.tool,
                        })
                    }
                    ApprovalState::Denied => Step::Nothing(Answer::Refused(there.clone())),
                    _ => Step::Nothing(Answer::Pending(there.clone())),
                });
            }
            if may == May::Use {
                let ran_out = board.ran_out(&call, now.at);
                drop(board);
                if let Some(ran_out) = ran_out {
                    // Refused once, it stays so, whatever the clock does.
                    ledger.saw(&present.timeline, ran_out);
                }
                return Err(ApprovalError::NotApproved.into());
            }
            has_room(&call, &board, present, now)?;
            let ttl = present.snapshot.rules.config.approvals.ttl;
            Ok(Step::Do(Act::RequestApproval {
                agent: call.agent,
                scope: call.scope,
                tool: call.tool,
                args: call.args,
                shown: arguments.shown.as_deref().map(str::to_owned),
                policy: call.policy,
                approvers,
                expires_at: now.at.after(ttl).to_datetime(),
            }))
        })?;
        match (done, used) {
            (Done::Nothing(answer), _) => Ok(answer),
            (Done::Event(_), Some((id, decision))) => {
                Ok(Answer::Approved(judge::approved(decision, id)))
            }
            (Done::Event(event), None) => {
                let id = ApprovalId(event.revision);
                self.get(id)
                    .map(Answer::Pending)
                    .ok_or_else(|| ApprovalError::NotFound(id).into())
            }
        }
    }
}

fn needs_approval(decision: &TrustDecision) -> bool {
    matches!(decision.outcome, TrustOutcome::NeedsApproval { .. })
}

/// One agent must not fill the queue for all others, nor all of them the operators' day.
fn has_room(call: &Call, board: &Board, present: &Present, now: Now) -> Result<(), TrustError> {
    let rules = &present.snapshot.rules.config.approvals;
    let (own, all) = board.open(&call.agent, now.at);
    let full = |whose: String, open| Err(ApprovalError::QueueFull { whose, open }.into());
    if own >= rules.max_pending_per_agent.get() {
        full(format!("agent `{}`", call.agent), own)
    } else if all >= rules.max_pending.get() {
        full("all agents".to_owned(), all)
    } else {
        Ok(())
    }
}

impl fmt::Debug for Approvals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Approvals").field(&self.0).finish()
    }
}
