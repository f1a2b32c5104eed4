//! How a budget comes to be: a tree of its own, or a branch of its parent's.

use std::collections::HashMap;
use std::sync::Arc;

use crate::amounts::Limits;
use crate::engine::{Engine, number_of};
use crate::error::{BudgetError, Poisoned};
use crate::moment::Moment;
use crate::node::{Node, State};
use crate::path::Path;
use crate::period::Period;
use crate::plain::{Caps, touched};
use crate::spec::BudgetSpec;
use crate::tree::Tree;
use crate::window::Schedule;

/// The most budgets on the way from one to its root, itself included.
const MOST_LEVELS: usize = 8;

/// The most windows of a budget.
const MOST_WINDOWS: usize = 8;

impl Engine {
    /// Creates a budget; `allow` has the last word, with everything else checked and locked.
    pub(crate) fn create_budget<T>(
        &self,
        spec: &BudgetSpec,
        wall: Moment,
        allow: impl FnOnce(Moment, u64) -> Result<T, BudgetError>,
    ) -> Result<T, BudgetError> {
        check_windows(spec)?;
        let mut registry = self.registry.write().map_err(|_| Poisoned)?;
        let mut budgets = HashMap::clone(&self.budgets.load());
        if budgets.contains_key(&spec.id) {
            return Err(BudgetError::AlreadyExists {
                id: spec.id.clone(),
            });
        }
        let envelope = (&spec.id).into();
        let periods = || windows(spec).map(|(period, _)| period);
        let (path, allowed) = match &spec.parent {
            None => {
                let number = number_of(&registry);
                let allowed = allow(wall, number)?;
                let mut nodes = self.nodes(spec, wall, 0);
                let Some(root) = nodes.next() else {
                    return Err(no_limit(spec));
                };
                let home = self.tree_home();
                let tree = Tree::new(number, (&spec.id).into(), home, root, wall);
                let mut state = tree.lock()?;
                nodes.for_each(|node| state.grow(node));
                drop(state);
                let tree = Arc::new(tree);
                registry.push(Arc::clone(&tree));
                (Path::single(tree, 0, periods(), &envelope, None), allowed)
            }
            Some(parent) => {
                let unknown = || BudgetError::Unknown(parent.into());
                let parent_path = budgets.get(parent).ok_or_else(unknown)?;
                let group = parent_path.only_group().ok_or_else(unknown)?;
                let mut state = group.tree.lock()?;
                let mut levels = group.steps.iter().filter(|step| {
                    // A further window is no level.
                    group.steps.iter().all(|other| {
                        other.rank >= step.rank || group.envelope(other) != group.envelope(step)
                    })
                });
                let is_closed = |node| {
                    let node = state.node(node);
                    node.is_none_or(|node: &Node| node.state == State::Closed)
                };
                if let Some(step) = levels.clone().find(|step| is_closed(step.node)) {
                    return Err(BudgetError::Closed(group.envelope(step).clone()));
                }
                if levels.nth(MOST_LEVELS.saturating_sub(1)).is_some() {
                    return Err(BudgetError::TooDeep {
                        id: spec.id.clone(),
                        parent: parent.clone(),
                    });
                }
                let at = state.time(wall);
                let allowed = allow(at, group.tree.number)?;
                let (first, epoch) = (state.next_index(), state.epoch());
                self.nodes(spec, at, epoch)
                    .for_each(|node| state.grow(node));
                drop(state);
                let tree = Arc::clone(group.tree);
                let path = Path::single(tree, first, periods(), &envelope, Some(parent_path));
                (path, allowed)
            }
        };
        budgets.insert(spec.id.clone(), path);
        self.budgets.store(Arc::new(budgets));
        Ok(allowed)
    }

    /// The nodes of a budget: one for each window.
    fn nodes(&self, spec: &BudgetSpec, at: Moment, epoch: u64) -> impl Iterator<Item = Node> {
        let rollover = spec.rollover.unwrap_or(self.config.rollover_on_reset);
        let overdraft = spec.overdraft.unwrap_or(self.config.allow_overdraft);
        let limited = |limits: &Limits| touched(|dimension| limits.units(dimension));
        let all = windows(spec).fold(0, |all, (_, limits)| all | limited(&limits));
        windows(spec)
            .zip([all].into_iter().chain(std::iter::repeat(0)))
            .map(move |((period, limits), must_touch)| {
                let schedule = Schedule::anchored(period, spec.zone.clone(), at);
                let caps = Arc::new(Caps::of_budget(limits, must_touch));
                Node::new(caps, schedule, rollover, overdraft, at, epoch)
            })
    }
}

fn windows(spec: &BudgetSpec) -> impl Iterator<Item = (Period, Limits)> {
    let others = spec
        .also
        .iter()
        .map(|window| (window.period, window.limits));
    std::iter::once((spec.period, spec.limits)).chain(others)
}

fn check_windows(spec: &BudgetSpec) -> Result<(), BudgetError> {
    if windows(spec).any(|(_, limits)| limits.is_none()) {
        return Err(no_limit(spec));
    }
    let mut seen = Vec::new();
    for (period, _) in windows(spec) {
        if seen.contains(&period) || seen.len() >= MOST_WINDOWS {
            let id = spec.id.clone();
            return Err(BudgetError::InvalidWindow { id, period });
        }
        seen.push(period);
    }
    Ok(())
}

fn no_limit(spec: &BudgetSpec) -> BudgetError {
    BudgetError::NoLimit {
        what: format!("budget `{}`", spec.id),
    }
}
