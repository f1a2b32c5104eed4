//! The judge that the security stack is: one agent's calls, decided by a [`Guard`].

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use security_bundle::trust_gate::{AgentId, Scope, ToolName, TrustError, TrustLevel};
use security_bundle::{
    Action, ActionError, Amounts, Decision, Denied, Guard, McpConfig, Permit, SessionId, Stage,
    ToolRequest, TrustGateConfig, Usd,
};
use serde_json::json;
use tokio::time::timeout;

use crate::judge::{Judge, Peer, ProtocolEvent, Ticket, ToolCall, Verdict};
use crate::methods::{MethodRule, Methods};
use crate::usage::Usage;

/// Decides one agent's calls in one session by a security stack.
///
/// Who the agent is, is fixed here: nothing that a client says about itself reaches the stack.
#[derive(Debug)]
pub struct GuardJudge {
    guard: Guard,
    agent: AgentId,
    session: SessionId,
    scope: Scope,
    methods: Methods<TrustLevel>,
    approval_wait: Option<Duration>,
}

impl GuardJudge {
    /// A judge for this agent in this session.
    ///
    /// A call that needs an operator's approval is held for as long as `mcp` says, which takes a Tokio runtime with time enabled.
    /// Without `approval_wait`, and once it is over, such a call is refused, with the approval's id; the same call made again after
    /// the operators' answer runs.
    ///
    /// # Errors
    /// `mcp` names a tier that `trust` does not know.
    pub fn new(
        guard: Guard,
        agent: AgentId,
        session: SessionId,
        trust: &TrustGateConfig,
        mcp: &McpConfig,
    ) -> Result<Self, TrustError> {
        let methods = mcp
            .methods
            .iter()
            .map(|(pattern, rule)| {
                let rule = match rule {
                    security_bundle::MethodRule::Pass => MethodRule::Pass,
                    security_bundle::MethodRule::Level(level) => {
                        MethodRule::Level(trust.tiers.resolve(level)?)
                    }
                    // What this version does not know is closed.
                    _ => MethodRule::Deny,
                };
                Ok((pattern.clone(), rule))
            })
            .collect::<Result<_, TrustError>>()?;
        Ok(Self {
            guard,
            agent,
            session,
            scope: Scope::root(),
            methods,
            approval_wait: mcp.approval_wait,
        })
    }

    fn action(&self, call: &ToolCall) -> Result<Action, ActionError> {
        let mut request = ToolRequest::new(self.agent.as_str(), self.session.as_str(), &call.name)?;
        if let Some(arguments) = &call.arguments {
            request = request.with_args(arguments.get())?;
        }
        self.guard.tool_call(&request)
    }

    fn event(&self, event: &str, detail: &str) {
        // A loss is counted by the guard, and decides nothing.
        drop(
            self.guard
                .record_event(event, &self.agent, Some(&self.session), detail),
        );
    }
}

#[async_trait]
impl Judge for GuardJudge {
    fn tool_visible(&self, tool: &str) -> bool {
        ToolName::try_from(tool)
            .is_ok_and(|tool| self.guard.tool_visible(&self.agent, &self.scope, &tool))
    }

    fn method_allowed(&self, _: Peer, method: &str) -> bool {
        match self.methods.rule(method) {
            Some(MethodRule::Pass) => true,
            Some(MethodRule::Level(level)) => {
                self.guard.level_suffices(&self.agent, &self.scope, *level)
            }
            Some(MethodRule::Deny) | None => false,
        }
    }

    async fn call(&self, call: ToolCall) -> Verdict {
        let action = match self.action(&call) {
            Ok(action) => action,
            Err(error) if ToolName::try_from(call.name.as_str()).is_err() => {
                self.event(
                    "mcp_refused",
                    &format!("a tool name that none can have: {error}"),
                );
                return Verdict::Hidden;
            }
            Err(error) => {
                self.event("mcp_refused", &error.to_string());
                // A tool that is hidden stays so, whatever it is called with.
                if !self.tool_visible(&call.name) {
                    return Verdict::Hidden;
                }
                return Verdict::Refused {
                    text: format!("This call was not run: {error}."),
                    decision: json!({ "outcome": "deny", "code": "invalid_arguments" }),
                };
            }
        };
        let answer = self.guard.authorize(&action).await;
        let Some((wait, pending)) = self.approval_wait.zip(pending(&answer)) else {
            return verdict(answer);
        };
        let (text, decision) = (text_of(pending), json_of(pending));
        let approved = self.guard.authorize_when_approved(&action);
        let until = Box::pin(async move {
            match timeout(wait, approved).await {
                Ok(answer) => verdict(answer),
                // Nothing has changed, and that is recorded: the operators' answer is for the same call, made again.
                Err(_) => verdict(answer),
            }
        });
        Verdict::Held {
            until,
            text,
            decision,
        }
    }

