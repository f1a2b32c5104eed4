//! The state of a gate at one revision, and how one act leads to the next state.
//!
//! A decision reads one snapshot and nothing else, so it never mixes two revisions. A snapshot shares with the one
//! before it everything that the act between them did not touch. The fold knows no clock and no store: replaying the
//! same events gives the same state.

use std::collections::HashMap;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::act::Act;
use crate::agent::{AgentRecord, Base, Decided, Elevation, Found, Slot};
use crate::assignment::{Assignment, AssignmentKind};
use crate::config::{Rules, TrustGateConfig};
use crate::decay::Decay;
use crate::error::TrustError;
use crate::event::{Event, Revision};
use crate::keys::KeyRing;
use crate::moment::Moment;
use crate::name::{AgentId, CarriedHash, OperatorId};
use crate::scope::Scope;

const SHARDS: usize = 256;

type Shard = HashMap<AgentId, AgentRecord, CarriedHash>;

#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) revision: Revision,
    pub(crate) rules: Arc<Rules>,
    /// The act that set the rules.
    pub(crate) policy: Revision,
    /// The last act that accepted the clock, and the time it accepted.
    pub(crate) accepted: Option<(Revision, Moment)>,
    /// The broken glass that nobody has looked into yet.
    pub(crate) review: Option<Arc<Assignment>>,
    pub(crate) keys: Arc<KeyRing>,
    shards: Box<[Arc<Shard>]>,
}

impl Snapshot {
    /// Before any act: nobody is trusted, no tool is known.
    pub(crate) fn empty() -> Result<Self, TrustError> {
        Ok(Self {
            revision: Revision::ZERO,
            rules: Arc::new(Rules::new(TrustGateConfig::default())?),
            policy: Revision::ZERO,
            accepted: None,
            review: None,
            keys: Arc::default(),
            shards: std::iter::repeat_with(Arc::default).take(SHARDS).collect(),
        })
    }

    #[inline]
    pub(crate) fn agent(&self, agent: &AgentId) -> Option<&AgentRecord> {
        self.shards.get(agent.shard(SHARDS))?.get(agent)
    }

    /// What is assigned to an agent on exactly this scope.
    pub(crate) fn slot(&self, agent: &AgentId, scope: &Scope) -> Option<&Slot> {
        self.agent(agent)?.slot(scope.as_str())
    }

