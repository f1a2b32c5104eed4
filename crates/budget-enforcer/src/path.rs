//! The envelopes of a charge, looked up once: trees in the order in which they are locked, and in each the nodes.

use std::fmt;
use std::sync::{Arc, MutexGuard};

use crate::charge::{Charge, Envelope};
use crate::core::Core;
use crate::error::Poisoned;
use crate::lane;
use crate::lines::Lines;
use crate::period::Period;
use crate::tree::{Tree, TreeState};

/// The most envelopes that one charge can name.
pub(crate) const MAX_LINES: usize = 64;

/// A charge whose envelopes have been looked up: reserving on it hashes nothing.
///
/// It stays valid for as long as the enforcer lives; an envelope that is suspended or closed later refuses then.
#[derive(Clone)]
pub struct BudgetPath {
    first: Resolved,
    /// The same for the other lanes, so that threads in different lanes do not count references to the same thing.
    others: Arc<[Resolved]>,
}

#[derive(Clone)]
pub(crate) struct Resolved {
    pub(crate) path: Path,
    pub(crate) lines: Lines,
}

impl BudgetPath {
    pub(crate) fn new(path: Path, lines: Lines) -> Self {
        let first = Resolved { path, lines };
        let counts = first.path.groups().map(|group| group.tree.lane_count());
        let copies = (1..counts.max().unwrap_or(0)).map(|_| first.apart());
        Self {
            others: copies.collect(),
            first,
        }
    }

    /// What a thread in the current lane uses.
    #[inline]
    pub(crate) fn here(&self) -> &Resolved {
        if self.others.is_empty() {
            return &self.first;
        }
        lane::own()
            .checked_rem(self.others.len().saturating_add(1))
            .and_then(|lane| self.others.get(lane.checked_sub(1)?))
            .unwrap_or(&self.first)
    }

    /// The charge that was resolved.
    #[must_use]
    pub fn charge(&self) -> Charge {
        self.first.path.charge(&self.first.lines)
    }
}

impl fmt::Debug for BudgetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BudgetPath").field(&self.charge()).finish()
    }
}

impl Resolved {
    /// The same, sharing nothing but the trees.
    fn apart(&self) -> Self {
        Self {
            path: self.path.apart(),
            lines: self.lines.apart(),
        }
    }
}

/// Cheap to clone: one reference.
#[derive(Clone)]
pub(crate) enum Path {
    /// A session: the root of a tree of its own.
    Lone(Arc<Tree>),
    /// Anything else.
    Joined(Arc<Joined>),
}

#[repr(align(128))]
pub(crate) struct Joined {
    /// The envelopes named, without amounts.
    named: Charge,
    /// In the order of the trees' numbers, which is the order of locking. Never empty.
    groups: Box<[Group]>,
}

/// What a path touches in one tree.
#[derive(Clone)]
struct Group {
    tree: Arc<Tree>,
    steps: Vec<Step>,
}

/// A group as its path shows it.
#[derive(Clone, Copy)]
pub(crate) struct GroupRef<'a> {
    pub(crate) tree: &'a Arc<Tree>,
    pub(crate) steps: &'a [Step],
}

#[derive(Clone)]
pub(crate) struct Step {
    /// Index among the tree's nodes.
    pub(crate) node: usize,
    /// `None`: that of the tree's root.
    envelope: Option<Envelope>,
    /// Which of the envelope's windows it is.
    pub(crate) period: Period,
    /// The lines that touch it, as bits.
    pub(crate) lines: u64,
    /// Named in the charge, and not only an ancestor or a further window.
    pub(crate) is_named: bool,
    /// In which order the charge comes to it: decides which refusal is told.
    pub(crate) rank: usize,
}

impl Group {
    fn as_ref(&self) -> GroupRef<'_> {
        GroupRef {
            tree: &self.tree,
            steps: &self.steps,
        }
    }
}

/// The only step of a lone root.
static LONE: [Step; 1] = [Step {
    node: 0,
    envelope: None,
    period: Period::Lifetime,
    lines: 1,
    is_named: true,
    rank: 0,
}];

impl<'a> GroupRef<'a> {
    /// The steps of the envelope that comes first: its windows.
    pub(crate) fn own_steps(&self) -> impl Iterator<Item = &'a Step> + use<'a> {
        let group = *self;
        let first = group.steps.first().map(|step| group.envelope(step));
        let is_own = move |step: &&Step| Some(group.envelope(step)) == first;
        group.steps.iter().take_while(is_own)
    }

    pub(crate) fn envelope(self, step: &'a Step) -> &'a Envelope {
        step.envelope.as_ref().unwrap_or(&self.tree.root)
    }
}

impl Path {
    /// The path of one envelope, whose windows are the nodes from `first` on, and its ancestors: all in one tree.
    pub(crate) fn single(
        tree: Arc<Tree>,
        first: usize,
        windows: impl Iterator<Item = Period>,
        envelope: &Envelope,
        ancestors: Option<&Self>,
    ) -> Self {
        let own = (first..).zip(windows).map(|(node, period)| Step {
            node,
            envelope: Some(envelope.clone()),
            period,
            lines: 1,
            is_named: node == first,
            rank: 0,
        });
        let above = ancestors
            .into_iter()
            .flat_map(Self::groups)
            .flat_map(|group| group.steps.iter().map(move |step| (group, step)));
        let above = above.map(|(group, step)| Step {
            envelope: Some(group.envelope(step).clone()),
            is_named: false,
            ..step.clone()
        });
        let mut steps: Vec<_> = own.chain(above).collect();
        for (rank, step) in steps.iter_mut().enumerate() {
            step.rank = rank;
        }
        Self::Joined(Arc::new(Joined {
            named: Charge::of(envelope.clone()),
            groups: Box::new([Group { tree, steps }]),
        }))
    }

