//! How many agents have which level.

use std::collections::BTreeMap;

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
        at: Moment,
    ) -> (Vec<Self>, Moment) {
        let root = Scope::root();
        let mut fell_at = Moment::EARLIEST;
        let mut found = BTreeMap::from([(&root, Vec::new())]);
        for (agent, record) in records {
            let others = record.scopes().filter(|scope| !scope.is_root());
            for scope in std::iter::once(&root).chain(others) {
                let standing = snapshot.find(agent, scope).at(at);
                fell_at = fell_at.max(standing.fell_at);
                found.entry(scope).or_default().push(standing.effective);
            }
        }
        let levels = found
            .into_iter()
            .map(|(scope, found)| Self::count(scope.clone(), &found))
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
