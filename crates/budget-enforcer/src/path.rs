//! The envelopes of a charge, looked up once: trees in the order in which they are locked, and in each the nodes.

use std::fmt;
use std::sync::{Arc, MutexGuard};

use crate::amounts::Amounts;
use crate::charge::{Charge, Envelope};
use crate::core::Core;
use crate::error::Poisoned;
use crate::tree::{Tree, TreeState};

/// The most envelopes that one charge can name.
pub(crate) const MAX_LINES: usize = 64;

/// A charge whose envelopes have been looked up: reserving on it hashes nothing.
///
/// It stays valid for as long as the enforcer lives; an envelope that is suspended or closed later refuses then.
#[derive(Clone)]
pub struct BudgetPath {
    pub(crate) path: Arc<Path>,
    pub(crate) lines: Lines,
}

impl BudgetPath {
    /// The charge that was resolved.
    #[must_use]
    pub fn charge(&self) -> Charge {
        self.path.charge(&self.lines)
    }
}

impl fmt::Debug for BudgetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BudgetPath").field(&self.charge()).finish()
    }
}

/// One amount for each envelope named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lines {
    One(Amounts),
    Many(Arc<[Amounts]>),
}

impl Lines {
    pub(crate) fn of(charge: &Charge) -> Self {
        match charge.single() {
            Some((_, amounts)) => Self::One(*amounts),
            None => Self::Many(charge.lines().map(|(_, amounts)| *amounts).collect()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[Amounts] {
        match self {
            Self::One(amounts) => std::slice::from_ref(amounts),
            Self::Many(amounts) => amounts,
        }
    }

    /// What a node is charged that is touched by the lines of `mask`. A sum that cannot be counted stops at the largest number.
    pub(crate) fn at(&self, mask: u64) -> Amounts {
        match self {
            Self::One(amounts) => *amounts,
            Self::Many(amounts) => (0_u32..)
                .zip(amounts.iter())
                .filter(|(line, _)| mask.checked_shr(*line).unwrap_or(0) & 1 == 1)
                .fold(Amounts::NONE, |sum, (_, amounts)| {
                    sum.saturating_add(amounts)
                }),
        }
    }

    /// Line by line; both have one for each envelope named.
    pub(crate) fn plus(&self, more: &Self) -> Self {
        match (self, more) {
            (Self::One(a), Self::One(b)) => Self::One(a.saturating_add(b)),
            (a, b) => {
                let sums = a
                    .as_slice()
                    .iter()
                    .zip(b.as_slice())
                    .map(|(a, b)| a.saturating_add(b));
                Self::Many(sums.collect())
            }
        }
    }

    /// In each dimension the least of the lines that have it.
    pub(crate) fn least(&self) -> Amounts {
        match self {
            Self::One(amounts) => *amounts,
            Self::Many(lines) => Amounts::from_units(|dimension| {
                lines.iter().filter_map(|line| line.units(dimension)).min()
            }),
        }
    }

    pub(crate) fn map(&self, f: impl Fn(&Amounts) -> Amounts) -> Self {
        match self {
            Self::One(amounts) => Self::One(f(amounts)),
            Self::Many(amounts) => Self::Many(amounts.iter().map(f).collect()),
        }
    }
}

pub(crate) struct Path {
    /// The envelopes named, without amounts.
    pub(crate) named: Charge,
    /// In the order of the trees' numbers, which is the order of locking. Never empty.
    pub(crate) groups: Box<[Group]>,
}

/// What a path touches in one tree.
pub(crate) struct Group {
    pub(crate) tree: Arc<Tree>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone)]
pub(crate) struct Step {
    /// Index among the tree's nodes.
    pub(crate) node: usize,
    pub(crate) envelope: Envelope,
    /// The lines that touch it, as bits.
    pub(crate) lines: u64,
    /// Named in the charge, and not only an ancestor.
    pub(crate) is_named: bool,
    /// In which order the charge comes to it: decides which refusal is told.
    pub(crate) rank: usize,
}

impl Path {
    /// The path of one envelope: itself and its ancestors, which are all in one tree.
    pub(crate) fn single(
        tree: Arc<Tree>,
        node: usize,
        envelope: Envelope,
        ancestors: &[Step],
    ) -> Self {
        let named = Charge::of(envelope.clone());
        let mut steps = vec![Step {
            node,
            envelope,
            lines: 1,
            is_named: true,
            rank: 0,
        }];
        steps.extend((1..).zip(ancestors).map(|(rank, step)| Step {
            is_named: false,
            rank,
            ..step.clone()
        }));
        Self {
            named,
            groups: Box::new([Group { tree, steps }]),
        }
    }

    /// The paths of the envelopes that `charge` names, at most [`MAX_LINES`], as one.
    pub(crate) fn join(charge: &Charge, parts: &[Arc<Self>]) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut rank = 0_usize;
        for (line, part) in (0_u32..).zip(parts) {
            let bit = 1_u64.checked_shl(line).unwrap_or(0);
            for group in &part.groups {
                let at = match groups
                    .binary_search_by_key(&group.tree.number, |group| group.tree.number)
                {
                    Ok(at) => at,
                    Err(at) => {
                        groups.insert(
                            at,
                            Group {
                                tree: Arc::clone(&group.tree),
                                steps: Vec::new(),
                            },
                        );
                        at
                    }
                };
                let Some(joined) = groups.get_mut(at) else {
                    continue;
                };
                for step in &group.steps {
                    match joined
                        .steps
                        .iter_mut()
                        .find(|known| known.node == step.node)
                    {
                        Some(known) => {
                            known.lines |= bit;
                            known.is_named |= step.is_named;
                        }
                        None => joined.steps.push(Step {
                            lines: bit,
                            rank,
                            ..step.clone()
                        }),
                    }
                    rank = rank.saturating_add(1);
                }
            }
        }
        Self {
            named: charge.filled(&[]),
            groups: groups.into(),
        }
    }

    /// What the path touches in the tree of that number.
    pub(crate) fn group(&self, tree: u64) -> Option<&Group> {
        self.groups.iter().find(|group| group.tree.number == tree)
    }

    /// What its trees have in common.
    pub(crate) fn core(&self) -> Option<&Core> {
        self.home().map(|tree| &*tree.core)
    }

    /// The tree that numbers this path's reservations and transactions.
    pub(crate) fn home(&self) -> Option<&Arc<Tree>> {
        self.groups.first().map(|group| &group.tree)
    }

    pub(crate) fn charge(&self, lines: &Lines) -> Charge {
        self.named.filled(lines.as_slice())
    }

    /// Runs `f` with all trees locked, in the fixed order that rules out a deadlock.
    pub(crate) fn lock<R>(
        &self,
        f: impl FnOnce(&mut [MutexGuard<'_, TreeState>]) -> R,
    ) -> Result<R, Poisoned> {
        // Up to two without an allocation: a session, and a tree of budgets.
        match &*self.groups {
            [only] => Ok(f(&mut [only.tree.lock()?])),
            [first, second] => Ok(f(&mut [first.tree.lock()?, second.tree.lock()?])),
            groups => {
                let mut trees = groups
                    .iter()
                    .map(|group| group.tree.lock())
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(f(&mut trees))
            }
        }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Path").field(&self.named).finish()
    }
}
