//! The counters of one envelope in one window, as a value that the rules work on.

use crate::amounts::{Amounts, Dimension, Limits, PerDimension};
use crate::counter::Counter;
use crate::window::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) span: Span,
    /// The tree's epoch when this window was entered.
    pub(crate) epoch: u64,
    pub(crate) counters: PerDimension<Counter>,
}

impl Cell {
    pub(crate) fn available(&self, dimension: Dimension, limits: &Limits) -> u64 {
        self.counters
            .get(dimension)
            .available(limits.units(dimension))
    }

    pub(crate) fn is_overspent(&self, dimension: Dimension) -> bool {
        self.counters.get(dimension).overspent > 0
    }

    pub(crate) fn each(
        &mut self,
        limits: &Limits,
        mut f: impl FnMut(Dimension, &mut Counter, Option<u64>),
    ) {
        for dimension in Dimension::ALL {
            f(
                dimension,
                self.counters.get_mut(dimension),
                limits.units(dimension),
            );
        }
    }

    /// Ends holding `held`: a hold whose call had started is spent, any other is given back.
    pub(crate) fn lapse(&mut self, held: &Amounts, started: bool, limits: &Limits) {
        self.each(limits, |dimension, counter, limit| {
            match held.units(dimension) {
                Some(held) if started => counter.spend_hold(held),
                Some(held) => counter.release(held, limit),
                None => {}
            }
        });
    }

    /// What the window after it, `span`, starts with.
    pub(crate) fn follower(&self, span: Span, limits: &Limits, rollover: bool) -> Self {
        let next = |dimension| {
            let counter = self.counters.get(dimension);
            counter.next(limits.units(dimension), rollover)
        };
        Self {
            span,
            epoch: self.epoch,
            counters: PerDimension::from_fn(next),
        }
    }

    /// Into how many more windows `next`, which follows it, is followed in the same way: each dimension stays as it is, or
    /// pays one limit of a debt that lasts longer. A debt of a million windows is not walked window by window.
    pub(crate) fn steps_alike(&self, next: &Self, limits: &Limits) -> u64 {
        let steps = |dimension| {
            let (before, after) = (self.counters.get(dimension), next.counters.get(dimension));
            if before == after {
                return u64::MAX;
            }
            let limit = limits.units(dimension).unwrap_or(0);
            let lasting = after.debt.saturating_sub(1).checked_div(limit).unwrap_or(0);
            if after.credit == 0 { lasting } else { 0 }
        };
        Dimension::ALL.into_iter().map(steps).min().unwrap_or(0)
    }

    /// Takes so many such steps at once, to the window of `span`.
    pub(crate) fn skip(&mut self, steps: u64, before: &Self, span: Span, limits: &Limits) {
        self.each(limits, |dimension, counter, limit| {
            if counter != before.counters.get(dimension) {
                let paid = limit.unwrap_or(0).saturating_mul(steps);
                counter.debt = counter.debt.saturating_sub(paid);
            }
        });
        self.span = span;
    }

    /// What it could still cover, once it is over.
    pub(crate) fn closed(mut self, limits: &Limits, rollover: bool) -> Self {
        let next = self.follower(self.span, limits, rollover);
        self.each(limits, |dimension, counter, _| {
            counter.close(next.counters.get(dimension));
        });
        self
    }
}
