//! How many agents have which level.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::agent::AgentRecord;
use crate::level::TrustLevel;
use crate::moment::Moment;
use crate::name::AgentId;
use crate::scope::Scope;
use crate::snapshot::Snapshot;

/// How many agents have which effective level in one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Distribution {
    /// Where.
    pub scope: Scope,
    /// Every level, lowest first.
    pub counts: Vec<LevelCount>,
}

/// How many agents have a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LevelCount {
    /// The level.
    pub level: TrustLevel,
    /// How many agents.
    pub agents: usize,
}

impl Distribution {
    /// For the root all the agents; for every other scope those with something assigned on exactly it. Also the latest
    /// fall that led to any of these levels.
    pub(super) fn all(
        snapshot: &Snapshot,
        records: &[(&AgentId, &AgentRecord)],
        scopes: &BTreeSet<Scope>,
        at: Moment,
    ) -> (Vec<Self>, Moment) {
        let root = Scope::root();
        let others = scopes.iter().filter(|scope| !scope.is_root());
        let mut fell_at = Moment::EARLIEST;
        let levels = std::iter::once(&root)
            .chain(others)
            .map(|scope| {
                let mut found = Vec::new();
                for (agent, record) in records {
                    if scope.is_root() || record.slot(scope.as_str()).is_some() {
                        let standing = snapshot.find(agent, scope).at(at);
                        fell_at = fell_at.max(standing.fell_at);
                        found.push(standing.effective);
                    }
                }
                Self::count(scope.clone(), &found)
            })
            .collect();
        (levels, fell_at)
    }

    fn count(scope: Scope, found: &[TrustLevel]) -> Self {
        let counts = TrustLevel::ALL
            .into_iter()
            .map(|level| LevelCount {
                level,
                agents: found.iter().filter(|one| **one == level).count(),
            })
            .collect();
        Self { scope, counts }
    }
}
