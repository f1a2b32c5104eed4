//! Which record or rule a decision, or a level, came down to.

use serde::Serialize;

use super::record::{Considered, Part};
use crate::agent::Standing;
use crate::assignment::AssignmentKind;
use crate::config::Rules;
use crate::decision::{DenyReason, TrustDecision, TrustOutcome};
use crate::event::Revision;
use crate::judge::judge;
use crate::level::TrustLevel;
use crate::policy::Demand;
use crate::request::ToolRequest;

/// What decided. Where two would have had the same result it is the nearer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DecidedBy {
    /// No tool policy names the tool.
    NoPolicy,
    /// The agent is stopped.
    Quarantine {
        /// The act that stopped it.
        revision: Revision,
    },
    /// A grant, with what time has left of it.
    Grant {
        /// The act that gave it.
        revision: Revision,
    },
    /// What a revocation left.
    Tombstone {
        /// The revocation.
        revision: Revision,
    },
    /// Nothing is granted: the gate's default level.
    DefaultLevel,
    /// A cap, below what was given.
    Cap {
        /// The act that set it.
        revision: Revision,
    },
    /// The gate's highest level, below what was given.
    MaxLevel,
    /// The most that the agent's credential lets it have, below what the gate would give.
    AtMost,
    /// An elevation, or a broken glass.
    Elevation {
        /// The act that gave it.
        revision: Revision,
    },
    /// The level meets the required one, and the level × effect table says the rest.
    EffectTable,
    /// The level would permit the call, and the tool policy asks for approval each time.
    ApprovalRule,
}

impl DecidedBy {
    /// The stable snake-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoPolicy => "no_policy",
            Self::Quarantine { .. } => "quarantine",
            Self::Grant { .. } => "grant",
            Self::Tombstone { .. } => "tombstone",
            Self::DefaultLevel => "default_level",
            Self::Cap { .. } => "cap",
            Self::MaxLevel => "max_level",
            Self::AtMost => "at_most",
            Self::Elevation { .. } => "elevation",
            Self::EffectTable => "effect_table",
            Self::ApprovalRule => "approval_rule",
        }
    }

    /// The act of the record that decided, where it was a record.
    #[must_use]
    pub const fn revision(self) -> Option<Revision> {
        match self {
            Self::Quarantine { revision }
            | Self::Grant { revision }
            | Self::Tombstone { revision }
            | Self::Cap { revision }
            | Self::Elevation { revision } => Some(revision),
            _ => None,
        }
    }

    /// What made the effective level what it is.
    pub(super) fn of_level(
        standing: &Standing<'_>,
        records: &[Considered],
        at_most: Option<TrustLevel>,
        rules: &Rules,
    ) -> Self {
        if at_most.is_some_and(|most| most < standing.effective) {
            return Self::AtMost;
        }
        if let Some(quarantine) = standing.found.quarantine {
            return Self::Quarantine {
                revision: quarantine.revision,
            };
        }
        let elevation = standing
            .elevation
            .map(|elevation| &*elevation.assignment)
            .filter(|elevation| elevation.kind.level() > standing.decayed);
        let given = elevation.map_or(standing.decayed, |elevation| elevation.kind.level());
        if given > standing.found.cap {
            return lowest_cap(records)
                .filter(|(level, _)| *level < rules.max_level)
                .map_or(Self::MaxLevel, |(_, revision)| Self::Cap { revision });
        }
        match (elevation, standing.found.base) {
            (Some(elevation), _) => Self::Elevation {
                revision: elevation.revision,
            },
            (None, Some(base)) => {
                let revision = base.assignment.revision;
                match base.assignment.kind {
                    AssignmentKind::Tombstone => Self::Tombstone { revision },
                    _ => Self::Grant { revision },
                }
            }
            (None, None) => Self::DefaultLevel,
        }
    }

    /// What made the decision what it is: what the level came from, unless something else had the last word.
    pub(super) fn of_decision(
        decision: &TrustDecision,
        request: &ToolRequest,
        demand: Option<&Demand>,
        level_by: Self,
    ) -> Self {
        match decision.outcome() {
            TrustOutcome::Deny(DenyReason::UnknownTool) => Self::NoPolicy,
            TrustOutcome::Deny(DenyReason::EffectNotAllowed) | TrustOutcome::ProposeOnly => {
                Self::EffectTable
            }
            TrustOutcome::NeedsApproval { .. } => {
                let unasked = demand.map(|demand| Demand {
                    effect: demand
                        .effect
                        .map(|effect| effect.tightened_by(request.hints)),
                    always_ask: false,
                    ..*demand
                });
                match unasked.map(|demand| judge(decision.effective(), demand)) {
                    Some(TrustOutcome::Permit { .. }) => Self::ApprovalRule,
                    _ => Self::EffectTable,
                }
            }
            TrustOutcome::Deny(_) | TrustOutcome::Permit { .. } => level_by,
        }
    }
}

/// The lowest cap, the nearest where several are.
fn lowest_cap(records: &[Considered]) -> Option<(TrustLevel, Revision)> {
    records
        .iter()
        .filter(|considered| considered.part == Part::Counts)
        .filter_map(|considered| {
            let assignment = &considered.record.assignment;
            match assignment.kind {
                AssignmentKind::Cap(level) => Some((level, assignment.revision)),
                _ => None,
            }
        })
        .min_by_key(|(level, _)| *level)
}
