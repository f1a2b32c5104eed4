//! All that is assigned to one agent, and what of it counts in a scope.

use std::sync::Arc;

use crate::assignment::{Assignment, AssignmentKind};
use crate::config::{Rules, ScopeMode};
use crate::event::Revision;
use crate::ladder::{Ladder, Rung};
use crate::level::TrustLevel;
use crate::moment::Moment;
use crate::scope::{self, Scope};

/// One agent's assignments, by scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct AgentRecord {
    /// Sorted by the scope's text. A scope with nothing in it is not kept.
    slots: Arc<[Slot]>,
}

/// What is assigned on exactly one scope: at most one of each.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    scope: Scope,
    /// A grant or a tombstone.
    pub(crate) base: Option<Base>,
    pub(crate) cap: Option<(TrustLevel, Arc<Assignment>)>,
    pub(crate) quarantine: Option<Arc<Assignment>>,
    pub(crate) elevation: Option<Elevation>,
}

/// A level for a while, on exactly one scope.
#[derive(Debug, Clone)]
pub(crate) struct Elevation {
    level: TrustLevel,
    /// Its first moment no more.
    pub(crate) until: Moment,
    pub(crate) assignment: Arc<Assignment>,
}

/// An assignment that gives a level, with its future worked out.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    ladder: Ladder,
    pub(crate) assignment: Arc<Assignment>,
    /// Not looked at by decisions, which are to find their way through little memory.
    pub(crate) past: Arc<Past>,
}

/// What a grant that was held back must not undo.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    /// What put the assignment there.
    #[cfg_attr(
        not(feature = "signed"),
        expect(dead_code, reason = "asked where signed grants are")
    )]
    pub(crate) decided: Decided,
    /// The last revocation on its scope, which an assignment since then does not make forgotten.
    pub(crate) revoked: Option<Decided>,
}

/// An act, and the time by which a grant that was held back is found to be older.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decided {
    #[cfg_attr(
        not(feature = "signed"),
        expect(dead_code, reason = "told where signed grants are refused")
    )]
    pub(crate) revision: Revision,
    pub(crate) at: Moment,
}

impl AgentRecord {
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// What is assigned on exactly this scope.
    #[inline]
    pub(crate) fn slot(&self, scope: &str) -> Option<&Slot> {
        if scope.is_empty() {
            return self.slots.first().filter(|slot| slot.scope.is_root());
        }
        self.place(scope)
            .ok()
            .and_then(|place| self.slots.get(place))
    }

    /// What is assigned on the root, if nothing is assigned on any other scope.
    #[inline]
    fn root_alone(&self) -> Option<&Slot> {
        match &*self.slots {
            [slot] if slot.scope.is_root() => Some(slot),
            _ => None,
        }
    }

    /// Changes what is assigned on exactly this scope.
    pub(crate) fn change(&mut self, scope: &Scope, change: impl FnOnce(&mut Slot)) {
        let found = self.place(scope.as_str());
        let mut slots = self.slots.to_vec();
        let place = found.unwrap_or_else(|place| {
            slots.insert(
                place,
                Slot {
                    scope: scope.clone(),
                    base: None,
                    cap: None,
                    quarantine: None,
                    elevation: None,
                },
            );
            place
        });
        if let Some(slot) = slots.get_mut(place) {
            change(slot);
            if slot.is_empty() {
                slots.remove(place);
            }
        }
        self.slots = slots.into();
    }

    /// Every assignment, by scope.
    pub(crate) fn assignments(&self) -> impl Iterator<Item = &Assignment> {
        self.slots.iter().flat_map(|slot| {
            let base = slot.base.as_ref().map(|base| &base.assignment);
            let cap = slot.cap.as_ref().map(|(_, cap)| cap);
            let elevation = slot
                .elevation
                .as_ref()
                .map(|elevation| &elevation.assignment);
            base.into_iter()
                .chain(cap)
                .chain(&slot.quarantine)
                .chain(elevation)
                .map(Arc::as_ref)
        })
    }

    /// Every scope with something assigned.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.slots.iter().map(|slot| &slot.scope)
    }

    #[inline]
    fn place(&self, scope: &str) -> Result<usize, usize> {
        self.slots
            .binary_search_by(|slot| slot.scope.as_str().cmp(scope))
    }
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.base.is_none()
            && self.cap.is_none()
            && self.quarantine.is_none()
            && self.elevation.is_none()
    }
}

impl Elevation {
    pub(crate) fn new(assignment: Assignment, until: Moment) -> Self {
        Self {
            level: assignment.kind.level(),
            until,
            assignment: Arc::new(assignment),
        }
    }

    /// Half-open, like every end.
    #[inline]
    pub(crate) fn is_active(&self, at: Moment) -> bool {
        at < self.until
    }
}

impl Base {
    /// What `decided` puts in the place of `before`; `None` if the assignment is not one that gives a level.
    pub(crate) fn new(
        assignment: Assignment,
        decided: Decided,
        before: Option<&Self>,
    ) -> Option<Self> {
        let revoked = match assignment.kind {
            AssignmentKind::Tombstone => Some(decided),
            // Where the clock was set right since, what came later came no earlier.
            _ => before
                .and_then(|before| before.past.revoked)
                .map(|revoked| Decided {
                    at: revoked.at.min(decided.at),
                    ..revoked
                }),
        };
        Some(Self {
            ladder: Ladder::of(&assignment)?,
            assignment: Arc::new(assignment),
            past: Arc::new(Past { decided, revoked }),
        })
    }

