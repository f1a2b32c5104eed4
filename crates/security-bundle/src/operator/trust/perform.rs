//! Does on a gate what is asked about trust.

use std::time::Duration;

use trust_gate::{
    AgentId, AssignmentFilter, Elevation, Event, Grant, HistoryFilter, LevelRef, OperatorId, Raise,
    ReportOptions, Scope, ToolRequest, TrustAdmin, TrustGateConfig,
};

use super::{LevelNow, TrustAnswer, TrustRequest};
use crate::operator::OperatorError;

impl TrustRequest {
    /// Does it on a gate. Blocks until an act is stored.
    ///
    /// # Errors
    /// What the gate refused.
    pub fn perform(&self, admin: &TrustAdmin) -> Result<TrustAnswer, OperatorError> {
        match self.act(admin) {
            Some(done) => Ok(TrustAnswer::Done(Box::new(done?))),
            None => self.look(admin),
        }
    }

    fn act(&self, admin: &TrustAdmin) -> Option<Result<Event, trust_gate::TrustError>> {
        Some(match self {
            Self::Assign {
                agent,
                scope,
                level,
                expires_at,
                decay,
                by,
                reason,
            } => {
                let mut grant = Grant::new(agent.clone(), level.clone(), by.clone())
                    .scope(scope.clone())
                    .reason(reason)
                    .decay(*decay);
                grant.expires_at = *expires_at;
                admin.assign(grant)
            }
            Self::AssignSigned { signed } => admin.assign_signed(signed.trim()),
            Self::Revoke(act) => admin.revoke(&act.agent, &act.scope, &act.by, &act.reason),
            Self::Clear {
                agent,
                scope,
                may_raise,
                by,
                reason,
            } => {
                let raise = if *may_raise {
                    Raise::Allow
                } else {
                    Raise::Refuse
                };
                admin.clear(agent, scope, by, reason, raise)
            }
            Self::Cap {
                agent,
                scope,
                level,
                by,
                reason,
            } => admin.cap(agent, scope, level.clone(), by, reason),
            Self::LiftCap(act) => admin.lift_cap(&act.agent, &act.scope, &act.by, &act.reason),
            Self::Quarantine(act) => admin.quarantine(&act.agent, &act.scope, &act.by, &act.reason),
            Self::LiftQuarantine(act) => {
                admin.lift_quarantine(&act.agent, &act.scope, &act.by, &act.reason)
            }
            Self::Elevate {
                agent,
                scope,
                level,
                lasts,
                by,
                reason,
            } => admin.elevate(&elevation(agent, scope, level, *lasts, by, reason)),
            Self::BreakGlass {
                agent,
                scope,
                level,
                lasts,
                by,
                second,
                reason,
            } => admin.break_glass(&elevation(agent, scope, level, *lasts, by, reason), second),
            Self::EndElevation(act) => {
                admin.end_elevation(&act.agent, &act.scope, &act.by, &act.reason)
            }
            Self::CloseReview { opened, by, reason } => admin.close_review(*opened, by, reason),
            Self::TrustKey {
                operator,
                key,
                by,
                reason,
            } => admin.trust_key(operator, *key, by, reason),
            Self::RevokeKey { key, by, reason } => admin.revoke_key(*key, by, reason),
            Self::Configure { rules, by, reason } => {
                admin.configure(TrustGateConfig::clone(rules), by, reason)
            }
            Self::AcceptClock { by, reason } => admin.accept_clock(by, reason),
            Self::Show { .. }
            | Self::History { .. }
            | Self::Report { .. }
            | Self::Explain { .. }
            | Self::Keys {} => return None,
        })
    }

    fn look(&self, admin: &TrustAdmin) -> Result<TrustAnswer, OperatorError> {
        Ok(match self {
            Self::History {
                agent,
                scope,
                kind,
                key,
                since,
                until,
                newest,
            } => {
                let mut events = admin.history(&HistoryFilter {
                    agent: agent.clone(),
                    scope: scope.clone(),
                    kind: *kind,
                    key_id: *key,
                    since: *since,
                    until: *until,
                    ..HistoryFilter::default()
                })?;
                if let Some(newest) = newest {
                    events.drain(..events.len().saturating_sub(*newest));
                }
                TrustAnswer::History(events)
            }
            Self::Report {
                agent,
                since,
                until,
            } => {
                let report = admin.report(&ReportOptions {
                    agent: agent.clone(),
                    since: *since,
                    until: *until,
                })?;
                TrustAnswer::Report {
                    report: serde_json::to_value(&report)?,
                    markdown: report.to_markdown(),
                }
            }
            Self::Explain {
                agent,
                tool,
                scope,
                required,
            } => {
                let mut request =
                    ToolRequest::new(agent.clone(), tool.clone()).scope(scope.clone());
                request.required_level = *required;
                let gate = admin.gate();
                let explanation = gate.explain(&request);
                TrustAnswer::Explained {
                    // At the same instant, so that both say the same.
                    allowed: gate.check_at(&request, explanation.at).allowed(),
                    code: explanation.code.to_owned(),
                    text: explanation.to_string(),
                    explanation: serde_json::to_value(&explanation)?,
                }
            }
            Self::Keys {} => TrustAnswer::Keys(admin.keys()),
            Self::Show {
                agent: Some(agent),
                scope,
            } => TrustAnswer::Level(Box::new(LevelNow::of(admin, agent, scope))),
            _ => TrustAnswer::Assignments {
                assignments: admin.assignments(&AssignmentFilter::default()),
                open_review: admin.open_review().map(Box::new),
            },
        })
    }
}

fn elevation(
    agent: &AgentId,
    scope: &Scope,
    level: &LevelRef,
    lasts: Duration,
    by: &OperatorId,
    reason: &str,
) -> Elevation {
    Elevation::new(agent.clone(), level.clone(), lasts, by.clone(), reason).scope(scope.clone())
}
