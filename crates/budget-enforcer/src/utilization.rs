//! How much of an envelope is used: a snapshot, never a promise.

use std::collections::BTreeMap;
use std::iter;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::amounts::{Dimension, PerDimension, Quantity};
use crate::cell::Cell;
use crate::charge::{Charge, Envelope};
use crate::engine::Engine;
use crate::error::{BudgetError, Poisoned};
use crate::hold::{Hold, ReservationId, Stage};
use crate::holds::Holds;
use crate::moment::Moment;
use crate::node::{Node, State};
use crate::path::{GroupRef, Path};
use crate::period::Period;
use crate::tree::TreeState;
use crate::window::{Schedule, Window};

/// The figures of one envelope in its current windows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Utilization {
    /// Which.
    pub envelope: Envelope,
    /// Whether it admits anything.
    pub state: EnvelopeState,
    /// Its window, or the first of them.
    pub main: WindowUsage,
    /// Its further windows, in the order in which they were given.
    pub others: Vec<WindowUsage>,
}

/// The figures of one window of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowUsage {
    /// How often it starts again.
    pub period: Period,
    /// The stretch of time that the figures are of.
    pub window: Window,
    usage: PerDimension<Usage>,
}

/// Whether an envelope admits anything.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever shows or acts on the state must see a new one"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvelopeState {
    /// It does, within its limits.
    Active,
    /// Not until an operator resumes it.
    Suspended,
    /// Never again.
    Closed,
}

/// The figures of one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// What one window allows; `None`: unlimited.
    pub limit: Option<Quantity>,
    /// What was left of the window before and may be used in this one.
    pub rolled_over: Quantity,
    /// What was overspent before and is missing from this one.
    pub debt: Quantity,
    /// What was spent within what may be used.
    pub spent: Quantity,
    /// What was spent beyond it.
    pub overspent: Quantity,
    /// What open holds have taken.
    pub reserved: Quantity,
    /// What is left, never below zero; `None`: unlimited.
    pub available: Option<Quantity>,
}

impl Utilization {
    /// The figures of one dimension in the (first) window.
    #[must_use]
    pub fn usage(&self, dimension: Dimension) -> &Usage {
        self.main.usage(dimension)
    }

    /// All windows, the first one first.
    pub fn windows(&self) -> impl Iterator<Item = &WindowUsage> {
        iter::once(&self.main).chain(&self.others)
    }
}

impl WindowUsage {
    /// The figures of one dimension.
    #[must_use]
    pub fn usage(&self, dimension: Dimension) -> &Usage {
        self.usage.get(dimension)
    }
}

/// A reservation that holds something.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenHold {
    /// Its name.
    pub id: ReservationId,
    /// On what, and how much.
    pub charge: Charge,
    /// When it expires: what has started is spent then, anything else given back.
    pub expires_at: OffsetDateTime,
    /// Its call has left.
    pub started: bool,
}

/// All named budgets at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The budgets, by name.
    pub budgets: Vec<Utilization>,
    /// How many sessions there are, closed ones included.
    pub sessions: usize,
}

pub(crate) fn of(path: &Path, wall: Moment) -> Result<Utilization, BudgetError> {
    let unknown = || BudgetError::Unknown(path.named().first_envelope().clone());
    let group = path.only_group().ok_or_else(unknown)?;
    let tree = group.tree.lock()?;
    envelope_utilization(&tree, group, wall).ok_or_else(unknown)
}

/// What is held on `envelope`, whose path this is.
pub(crate) fn open_holds(
    path: &Path,
    envelope: &Envelope,
    wall: Moment,
) -> Result<Vec<OpenHold>, BudgetError> {
    let unknown = || BudgetError::Unknown(envelope.clone());
    let tree = path.home().ok_or_else(unknown)?.lock()?;
    let at = tree.time(wall);
    let touches = |hold: &Hold| {
        hold.path
            .envelopes()
            .any(|(touched, _)| touched == envelope)
    };
    let open = tree.holds().into_iter().flat_map(Holds::iter);
    let mut open: Vec<_> = open
        .filter(|(_, hold)| hold.is_open(at) && touches(hold))
        .map(|(id, hold)| OpenHold::of(id, hold))
        .collect();
    open.sort_unstable_by_key(|hold| hold.id);
    Ok(open)
}

