//! The arithmetic of one dimension of one envelope in one window: pure rules, with no clock, store or lock.
//!
//! What may be used is `limit + credit - debt`. While `spent + reserved` fills it, what was really spent beyond is
//! `overspent`; as soon as room appears, `overspent` moves into `spent`. So `spent + reserved` never shows more than may
//! be used (unless an operator lowered the limit under it), and `spent + overspent` is always what was really spent.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Counter {
    pub(crate) spent: u64,
    pub(crate) reserved: u64,
    /// Really spent, but not covered.
    pub(crate) overspent: u64,
    /// Left over from the window before, where rollover is on.
    pub(crate) credit: u64,
    /// Overspent in the windows before.
    pub(crate) debt: u64,
}

impl Counter {
    /// What may be used in this window altogether.
    pub(crate) fn capacity(&self, limit: Option<u64>) -> u64 {
        // Without a limit there is still the largest number that can be counted.
        limit.map_or(u64::MAX, |limit| {
            limit.saturating_add(self.credit).saturating_sub(self.debt)
        })
    }

    /// What is left of it. While anything is overspent, nothing.
    pub(crate) fn available(&self, limit: Option<u64>) -> u64 {
        self.capacity(limit)
            .saturating_sub(self.spent)
            .saturating_sub(self.reserved)
    }

    /// Takes a hold that was found to be available.
    pub(crate) fn hold(&mut self, amount: u64) {
        self.reserved = self.reserved.saturating_add(amount);
    }

    /// Gives a hold back.
    pub(crate) fn release(&mut self, held: u64, limit: Option<u64>) {
        self.reserved = self.reserved.saturating_sub(held);
        self.cover(limit);
    }

    /// Turns a hold into spending.
    pub(crate) fn spend_hold(&mut self, held: u64) {
        self.reserved = self.reserved.saturating_sub(held);
        self.spent = self.spent.saturating_add(held);
    }

    /// Books spending that cannot be refused: what is available is taken. Returns the rest, which is nobody's yet.
    #[must_use]
    pub(crate) fn book(&mut self, amount: u64, limit: Option<u64>) -> u64 {
        let covered = amount.min(self.available(limit));
        self.spent = self.spent.saturating_add(covered);
        amount.saturating_sub(covered)
    }

    /// Records what [`book`](Self::book) could not cover.
    pub(crate) fn overspend(&mut self, amount: u64) {
        self.overspent = self.overspent.saturating_add(amount);
    }

    /// Takes spending back.
    pub(crate) fn take_back(&mut self, amount: u64, limit: Option<u64>) {
        let uncovered = amount.min(self.overspent);
        self.overspent = self.overspent.saturating_sub(uncovered);
        self.spent = self.spent.saturating_sub(amount.saturating_sub(uncovered));
        self.cover(limit);
    }

    /// A debt that arrives after this window has begun: from what is free, and the rest is overspent here.
    pub(crate) fn owe(&mut self, amount: u64, limit: Option<u64>) {
        if limit.is_some() {
            let covered = amount.min(self.available(limit));
            self.debt = self.debt.saturating_add(covered);
            self.overspend(amount.saturating_sub(covered));
        }
    }

    /// Pays off debt, and returns what is left of `amount`.
    #[must_use]
    pub(crate) fn pay_off(&mut self, amount: u64, limit: Option<u64>) -> u64 {
        let rest = amount.saturating_sub(self.debt);
        self.debt = self.debt.saturating_sub(amount);
        self.cover(limit);
        rest
    }

    /// Moves into `spent` what was overspent and has room now.
    pub(crate) fn cover(&mut self, limit: Option<u64>) {
        let covered = self.overspent.min(self.available(limit));
        self.overspent = self.overspent.saturating_sub(covered);
        self.spent = self.spent.saturating_add(covered);
    }

    /// What the next window starts with. Holds that are still open count as spent.
    pub(crate) fn next(&self, limit: Option<u64>, rollover: bool) -> Self {
        let Some(limit) = limit else {
            return Self::default();
        };
        let unpaid = self.debt.saturating_sub(limit.saturating_add(self.credit));
        let debt = self.overspent.saturating_add(unpaid);
        let unspent = if rollover && debt == 0 {
            self.available(Some(limit))
        } else {
            0
        };
        Self {
            debt,
            credit: unspent.min(limit),
            ..Self::default()
        }
    }

