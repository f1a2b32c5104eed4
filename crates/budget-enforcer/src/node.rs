//! One envelope: its limits, and one cell of counters for each window that still matters.
//!
//! Windows only move forward. A hold stays in the cell in which it was taken: cells are numbered by the tree's epoch,
//! which grows whenever any envelope of the tree enters a new window, so that one number a hold finds its cell in each.

use std::borrow::Cow;

use crate::amounts::{Amounts, Dimension, Limits, PerDimension};
use crate::charge::Envelope;
use crate::counter::Counter;
use crate::moment::Moment;
use crate::window::{Schedule, Span};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    Suspended,
    Closed,
}

/// The counters of one envelope in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) span: Span,
    /// The tree's epoch when this window was entered.
    pub(crate) epoch: u64,
    /// Entries in the tree's table of holds that were taken here.
    pub(crate) holds: u32,
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

    fn each(&mut self, limits: &Limits, mut f: impl FnMut(Dimension, &mut Counter, Option<u64>)) {
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
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) envelope: Envelope,
    pub(crate) state: State,
    pub(crate) limits: Limits,
    pub(crate) schedule: Schedule,
    pub(crate) rollover: bool,
    pub(crate) overdraft: bool,
    pub(crate) current: Cell,
    /// Earlier windows in which a hold is still open, oldest first.
    earlier: Vec<Cell>,
}

impl Node {
    pub(crate) fn new(
        envelope: Envelope,
        limits: Limits,
        schedule: Schedule,
        at: Moment,
        epoch: u64,
    ) -> Self {
        let current = Cell {
            span: schedule.span(at),
            epoch,
            holds: 0,
            counters: PerDimension::default(),
        };
        Self {
            envelope,
            state: State::Active,
            limits,
            schedule,
            rollover: false,
            overdraft: false,
            current,
            earlier: Vec::new(),
        }
    }

    /// The cell that holds of `epoch` were taken in, while it is kept.
    pub(crate) fn cell(&self, epoch: u64) -> Option<&Cell> {
        if epoch >= self.current.epoch {
            return Some(&self.current);
        }
        self.earlier.iter().rev().find(|cell| epoch >= cell.epoch)
    }

    fn cell_mut(&mut self, epoch: u64) -> Option<&mut Cell> {
        if epoch >= self.current.epoch {
            return Some(&mut self.current);
        }
        self.earlier
            .iter_mut()
            .rev()
            .find(|cell| epoch >= cell.epoch)
    }