    /// The paths of the envelopes that `charge` names, at most [`MAX_LINES`], as one.
    pub(crate) fn join(charge: &Charge, parts: &[Self]) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut rank = 0_usize;
        for (line, part) in (0_u32..).zip(parts) {
            let bit = 1_u64.checked_shl(line).unwrap_or(0);
            for group in part.groups() {
                let number = group.tree.number;
                let at = match groups.binary_search_by_key(&number, |group| group.tree.number) {
                    Ok(at) => at,
                    Err(at) => {
                        let tree = Arc::clone(group.tree);
                        let steps = Vec::new();
                        groups.insert(at, Group { tree, steps });
                        at
                    }
                };
                let Some(joined) = groups.get_mut(at) else {
                    continue;
                };
                for step in group.steps {
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
        Self::Joined(Arc::new(Joined {
            named: charge.filled(&[]),
            groups: groups.into(),
        }))
    }

    /// What it touches, tree by tree in the order of locking. Never empty.
    pub(crate) fn groups(&self) -> impl Iterator<Item = GroupRef<'_>> + Clone {
        let (lone, joined) = match self {
            Self::Lone(tree) => (Some(GroupRef { tree, steps: &LONE }), None),
            Self::Joined(joined) => (None, Some(&*joined.groups)),
        };
        let joined = joined.unwrap_or_default().iter().map(Group::as_ref);
        lone.into_iter().chain(joined)
    }

    /// What it touches where that is in one tree or in two; `None`: in more.
    #[inline]
    pub(crate) fn one_or_two(&self) -> Option<(GroupRef<'_>, Option<GroupRef<'_>>)> {
        match self {
            Self::Lone(tree) => Some((GroupRef { tree, steps: &LONE }, None)),
            Self::Joined(joined) => match &*joined.groups {
                [only] => Some((only.as_ref(), None)),
                [first, second] => Some((first.as_ref(), Some(second.as_ref()))),
                _ => None,
            },
        }
    }

    /// All its steps, with the envelopes that they are of.
    pub(crate) fn envelopes(&self) -> impl Iterator<Item = (&Envelope, &Step)> {
        self.groups().flat_map(|group| {
            let envelope = move |step| (group.envelope(step), step);
            group.steps.iter().map(envelope)
        })
    }

    /// What the path touches in the tree of that number.
    pub(crate) fn group(&self, tree: u64) -> Option<GroupRef<'_>> {
        self.groups().find(|group| group.tree.number == tree)
    }

    /// The only group, of the path of one envelope.
    pub(crate) fn only_group(&self) -> Option<GroupRef<'_>> {
        let mut groups = self.groups();
        groups.next().filter(|_| groups.next().is_none())
    }

    /// What its trees have in common.
    #[inline]
    pub(crate) fn core(&self) -> Option<&Core> {
        self.home().map(|tree| &*tree.home.core)
    }

    /// The tree that numbers this path's reservations and transactions.
    #[inline]
    pub(crate) fn home(&self) -> Option<&Arc<Tree>> {
        match self {
            Self::Lone(tree) => Some(tree),
            Self::Joined(joined) => joined.groups.first().map(|group| &group.tree),
        }
    }

    /// The envelopes named, in the order of naming, without amounts.
    pub(crate) fn named(&self) -> Charge {
        match self {
            Self::Lone(tree) => Charge::of(tree.root.clone()),
            Self::Joined(joined) => joined.named.clone(),
        }
    }

    pub(crate) fn charge(&self, lines: &Lines) -> Charge {
        self.named().filled(lines.as_slice())
    }

    /// The same path, sharing nothing but the trees.
    fn apart(&self) -> Self {
        match self {
            Self::Lone(tree) => Self::Lone(Arc::clone(tree)),
            Self::Joined(joined) => Self::Joined(Arc::new(Joined {
                named: joined.named.clone(),
                groups: joined.groups.clone(),
            })),
        }
    }

    /// Runs `f` with all trees locked, in the fixed order that rules out a deadlock.
    pub(crate) fn lock<R>(
        &self,
        f: impl FnOnce(&mut [MutexGuard<'_, TreeState>]) -> R,
    ) -> Result<R, Poisoned> {
        // Up to two without an allocation: a session, and a tree of budgets.
        match self {
            Self::Lone(tree) => Ok(f(&mut [tree.lock()?])),
            Self::Joined(joined) => match &*joined.groups {
                [only] => Ok(f(&mut [only.tree.lock()?])),
                [first, second] => Ok(f(&mut [first.tree.lock()?, second.tree.lock()?])),
                groups => {
                    let mut trees = groups
                        .iter()
                        .map(|group| group.tree.lock())
                        .collect::<Result<Vec<_>, _>>()?;
                    Ok(f(&mut trees))
                }
            },
        }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Path").field(&self.named()).finish()
    }
}
