//! The handle that administers: the only one with methods that write. Each act names its operator and its reason.

mod elevating;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::act::Act;
use crate::approval::ApprovalQueue;
use crate::assignment::Assignment;
use crate::config::{Rules, TrustGateConfig};
use crate::error::TrustError;
use crate::event::{Event, HistoryFilter};
use crate::gate::TrustGate;
use crate::grant::Grant;
use crate::ledger::{Ledger, Raise};
use crate::name::{AgentId, OperatorId};
use crate::policy::ToolPolicy;
use crate::scope::Scope;
use crate::tier::LevelRef;

/// Assigns trust, takes it away, and tells what was done. Keep it where operators are.
///
/// Every act is an [`Event`] with a revision of its own and holds for the next check once it has returned.
///
/// # Errors
/// All acts: [`TrustError::InvalidReason`]; [`TrustError::Store`] if the store failed, and then the act is not in force,
/// save that [`cap`](Self::cap), [`quarantine`](Self::quarantine) and [`revoke`](Self::revoke) are in force all the
/// same and say so with [`TrustError::NotStored`]; [`TrustError::Poisoned`].
///
/// # Concurrency
/// Acts wait for one another and for the store. Checks wait for none of them.
pub struct TrustAdmin(pub(crate) Arc<Ledger>);

impl TrustAdmin {
    /// Gives an agent a level in a scope, in place of what was granted there before.
    ///
    /// ```
    /// # use trust_gate::{Grant, Scope, TrustGate, TrustLevel};
    /// let (gate, admin) = TrustGate::builder().build()?;
    /// let agent = "desk-assistant".parse()?;
    /// admin.assign(Grant::new("desk-assistant".parse()?, TrustLevel::Suggest, "ops@example.com".parse()?))?;
    /// assert!(gate.check_level(&agent, &Scope::root(), TrustLevel::Monitor).allowed());
    /// # Ok::<(), trust_gate::TrustError>(())
    /// ```
    ///
    /// # Errors
    /// [`TrustError::FutureDated`], [`TrustError::EndsBeforeItBegins`], [`TrustError::InvalidDecay`],
    /// [`TrustError::UnknownTier`].
    pub fn assign(&self, grant: Grant) -> Result<Event, TrustError> {
        let (by, reason) = (grant.assigned_by.clone(), grant.reason.clone());
        self.0.act(&by, &reason, Raise::Allow, |snapshot, now| {
            grant.accept(None, snapshot, now)
        })
    }

    /// Takes an agent's level in a scope away: L0 from now on, and no falling back on a wider grant.
    ///
    /// Scopes within that have a grant of their own keep it; [`quarantine`](Self::quarantine) stops those too.
    ///
    /// # Errors
    /// Those of all acts; never because there was nothing to revoke.
    pub fn revoke(
        &self,
        agent: &AgentId,
        scope: &Scope,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        let act = Act::Revoke {
            agent: agent.clone(),
            scope: scope.clone(),
        };
        self.0.act(by, reason, Raise::Refuse, |_, _| Ok(act))
    }

    /// Removes the grant or tombstone on exactly this scope, so that the wider grants count there again.
    ///
    /// # Errors
    /// [`TrustError::WouldRaise`] if the level would be higher now, with or without the elevation that may be there, and
    /// `raise` does not allow it;
    /// [`TrustError::NothingThere`].
    pub fn clear(
        &self,
        agent: &AgentId,
        scope: &Scope,
        by: &OperatorId,
        reason: &str,
        raise: Raise,
    ) -> Result<Event, TrustError> {
        self.0.act(by, reason, raise, |snapshot, _| {
            let slot = snapshot.slot(agent, scope);
            if slot.is_none_or(|slot| slot.base.is_none()) {
                return Err(nothing("assignment", agent, scope));
            }
            Ok(Act::Clear {
                agent: agent.clone(),
                scope: scope.clone(),
            })
        })
    }

