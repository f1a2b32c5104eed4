//! Levels, caps, quarantines and elevations: what operators do about them, and how they look at them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::serde::rfc3339;
use trust_gate::{
    ActKind, AgentId, Assignment, AssignmentFilter, Decay, Elevation, Event, Grant, HistoryFilter,
    KeyId, LevelChange, LevelRef, OperatorId, OperatorKey, Raise, ReportOptions, Revision, Scope,
    ToolName, ToolRequest, TrustAdmin, TrustGateConfig, TrustLevel, TrustedKey,
};

use super::OperatorError;

/// What is asked about trust. Every act carries on whose word it is done, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "fields are called what they are: whom it is about, on whose word, and why"
)]
pub enum TrustRequest {
    /// A level in a scope, in place of what was granted there before.
    Assign {
        agent: AgentId,
        #[serde(default)]
        scope: Scope,
        level: LevelRef,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        expires_at: Option<OffsetDateTime>,
        #[serde(default)]
        decay: Decay,
        by: OperatorId,
        reason: String,
    },
    /// What an operator has signed elsewhere, in that operator's name and with the reason that was signed.
    AssignSigned { signed: String },
    /// L0 from now on, and no falling back on a wider grant.
    Revoke(AgentAct),
    /// What was granted or revoked on exactly this scope is removed.
    Clear {
        agent: AgentId,
        #[serde(default)]
        scope: Scope,
        /// Even if that raises the agent's level.
        #[serde(default)]
        may_raise: bool,
        by: OperatorId,
        reason: String,
    },
    /// The most that an agent has in a scope and all within it.
    Cap {
        agent: AgentId,
        #[serde(default)]
        scope: Scope,
        level: LevelRef,
        by: OperatorId,
        reason: String,
    },
    /// Lifts the cap on exactly this scope.
    LiftCap(AgentAct),
    /// Stops an agent in a scope and all within it.
    Quarantine(AgentAct),
    /// Lifts the quarantine on exactly this scope.
    LiftQuarantine(AgentAct),
    /// A level for a while, on exactly this scope.
    Elevate {
        agent: AgentId,
        #[serde(default)]
        scope: Scope,
        level: LevelRef,
        lasts: Duration,
        by: OperatorId,
        reason: String,
    },
    /// The same in an emergency, by two operators, to be reviewed.
    BreakGlass {
        agent: AgentId,
        #[serde(default)]
        scope: Scope,
        level: LevelRef,
        lasts: Duration,
        by: OperatorId,
        second: OperatorId,
        reason: String,
    },
    /// Ends an elevation, or what a broken glass gave, before its time.
    EndElevation(AgentAct),
    /// The review of a broken glass is done.
    CloseReview {
        /// The revision at which it was broken.
        opened: Revision,
        by: OperatorId,
        reason: String,
    },
    /// Grants signed with the key count as the operator's.
    TrustKey {
        operator: OperatorId,
        key: OperatorKey,
        by: OperatorId,
        reason: String,
    },
    /// Grants signed with the key no longer count.
    RevokeKey {
        key: KeyId,
        by: OperatorId,
        reason: String,
    },
    /// All the rules at once.
    Configure {
        rules: Box<TrustGateConfig>,
        by: OperatorId,
        reason: String,
    },
    /// The owner's time counts, even if a later one was read before.
    AcceptClock { by: OperatorId, reason: String },
    /// All that was decided about agents; or, of one agent, the level that it has now.
    Show {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        #[serde(default)]
        scope: Scope,
    },
    /// What was done, the oldest first.
    History {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<ActKind>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyId>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        since: Option<OffsetDateTime>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        until: Option<OffsetDateTime>,
        /// Of those that match, the newest so many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        newest: Option<usize>,
    },
    /// Who is trusted how far, and what was done about it, in one document.
    Report {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        since: Option<OffsetDateTime>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        until: Option<OffsetDateTime>,
    },
    /// Whether a call would be permitted, and what decides that.
    Explain {
        agent: AgentId,
        tool: ToolName,
        #[serde(default)]
        scope: Scope,
        /// The level that the code at the tool asks for, besides the rules.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        required: Option<TrustLevel>,
    },
    /// The keys of operators who sign grants elsewhere.
    Keys {},
}

/// An act about one agent in one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentAct {
    /// Whom it is about.
    pub agent: AgentId,
    /// Where.
    #[serde(default)]
    pub scope: Scope,
    /// On whose word.
    pub by: OperatorId,
    /// Why, in at most 4096 bytes.
    pub reason: String,
}

