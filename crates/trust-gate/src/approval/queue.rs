//! The operators' side: what waits for them, and their yes or no.

use crate::act::Act;
use crate::admin::TrustAdmin;
use crate::approval::{Approval, ApprovalError, ApprovalId, ApprovalState};
use crate::error::TrustError;
use crate::ledger::{Now, Raise};
use crate::name::{AgentId, OperatorId};

/// What waits for operators, and how they answer. From [`TrustAdmin::approvals`].
///
/// # Errors
/// All acts: [`ApprovalError::NotFound`], [`ApprovalError::WrongState`], and those of all acts of a [`TrustAdmin`].
#[derive(Debug)]
pub struct ApprovalQueue<'a>(pub(crate) &'a TrustAdmin);

/// Which approvals to list. The default lists those that are pending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "plain input, written with `..Default::default()`"
)]
pub struct ApprovalFilter {
    /// Of this agent.
    pub agent: Option<AgentId>,
    /// Those too that are no longer pending; of those that have ended the newest thousand.
    pub all: bool,
}

impl ApprovalQueue<'_> {
    /// The approvals that a filter asks for, oldest first.
    #[must_use]
    pub fn list(&self, filter: &ApprovalFilter) -> Vec<Approval> {
        let ledger = &self.0.0;
        let at = ledger.reading(&ledger.present(), ledger.wall());
        let wanted = |approval: &&Approval| {
            (filter.all || approval.state_at(at) == ApprovalState::Pending)
                && filter
                    .agent
                    .as_ref()
                    .is_none_or(|agent| *agent == approval.agent)
        };
        let listed: Vec<_> = {
            let board = ledger.board();
            let all = board.all().into_iter().filter(wanted);
            all.map(|approval| approval.seen_at(at)).collect()
        };
        for approval in &listed {
            ledger.told(approval);
        }
        listed
    }

    /// The approval of this number, as it is now. One that ended long ago is only in the history.
    #[must_use]
    pub fn get(&self, id: ApprovalId) -> Option<Approval> {
        self.0.gate().approvals().get(id)
    }

    /// Agrees to a call. Once as many operators have agreed as its rule asks for, the call may be made once, with the very
    /// arguments that were asked for, before the request's time is up.
    ///
    /// # Errors
    /// [`ApprovalError::OwnRequest`], [`ApprovalError::SameOperator`], [`ApprovalError::OtherRules`].
    pub fn approve(
        &self,
        id: ApprovalId,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Approval, TrustError> {
        self.0.0.act(by, reason, Raise::Refuse, |snapshot, now| {
            let approval = self.pending(id, now, "approved")?;
            if approval.policy != snapshot.policy {
                return Err(ApprovalError::OtherRules(id).into());
            }
            if approval.agent.as_str() == by.as_str() {
                let agent = by.to_string();
                return Err(ApprovalError::OwnRequest { id, agent }.into());
            }
            if approval.approved_by.contains(by) {
                let operator = by.to_string();
                return Err(ApprovalError::SameOperator { id, operator }.into());
            }
            Ok(Act::Approve {
                approval: id,
                agent: approval.agent,
                scope: approval.scope,
                tool: approval.tool,
            })
        })?;
        self.get(id)
            .ok_or_else(|| ApprovalError::NotFound(id).into())
    }

    /// Says no to a call. The same call is then refused until the request's time is up.
    ///
    /// # Errors
    /// [`TrustError::NotStored`]: refused, but not stored.
    pub fn deny(
        &self,
        id: ApprovalId,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Approval, TrustError> {
        self.0.0.act(by, reason, Raise::Refuse, |_, now| {
            let approval = self.pending(id, now, "denied")?;
            Ok(Act::DenyApproval {
                approval: id,
                agent: approval.agent,
                scope: approval.scope,
                tool: approval.tool,
            })
        })?;
        self.get(id)
            .ok_or_else(|| ApprovalError::NotFound(id).into())
    }

    /// Takes a request back, or an approval that was not used.
    ///
    /// # Errors
    /// [`TrustError::NotStored`]: taken back, but not stored.
    pub fn cancel(
        &self,
        id: ApprovalId,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Approval, TrustError> {
        self.0.gate().approvals().cancel_as(Some(by), id, reason)
    }

    /// The approval, if operators have yet to answer it.
    fn pending(
        &self,
        id: ApprovalId,
        now: Now,
        verb: &'static str,
    ) -> Result<Approval, TrustError> {
        let approval = self.0.0.approval(id, now)?;
        if approval.state == ApprovalState::Pending {
            return Ok(approval);
        }
        Err(ApprovalError::WrongState {
            id,
            state: approval.state,
            wanted: "pending",
            verb,
        }
        .into())
    }
}
