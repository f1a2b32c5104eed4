//! The records that were looked at, and what each of them leaves at one moment.

use serde::Serialize;

use crate::agent::AgentRecord;
use crate::assignment::{Assignment, AssignmentKind};
use crate::config::{Rules, ScopeMode};
use crate::gate::LevelChange;
use crate::ladder::Ladder;
use crate::level::TrustLevel;
use crate::moment::Moment;
use crate::scope::Scope;

/// An assignment with what it leaves at one moment, were it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AssignmentNow {
    /// The record.
    #[serde(flatten)]
    pub assignment: Assignment,
    /// The level it gives, or holds others down to.
    pub leaves: TrustLevel,
    /// When it will next leave less, by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_fall: Option<LevelChange>,
}

/// A record that was looked at, from the scope outwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Considered {
    /// What part it has in the level.
    pub part: Part,
    /// The record as it is now.
    #[serde(flatten)]
    pub record: AssignmentNow,
}

/// What part a record has in a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// The level is worked out with it.
    Counts,
    /// A grant or tombstone behind one that is nearer to the scope.
    Hidden,
    /// On a scope further out, where only one on exactly the scope would count.
    Elsewhere,
    /// An elevation whose time is up.
    Over,
}

impl AssignmentNow {
    pub(crate) fn new(assignment: &Assignment, at: Moment, default_level: TrustLevel) -> Self {
        let leaves = assignment.level_at(at.to_datetime(), default_level);
        Self {
            leaves,
            next_fall: next_fall(assignment, at, leaves, default_level),
            assignment: assignment.clone(),
        }
    }
}

impl Considered {
    /// Every record on the scope and around it, nearest first.
    pub(super) fn all(
        agent: Option<&AgentRecord>,
        scope: &Scope,
        at: Moment,
        rules: &Rules,
    ) -> Vec<Self> {
        let Some(agent) = agent else {
            return Vec::new();
        };
        let mut all = Vec::new();
        let mut has_base = false;
        for path in std::iter::once(scope.as_str()).chain(scope.ancestors()) {
            let Some(slot) = agent.slot(path) else {
                continue;
            };
            let is_own = path == scope.as_str();
            let mut push = |assignment: &Assignment, part| {
                let record = AssignmentNow::new(assignment, at, rules.default_level);
                all.push(Self { part, record });
            };
            if let Some(base) = &slot.base {
                let gives =
                    rules.scope_mode == ScopeMode::Hierarchical || is_own || path.is_empty();
                let part = match (gives, has_base) {
                    (false, _) => Part::Elsewhere,
                    (true, true) => Part::Hidden,
                    (true, false) => Part::Counts,
                };
                has_base |= gives;
                push(&base.assignment, part);
            }
            if let Some((_, cap)) = &slot.cap {
                push(cap, Part::Counts);
            }
            if let Some(quarantine) = &slot.quarantine {
                push(quarantine, Part::Counts);
            }
            if let Some(elevation) = &slot.elevation {
                let part = match (elevation.is_active(at), is_own) {
                    (false, _) => Part::Over,
                    (true, false) => Part::Elsewhere,
                    (true, true) => Part::Counts,
                };
                push(&elevation.assignment, part);
            }
        }
        all
    }
}

fn next_fall(
    assignment: &Assignment,
    at: Moment,
    leaves: TrustLevel,
    default_level: TrustLevel,
) -> Option<LevelChange> {
    if let Some(ladder) = Ladder::of(assignment) {
        let mut falls = ladder.after(at, default_level);
        return falls
            .find(|fall| fall.level < leaves)
            .map(|fall| LevelChange {
                at: fall.since.to_datetime(),
                to: fall.level,
            });
    }
    let raises = matches!(
        assignment.kind,
        AssignmentKind::Elevation(_) | AssignmentKind::BreakGlass(_)
    );
    let until = assignment
        .expires_at
        .filter(|until| raises && at < Moment::from(*until))?;
    (leaves > TrustLevel::Observer).then_some(LevelChange {
        at: until,
        to: TrustLevel::Observer,
    })
}