/// What is told about trust.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrustAnswer {
    /// The act, as it is stored.
    Done(Box<Event>),
    /// All that was decided about agents.
    Assignments {
        /// In the order in which it was.
        assignments: Vec<Assignment>,
        /// The glass that was broken and not reviewed.
        open_review: Option<Box<Assignment>>,
    },
    /// One agent's level.
    Level(Box<LevelNow>),
    /// The acts that were asked for.
    History(Vec<Event>),
    /// The report as data and as text.
    Report {
        /// [`TrustReport`](trust_gate::TrustReport) as it is written.
        report: Value,
        /// The same for people.
        markdown: String,
    },
    /// Why a call would be permitted or not.
    Explained {
        /// Whether it would run now.
        allowed: bool,
        /// [`Explanation`](trust_gate::Explanation) as it is written.
        explanation: Value,
        /// The decision's code.
        code: String,
        /// The same for people.
        text: String,
    },
    /// The keys, those revoked included.
    Keys(Vec<TrustedKey>),
}

/// An agent's level in a scope, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LevelNow {
    /// Whose.
    pub agent: AgentId,
    /// Where.
    pub scope: Scope,
    /// What decisions are made by.
    pub effective: TrustLevel,
    /// What the grant was worth before caps, quarantine and elevation.
    pub decayed: TrustLevel,
    /// The lowest cap.
    pub cap: TrustLevel,
    /// Whether the agent is stopped.
    pub quarantined: bool,
    /// The grant or tombstone that counts.
    pub base: Option<Assignment>,
    /// The elevation that counts.
    pub elevation: Option<Assignment>,
    /// When it will next fall by itself.
    pub next_change: Option<LevelChange>,
    /// Of the state that was read.
    pub revision: Revision,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
    /// All that was decided about the agent.
    pub assignments: Vec<Assignment>,
}

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

    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::Assign { .. } => "trust.assign",
            Self::AssignSigned { .. } => "trust.assign_signed",
            Self::Revoke(_) => "trust.revoke",
            Self::Clear { .. } => "trust.clear",
            Self::Cap { .. } => "trust.cap",
            Self::LiftCap(_) => "trust.lift_cap",
            Self::Quarantine(_) => "trust.quarantine",
            Self::LiftQuarantine(_) => "trust.lift_quarantine",
            Self::Elevate { .. } => "trust.elevate",
            Self::BreakGlass { .. } => "trust.break_glass",
            Self::EndElevation(_) => "trust.end_elevation",
            Self::CloseReview { .. } => "trust.close_review",
            Self::TrustKey { .. } => "trust.trust_key",
            Self::RevokeKey { .. } => "trust.revoke_key",
            Self::Configure { .. } => "trust.configure",
            Self::AcceptClock { .. } => "trust.accept_clock",
            Self::Show { .. } => "trust.show",
            Self::History { .. } => "trust.history",
            Self::Report { .. } => "trust.report",
            Self::Explain { .. } => "trust.explain",
            Self::Keys {} => "trust.keys",
        }
    }

    pub(super) fn by(&self) -> Option<&str> {
        match self {
            Self::Assign { by, .. }
            | Self::Clear { by, .. }
            | Self::Cap { by, .. }
            | Self::Elevate { by, .. }
            | Self::BreakGlass { by, .. }
            | Self::CloseReview { by, .. }
            | Self::TrustKey { by, .. }
            | Self::RevokeKey { by, .. }
            | Self::Configure { by, .. }
            | Self::AcceptClock { by, .. } => Some(by.as_str()),
            Self::Revoke(act)
            | Self::LiftCap(act)
            | Self::Quarantine(act)
            | Self::LiftQuarantine(act)
            | Self::EndElevation(act) => Some(act.by.as_str()),
            // Whose word it is stands in what was signed.
            Self::AssignSigned { .. }
            | Self::Show { .. }
            | Self::History { .. }
            | Self::Report { .. }
            | Self::Explain { .. }
            | Self::Keys {} => None,
        }
    }

    pub(super) fn is_act(&self) -> bool {
        self.by().is_some() || matches!(self, Self::AssignSigned { .. })
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

impl LevelNow {
    fn of(admin: &TrustAdmin, agent: &AgentId, scope: &Scope) -> Self {
        let gate = admin.gate();
        let level = gate.level(agent, scope);
        Self {
            effective: level.effective,
            decayed: level.decayed,
            cap: level.cap,
            quarantined: level.quarantined,
            base: level.base,
            elevation: level.elevation,
            next_change: gate.next_change(agent, scope),
            revision: level.revision,
            at: level.at,
            assignments: admin.assignments(&AssignmentFilter {
                agent: Some(agent.clone()),
                ..AssignmentFilter::default()
            }),
            agent: agent.clone(),
            scope: scope.clone(),
        }
    }
}
