//! What the gates say: trust first, then consent, on one view and one time; the budget last.

use std::sync::Arc;

use budget_enforcer::BudgetDecision;
use consent::{ConsentDecision, ConsentQuery};
use time::OffsetDateTime;
use trust_gate::{
    AgentId, Answer, ApprovalId, ApprovalState, Arguments, Scope, ToolName, ToolRequest,
    TrustDecision, TrustLevel, TrustOutcome,
};
use uuid::Uuid;

use super::{Core, unasked};
use crate::action::{Action, TrustQuestion};
use crate::decision::{Asked, Denied, Fate, Made};
use crate::gate::Gate;
use crate::journal::under_way::{self, Step};
use crate::permit::Permit;

/// How often consent is asked again because somebody changed it meanwhile; then the gate is closed.
const CONSISTENT_VIEW_TRIES: usize = 16;

impl Core {
    /// Trust, then consent; consent is not asked where trust has refused for good.
    pub(super) fn judge(&self, action: &Action, at: OffsetDateTime) -> Made {
        let rules = &action.0.rules;
        let mut made = Made {
            shadow: rules.only_watches(action.tool()),
            ..unasked(at)
        };
        made.trust = self.ask_trust(action, at);
        if made.trust.open() || made.shadow || needs_approval(&made.trust) {
            made.consent = self.ask_consent(action, at);
        }
        made
    }

    /// Asks operators for the approval that a call needs, or uses the one that is there. Nothing is used up for a call that
    /// would be denied all the same.
    pub(super) fn ask_operators(&self, action: &Action, made: &mut Made) {
        let Some((request, arguments)) = call_to_approve(action, made) else {
            return;
        };
        let is_affordable = self.check_budget(action, made.at).open();
        let approvals = self.trust.approvals();
        let answer = self.deciding(|| {
            Gate::ask(|| {
                if is_affordable {
                    approvals.ask(request, &arguments)
                } else {
                    approvals.request(request, &arguments).map(Answer::Pending)
                }
            })
        });
        made.asked = match answer {
            Gate::Said(Ok(Answer::Approved(decision))) => {
                let used = decision.approval();
                made.trust = Gate::Said(decision);
                used.map_or(Asked::Nobody, Asked::Used)
            }
            Gate::Said(Ok(Answer::Decided(decision))) => {
                made.trust = Gate::Said(decision);
                Asked::Nobody
            }
            Gate::Said(Ok(Answer::Pending(approval))) => Asked::Pending(approval.id),
            Gate::Said(Ok(Answer::Refused(approval))) => Asked::Refused(approval.id),
            _ => Asked::Failed,
        };
    }

    /// The approval that this call has to wait for, if operators have yet to answer; they are asked for it.
    fn approval_due(&self, action: &Action) -> Option<ApprovalId> {
        let (action, at) = self.taken_up(action).ok()?;
        let made = self.judge(&action, at);
        let (request, arguments) = call_to_approve(&action, &made)?;
        let approvals = self.trust.approvals();
        let asked = self.deciding(|| Gate::ask(|| approvals.request(request, &arguments)));
        match asked {
            Gate::Said(Ok(approval)) if approval.state == ApprovalState::Pending => {
                Some(approval.id)
            }
            _ => None,
        }
    }

    /// Waits for the operators' answer first, where one is due, and then decides once.
    pub(crate) async fn authorize_when_approved(
        self: &Arc<Self>,
        action: &Action,
        record: Option<Uuid>,
    ) -> Result<Permit, Denied> {
        if let Some(approval) = self.approval_due(action) {
            // Whatever came of it, the decision tells.
            drop(self.trust.approvals().wait(approval).await);
        }
        let (begun, entry) = self.begin(action, record);
        begun.acknowledged(self, entry).await
    }

    pub(crate) fn tool_visible(&self, agent: &AgentId, scope: &Scope, tool: &ToolName) -> bool {
        if self.rules.load().only_watches(Some(tool)) {
            return true;
        }
        let request = ToolRequest::new(agent.clone(), tool.clone()).scope(scope.clone());
        self.deciding(|| Gate::ask(|| self.trust.check(&request)))
            .said()
            .is_some_and(TrustDecision::visible)
    }

    pub(crate) fn level_suffices(&self, agent: &AgentId, scope: &Scope, level: TrustLevel) -> bool {
        self.deciding(|| Gate::ask(|| self.trust.check_level(agent, scope, level)))
            .open()
    }