    /// Holds an agent's levels down to `level` in a scope and all within it, until the cap is lifted.
    ///
    /// # Errors
    /// [`TrustError::CapWouldLoosen`] if a lower cap stands on that scope; [`TrustError::UnknownTier`].
    pub fn cap(
        &self,
        agent: &AgentId,
        scope: &Scope,
        level: impl Into<LevelRef>,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        let level = level.into();
        self.0.act(by, reason, Raise::Refuse, |snapshot, _| {
            let level = snapshot.rules.config.tiers.resolve(&level)?;
            let slot = snapshot.slot(agent, scope);
            if let Some((present, _)) = slot
                .and_then(|slot| slot.cap.as_ref())
                .filter(|(cap, _)| *cap < level)
            {
                return Err(TrustError::CapWouldLoosen {
                    agent: agent.to_string(),
                    scope: scope.to_string(),
                    present: *present,
                });
            }
            Ok(Act::Cap {
                agent: agent.clone(),
                scope: scope.clone(),
                level,
            })
        })
    }

    /// Stops an agent in a scope and all within it: everything it asks is denied, until the quarantine is lifted.
    ///
    /// # Errors
    /// Those of all acts.
    pub fn quarantine(
        &self,
        agent: &AgentId,
        scope: &Scope,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        let act = Act::Quarantine {
            agent: agent.clone(),
            scope: scope.clone(),
        };
        self.0.act(by, reason, Raise::Refuse, |_, _| Ok(act))
    }

    /// Lifts the cap on exactly this scope. This can raise levels: it is an operator's act like a grant.
    ///
    /// # Errors
    /// [`TrustError::NothingThere`].
    pub fn lift_cap(
        &self,
        agent: &AgentId,
        scope: &Scope,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        self.0.act(by, reason, Raise::Allow, |snapshot, _| {
            let cap = snapshot
                .slot(agent, scope)
                .and_then(|slot| slot.cap.as_ref());
            cap.ok_or_else(|| nothing("cap", agent, scope))?;
            Ok(Act::LiftCap {
                agent: agent.clone(),
                scope: scope.clone(),
            })
        })
    }

    /// Lifts the quarantine on exactly this scope.
    ///
    /// # Errors
    /// [`TrustError::NothingThere`].
    pub fn lift_quarantine(
        &self,
        agent: &AgentId,
        scope: &Scope,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        self.0.act(by, reason, Raise::Allow, |snapshot, _| {
            let quarantine = snapshot
                .slot(agent, scope)
                .and_then(|slot| slot.quarantine.as_ref());
            quarantine.ok_or_else(|| nothing("quarantine", agent, scope))?;
            Ok(Act::LiftQuarantine {
                agent: agent.clone(),
                scope: scope.clone(),
            })
        })
    }

    /// Says that an agent was active in exactly this scope, which puts off a decay by inactivity. Restores nothing.
    ///
    /// # Errors
    /// [`TrustError::NothingThere`] if no grant stands there that idleness could still lower.
    pub fn touch(
        &self,
        agent: &AgentId,
        scope: &Scope,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        self.0.act(by, reason, Raise::Refuse, |snapshot, now| {
            let touched = snapshot.touched(agent, scope, now.at.to_datetime());
            touched.ok_or_else(|| nothing("grant that idleness can still lower", agent, scope))?;
            Ok(Act::Touch {
                agent: agent.clone(),
                scope: scope.clone(),
            })
        })
    }

    /// Sets all the rules at once. Grants keep the decay they were made with.
    ///
    /// # Errors
    /// [`TrustError::InvalidConfig`], [`TrustError::UnknownTier`].
    pub fn configure(
        &self,
        config: TrustGateConfig,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        let config = Box::new(Rules::new(config)?.config);
        self.0.act(by, reason, Raise::Allow, |_, _| {
            Ok(Act::Configure { config })
        })
    }