    /// `cell`, or what follows it by `at`: a pure function of the cell and the time.
    pub(crate) fn follow<'a>(&self, cell: Cow<'a, Cell>, at: Moment) -> Cow<'a, Cell> {
        if at < cell.span.end {
            return cell;
        }
        let mut next = self.follower(&cell, self.schedule.span(cell.span.end));
        while next.span.end <= at {
            let after = self.follower(&next, self.schedule.span(next.span.end));
            // Once a window hands on just what it was handed, so do all that follow.
            let steady = after.counters == next.counters;
            next = after;
            if steady {
                next.span = self.schedule.span(at);
            }
        }
        Cow::Owned(next)
    }

    fn follower(&self, cell: &Cell, span: Span) -> Cell {
        let counters = PerDimension::from_fn(|dimension| {
            cell.counters
                .get(dimension)
                .next(self.limits.units(dimension), self.rollover)
        });
        Cell {
            span,
            epoch: cell.epoch,
            holds: 0,
            counters,
        }
    }

    /// What a closed window could still cover, once `at` is beyond it.
    pub(crate) fn closed(&self, mut cell: Cell) -> Cell {
        let next = self.follower(&cell, cell.span);
        cell.each(&self.limits, |dimension, counter, _| {
            counter.close(next.counters.get(dimension));
        });
        cell
    }

    /// Enters the window of `at` where it is a later one. Returns the tree's epoch after that.
    pub(crate) fn advance(&mut self, at: Moment, epoch: u64) -> u64 {
        if at < self.current.span.end {
            return epoch;
        }
        let next_epoch = epoch.saturating_add(1);
        let mut next = self.follow(Cow::Borrowed(&self.current), at).into_owned();
        next.epoch = next_epoch;
        if self.current.holds > 0 {
            self.earlier.push(self.closed(self.current));
        }
        self.current = next;
        next_epoch
    }

    /// Takes a hold in the current window, or adds to one that is there.
    pub(crate) fn hold(&mut self, amounts: &Amounts) {
        self.current.holds = self.current.holds.saturating_add(1);
        self.add_to_hold(self.current.epoch, amounts);
    }

    pub(crate) fn add_to_hold(&mut self, epoch: u64, amounts: &Amounts) {
        let limits = self.limits;
        if let Some(cell) = self.cell_mut(epoch) {
            cell.each(&limits, |dimension, counter, _| {
                if let Some(amount) = amounts.units(dimension) {
                    counter.hold(amount);
                }
            });
        }
    }

    /// Ends a hold's reservation; its entry stays.
    pub(crate) fn lapse(&mut self, epoch: u64, held: &Amounts, started: bool) {
        let limits = self.limits;
        if let Some(cell) = self.cell_mut(epoch) {
            cell.lapse(held, started, &limits);
        }
    }

    /// Turns what was `booked` in the window of `epoch` into `actual`. Returns what no window could cover: it is a debt.
    pub(crate) fn correct(&mut self, epoch: u64, booked: &Amounts, actual: &Amounts) -> Amounts {
        let limits = self.limits;
        let is_current = epoch >= self.current.epoch;
        let mut over = Amounts::NONE;
        let mut cell = self.cell_mut(epoch);
        for dimension in Dimension::ALL {
            let (booked, actual) = match (booked.units(dimension), actual.units(dimension)) {
                (None, None) => continue,
                (booked, actual) => (booked.unwrap_or(0), actual.unwrap_or(0)),
            };
            let more = actual.saturating_sub(booked);
            let rest = match &mut cell {
                Some(cell) => {
                    let limit = limits.units(dimension);
                    let counter = cell.counters.get_mut(dimension);
                    if actual < booked {
                        counter.take_back(booked.saturating_sub(actual), limit);
                    }
                    counter.book(more, limit)
                }
                // A window that is no longer kept covers nothing.
                None => more,
            };
            if rest > 0 {
                over = dimension.amount(rest).or(&over);
            }
        }
        if !over.is_none() {
            self.current.each(&limits, |dimension, counter, limit| {
                match over.units(dimension) {
                    Some(rest) if is_current => counter.overspend(rest),
                    Some(rest) => counter.owe(rest, limit),
                    None => {}
                }
            });
        }
        over
    }

    /// Books spending in the current window, whatever its limit. Returns what was not covered.
    pub(crate) fn spend(&mut self, amounts: &Amounts) -> Amounts {
        self.correct(self.current.epoch, &Amounts::NONE, amounts)
    }

    /// Gives back spending that was booked in the window of `epoch`. Where that window is over, it first pays off debt,
    /// and never becomes new budget.
    pub(crate) fn refund(&mut self, epoch: u64, amounts: &Amounts) {
        let limits = self.limits;
        let mut rest = *amounts;
        if epoch < self.current.epoch {
            self.current.each(&limits, |dimension, counter, limit| {
                let amount = amounts.units(dimension).unwrap_or(0);
                rest = dimension.amount(counter.pay_off(amount, limit)).or(&rest);
            });
        }
        if let Some(cell) = self.cell_mut(epoch).filter(|cell| cell.epoch == epoch) {
            cell.each(&limits, |dimension, counter, limit| {
                counter.take_back(rest.units(dimension).unwrap_or(0), limit);
            });
        }
    }

    /// Drops a hold's entry.
    pub(crate) fn forget_hold(&mut self, epoch: u64) {
        if let Some(cell) = self.cell_mut(epoch) {
            cell.holds = cell.holds.saturating_sub(1);
        }
        self.earlier.retain(|cell| cell.holds > 0);
    }

    /// Sets limits. What was spent stays spent; overspending that has room now is covered.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.current
            .each(&limits, |_, counter, limit| counter.cover(limit));
    }
}