    pub(crate) fn agents(&self) -> impl Iterator<Item = (&AgentId, &AgentRecord)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// What counts for an agent in a scope.
    #[inline]
    pub(crate) fn find(&self, agent: &AgentId, scope: &Scope) -> Found<'_> {
        Found::new(self.agent(agent), scope, &self.rules)
    }

    /// The state after one more act. What is about approvals changes nothing here, and leaves the revision as it is.
    pub(crate) fn apply(&mut self, event: &Event) -> Result<(), TrustError> {
        let by = match &event.by {
            Some(by) => by,
            None if event.act.needs_no_operator() => return Ok(()),
            None => return Err(corrupt(event, "no operator answers for the act")),
        };
        if event.act.key_id().is_some() {
            Arc::make_mut(&mut self.keys).apply(event.revision, by, &event.act);
        }
        let made = |agent, scope, kind| assignment(event, by, agent, scope, kind);
        match &event.act {
            Act::RequestApproval { .. }
            | Act::Approve { .. }
            | Act::DenyApproval { .. }
            | Act::CancelApproval { .. }
            | Act::ConsumeApproval { .. } => return Ok(()),
            Act::Configure { config } => {
                self.rules = Arc::new(Rules::new((**config).clone())?);
                self.policy = event.revision;
            }
            Act::AcceptClock { to, .. } => self.accepted = Some((event.revision, (*to).into())),
            Act::Assign {
                agent,
                scope,
                level,
                assigned_at,
                expires_at,
                decay,
                ..
            } => {
                let kind = AssignmentKind::Grant(*level);
                let grant = Assignment {
                    assigned_at: *assigned_at,
                    expires_at: *expires_at,
                    decay: *decay,
                    ..made(agent, scope, kind)
                };
                self.set_base(grant, event);
            }
            Act::Revoke { agent, scope } => {
                let tombstone = made(agent, scope, AssignmentKind::Tombstone);
                self.set_base(tombstone, event);
                self.change(agent, scope, |slot| slot.elevation = None);
            }
            Act::Clear { agent, scope } => self.change(agent, scope, |slot| slot.base = None),
            Act::Cap {
                agent,
                scope,
                level,
            } => {
                let cap = Arc::new(made(agent, scope, AssignmentKind::Cap(*level)));
                self.change(agent, scope, |slot| slot.cap = Some((*level, cap)));
            }
            Act::Quarantine { agent, scope } => {
                let quarantine = Arc::new(made(agent, scope, AssignmentKind::Quarantine));
                self.change(agent, scope, |slot| slot.quarantine = Some(quarantine));
            }
            Act::LiftCap { agent, scope } => self.change(agent, scope, |slot| slot.cap = None),
            Act::LiftQuarantine { agent, scope } => {
                self.change(agent, scope, |slot| slot.quarantine = None);
            }
            Act::Elevate {
                agent,
                scope,
                level,
                until,
            } => {
                let kind = AssignmentKind::Elevation(*level);
                self.elevate(made(agent, scope, kind), *until);
            }
            Act::BreakGlass {
                agent,
                scope,
                level,
                until,
                second,
            } => {
                if second == by {
                    return Err(corrupt(event, "one operator alone broke the glass"));
                }
                let kind = AssignmentKind::BreakGlass(*level);
                let broken = Assignment {
                    second: Some(second.clone()),
                    ..made(agent, scope, kind)
                };
                self.review = Some(self.elevate(broken, *until));
            }
            Act::EndElevation { agent, scope } => {
                self.change(agent, scope, |slot| slot.elevation = None);
            }
            Act::CloseReview { .. } => self.close_review(),
            Act::Touch { agent, scope } => self.touch(agent, scope, event.at),
            Act::TrustKey { .. } | Act::RevokeKey { .. } => {}
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
        self.slot(agent, scope)?
            .base
            .as_ref()?
            .assignment
            .touched(at)
    }

    fn touch(&mut self, agent: &AgentId, scope: &Scope, at: OffsetDateTime) {
        if let Some(touched) = self.touched(agent, scope, at) {
            self.change(agent, scope, |slot| {
                slot.base = slot.base.take().and_then(|base| base.with(touched));
            });
        }
    }

    fn elevate(&mut self, assignment: Assignment, until: OffsetDateTime) -> Arc<Assignment> {
        let (agent, scope) = (assignment.agent.clone(), assignment.scope.clone());
        let assignment = Assignment {
            expires_at: Some(until),
            ..assignment
        };
        let elevation = Elevation::new(assignment, until.into());
        let assignment = Arc::clone(&elevation.assignment);
        self.change(&agent, &scope, |slot| slot.elevation = Some(elevation));
        assignment
    }

    /// What was looked into is over for good: a clock that is set right does not bring it back unseen.
    fn close_review(&mut self) {
        let Some(broken) = self.review.take() else {
            return;
        };
        self.change(&broken.agent, &broken.scope, |slot| {
            slot.elevation
                .take_if(|elevation| elevation.assignment.revision == broken.revision);
        });
    }

    fn set_base(&mut self, assignment: Assignment, event: &Event) {
        let (agent, scope) = (assignment.agent.clone(), assignment.scope.clone());
        let decided = Decided {
            revision: event.revision,
            at: event.decided_at().into(),
        };
        self.change(&agent, &scope, |slot| {
            slot.base = Base::new(assignment, decided, slot.base.as_ref());
        });
    }

    fn change(&mut self, agent: &AgentId, scope: &Scope, change: impl FnOnce(&mut Slot)) {
        let Some(shard) = self.shards.get_mut(agent.shard(SHARDS)) else {
            return;
        };
        let shard = Arc::make_mut(shard);
        let record = shard.entry(agent.clone()).or_default();
        record.change(scope, change);
        if record.is_empty() {
            shard.remove(agent);
        }
    }
}

fn assignment(
    event: &Event,
    by: &OperatorId,
    agent: &AgentId,
    scope: &Scope,
    kind: AssignmentKind,
) -> Assignment {
    Assignment {
        revision: event.revision,
        agent: agent.clone(),
        scope: scope.clone(),
        kind,
        assigned_at: event.at,
        expires_at: None,
        decay: Decay::None,
        active_at: None,
        assigned_by: by.clone(),
        second: None,
        reason: event.reason.clone(),
    }
}

pub(crate) fn corrupt(event: &Event, problem: &'static str) -> TrustError {
    TrustError::Corrupt {
        revision: event.revision,
        problem,
    }
}