    /// Replaces the tool policies and leaves every other rule as it is.
    ///
    /// # Errors
    /// [`TrustError::UnknownTier`].
    pub fn set_tool_policies(
        &self,
        tools: Vec<ToolPolicy>,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        self.0.act(by, reason, Raise::Allow, |snapshot, _| {
            let config = TrustGateConfig {
                tools,
                ..snapshot.rules.config.clone()
            };
            Ok(Act::Configure {
                config: Box::new(Rules::new(config)?.config),
            })
        })
    }

    /// The operators' side of the approvals.
    #[must_use]
    pub fn approvals(&self) -> ApprovalQueue<'_> {
        ApprovalQueue(self)
    }

    /// Accepts the clock's present reading as the time, even if it is earlier than what was read before. For after a
    /// clock had jumped ahead. Whatever lapsed later than the time that is accepted comes back, by that jump or rightly: look at
    /// the clock first, for an operator must answer for it.
    ///
    /// # Errors
    /// Those of all acts.
    pub fn accept_clock(&self, by: &OperatorId, reason: &str) -> Result<Event, TrustError> {
        self.0.act(by, reason, Raise::Allow, |_, now| {
            Ok(Act::AcceptClock {
                from: now.at.to_datetime(),
                to: now.wall.to_datetime(),
            })
        })
    }

    /// Tries again to store what is in force but could not be stored. The next act does so too.
    ///
    /// # Errors
    /// [`TrustError::Store`] if it still cannot; it stays in force.
    pub fn flush(&self) -> Result<(), TrustError> {
        self.0.flush()
    }

    /// The acts that a filter asks for, oldest first, those included that could not be stored yet.
    ///
    /// # Errors
    /// [`TrustError::Store`] if the store cannot be read.
    pub fn history(&self, filter: &HistoryFilter) -> Result<Vec<Event>, TrustError> {
        self.0.history(filter)
    }

    /// Every assignment in force that a filter asks for, by agent and scope. A grant that has lapsed is still in
    /// force: it decides that nothing wider does.
    #[must_use]
    pub fn assignments(&self, filter: &AssignmentFilter) -> Vec<Assignment> {
        let present = self.0.present();
        let mut agents: Vec<_> = match &filter.agent {
            Some(agent) => present
                .snapshot
                .agent(agent)
                .map(|record| (agent, record))
                .into_iter()
                .collect(),
            None => present.snapshot.agents().collect(),
        };
        agents.sort_unstable_by_key(|(agent, _)| *agent);
        agents
            .into_iter()
            .flat_map(|(_, record)| record.assignments())
            .filter(|assignment| {
                filter
                    .scope
                    .as_ref()
                    .is_none_or(|scope| *scope == assignment.scope)
            })
            .cloned()
            .collect()
    }

    /// Every agent with an assignment in force.
    #[must_use]
    pub fn agents(&self) -> BTreeSet<AgentId> {
        self.0
            .present()
            .snapshot
            .agents()
            .map(|(agent, _)| agent.clone())
            .collect()
    }

    /// Every scope with an assignment in force.
    #[must_use]
    pub fn scopes(&self) -> BTreeSet<Scope> {
        let present = self.0.present();
        present
            .snapshot
            .agents()
            .flat_map(|(_, record)| record.scopes())
            .cloned()
            .collect()
    }

    /// The rules in force.
    #[must_use]
    pub fn config(&self) -> TrustGateConfig {
        self.0.present().snapshot.rules.config.clone()
    }

    /// A handle that enforces.
    #[must_use]
    pub fn gate(&self) -> TrustGate {
        TrustGate(Arc::clone(&self.0))
    }
}

impl fmt::Debug for TrustAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustAdmin")
            .field("gate", &self.gate())
            .finish()
    }
}

/// Which assignments are wanted. The default is all of them; every field narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "plain input, written with `..Default::default()`"
)]
pub struct AssignmentFilter {
    /// About this agent.
    pub agent: Option<AgentId>,
    /// On exactly this scope.
    pub scope: Option<Scope>,
}

fn nothing(what: &'static str, agent: &AgentId, scope: &Scope) -> TrustError {
    TrustError::NothingThere {
        what,
        agent: agent.to_string(),
        scope: scope.to_string(),
    }
}
