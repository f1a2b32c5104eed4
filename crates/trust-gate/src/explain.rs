//! Why a decision fell as it did: everything that was looked at, what of it decided, and when that will change.
//!
//! An operator who cannot see why an agent may do something cannot take it away. Nothing here is on the path of a check.

mod cause;
mod record;
mod text;

use std::num::NonZeroU8;
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use time::serde::rfc3339;

pub use self::cause::DecidedBy;
pub use self::record::{AssignmentNow, Considered, Part};
pub(crate) use self::text::When;
use crate::agent::Found;
use crate::decision::TrustOutcome;
use crate::effect::Effect;
use crate::event::Revision;
use crate::gate::{LevelChange, TrustGate};
use crate::level::TrustLevel;
use crate::moment::Moment;
use crate::name::{AgentId, ToolName};
use crate::policy::ToolPolicy;
use crate::request::ToolRequest;
use crate::scope::Scope;
use crate::span;

impl TrustGate {
    /// Judges a tool call as [`check`](Self::check) does, and tells why. Allocates; for people, not for the path of a call.
    ///
    /// ```
    /// # use trust_gate::{DecidedBy, Tier, ToolRequest, TrustGate, TrustGateConfig};
    /// let config = TrustGateConfig::new(Tier("verified"), "file-reader")?;
    /// let (gate, _admin) = TrustGate::builder().config(config).build()?;
    /// let explanation = gate.explain(&ToolRequest::new("desk-assistant".parse()?, "file-reader".parse()?));
    /// assert_eq!(explanation.code, "trust_too_low");
    /// assert_eq!(explanation.decided_by, DecidedBy::DefaultLevel);
    /// println!("{explanation}");
    /// # Ok::<(), trust_gate::TrustError>(())
    /// ```
    #[must_use]
    pub fn explain<R: AsRef<ToolRequest> + ?Sized>(&self, request: &R) -> Explanation {
        self.explain_on(request.as_ref(), self.0.wall())
    }

    /// Explains as [`explain`](Self::explain), on a wall time that the caller has read.
    #[must_use]
    pub fn explain_at<R: AsRef<ToolRequest> + ?Sized>(
        &self,
        request: &R,
        wall: OffsetDateTime,
    ) -> Explanation {
        self.explain_on(request.as_ref(), wall.into())
    }

    fn explain_on(&self, request: &ToolRequest, wall: Moment) -> Explanation {
        let present = self.0.present();
        let snapshot = &present.snapshot;
        let rules = &*snapshot.rules;
        let (agent, scope) = (&request.agent, &request.scope);

        let decision = self.judge(&present, request, wall);
        let at = Moment::from(decision.at());
        let standing = snapshot.find(agent, scope).at(at);
        let records = Considered::all(snapshot.agent(agent), scope, at, rules);
        let level_by = DecidedBy::of_level(&standing, &records, request.at_most, rules);
        let demand = rules.tools.find(&request.tool);
        let decided_by = DecidedBy::of_decision(&decision, request, demand, level_by);
        let position = rules.tools.position(&request.tool);
        let policy = position.and_then(|position| {
            Some(MatchedPolicy {
                position: position.saturating_add(1),
                policy: rules.config.tools.get(position)?.clone(),
            })
        });
        let approval = match decision.outcome() {
            TrustOutcome::NeedsApproval { approvers } => Some(ApprovalNeeded {
                approvers,
                ttl: rules.config.approvals.ttl,
            }),
            _ => None,
        };
        Explanation {
            agent: agent.clone(),
            scope: scope.clone(),
            tool: request.tool.clone(),
            code: decision.code(),
            reason: decision.reason().to_string(),
            effective: decision.effective(),
            required: decision.required(),
            elevated: decision.elevated().map(|elevated| elevated.revision),
            break_glass: decision.break_glass(),
            revision: decision.revision(),
            at: decision.at(),
            decided_by,
            level_by,
            effect: policy
                .as_ref()
                .and_then(|matched| matched.policy.effect)
                .map(|effect| effect.tightened_by(request.hints)),
            policy,
            asked: request.required_level,
            records,
            default_level: rules.default_level,
            max_level: rules.max_level,
            at_most: request.at_most,
            next_change: next_change(&standing.found, at, decision.effective()),
            approval,
        }
    }
}

/// Why a decision fell as it did. Shown as plain sentences, a line each. Of the call's arguments it knows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Who asked.
    pub agent: AgentId,
    /// Where.
    pub scope: Scope,
    /// For what.
    pub tool: ToolName,
    /// The decision's code.
    pub code: &'static str,
    /// The decision's reason.
    pub reason: String,
    /// The level that the agent has there.
    pub effective: TrustLevel,
    /// The level that was required; `None` where the tool is unknown.
    pub required: Option<TrustLevel>,
    /// The act of the elevation that is active there, needed or not.
    pub elevated: Option<Revision>,
    /// Whether the glass is broken for the agent there.
    pub break_glass: bool,
    /// The last administrative act taken into account.
    pub revision: Revision,
    /// The reading on which it was judged.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
    /// What made the decision what it is.
    pub decided_by: DecidedBy,
    /// What made the effective level what it is.
    pub level_by: DecidedBy,
    /// The first tool policy that matches.
    pub policy: Option<MatchedPolicy>,
    /// The level that the code at the tool asked for.
    pub asked: Option<TrustLevel>,
    /// The effect that was looked up: the policy's, made stricter by what the tool server says.
    pub effect: Option<Effect>,
    /// Every record on the scope and around it, nearest first.
    pub records: Vec<Considered>,
    /// The level of an agent that nothing was granted to.
    pub default_level: TrustLevel,
    /// The gate's highest level.
    pub max_level: TrustLevel,
    /// The most that the agent's credential lets it have.
    pub at_most: Option<TrustLevel>,
    /// When the effective level will next fall by itself; `None` if it will not.
    pub next_change: Option<LevelChange>,
    /// What an approval of the call takes, where it needs one.
    pub approval: Option<ApprovalNeeded>,
}

/// A tool policy and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MatchedPolicy {
    /// Its place among the tool policies, the first being 1.
    pub position: usize,
    /// The policy.
    pub policy: ToolPolicy,
}

/// What an approval takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApprovalNeeded {
    /// How many distinct operators must agree.
    pub approvers: NonZeroU8,
    /// How long a request is good for.
    #[serde(with = "span")]
    pub ttl: Duration,
}

/// The first fall below `effective`, which a credential may hold below what the gate gives.
fn next_change(found: &Found<'_>, at: Moment, effective: TrustLevel) -> Option<LevelChange> {
    std::iter::successors(found.next_fall(at), |fall| found.next_fall(fall.since))
        .find(|fall| fall.level < effective)
        .map(|fall| LevelChange {
            at: fall.since.to_datetime(),
            to: fall.level,
        })
}
