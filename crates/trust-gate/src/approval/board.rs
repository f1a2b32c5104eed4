//! All approvals that can still matter, as the journal's acts leave them. Pure: no clock, no store, no lock.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::act::Act;
use crate::approval::{Approval, ApprovalId, ApprovalState, ApprovalStep};
use crate::args::ArgsDigest;
use crate::error::TrustError;
use crate::event::{Event, Revision};
use crate::moment::Moment;
use crate::name::{AgentId, ToolName};
use crate::scope::Scope;
use crate::snapshot::corrupt;

/// How many approvals that have ended are still told of. The history has all of them.
const ENDED: usize = 1024;

/// What an approval is bound to. Only the very same call finds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    pub(crate) agent: AgentId,
    pub(crate) scope: Scope,
    pub(crate) tool: ToolName,
    pub(crate) args: ArgsDigest,
    pub(crate) policy: Revision,
}

#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Pending, approved, or denied and still answering identical requests with that.
    live: BTreeMap<ApprovalId, Approval>,
    by_call: HashMap<Call, ApprovalId>,
    ended: VecDeque<Approval>,
}

impl Board {
    /// The approval of exactly this call that still answers for it.
    pub(crate) fn find(&self, call: &Call, at: Moment) -> Option<&Approval> {
        let approval = self.live.get(self.by_call.get(call)?)?;
        let answers = at < Moment::from(approval.expires_at);
        answers.then_some(approval)
    }

    /// When the approval of exactly this call ran out, if it has by `at` and was not used.
    pub(crate) fn ran_out(&self, call: &Call, at: Moment) -> Option<Moment> {
        let approval = self.live.get(self.by_call.get(call)?)?;
        let is_over = approval.state_at(at) == ApprovalState::Expired;
        is_over.then(|| approval.expires_at.into())
    }

    /// The approval of this number.
    pub(crate) fn get(&self, id: ApprovalId) -> Option<&Approval> {
        self.live
            .get(&id)
            .or_else(|| self.ended.iter().rfind(|approval| approval.id == id))
    }

    /// Every approval that is kept, by number.
    pub(crate) fn all(&self) -> Vec<&Approval> {
        let mut all: Vec<_> = self.ended.iter().chain(self.live.values()).collect();
        all.sort_unstable_by_key(|approval| approval.id);
        all
    }

    /// How many wait or are not used: of this agent, and of all. What the agent's side took back counts until its time is up,
    /// or whoever asks and gives up, again and again, would fill the journal.
    pub(crate) fn open(&self, agent: &AgentId, at: Moment) -> (usize, usize) {
        let given_up = |one: &&Approval| {
            let by_agent = one.last.as_ref().is_some_and(|last| last.by.is_none());
            one.state == ApprovalState::Cancelled && by_agent && at < Moment::from(one.expires_at)
        };
        let open = || {
            let live = self.live.values().filter(|one| one.is_open_at(at));
            live.chain(self.ended.iter().filter(given_up))
        };
        (
            open().filter(|one| one.agent == *agent).count(),
            open().count(),
        )
    }

    /// Whether one is pending though its time is up.
    pub(crate) fn has_overdue(&self, at: Moment) -> bool {
        self.live.values().any(|approval| {
            approval.state == ApprovalState::Pending
                && approval.state_at(at) == ApprovalState::Expired
        })
    }

    /// Takes one more act into account.
    pub(crate) fn apply(&mut self, event: &Event) -> Result<(), TrustError> {
        match &event.act {
            Act::RequestApproval {
                agent,
                scope,
                tool,
                args,
                shown,
                policy,
                approvers,
                expires_at,
            } => {
                // Here and not when they run out: the state must follow from the acts alone.
                self.end_what_is_over(event.at.into());
                let id = ApprovalId(event.revision);
                let approval = Approval {
                    id,
                    agent: agent.clone(),
                    scope: scope.clone(),
                    tool: tool.clone(),
                    args: *args,
                    shown: shown.clone(),
                    policy: *policy,
                    approvers: *approvers,
                    approved_by: Vec::new(),
                    requested_at: event.at,
                    expires_at: *expires_at,
                    state: ApprovalState::Pending,
                    last: None,
                };
                self.by_call.insert(call(&approval), id);
                self.live.insert(id, approval);
                Ok(())
            }
            Act::Approve { approval, .. } => {
                let Some(by) = event.by.clone() else {
                    return Err(corrupt(event, "no operator answers for the approval"));
                };
                let pending = [ApprovalState::Pending];
                let approval = self.step(*approval, event, &pending)?;
                if approval.approved_by.contains(&by) {
                    return Err(corrupt(event, "an operator approved twice"));
                }
                approval.approved_by.push(by);
                if approval.approved_by.len() >= usize::from(approval.approvers.get()) {
                    approval.state = ApprovalState::Approved;
                }
                Ok(())
            }
            Act::DenyApproval { approval, .. } => {
                let pending = [ApprovalState::Pending];
                self.step(*approval, event, &pending)?.state = ApprovalState::Denied;
                Ok(())
            }
            Act::CancelApproval { approval, .. } => {
                let open = [ApprovalState::Pending, ApprovalState::Approved];
                self.step(*approval, event, &open)?.state = ApprovalState::Cancelled;
                self.end(*approval);
                Ok(())
            }
            Act::ConsumeApproval { approval, .. } => {
                let approved = [ApprovalState::Approved];
                self.step(*approval, event, &approved)?.state = ApprovalState::Consumed;
                self.end(*approval);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The approval that an act is about, if it is in a state for it.
    fn step(
        &mut self,
        id: ApprovalId,
        event: &Event,
        from: &[ApprovalState],
    ) -> Result<&mut Approval, TrustError> {
        let approval = self
            .live
            .get_mut(&id)
            .filter(|approval| from.contains(&approval.state_at(event.at.into())))
            .ok_or_else(|| corrupt(event, "the approval is not in a state for the act"))?;
        approval.last = Some(ApprovalStep {
            by: event.by.clone(),
            at: event.at,
            reason: event.reason.clone(),
        });
        Ok(approval)
    }

    fn end_what_is_over(&mut self, at: Moment) {
        let over: Vec<_> = self
            .live
            .values_mut()
            .filter(|approval| at >= Moment::from(approval.expires_at))
            .map(|approval| {
                approval.state = approval.state_at(at);
                approval.id
            })
            .collect();
        for id in over {
            self.end(id);
        }
    }

    fn end(&mut self, id: ApprovalId) {
        let Some(approval) = self.live.remove(&id) else {
            return;
        };
        let call = call(&approval);
        if self.by_call.get(&call) == Some(&id) {
            self.by_call.remove(&call);
        }
        if self.ended.len() >= ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(approval);
    }
}

fn call(approval: &Approval) -> Call {
    Call {
        agent: approval.agent.clone(),
        scope: approval.scope.clone(),
        tool: approval.tool.clone(),
        args: approval.args,
        policy: approval.policy,
    }
}