/// What is held anywhere. A hold over several trees is told by the one that numbers it.
pub(crate) fn all_open_holds(engine: &Engine, wall: Moment) -> Result<Vec<OpenHold>, BudgetError> {
    let mut open = Vec::new();
    let trees = engine.with_trees(<[_]>::to_vec)?;
    for tree in trees {
        let state = tree.lock()?;
        let at = state.time(wall);
        let holds = state.holds().into_iter().flat_map(Holds::iter);
        open.extend(
            holds
                .filter(|(id, hold)| id.tree() == tree.number && hold.is_open(at))
                .map(|(id, hold)| OpenHold::of(id, hold)),
        );
    }
    open.sort_unstable_by_key(|hold| hold.id);
    Ok(open)
}

impl OpenHold {
    fn of(id: ReservationId, hold: &Hold) -> Self {
        Self {
            id,
            charge: hold.path.charge(&hold.held),
            expires_at: hold.due.to_time(),
            started: hold.stage == Stage::Started,
        }
    }
}

pub(crate) fn summary(engine: &Engine, wall: Moment) -> Result<Summary, BudgetError> {
    let paths = engine.budgets();
    let mut trees: Vec<_> = paths.values().filter_map(|path| path.home()).collect();
    trees.sort_unstable_by_key(|tree| tree.number);
    trees.dedup_by_key(|tree| tree.number);
    // All locked before any is read, in the order that everybody locks in.
    let trees = trees
        .into_iter()
        .map(|tree| Ok((tree.number, tree.lock()?)))
        .collect::<Result<BTreeMap<_, _>, Poisoned>>()?;
    let mut budgets: Vec<Utilization> = paths
        .values()
        .filter_map(|path| {
            let group = path.only_group()?;
            envelope_utilization(trees.get(&group.tree.number)?, group, wall)
        })
        .collect();
    drop(trees);
    budgets.sort_unstable_by(|a, b| a.envelope.cmp(&b.envelope));
    Ok(Summary {
        budgets,
        sessions: engine.session_count(),
    })
}

/// The first step's envelope, with all its windows.
fn envelope_utilization(
    tree: &TreeState,
    group: GroupRef<'_>,
    wall: Moment,
) -> Option<Utilization> {
    let at = tree.time(wall);
    let envelope = group.envelope(group.steps.first()?);
    let mut windows = group
        .own_steps()
        .filter_map(|step| Some((tree.node(step.node)?, tree.view(step.node, None, at)?)))
        .map(|(node, cell)| (node.state, WindowUsage::of(node, &cell)));
    let (state, main) = windows.next()?;
    Some(Utilization {
        envelope: envelope.clone(),
        state: match state {
            State::Active => EnvelopeState::Active,
            State::Suspended => EnvelopeState::Suspended,
            State::Closed => EnvelopeState::Closed,
        },
        main,
        others: windows.map(|(_, usage)| usage).collect(),
    })
}

impl WindowUsage {
    fn of(node: &Node, cell: &Cell) -> Self {
        Self {
            period: node.schedule().map_or(Period::Lifetime, Schedule::period),
            window: Window {
                start_at: cell.span.start.to_time(),
                end_at: cell.span.end.to_end(),
            },
            usage: PerDimension::from_fn(|dimension| usage(node, cell, dimension)),
        }
    }
}

fn usage(node: &Node, cell: &Cell, dimension: Dimension) -> Usage {
    let counter = cell.counters.get(dimension);
    let limit = node.limits().units(dimension);
    let show = |units| dimension.quantity(units);
    Usage {
        limit: limit.map(show),
        rolled_over: show(counter.credit),
        debt: show(counter.debt),
        spent: show(counter.spent),
        overspent: show(counter.overspent),
        reserved: show(counter.reserved),
        available: limit.map(|_| show(counter.available(limit))),
    }
}
