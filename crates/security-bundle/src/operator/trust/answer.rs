//! What is told about trust, in the gate's own records.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::serde::rfc3339;
use trust_gate::{
    AgentId, Assignment, AssignmentFilter, Event, LevelChange, Revision, Scope, TrustAdmin,
    TrustLevel, TrustedKey,
};

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

impl LevelNow {
    pub(super) fn of(admin: &TrustAdmin, agent: &AgentId, scope: &Scope) -> Self {
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
