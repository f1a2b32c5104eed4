//! Whether amounts fit, on the trees as they are at one time. Changes nothing.

use crate::amounts::{Amounts, Dimension, Limits};
use crate::cell::Cell;
use crate::counter::Counter;
use crate::decision::{BudgetDecision, Code, Figures, Retry};
use crate::lines::Lines;
use crate::moment::Moment;
use crate::node::{Node, State};
use crate::path::{GroupRef, Path, Step};
use crate::plain::Want;
use crate::tree::TreeState;

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) enum Question {
    /// Whether a charge would be admitted.
    Charge,
    /// The same, where envelopes with overdraft let it pass.
    OverdraftPasses,
    /// Whether a hold can grow: in the windows that it was taken in. One epoch for all trees would not do, so it is asked tree by tree.
    Draw {
        /// The tree's epoch when the hold was taken.
        epoch: u64,
    },
}

/// The first refusal, in the order in which the charge names envelopes. `None`: it fits.
pub(crate) fn refusal<'a>(
    path: &Path,
    trees: impl Iterator<Item = (&'a TreeState, Question)>,
    lines: &Lines,
    at: Moment,
) -> Option<BudgetDecision> {
    if lines.as_slice().iter().any(Amounts::is_none) {
        let named = path.named();
        let missing = named
            .lines()
            .zip(lines.as_slice())
            .find(|(_, amounts)| amounts.is_none())
            .map(|((envelope, _), _)| envelope.clone());
        return Some(BudgetDecision::bare(Code::AmountMissing, missing));
    }
    let mut first: Option<(usize, BudgetDecision)> = None;
    for (group, (tree, question)) in path.groups().zip(trees) {
        for step in group.steps {
            if first.as_ref().is_some_and(|(rank, _)| *rank < step.rank) {
                continue;
            }
            if let Some(decision) =
                step_refusal(tree, group, step, &lines.at(step.lines), question, at)
            {
                first = Some((step.rank, decision));
            }
        }
    }
    first.map(|(_, decision)| decision)
}

/// What a charge that fits is told: the figures of the first envelope named, in the first dimension that it limits and the charge touches.
pub(crate) fn admission<'a>(
    path: &Path,
    trees: impl Iterator<Item = &'a TreeState>,
    lines: &Lines,
    at: Moment,
) -> BudgetDecision {
    for (group, tree) in path.groups().zip(trees) {
        let Some(step) = group.steps.iter().find(|step| step.rank == 0) else {
            continue;
        };
        let Some((node, cell)) = tree.node(step.node).zip(tree.view(step.node, None, at)) else {
            continue;
        };
        if let Some(told) = step_admission(
            group,
            step,
            node.limits(),
            |dimension| *cell.counters.get(dimension),
            cell.span.end,
            &lines.at(step.lines),
        ) {
            return told;
        }
    }
    BudgetDecision::bare(Code::WithinBudget, None)
}

/// What a charge that fits is told of its first envelope. `None`: it touches nothing there.
#[inline]
pub(crate) fn step_admission(
    group: GroupRef<'_>,
    step: &Step,
    limits: &Limits,
    counter: impl FnOnce(Dimension) -> Counter,
    ends: Moment,
    want: &Amounts,
) -> Option<BudgetDecision> {
    let touched = |dimension: &Dimension| want.units(*dimension).is_some();
    let mut touched = Dimension::ALL.into_iter().filter(touched);
    let limited = |dimension: &Dimension| limits.units(*dimension).is_some();
    let dimension = touched.clone().find(limited).or_else(|| touched.next())?;
    let figures = Figures::of(
        &counter(dimension),
        limits,
        dimension,
        want.units(dimension),
    );
    Some(BudgetDecision::on_figures(
        Code::WithinBudget,
        group.envelope(step).clone(),
        figures,
        ends,
        Retry::Now,
    ))
}

