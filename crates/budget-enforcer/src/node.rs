//! One window of one envelope: its limits, what was used of them, and the cells of windows that are over but still matter.
//!
//! Windows only move forward. A hold stays in the cell in which it was taken: cells are numbered by the tree's epoch,
//! which grows whenever any node of the tree enters a new window, so that one number a hold finds its cell in each.
//! Sessions are many and small, so what few nodes have is kept apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::Alerts;
use crate::amounts::{Amounts, Dimension, Limits, PerDimension};
use crate::cell::Cell;
use crate::counter::Counter;
use crate::moment::Moment;
use crate::plain::{Caps, Plain, Want};
use crate::snapshot::{CellShot, NodeShot, WindowsShot};
use crate::window::{Schedule, Span};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Active,
    Suspended,
    Closed,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) caps: Arc<Caps>,
    pub(crate) plain: Plain,
    /// What was overspent, handed on and owed: of most nodes nothing.
    owed: Option<Box<PerDimension<Owed>>>,
    /// Of nodes that start again.
    windows: Option<Box<Windows>>,
    pub(crate) state: State,
    pub(crate) overdraft: bool,
    /// How many of the thresholds for alerts have been passed in this window.
    pub(crate) alerted: PerDimension<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Owed {
    overspent: u64,
    credit: u64,
    debt: u64,
}

#[derive(Debug)]
struct Windows {
    schedule: Schedule,
    rollover: bool,
    span: Span,
    /// The tree's epoch when the current window was entered.
    epoch: u64,
    /// Windows that are over in which a hold may still be open, oldest first.
    earlier: Vec<Cell>,
}

const LIFETIME: Span = Span {
    start: Moment::DAWN,
    end: Moment::NEVER,
};

impl Node {
    /// As it is written down.
    pub(crate) fn shot(&self) -> NodeShot {
        NodeShot {
            limits: *self.limits(),
            must_touch: self.caps.must_touch,
            state: self.state,
            overdraft: self.overdraft,
            alerted: self.alerted.0,
            counters: self.current().counters.0,
            windows: self.windows.as_ref().map(|windows| WindowsShot {
                period: windows.schedule.period(),
                zone: windows.schedule.zone().clone(),
                anchor: windows.schedule.anchor(),
                rollover: windows.rollover,
                span: windows.span,
                epoch: windows.epoch,
                earlier: windows.earlier.iter().map(CellShot::of).collect(),
            }),
        }
    }

    /// The node that was written down.
    pub(crate) fn restored(shot: NodeShot) -> Self {
        let windows = shot.windows.map(|windows| {
            Box::new(Windows {
                schedule: Schedule::anchored(windows.period, windows.zone, windows.anchor),
                rollover: windows.rollover,
                span: windows.span,
                epoch: windows.epoch,
                earlier: windows.earlier.iter().map(CellShot::cell).collect(),
            })
        });
        let mut node = Self {
            caps: Arc::new(Caps::of_budget(shot.limits, shot.must_touch)),
            plain: Plain::default(),
            owed: None,
            windows,
            state: shot.state,
            overdraft: shot.overdraft,
            alerted: PerDimension(shot.alerted),
        };
        node.set_counters(&PerDimension(shot.counters));
        node
    }

