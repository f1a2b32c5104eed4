//! How much of an envelope is used: a snapshot, never a promise.

use std::sync::Arc;

use crate::amounts::{Dimension, PerDimension, Quantity};
use crate::charge::Envelope;
use crate::engine::Engine;
use crate::error::BudgetError;
use crate::moment::Moment;
use crate::node::{Cell, Node, State};
use crate::path::Path;
use crate::tree::TreeState;
use crate::window::Window;

/// The figures of one envelope in its current window.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Utilization {
    /// Which.
    pub envelope: Envelope,
    /// Whether it admits anything.
    pub state: EnvelopeState,
    /// Its current window.
    pub window: Window,
    usage: PerDimension<Usage>,
}

/// Whether an envelope admits anything.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever shows or acts on the state must see a new one"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The figures of one dimension.
    #[must_use]
    pub fn usage(&self, dimension: Dimension) -> &Usage {
        self.usage.get(dimension)
    }
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

pub(crate) fn of(path: &Arc<Path>, wall: Moment) -> Result<Utilization, BudgetError> {
    let unknown = || BudgetError::Unknown(path.named.first_envelope().clone());
    let group = path.groups.first().ok_or_else(unknown)?;
    let index = group.steps.first().ok_or_else(unknown)?.node;
    let tree = group.tree.lock()?;
    node_utilization(&tree, index, tree.time(wall)).ok_or_else(unknown)
}

pub(crate) fn summary(engine: &Engine, wall: Moment) -> Result<Summary, BudgetError> {
    let budgets = engine.budgets();
    let mut trees: Vec<_> = budgets.values().filter_map(|path| path.home()).collect();
    trees.sort_unstable_by_key(|tree| tree.number);
    trees.dedup_by_key(|tree| tree.number);
    // All locked before any is read, in the order that everybody locks in.
    let trees = trees
        .into_iter()
        .map(|tree| tree.lock())
        .collect::<Result<Vec<_>, _>>()?;
    let mut budgets: Vec<Utilization> = trees
        .iter()
        .flat_map(|tree| {
            let at = tree.time(wall);
            (0..tree.nodes().len()).filter_map(move |index| node_utilization(tree, index, at))
        })
        .collect();
    drop(trees);
    budgets.sort_unstable_by(|a, b| a.envelope.cmp(&b.envelope));
    Ok(Summary {
        budgets,
        sessions: engine.session_count(),
    })
}

fn node_utilization(tree: &TreeState, index: usize, at: Moment) -> Option<Utilization> {
    let node = tree.node(index)?;
    let cell = tree.view(index, None, at)?;
    Some(Utilization {
        envelope: node.envelope.clone(),
        state: match node.state {
            State::Active => EnvelopeState::Active,
            State::Suspended => EnvelopeState::Suspended,
            State::Closed => EnvelopeState::Closed,
        },
        window: Window {
            start_at: cell.span.start.to_time(),
            end_at: cell.span.end.to_end(),
        },
        usage: PerDimension::from_fn(|dimension| usage(node, &cell, dimension)),
    })
}

fn usage(node: &Node, cell: &Cell, dimension: Dimension) -> Usage {
    let counter = cell.counters.get(dimension);
    let limit = node.limits.units(dimension);
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