    /// Looks at trust and consent again where they have changed since the decision (design: security-bundle, rule 4). A decision by
    /// rules that are no longer in force does not stand.
    pub(crate) fn still_stands(&self, action: &Action, made: &mut Made) -> bool {
        if !self.epoch.is(made.epoch) {
            made.fate = Fate::Overtaken;
            return false;
        }
        let trust = made.trust.said().map(TrustDecision::revision);
        let consent = made.consent.said().map(ConsentDecision::revision);
        if trust.is_none_or(|seen| seen == self.trust.revision())
            && consent.is_none_or(|seen| seen == self.consent.revision())
        {
            return true;
        }
        let Ok((action, at)) = self.taken_up(action) else {
            made.fate = Fate::Revoked;
            return false;
        };
        let again = self.judge(&action, at);
        // An approval that was used up for this call still is.
        let approved = matches!(made.asked, Asked::Used(_)) && needs_approval(&again.trust);
        let stands = again.shadow || ((again.trust.open() || approved) && again.consent.open());
        // The new answers count, obligations included.
        if !approved {
            made.trust = again.trust;
        }
        made.consent = again.consent;
        made.shadow = again.shadow;
        if !stands {
            made.fate = Fate::Revoked;
        }
        stands
    }

    fn ask_trust(&self, action: &Action, at: OffsetDateTime) -> Gate<TrustDecision> {
        let described = &action.0.described;
        let ask = || match &action.0.trust {
            TrustQuestion::Nothing => Gate::unnamed(action.0.rules.mandatory.trust),
            TrustQuestion::Level(level) if described.at_most.is_some_and(|most| most < *level) => {
                Gate::Beyond
            }
            TrustQuestion::Level(level) => Gate::ask(|| {
                self.trust
                    .check_level_at(&described.agent, &described.scope, *level, at)
            }),
            TrustQuestion::Tool(request) => Gate::ask(|| self.trust.check_at(request, at)),
        };
        self.deciding(ask)
    }

    fn ask_consent(&self, action: &Action, at: OffsetDateTime) -> Gate<ConsentDecision> {
        self.deciding(|| self.ask_each(action, &action.0.consent, at))
    }

    /// Every query on one and the same revision: a withdrawal between two of them must not go unseen.
    fn ask_each(
        &self,
        action: &Action,
        queries: &[ConsentQuery],
        at: OffsetDateTime,
    ) -> Gate<ConsentDecision> {
        for _ in 0..CONSISTENT_VIEW_TRIES {
            let mut told = Gate::unnamed(action.0.rules.mandatory.consent);
            let mut revision = None;
            let mut consistent = true;
            for query in queries {
                told = Gate::ask(|| self.consent.check_at(query, at));
                let seen = told.said().map(ConsentDecision::revision);
                consistent = seen.is_some() && *revision.get_or_insert(seen) == seen;
                if !consistent || !told.open() {
                    break;
                }
            }
            if consistent || !told.open() {
                return told;
            }
        }
        Gate::Broken
    }

    pub(super) fn check_budget(&self, action: &Action, at: OffsetDateTime) -> Gate<BudgetDecision> {
        match action.charge() {
            None => Gate::unnamed(action.0.rules.mandatory.budget),
            Some(charge) => Gate::ask(|| {
                self.used_up(action, at)
                    .unwrap_or_else(|| self.budget.check_at(charge, at))
            }),
        }
    }

    /// A session in which nothing is left of something that it limits is over, also for calls that name no amount of it: what
    /// they use is known only afterwards.
    pub(super) fn used_up(&self, action: &Action, at: OffsetDateTime) -> Option<BudgetDecision> {
        let session = action.session()?;
        if !self.budget.has_session_template() {
            return None;
        }
        let left = self.budget.check_budget_at(session, at);
        (!left.allowed()).then_some(left)
    }

    /// Where the log is the journal, what a gate keeps while it decides is not waited for: the decision's own entry comes later.
    fn deciding<T>(&self, ask: impl FnOnce() -> T) -> T {
        if self.is_journal {
            under_way::during(Step::Judging, ask).0
        } else {
            ask()
        }
    }
}

/// The call as operators are shown it, where nothing but their approval is missing.
fn call_to_approve<'a>(action: &'a Action, made: &Made) -> Option<(&'a ToolRequest, Arguments)> {
    let TrustQuestion::Tool(request) = &action.0.trust else {
        return None;
    };
    let is_due = !made.shadow && needs_approval(&made.trust) && made.consent.open();
    let arguments = action.0.described.arguments.clone();
    is_due.then(|| (request, arguments.unwrap_or_else(Arguments::none)))
}

fn needs_approval(trust: &Gate<TrustDecision>) -> bool {
    trust
        .said()
        .is_some_and(|trust| matches!(trust.outcome(), TrustOutcome::NeedsApproval { .. }))
}