    /// A node whose window is that of `at`.
    pub(crate) fn new(
        caps: Arc<Caps>,
        schedule: Schedule,
        rollover: bool,
        overdraft: bool,
        at: Moment,
        epoch: u64,
    ) -> Self {
        let windows = (!schedule.is_lifetime()).then(|| {
            Box::new(Windows {
                span: schedule.span(at),
                schedule,
                rollover,
                epoch,
                earlier: Vec::new(),
            })
        });
        Self {
            caps,
            plain: Plain::default(),
            owed: None,
            windows,
            state: State::Active,
            overdraft,
            alerted: PerDimension::default(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.caps.limits
    }

    pub(crate) fn rolls_over(&self) -> bool {
        self.windows
            .as_ref()
            .is_some_and(|windows| windows.rollover)
    }

    pub(crate) fn is_lifetime(&self) -> bool {
        self.windows.is_none()
    }

    /// The window's schedule; `None`: it never ends.
    pub(crate) fn schedule(&self) -> Option<&Schedule> {
        self.windows.as_ref().map(|windows| &windows.schedule)
    }

    /// Whether its window has ended by `at`.
    pub(crate) fn is_over(&self, at: Moment) -> bool {
        self.windows
            .as_ref()
            .is_some_and(|windows| windows.span.end <= at)
    }

    /// When its window ends.
    pub(crate) fn end(&self) -> Moment {
        self.windows
            .as_ref()
            .map_or(Moment::NEVER, |windows| windows.span.end)
    }

    /// Whether there is nothing to consider but limit, spent and reserved.
    pub(crate) fn is_plain(&self) -> bool {
        self.owes_nothing() && self.state == State::Active
    }

    /// Whether nothing stands between `want` and this node but what is left, at `by`: the one rule for whoever goes the quick way.
    #[inline]
    pub(crate) fn takes_plainly(&self, want: &Want, is_named: bool, by: Moment) -> bool {
        self.is_plain() && !self.is_over(by) && !(is_named && want.evades(self.caps.must_touch))
    }

    /// Whether nothing was overspent, handed on or owed.
    pub(crate) const fn owes_nothing(&self) -> bool {
        self.owed.is_none()
    }

    /// The tree's epoch when its window was entered.
    pub(crate) fn epoch(&self) -> u64 {
        self.windows.as_ref().map_or(0, |windows| windows.epoch)
    }

    /// That of the current window.
    #[inline]
    pub(crate) fn counter(&self, dimension: Dimension) -> Counter {
        let owed = match &self.owed {
            Some(owed) => *owed.get(dimension),
            None => Owed::default(),
        };
        Counter {
            spent: *self.plain.spent.get(dimension),
            reserved: *self.plain.reserved.get(dimension),
            overspent: owed.overspent,
            credit: owed.credit,
            debt: owed.debt,
        }
    }

    pub(crate) fn current(&self) -> Cell {
        Cell {
            span: self
                .windows
                .as_ref()
                .map_or(LIFETIME, |windows| windows.span),
            epoch: self.epoch(),
            counters: PerDimension::from_fn(|dimension| self.counter(dimension)),
        }
    }

    fn set_counters(&mut self, counters: &PerDimension<Counter>) {
        self.plain = Plain {
            spent: PerDimension::from_fn(|dimension| counters.get(dimension).spent),
            reserved: PerDimension::from_fn(|dimension| counters.get(dimension).reserved),
        };
        let owed = PerDimension::from_fn(|dimension| {
            let counter = counters.get(dimension);
            Owed {
                overspent: counter.overspent,
                credit: counter.credit,
                debt: counter.debt,
            }
        });
        self.owed = (owed != PerDimension::default()).then(|| Box::new(owed));
    }

    fn change_current<R>(&mut self, f: impl FnOnce(&mut Cell, &Limits) -> R) -> R {
        let mut cell = self.current();
        let changed = f(&mut cell, &self.caps.limits);
        self.set_counters(&cell.counters);
        changed
    }

    /// The cell that holds of `epoch` were taken in, while it is kept.
    pub(crate) fn cell(&self, epoch: u64) -> Option<Cell> {
        match &self.windows {
            Some(windows) if epoch < windows.epoch => windows
                .earlier
                .iter()
                .rev()
                .find(|cell| epoch >= cell.epoch)
                .copied(),
            _ => Some(self.current()),
        }
    }

    /// Changes the cell that holds of `epoch` were taken in. `None`: it is no longer kept.
    fn change<R>(&mut self, epoch: u64, f: impl FnOnce(&mut Cell, &Limits) -> R) -> Option<R> {
        match &mut self.windows {
            Some(windows) if epoch < windows.epoch => {
                let mut earlier = windows.earlier.iter_mut().rev();
                let cell = earlier.find(|cell| epoch >= cell.epoch)?;
                Some(f(cell, &self.caps.limits))
            }
            _ => Some(self.change_current(f)),
        }
    }

    /// `cell`, or what follows it by `at`: a pure function of the cell and the time.
    pub(crate) fn follow(&self, cell: Cell, at: Moment) -> Cell {
        let Some(windows) = &self.windows else {
            return cell;
        };
        let limits = &self.caps.limits;
        let follower = |cell: &Cell| {
            let span = windows.schedule.span(cell.span.end);
            cell.follower(span, limits, windows.rollover)
        };
        let mut next = cell;
        while next.span.end <= at {
            let before = next;
            next = follower(&before);
            // Once a window hands on just what it was handed, so do all that follow.
            if next.counters == before.counters {
                next.span = windows.schedule.span(at);
            } else if let Some((steps, span)) =
                windows
                    .schedule
                    .ahead(next.span, before.steps_alike(&next, limits), at)
            {
                next.skip(steps, &before, span, limits);
            }
        }
        next
    }

    /// A cell as it is once its window is over.
    pub(crate) fn closed(&self, cell: Cell) -> Cell {
        cell.closed(&self.caps.limits, self.rolls_over())
    }

    /// Enters the window of `at`, which is a later one, in a new epoch. The window that is over is kept where there are holds
    /// of its epochs in `open`.
    pub(crate) fn advance(&mut self, at: Moment, epoch: u64, open: Option<&BTreeMap<u64, u64>>) {
        let current = self.current();
        let (next, closed) = (self.follow(current, at), self.closed(current));
        if let Some(windows) = &mut self.windows {
            if open.is_some_and(|open| open.range(current.epoch..).next().is_some()) {
                windows.earlier.push(closed);
            }
            windows.span = next.span;
            windows.epoch = epoch;
        }
        self.set_counters(&next.counters);
        self.alerted = PerDimension::default();
    }

    /// Drops earlier windows in which no hold is open, of those that are by epoch in `open`.
    pub(crate) fn prune(&mut self, open: &BTreeMap<u64, u64>) {
        let Some(windows) = &mut self.windows else {
            return;
        };
        let mut ends: Vec<u64> = windows
            .earlier
            .iter()
            .skip(1)
            .map(|cell| cell.epoch)
            .collect();
        ends.push(windows.epoch);
        let mut ends = ends.into_iter();
        windows.earlier.retain(|cell| {
            let end = ends.next().unwrap_or(u64::MAX);
            open.range(cell.epoch..end).next().is_some()
        });
    }

    pub(crate) fn add_to_hold(&mut self, epoch: u64, amounts: &Amounts) {
        self.change(epoch, |cell, limits| {
            cell.each(limits, |dimension, counter, _| {
                if let Some(amount) = amounts.units(dimension) {
                    counter.hold(amount);
                }
            });
        });
    }

    /// Ends a hold's reservation; its entry stays.
    pub(crate) fn lapse(&mut self, epoch: u64, held: &Amounts, started: bool) {
        self.change(epoch, |cell, limits| cell.lapse(held, started, limits));
    }

    /// Turns what was `booked` in the window of `epoch` into `actual`. Returns what no window could cover: it is a debt.
    pub(crate) fn correct(&mut self, epoch: u64, booked: &Amounts, actual: &Amounts) -> Amounts {
        let is_current = epoch >= self.epoch();
        let more = |dimension| {
            let (booked, actual) = (booked.units(dimension), actual.units(dimension));
            let touched = booked.is_some() || actual.is_some();
            let (booked, actual) = (booked.unwrap_or(0), actual.unwrap_or(0));
            touched.then(|| (booked.saturating_sub(actual), actual.saturating_sub(booked)))
        };
        let over = self.change(epoch, |cell, limits| {
            Amounts::from_units(|dimension| {
                let (less, more) = more(dimension)?;
                let limit = limits.units(dimension);
                let counter = cell.counters.get_mut(dimension);
                if less > 0 {
                    counter.take_back(less, limit);
                }
                Some(counter.book(more, limit)).filter(|rest| *rest > 0)
            })
        });
        // A window that is no longer kept covers nothing.
        let over = over.unwrap_or_else(|| {
            Amounts::from_units(|dimension| {
                more(dimension)
                    .map(|(_, more)| more)
                    .filter(|more| *more > 0)
            })
        });
        if !over.is_none() {
            self.change_current(|cell, limits| {
                cell.each(limits, |dimension, counter, limit| {
                    match over.units(dimension) {
                        Some(rest) if is_current => counter.overspend(rest),
                        Some(rest) => counter.owe(rest, limit),
                        None => {}
                    }
                });
            });
        }
        over
    }

    /// Books spending in the current window, whatever its limit. Returns what was not covered.
    pub(crate) fn spend(&mut self, amounts: &Amounts) -> Amounts {
        self.correct(self.epoch(), &Amounts::NONE, amounts)
    }

    /// Gives back spending that was booked in the window of `epoch`. Where that window is over, it first pays off debt,
    /// and never becomes new budget.
    pub(crate) fn refund(&mut self, epoch: u64, amounts: &Amounts) {
        let mut rest = *amounts;
        if epoch < self.epoch() {
            rest = self.change_current(|cell, limits| {
                Amounts::from_units(|dimension| {
                    let counter = cell.counters.get_mut(dimension);
                    let amount = amounts.units(dimension).unwrap_or(0);
                    Some(counter.pay_off(amount, limits.units(dimension)))
                })
            });
        }
        self.change(epoch, |cell, limits| {
            if cell.epoch == epoch {
                cell.each(limits, |dimension, counter, limit| {
                    counter.take_back(rest.units(dimension).unwrap_or(0), limit);
                });
            }
        });
    }

    /// Sets limits. What was spent stays spent; overspending that has room now is covered.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.caps = Arc::new(self.caps.with(limits));
        self.change_current(|cell, limits| {
            cell.each(limits, |_, counter, limit| counter.cover(limit));
        });
    }

    /// What lanes and meters may take out, in one dimension: never so much that a threshold could be passed unseen.
    pub(crate) fn grantable(&self, dimension: Dimension, alerts: Option<&Alerts>) -> u64 {
        let room = self.plain.room(dimension, &self.caps.units);
        let Some((alerts, limit)) = alerts.zip(self.limits().units(dimension)) else {
            return room;
        };
        let next = alerts.next(*self.alerted.get(dimension), limit);
        room.min(next.saturating_sub(self.used(dimension)))
    }

    /// Whether no threshold can be passed even if everything that is held, by lanes and meters too, is spent.
    pub(crate) fn passes_no_threshold(&self, alerts: Option<&Alerts>) -> bool {
        let Some(alerts) = alerts else {
            return true;
        };
        Dimension::ALL.into_iter().all(|dimension| {
            let next = |limit| alerts.next(*self.alerted.get(dimension), limit);
            let limit = self.limits().units(dimension);
            limit.is_none_or(|limit| self.used(dimension) <= next(limit))
        })
    }

    /// What is spent and held.
    fn used(&self, dimension: Dimension) -> u64 {
        let spent = *self.plain.spent.get(dimension);
        spent.saturating_add(*self.plain.reserved.get(dimension))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::period::Period;
    use crate::window::Zone;

    proptest! {
        /// Many windows at once are what they are one by one.
        #[test]
        fn windows_are_followed_alike_however_many_are_skipped(
            overspent in 0_u64..2_000,
            spent in 0_u64..30,
            debt in 0_u64..300,
            limit in prop::option::of(0_u64..30),
            rollover in any::<bool>(),
            hours in 0_u64..200,
        ) {
            let start = Moment::from_micros(0);
            let schedule = Schedule::anchored(Period::Hourly, Zone::utc(), start);
            let limits = Limits { calls: limit, tokens: Some(7), cost: None };
            let caps = Arc::new(Caps::of_budget(limits, 0));
            let node = Node::new(caps, schedule.clone(), rollover, false, start, 0);
            let mut cell = node.current();
            let calls = Counter { spent, overspent, debt, ..Counter::default() };
            *cell.counters.get_mut(Dimension::Calls) = calls;
            *cell.counters.get_mut(Dimension::Tokens) = Counter { overspent: overspent / 3, ..Counter::default() };
            let hour = |hour: u64| start.plus(std::time::Duration::from_secs(3600 * hour));
            let mut slow = cell;
            for number in 1..=hours {
                slow = slow.follower(schedule.span(hour(number)), &limits, rollover);
            }
            prop_assert_eq!(node.follow(cell, hour(hours)), slow);
        }
    }

    #[test]
    fn a_debt_of_a_million_windows_is_paid_at_once() {
        let start = Moment::from_micros(0);
        let schedule = Schedule::anchored("every 60s".parse().unwrap(), Zone::utc(), start);
        let caps = Arc::new(Caps::of_budget(Limits::NONE.calls(1), 0));
        let node = Node::new(caps, schedule, false, false, start, 0);
        let mut cell = node.current();
        cell.counters.get_mut(Dimension::Calls).overspent = u64::MAX;
        let century = start.plus(std::time::Duration::from_secs(100 * 365 * 86_400));
        let then = node.follow(cell, century);
        assert_eq!(
            then.counters.get(Dimension::Calls).debt,
            u64::MAX - (100 * 365 * 1_440 - 1)
        );
    }
}
