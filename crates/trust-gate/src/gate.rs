//! The handle that enforces: it reads and decides, and has no way to change anything.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::agent::Standing;
use crate::approval::Approvals;
use crate::assignment::{Assignment, AssignmentKind};
use crate::builder::TrustGateBuilder;
use crate::decision::{DenyReason, Elevated, Obligations, Particular, TrustDecision, TrustOutcome};
use crate::effect::Effect;
use crate::event::Revision;
use crate::judge::judge;
use crate::ledger::{Ledger, Present};
use crate::level::TrustLevel;
use crate::moment::Moment;
use crate::name::{AgentId, ToolName};
use crate::policy::{Demand, ToolPolicy};
use crate::request::ToolRequest;
use crate::scope::Scope;

/// Answers whether an agent may make a tool call. Cheap to clone; give it to agent-side code.
///
/// No method changes a level, and none leads to the [`TrustAdmin`](crate::TrustAdmin) that can:
/// ```compile_fail,E0599
/// # use trust_gate::{Grant, TrustGate, TrustLevel};
/// # fn f(gate: TrustGate) -> Result<(), Box<dyn std::error::Error>> {
/// gate.assign(Grant::new("me".parse()?, TrustLevel::Autonomous, "me".parse()?))?;
/// # Ok(()) }
/// ```
/// ```compile_fail,E0599
/// # fn f(gate: trust_gate::TrustGate) {
/// let admin = gate.admin();
/// # }
/// ```
///
/// # Concurrency
/// Checking takes no lock and allocates nothing. A check that begins after an act has returned takes it into account,
/// and no check sees half an act.
#[derive(Clone)]
pub struct TrustGate(pub(crate) Arc<Ledger>);

impl TrustGate {
    /// Starts building a gate: see [`TrustGateBuilder::build`].
    pub fn builder() -> TrustGateBuilder {
        TrustGateBuilder::default()
    }

    /// Judges a tool call, now.
    ///
    /// ```
    /// # use trust_gate::{Tier, ToolRequest, TrustGate, TrustGateConfig};
    /// let config = TrustGateConfig::new(Tier("verified"), "file-reader")?;
    /// let (gate, _admin) = TrustGate::builder().config(config).build()?;
    /// let request = ToolRequest::new("desk-assistant".parse()?, "file-reader".parse()?);
    /// let decision = gate.check(&request);
    /// assert_eq!(decision.code(), "trust_too_low");
    /// assert_eq!(
    ///     decision.reason().to_string(),
    ///     "Agent 'desk-assistant' has trust level Observer (0), which is below the required level Suggest (2).",
    /// );
    /// # Ok::<(), trust_gate::TrustError>(())
    /// ```
    pub fn check<R: AsRef<ToolRequest> + ?Sized>(&self, request: &R) -> TrustDecision {
        self.call(request.as_ref(), self.0.wall())
    }

    /// Judges a tool call on a wall time that the caller has read, so that one reading serves several components.
    ///
    /// An earlier time than was read before revives nothing: the gate's own reading stands.
    pub fn check_at<R: AsRef<ToolRequest> + ?Sized>(
        &self,
        request: &R,
        wall: OffsetDateTime,
    ) -> TrustDecision {
        self.call(request.as_ref(), wall.into())
    }

    /// Judges whether an agent has at least this level in a scope, now. The levels are compared and nothing else.
    ///
    /// A quarantined agent does not even have L0.
    pub fn check_level(
        &self,
        agent: &AgentId,
        scope: &Scope,
        required: TrustLevel,
    ) -> TrustDecision {
        self.ordinal(agent, scope, required, self.0.wall())
    }

    /// Judges as [`check_level`](Self::check_level), on a wall time that the caller has read.
    pub fn check_level_at(
        &self,
        agent: &AgentId,
        scope: &Scope,
        required: TrustLevel,
        wall: OffsetDateTime,
    ) -> TrustDecision {
        self.ordinal(agent, scope, required, wall.into())
    }

    /// The level an agent has in a scope, and where it comes from. Allocates.
    #[must_use]
    pub fn level(&self, agent: &AgentId, scope: &Scope) -> EffectiveLevel {
        self.standing(agent, scope, self.0.wall())
    }

    /// The level as [`level`](Self::level) tells it, on a wall time that the caller has read.
    #[must_use]
    pub fn level_at(&self, agent: &AgentId, scope: &Scope, wall: OffsetDateTime) -> EffectiveLevel {
        self.standing(agent, scope, wall.into())
    }

    /// When the level of an agent in a scope will next drop by itself, and to what; `None` if it will not.
    #[must_use]
    pub fn next_change(&self, agent: &AgentId, scope: &Scope) -> Option<LevelChange> {
        let present = self.0.present();
        let (standing, at) = self.0.standing(&present, agent, scope, self.0.wall());
        let fall = standing.found.next_fall(at)?;
        Some(LevelChange {
            at: fall.since.to_datetime(),
            to: fall.level,
        })
    }

    /// The tool policy that judges this tool: the first that matches.
    #[must_use]
    pub fn policy(&self, tool: &ToolName) -> Option<ToolPolicy> {
        let present = self.0.present();
        let rules = &present.snapshot.rules;
        rules.config.tools.get(rules.tools.position(tool)?).cloned()
    }