    fn note(&self, event: &ProtocolEvent<'_>) {
        let mut detail = format!("from the {}: {}", event.from.as_str(), event.detail);
        if let Some(id) = event.id {
            // Writing to a string does not fail.
            let _ = write!(detail, " (id {id})");
        }
        if let Some(method) = event.method {
            // Writing to a string does not fail.
            let _ = write!(detail, " (method `{method}`)");
        }
        self.event(&format!("mcp_{}", event.code), &detail);
    }
}

/// The denial that an operator can still turn into a permit.
fn pending(answer: &Result<Permit, Denied>) -> Option<&Decision> {
    let decision = answer.as_ref().err()?.decision();
    decision.approval().map(|_| decision)
}

fn verdict(answer: Result<Permit, Denied>) -> Verdict {
    match answer {
        Ok(permit) => Verdict::Run(Box::new(PermitTicket { permit })),
        Err(denied) if !denied.decision().visible() => Verdict::Hidden,
        Err(denied) => Verdict::Refused {
            text: text_of(denied.decision()),
            decision: json_of(denied.decision()),
        },
    }
}

/// What a model can act on: what was refused, why, and what would help.
fn text_of(decision: &Decision) -> String {
    let advice = match decision.code() {
        // The reason names the approval and what to do.
        "needs_approval" if decision.approval().is_some() => "",
        "needs_approval" => " An operator has to approve this call before it can run.",
        "approval_denied" => " Do not repeat it; go on without it.",
        "propose_only" => " Describe what you would do instead of doing it.",
        "exceeds_budget" => {
            " Do not repeat it unchanged; finish with what you have, or ask for a larger budget."
        }
        "audit_unavailable"
        | "approval_unavailable"
        | "internal_error"
        | "unavailable"
        | "no_owner"
        | "owner_gone"
        | "owner_silent"
        | "not_asked" => " Nothing is wrong with the call; try again later or tell the operator.",
        _ if decision.stage() == Some(Stage::Consent) => {
            " Ask the person for consent, or go on without this data."
        }
        _ => "",
    };
    // Every reason stands in the decision beside it; what a model can act on is the one that closed.
    let reason = decision
        .reasons()
        .last()
        .map(|reason| format!(" {reason}"))
        .unwrap_or_default();
    format!(
        "This call was not run ({}).{reason}{advice}",
        decision.code()
    )
}

fn json_of(decision: &Decision) -> serde_json::Value {
    let mut told = json!({
        "outcome": decision.outcome().as_str(),
        "code": decision.code(),
        "stage": decision.stage().map(Stage::as_str),
        "reasons": decision.reasons().map(|reason| reason.to_string()).collect::<Vec<_>>(),
        "record_id": decision.record_id().map(|id| id.to_string()),
    });
    if let (Some(id), Some(told)) = (decision.approval(), told.as_object_mut()) {
        told.insert("approval".to_owned(), json!(id));
    }
    told
}

/// A permit as the gate holds it.
struct PermitTicket {
    permit: Permit,
}

/// What the server reports, which can only raise the charge. A report that makes no sense is unknown usage: the hold is settled.
fn amounts(usage: &Usage) -> Amounts {
    match usage {
        Usage::Reported { tokens, cost_usd } => Amounts {
            tokens: *tokens,
            calls: None,
            // A cost beyond every number is booked as the largest: the budget is overspent then, which stops further calls.
            cost: cost_usd
                .as_deref()
                .map(|cost| rounded_up(cost).unwrap_or(Usd::from_nanos(u64::MAX))),
        },
        // Why a report is malformed, the gate has noted.
        Usage::Unreported | Usage::Malformed(_) => Amounts::default(),
    }
}

/// A decimal number of dollars in whole nano-dollars, rounded up.
fn rounded_up(cost: &str) -> Option<Usd> {
    let (whole, fraction) = cost.split_once('.').unwrap_or((cost, ""));
    let Some((kept, rest)) = fraction.split_at_checked(9) else {
        return cost.parse().ok();
    };
    let exact: Usd = format!("{whole}.{kept}").parse().ok()?;
    if rest.bytes().all(|digit| digit == b'0') {
        return Some(exact);
    }
    exact.checked_add(Usd::from_nanos(1))
}

#[async_trait]
impl Ticket for PermitTicket {
    async fn settle(self: Box<Self>, usage: Usage) {
        let amounts = amounts(&usage);
        // What cannot be booked or recorded is counted where it was lost; the answer has been given.
        drop(self.permit.settle_at_least(amounts).await);
    }

    async fn fail(self: Box<Self>, error: String, usage: Usage) {
        let amounts = amounts(&usage);
        drop(self.permit.fail_at_least(error, amounts).await);
    }

    async fn cancel(self: Box<Self>) {
        drop(self.permit.cancel().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_finer_than_a_nano_dollar_round_up() {
        let nanos = |cost: &str| rounded_up(cost).map(Usd::nanos);
        assert_eq!(nanos("0.01"), Some(10_000_000));
        assert_eq!(nanos("0.0000000010"), Some(1));
        assert_eq!(nanos("0.0000000011"), Some(2));
        assert_eq!(nanos("3"), Some(3_000_000_000));
        assert_eq!(nanos("99999999999999999999"), None);
    }
}