    /// Closes a window that `next` follows: what was handed on is no longer here.
    pub(crate) fn close(&mut self, next: &Self) {
        self.overspent = 0;
        self.debt = self.debt.saturating_add(next.credit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Option<u64> = Some(100);

    fn counter(spent: u64, reserved: u64) -> Counter {
        Counter {
            spent,
            reserved,
            ..Counter::default()
        }
    }

    #[test]
    fn available_is_limit_and_carried_less_spent_and_reserved() {
        let cell = Counter {
            spent: 30,
            reserved: 20,
            credit: 10,
            debt: 5,
            overspent: 0,
        };
        assert_eq!(cell.available(LIMIT), 55);
        assert_eq!(
            counter(90, 20).available(LIMIT),
            0,
            "a lowered limit never makes it negative"
        );
    }

    #[test]
    fn booking_takes_what_is_available_and_returns_the_rest() {
        let mut cell = counter(70, 20);
        let rest = cell.book(25, LIMIT);
        assert_eq!((rest, cell.spent), (15, 80));
    }

    #[test]
    fn room_that_appears_covers_what_was_overspent() {
        let mut cell = counter(70, 30);
        let rest = cell.book(50, LIMIT);
        cell.overspend(rest);
        assert_eq!((cell.spent, cell.overspent), (70, 50));
        cell.release(30, LIMIT);
        assert_eq!(
            (
                cell.spent,
                cell.reserved,
                cell.overspent,
                cell.available(LIMIT)
            ),
            (100, 0, 20, 0)
        );
    }

    #[test]
    fn debt_is_carried_until_it_is_paid() {
        let cell = Counter {
            spent: 100,
            overspent: 250,
            ..Counter::default()
        };
        let second = cell.next(LIMIT, false);
        assert_eq!((second.debt, second.available(LIMIT)), (250, 0));
        let third = second.next(LIMIT, false);
        assert_eq!((third.debt, third.available(LIMIT)), (150, 0));
        let fifth = third.next(LIMIT, true).next(LIMIT, true);
        assert_eq!(
            (fifth.debt, fifth.credit, fifth.available(LIMIT)),
            (0, 50, 150),
            "half of the fourth paid, half was left"
        );
    }

    #[test]
    fn rollover_adds_the_unspent_up_to_twice_the_limit() {
        let first = counter(30, 20);
        assert_eq!(first.next(LIMIT, false), Counter::default());
        let second = first.next(LIMIT, true);
        assert_eq!(second.capacity(LIMIT), 150, "an open hold counts as spent");
        let third = second.next(LIMIT, true);
        assert_eq!(third.capacity(LIMIT), 200);
        assert_eq!(third.next(LIMIT, true).capacity(LIMIT), 200);
    }

    #[test]
    fn a_lowered_limit_is_no_debt() {
        let cell = counter(80, 0);
        assert_eq!(cell.next(Some(50), false).debt, 0);
    }

    #[test]
    fn a_late_debt_is_never_lost() {
        let mut cell = counter(90, 0);
        cell.owe(30, LIMIT);
        assert_eq!(
            (cell.debt, cell.overspent, cell.available(LIMIT)),
            (10, 20, 0)
        );
        assert_eq!(cell.next(LIMIT, false).debt, 20);
    }

    #[test]
    fn what_pays_off_debt_is_not_given_back_twice() {
        let mut cell = Counter {
            debt: 30,
            ..Counter::default()
        };
        assert_eq!((cell.pay_off(20, LIMIT), cell.debt), (0, 10));
        assert_eq!((cell.pay_off(25, LIMIT), cell.debt), (15, 0));
        assert_eq!((cell.pay_off(25, LIMIT), cell.debt), (25, 0));
    }

    #[test]
    fn a_late_debt_that_credit_covers_is_paid_once() {
        let mut cell = Counter {
            credit: 50,
            ..Counter::default()
        };
        cell.owe(140, LIMIT);
        assert_eq!((cell.debt, cell.overspent), (140, 0));
        let next = cell.next(LIMIT, true);
        assert_eq!((next.debt, next.credit), (0, 10));
    }

    #[test]
    fn nothing_overflows() {
        let mut cell = Counter {
            spent: u64::MAX,
            reserved: u64::MAX,
            overspent: u64::MAX,
            credit: u64::MAX,
            debt: u64::MAX,
        };
        for limit in [None, Some(0), Some(u64::MAX)] {
            cell.hold(u64::MAX);
            cell.spend_hold(u64::MAX);
            let rest = cell.book(u64::MAX, limit);
            cell.overspend(rest);
            cell.owe(u64::MAX, limit);
            cell.take_back(u64::MAX, limit);
            let rest = cell.pay_off(u64::MAX, limit);
            cell.overspend(rest);
            let next = cell.next(limit, true);
            cell.close(&next);
        }
    }
}