    /// The same decision with another assignment.
    pub(crate) fn with(self, assignment: Assignment) -> Option<Self> {
        Some(Self {
            ladder: Ladder::of(&assignment)?,
            assignment: Arc::new(assignment),
            ..self
        })
    }
}

/// What counts for an agent in a scope, before time is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) base: Option<&'a Base>,
    pub(crate) cap: TrustLevel,
    pub(crate) quarantine: Option<&'a Assignment>,
    /// What names exactly the scope, whether it is over or not.
    elevation: Option<&'a Elevation>,
    default_level: TrustLevel,
}

/// What counts for an agent in a scope at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub(crate) found: Found<'a>,
    /// What the grant has come down to.
    pub(crate) decayed: TrustLevel,
    /// The elevation that is active, needed or not.
    pub(crate) elevation: Option<&'a Elevation>,
    pub(crate) effective: TrustLevel,
    /// The fall that led here: once this is seen, no earlier time may be read again.
    pub(crate) fell_at: Moment,
}

impl<'a> Found<'a> {
    /// Looks from the scope outwards (design: trust-gate, Effective level).
    #[inline]
    pub(crate) fn new(agent: Option<&'a AgentRecord>, scope: &Scope, rules: &Rules) -> Self {
        let nothing = Self {
            base: None,
            cap: rules.max_level,
            quarantine: None,
            elevation: None,
            default_level: rules.default_level,
        };
        match agent {
            None => nothing,
            Some(agent) => match agent.root_alone() {
                Some(root) => nothing.and(root, scope.is_root(), true),
                None => nothing.walk(agent, scope, rules.scope_mode),
            },
        }
    }

    fn walk(self, agent: &'a AgentRecord, scope: &Scope, mode: ScopeMode) -> Self {
        let mut found = self;
        let mut next = Some(scope.as_str());
        while let Some(path) = next {
            next = scope::outer(path);
            // Each path leads to the scope, so its length alone tells whether it is the scope's own.
            let is_own = path.len() == scope.as_str().len();
            let gives = mode == ScopeMode::Hierarchical || is_own || path.is_empty();
            if let Some(slot) = agent.slot(path) {
                found = found.and(slot, is_own, gives);
            }
        }
        found
    }

    /// Takes one more slot into account, further out than those before. `gives`: its grant counts if none did before.
    #[inline]
    fn and(mut self, slot: &'a Slot, is_own: bool, gives: bool) -> Self {
        if self.base.is_none() && gives {
            self.base = slot.base.as_ref();
        }
        if is_own {
            self.elevation = slot.elevation.as_ref();
        }
        if let Some((level, _)) = slot.cap {
            self.cap = self.cap.min(level);
        }
        if let Some(quarantine) = &slot.quarantine {
            self.cap = TrustLevel::Observer;
            self.quarantine = self.quarantine.or(Some(quarantine));
        }
        self
    }

    /// Whether the level is the same at all times.
    #[inline]
    pub(crate) fn is_timeless(&self) -> bool {
        self.elevation.is_none() && self.base.is_none_or(|base| base.ladder.is_timeless())
    }

    #[inline]
    pub(crate) fn at(self, at: Moment) -> Standing<'a> {
        let rung = match self.base {
            Some(base) => base.ladder.at(at, self.default_level),
            None => Rung {
                since: Moment::EARLIEST,
                level: self.default_level,
            },
        };
        let (active, over) = match self.elevation {
            Some(elevation) if elevation.is_active(at) => (Some(elevation), Moment::EARLIEST),
            Some(elevation) => (None, elevation.until),
            None => (None, Moment::EARLIEST),
        };
        let raised = active.map_or(rung.level, |elevation| elevation.level.max(rung.level));
        Standing {
            found: self,
            decayed: rung.level,
            elevation: active,
            effective: self.capped(raised),
            fell_at: rung.since.max(over),
        }
    }

    /// The next moment after `at` from which the effective level is lower, and how low.
    pub(crate) fn next_fall(&self, at: Moment) -> Option<Rung> {
        let now = self.at(at).effective;
        let falls = self
            .base
            .into_iter()
            .flat_map(|base| base.ladder.after(at, self.default_level))
            .map(|fall| fall.since);
        let over = self.elevation.map(|elevation| elevation.until);
        let mut moments: Vec<_> = falls.chain(over.filter(|over| *over > at)).collect();
        moments.sort_unstable();
        moments
            .into_iter()
            .map(|since| Rung {
                since,
                level: self.at(since).effective,
            })
            .find(|fall| fall.level < now)
    }

    #[inline]
    fn capped(&self, level: TrustLevel) -> TrustLevel {
        level.min(self.cap)
    }
}

impl Standing<'_> {
    /// The level but for an elevation: what scopes within have of it, and what is left when it is over.
    pub(crate) fn lasting(&self) -> TrustLevel {
        self.found.capped(self.decayed)
    }
}
