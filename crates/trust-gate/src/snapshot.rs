//! The state of a gate at one revision, and how one act leads to the next state.
//!
//! A decision reads one snapshot and nothing else, so it never mixes two revisions. A snapshot shares with the one
//! before it everything that the act between them did not touch. The fold knows no clock and no store: replaying the
//! same events gives the same state.

use std::collections::HashMap;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::agent::{AgentRecord, Base, Found, Slot};
use crate::assignment::{Assignment, AssignmentKind};
use crate::config::{Rules, TrustGateConfig};
use crate::decay::Decay;
use crate::error::TrustError;
use crate::event::{Act, Event, Revision};
use crate::moment::Moment;
use crate::name::{AgentId, CarriedHash};
use crate::scope::Scope;

const SHARDS: usize = 256;

type Shard = HashMap<AgentId, Arc<AgentRecord>, CarriedHash>;

#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) revision: Revision,
    pub(crate) rules: Arc<Rules>,
    /// The last act that accepted the clock, and the time it accepted.
    pub(crate) accepted: Option<(Revision, Moment)>,
    shards: Box<[Arc<Shard>]>,
}

impl Snapshot {
    /// Before any act: nobody is trusted, no tool is known.
    pub(crate) fn empty() -> Result<Self, TrustError> {
        Ok(Self {
            revision: Revision::ZERO,
            rules: Arc::new(Rules::new(TrustGateConfig::default())?),
            accepted: None,
            shards: std::iter::repeat_with(Arc::default).take(SHARDS).collect(),
        })
    }

    #[inline]
    pub(crate) fn agent(&self, agent: &AgentId) -> Option<&AgentRecord> {
        self.shards
            .get(agent.shard(SHARDS))?
            .get(agent)
            .map(Arc::as_ref)
    }

    pub(crate) fn agents(&self) -> impl Iterator<Item = (&AgentId, &AgentRecord)> {
        self.shards
            .iter()
            .flat_map(|shard| shard.iter().map(|(agent, record)| (agent, &**record)))
    }

    /// What counts for an agent in a scope.
    #[inline]
    pub(crate) fn find(&self, agent: &AgentId, scope: &Scope) -> Found<'_> {
        Found::new(self.agent(agent), scope, &self.rules)
    }

    /// The state after one more act.
    pub(crate) fn apply(&mut self, event: &Event) -> Result<(), TrustError> {
        if self.revision.next()? != event.revision {
            return Err(corrupt(event, "the events are not numbered in sequence"));
        }
        match &event.act {
            Act::Configure { config } => self.rules = Arc::new(Rules::new((**config).clone())?),
            Act::AcceptClock { to, .. } => self.accepted = Some((event.revision, (*to).into())),
            Act::Assign {
                agent,
                scope,
                level,
                assigned_at,
                expires_at,
                decay,
            } => {
                let kind = AssignmentKind::Grant(*level);
                let grant = Assignment {
                    assigned_at: *assigned_at,
                    expires_at: *expires_at,
                    decay: *decay,
                    ..assignment(event, agent, scope, kind)
                };
                self.set_base(grant);
            }
            Act::Revoke { agent, scope } => {
                self.set_base(assignment(event, agent, scope, AssignmentKind::Tombstone));
            }
            Act::Clear { agent, scope } => self.change(agent, scope, |slot| slot.base = None),
            Act::Cap {
                agent,
                scope,
                level,
            } => {
                let cap = Arc::new(assignment(event, agent, scope, AssignmentKind::Cap(*level)));
                self.change(agent, scope, |slot| slot.cap = Some((*level, cap)));
            }
            Act::Quarantine { agent, scope } => {
                let quarantine =
                    Arc::new(assignment(event, agent, scope, AssignmentKind::Quarantine));
                self.change(agent, scope, |slot| slot.quarantine = Some(quarantine));
            }
            Act::LiftCap { agent, scope } => self.change(agent, scope, |slot| slot.cap = None),
            Act::LiftQuarantine { agent, scope } => {
                self.change(agent, scope, |slot| slot.quarantine = None);
            }
            Act::Touch { agent, scope } => {
                if let Some(touched) = self.touched(agent, scope, event.at) {
                    self.set_base(touched);
                }
            }
        }
        self.revision = event.revision;
        Ok(())
    }

    /// The grant on exactly this scope as it is once the agent was active at `at`; `None` if that changes nothing.
    pub(crate) fn touched(
        &self,
        agent: &AgentId,
        scope: &Scope,
        at: OffsetDateTime,
    ) -> Option<Assignment> {
        self.agent(agent)?
            .slot(scope.as_str())?
            .base
            .as_ref()?
            .assignment
            .touched(at)
    }

    fn set_base(&mut self, assignment: Assignment) {
        let (agent, scope) = (assignment.agent.clone(), assignment.scope.clone());
        let base = Base::new(assignment);
        self.change(&agent, &scope, |slot| slot.base = base);
    }

    fn change(&mut self, agent: &AgentId, scope: &Scope, change: impl FnOnce(&mut Slot)) {
        let Some(shard) = self.shards.get_mut(agent.shard(SHARDS)) else {
            return;
        };
        let shard = Arc::make_mut(shard);
        let record = Arc::make_mut(shard.entry(agent.clone()).or_default());
        record.change(scope, change);
        if record.is_empty() {
            shard.remove(agent);
        }
    }
}

fn assignment(event: &Event, agent: &AgentId, scope: &Scope, kind: AssignmentKind) -> Assignment {
    Assignment {
        revision: event.revision,
        agent: agent.clone(),
        scope: scope.clone(),
        kind,
        assigned_at: event.at,
        expires_at: None,
        decay: Decay::None,
        active_at: None,
        assigned_by: event.by.clone(),
        reason: event.reason.clone(),
    }
}

fn corrupt(event: &Event, problem: &'static str) -> TrustError {
    TrustError::Corrupt {
        revision: event.revision,
        problem,
    }
}