/// Whether anything is left in every dimension that each envelope of the path limits.
pub(crate) fn anything_left(group: GroupRef<'_>, tree: &TreeState, at: Moment) -> BudgetDecision {
    let mut told = BudgetDecision::bare(Code::WithinBudget, None);
    for step in group.steps {
        let envelope = || group.envelope(step).clone();
        let Some((node, cell)) = tree.node(step.node).zip(tree.view(step.node, None, at)) else {
            return BudgetDecision::bare(Code::Unavailable, Some(envelope()));
        };
        if let Some(code) = state_refusal(node) {
            return BudgetDecision::bare(code, Some(envelope()));
        }
        let limited = |dimension: &Dimension| node.limits().units(*dimension).is_some();
        let mut limited = Dimension::ALL.into_iter().filter(limited);
        let decide = |code, dimension, retry| {
            let counter = cell.counters.get(dimension);
            let figures = Figures::of(counter, node.limits(), dimension, None);
            BudgetDecision::on_figures(code, envelope(), figures, cell.span.end, retry)
        };
        if let Some(dimension) = limited
            .clone()
            .find(|dimension| cell.available(*dimension, node.limits()) == 0)
        {
            let retry = retry(tree, step, node, &cell, dimension, 1, at);
            return decide(Code::ExceedsBudget, dimension, retry);
        }
        if step.rank == 0
            && let Some(dimension) = limited.next()
        {
            told = decide(Code::WithinBudget, dimension, Retry::Now);
        }
    }
    told
}

fn step_refusal(
    tree: &TreeState,
    group: GroupRef<'_>,
    step: &Step,
    want: &Amounts,
    question: Question,
    at: Moment,
) -> Option<BudgetDecision> {
    let envelope = || group.envelope(step).clone();
    let epoch = match question {
        Question::Charge | Question::OverdraftPasses => None,
        Question::Draw { epoch } => Some(epoch),
    };
    let Some((node, cell)) = tree.node(step.node).zip(tree.view(step.node, epoch, at)) else {
        return Some(BudgetDecision::bare(Code::Unavailable, Some(envelope())));
    };
    if let Some(code) = state_refusal(node) {
        return Some(BudgetDecision::bare(code, Some(envelope())));
    }
    // A charge that names a budget and touches nothing that it limits would pass its ceiling by.
    if epoch.is_none() && step.is_named && Want::of(want).evades(node.caps.must_touch) {
        return Some(BudgetDecision::bare(Code::AmountMissing, Some(envelope())));
    }
    if matches!(question, Question::OverdraftPasses) && node.overdraft {
        return None;
    }
    for dimension in Dimension::ALL {
        let asked = want.units(dimension);
        // What was overspent blocks every charge, also one of nothing in this dimension: it would be booked late again.
        let blocks = node.limits().units(dimension).is_some() && cell.is_overspent(dimension);
        let units = asked.unwrap_or(0).max(u64::from(blocks));
        // The largest number stands for sums that cannot be counted, too.
        if units > cell.available(dimension, node.limits()) || units == u64::MAX {
            let counter = cell.counters.get(dimension);
            let figures = Figures::of(counter, node.limits(), dimension, asked);
            let units = asked.unwrap_or(0);
            let retry = retry(tree, step, node, &cell, dimension, units, at);
            return Some(BudgetDecision::on_figures(
                Code::ExceedsBudget,
                envelope(),
                figures,
                cell.span.end,
                retry,
            ));
        }
    }
    None
}

fn state_refusal(node: &Node) -> Option<Code> {
    match node.state {
        State::Active => None,
        State::Suspended => Some(Code::Suspended),
        State::Closed => Some(Code::Closed),
    }
}

fn retry(
    tree: &TreeState,
    step: &Step,
    node: &Node,
    cell: &Cell,
    dimension: Dimension,
    units: u64,
    at: Moment,
) -> Retry {
    let limit = node.limits().units(dimension);
    let counter = cell.counters.get(dimension);
    let without_holds = counter.capacity(limit).saturating_sub(counter.spent);
    if counter.overspent.saturating_add(units) <= without_holds
        && let Some(due) = tree.first_return(step.node, dimension, at)
    {
        return Retry::AfterHoldsExpire(due.to_time());
    }
    let whole = limit.map_or(u64::MAX, |limit| {
        if node.rolls_over() {
            limit.saturating_mul(2)
        } else {
            limit
        }
    });
    match cell.span.end.to_end() {
        Some(reset) if units <= whole => Retry::AfterReset(reset),
        _ => Retry::Never,
    }
}
