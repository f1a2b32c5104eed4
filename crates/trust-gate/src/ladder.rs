//! A grant's whole future, computed once when it is made: which level it gives from which moment on.
//!
//! A level can only fall, so there are at most five falls and an end, and a decision only looks where it stands.

use crate::assignment::{Assignment, AssignmentKind};
use crate::decay::Decay;
use crate::level::TrustLevel;
use crate::moment::Moment;

/// The falls of one grant, in order of time.
#[derive(Debug, Clone)]
pub(crate) struct Ladder {
    assigned: TrustLevel,
    falls: Box<[Rung]>,
    expires: Option<Moment>,
    bottom: TrustLevel,
}

/// A level, and since when it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) since: Moment,
    pub(crate) level: TrustLevel,
}

impl Ladder {
    /// The falls of an assignment that gives a level; `None` for one that takes it away.
    pub(crate) fn of(assignment: &Assignment) -> Option<Self> {
        let assigned = match assignment.kind {
            AssignmentKind::Grant(level) => level,
            AssignmentKind::Tombstone => TrustLevel::Observer,
            _ => return None,
        };
        let falls = falls(assigned, assignment);
        let bottom = match assignment.decay {
            // Reached or not, what the shape could leave is the most that its end leaves.
            Decay::Cliff { to, .. } => assigned.min(to),
            Decay::Step { floor, .. } => assigned.min(floor),
            _ => falls.last().map_or(assigned, |rung| rung.level),
        };
        Some(Self {
            assigned,
            falls: falls.into(),
            expires: assignment.expires_at.map(Moment::from),
            bottom,
        })
    }

    /// Whether time changes nothing here.
    #[inline]
    pub(crate) fn is_timeless(&self) -> bool {
        self.falls.is_empty() && self.expires.is_none()
    }

    /// The level at `at`, and since when. A lapsed grant leaves what the default level leaves, and never more than it
    /// could have come down to by itself.
    #[inline]
    pub(crate) fn at(&self, at: Moment, default_level: TrustLevel) -> Rung {
        if let Some(expires) = self.expires.filter(|expires| at >= *expires) {
            return Rung {
                since: expires,
                level: self.bottom.min(default_level),
            };
        }
        self.falls
            .iter()
            .rfind(|fall| at >= fall.since)
            .copied()
            .unwrap_or(Rung {
                since: Moment::EARLIEST,
                level: self.assigned,
            })
    }

    /// The falls after `at`, in order, the end included.
    pub(crate) fn after(
        &self,
        at: Moment,
        default_level: TrustLevel,
    ) -> impl Iterator<Item = Rung> {
        let expires = self.expires;
        let end = expires.map(|since| Rung {
            since,
            level: self.bottom.min(default_level),
        });
        self.falls
            .iter()
            .copied()
            .filter(move |fall| expires.is_none_or(|expires| fall.since < expires))
            .chain(end)
            .filter(move |fall| fall.since > at)
    }
}

fn falls(assigned: TrustLevel, assignment: &Assignment) -> Vec<Rung> {
    let start = Moment::from(assignment.assigned_at);
    match assignment.decay {
        Decay::None => Vec::new(),
        Decay::Cliff { ttl, to } => vec![Rung {
            since: start.after(ttl),
            level: assigned.min(to),
        }],
        Decay::Step {
            every,
            grace,
            floor,
        } => (1..=assigned.as_u8())
            .map(|steps| {
                let elapsed = grace.saturating_add(every.saturating_mul(steps.into()));
                Rung {
                    since: start.after(elapsed),
                    level: assigned.lowered_by(steps),
                }
            })
            .take_while(|rung| rung.level >= floor)
            .collect(),
        Decay::Inactivity { .. } => {
            let active = assignment.active_at.map_or(start, Moment::from).max(start);
            let idle = assignment.decay.idle_limit().unwrap_or_default();
            vec![Rung {
                since: active.after(idle),
                level: assigned.lowered_by(1),
            }]
        }
    }
}
