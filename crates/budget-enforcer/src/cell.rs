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

    /// What it could still cover, once it is over.
    pub(crate) fn closed(mut self, limits: &Limits, rollover: bool) -> Self {
        let next = self.follower(self.span, limits, rollover);
        self.each(limits, |dimension, counter, _| {
            counter.close(next.counters.get(dimension));
        });
        self
    }
}