    /// The agent's side of the approvals: to ask for one, to wait for it, to use it. Nothing there approves.
    #[must_use]
    pub fn approvals(&self) -> Approvals {
        Approvals(self.clone())
    }

    /// The number of the last administrative act in force. Approvals do not count: they change no level and no rule.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.0.present().snapshot.revision
    }

    /// The gate's safe reading of the time: the latest of what its clock says and what was read before.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        let present = self.0.present();
        self.0.reading(&present, self.0.wall()).to_datetime()
    }

    #[inline]
    fn call(&self, request: &ToolRequest, wall: Moment) -> TrustDecision {
        self.judge(&self.0.present(), request, wall)
    }

    /// Judges a tool call on one state.
    #[inline]
    pub(crate) fn judge(
        &self,
        present: &Present,
        request: &ToolRequest,
        wall: Moment,
    ) -> TrustDecision {
        let asked = request.required_level;
        let demand = match present.snapshot.rules.tools.find(&request.tool) {
            Some(demand) => Some(Demand {
                required: asked.map_or(demand.required, |level| level.max(demand.required)),
                effect: demand
                    .effect
                    .map(|effect: Effect| effect.tightened_by(request.hints)),
                ..*demand
            }),
            None => asked.map(Demand::ordinal),
        };
        let unknown = demand.is_none().then_some(&request.tool);
        self.decide(
            present,
            (&request.agent, &request.scope),
            unknown,
            demand,
            request.at_most,
            wall,
        )
    }

    fn ordinal(
        &self,
        agent: &AgentId,
        scope: &Scope,
        required: TrustLevel,
        wall: Moment,
    ) -> TrustDecision {
        let demand = Some(Demand::ordinal(required));
        self.decide(&self.0.present(), (agent, scope), None, demand, None, wall)
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "measured: what it returns is large, and copying that is a tenth of a check"
    )]
    fn decide(
        &self,
        present: &Present,
        (agent, scope): (&AgentId, &Scope),
        unknown: Option<&ToolName>,
        demand: Option<Demand>,
        at_most: Option<TrustLevel>,
        wall: Moment,
    ) -> TrustDecision {
        let (standing, at) = self.0.standing(present, agent, scope, wall);
        let effective = at_most.map_or(standing.effective, |most| most.min(standing.effective));
        let outcome = match demand {
            None => TrustOutcome::Deny(DenyReason::UnknownTool),
            Some(_) if standing.found.quarantine.is_some() => {
                TrustOutcome::Deny(DenyReason::Quarantined)
            }
            Some(demand) => judge(effective, demand),
        };
        let elevated = standing.elevation.map(|elevation| Elevated {
            revision: elevation.assignment.revision,
            break_glass: matches!(elevation.assignment.kind, AssignmentKind::BreakGlass(_)),
        });
        let outcome = match outcome {
            // What is done behind a broken glass is always to be reported.
            TrustOutcome::Permit { .. }
                if elevated.is_some_and(|elevated| elevated.break_glass) =>
            {
                TrustOutcome::Permit {
                    obligations: Obligations::REPORT,
                }
            }
            outcome => outcome,
        };
        TrustDecision {
            agent: agent.clone(),
            scope: scope.clone(),
            outcome,
            effective,
            required: demand.map(|demand| demand.required),
            elevated,
            particular: unknown.cloned().map(Particular::Unknown),
            revision: present.snapshot.revision,
            at,
        }
    }

    fn standing(&self, agent: &AgentId, scope: &Scope, wall: Moment) -> EffectiveLevel {
        let present = self.0.present();
        let (standing, at) = self.0.standing(&present, agent, scope, wall);
        EffectiveLevel::new(&standing, present.snapshot.revision, at)
    }
}

impl fmt::Debug for TrustGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustGate")
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}

/// The level an agent has in a scope, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EffectiveLevel {
    /// What counts in the end: the higher of `decayed` and the elevation, and of that and `cap` the lower.
    pub effective: TrustLevel,
    /// What the grant has come down to; the default level where there is none.
    pub decayed: TrustLevel,
    /// The lowest of the gate's own highest level and every cap and quarantine that holds there.
    pub cap: TrustLevel,
    /// Whether a quarantine holds there.
    pub quarantined: bool,
    /// The grant or tombstone that decides; `None` where the default level does.
    pub base: Option<Assignment>,
    /// The elevation or broken glass that is active on exactly that scope.
    pub elevation: Option<Assignment>,
    /// The last administrative act taken into account.
    pub revision: Revision,
    /// The reading on which it was found.
    pub at: OffsetDateTime,
}

impl EffectiveLevel {
    fn new(standing: &Standing<'_>, revision: Revision, at: Moment) -> Self {
        let found = &standing.found;
        Self {
            effective: standing.effective,
            decayed: standing.decayed,
            cap: found.cap,
            quarantined: found.quarantine.is_some(),
            base: found.base.map(|base| Assignment::clone(&base.assignment)),
            elevation: standing
                .elevation
                .map(|elevation| Assignment::clone(&elevation.assignment)),
            revision,
            at: at.to_datetime(),
        }
    }
}

/// A fall that time alone will bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LevelChange {
    /// When.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
    /// The effective level from then on.
    pub to: TrustLevel,
}
