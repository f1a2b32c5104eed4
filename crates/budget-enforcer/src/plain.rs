//! The plain case, which nearly every call is: a node without debts, with room. It is decided and booked on bare numbers.

use crate::amounts::{Amounts, Dimension, Limits, PerDimension};

/// Room for everything but the largest number, which stands for sums that cannot be counted.
pub(crate) const UNLIMITED: u64 = u64::MAX - 1;

/// What a node may use, ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caps {
    pub(crate) limits: Limits,
    /// The limits, and [`UNLIMITED`] where there is none.
    pub(crate) units: PerDimension<u64>,
    /// The dimensions of which a charge that names the envelope must touch at least one. Zero: it need not.
    pub(crate) must_touch: u8,
}

/// What is spent and held within what may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) spent: PerDimension<u64>,
    pub(crate) reserved: PerDimension<u64>,
}

/// Amounts, ready to be compared: zero where a dimension is not touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) units: PerDimension<u64>,
    touched: u8,
}

impl Caps {
    /// Limits of a window of a budget, whose windows limit the dimensions `must_touch` altogether.
    pub(crate) fn of_budget(limits: Limits, must_touch: u8) -> Self {
        Self {
            units: PerDimension::from_fn(|dimension| {
                limits
                    .units(dimension)
                    .map_or(UNLIMITED, |limit| limit.min(UNLIMITED))
            }),
            must_touch,
            limits,
        }
    }

    /// Limits of a session, which any charge may name.
    pub(crate) fn of_session(limits: Limits) -> Self {
        Self::of_budget(limits, 0)
    }

    /// The same with other limits.
    pub(crate) fn with(&self, limits: Limits) -> Self {
        Self::of_budget(limits, self.must_touch)
    }

    /// The same where the windows of the budget limit other dimensions altogether.
    pub(crate) fn touching(&self, must_touch: u8) -> Self {
        Self::of_budget(self.limits, must_touch)
    }
}

impl Want {
    pub(crate) const NONE: Self = Self {
        units: PerDimension([0; 3]),
        touched: 0,
    };

    #[inline]
    pub(crate) fn of(amounts: &Amounts) -> Self {
        let units = Dimension::ALL.map(|dimension| amounts.units(dimension));
        let [tokens, calls, cost] = units.map(|units| units.is_some());
        Self {
            units: PerDimension(units.map(|units| units.unwrap_or(0))),
            touched: u8::from(tokens) | (u8::from(calls) << 1) | (u8::from(cost) << 2),
        }
    }

    /// Whether a charge of this passes the ceilings by of an envelope that limits the dimensions `must_touch`.
    pub(crate) const fn evades(&self, must_touch: u8) -> bool {
        must_touch != 0 && must_touch & self.touched == 0
    }

    /// Whether it is nowhere more than `other`.
    #[inline]
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let mut both = self.units.0.iter().zip(&other.units.0);
        both.all(|(own, other)| own <= other)
    }

    /// Whether it touches anything, with numbers that can be counted.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.touched != 0 && self.units.0.iter().all(|units| *units < u64::MAX)
    }
}

impl Plain {
    /// Whether there is room for `want` under `caps`.
    #[inline]
    pub(crate) fn fits(&self, want: &Want, caps: &PerDimension<u64>) -> bool {
        let used = self.spent.0.iter().zip(&self.reserved.0);
        let each = want.units.0.iter().zip(&caps.0).zip(used);
        each.fold(true, |fits, ((want, cap), (spent, reserved))| {
            fits & (*want <= cap.saturating_sub(*spent).saturating_sub(*reserved))
        })
    }

    /// What is left under `caps` in one dimension.
    pub(crate) const fn room(&self, dimension: Dimension, caps: &PerDimension<u64>) -> u64 {
        caps.get(dimension)
            .saturating_sub(*self.spent.get(dimension))
            .saturating_sub(*self.reserved.get(dimension))
    }

    #[inline]
    pub(crate) fn hold(&mut self, want: &Want) {
        for (reserved, want) in self.reserved.0.iter_mut().zip(&want.units.0) {
            *reserved = reserved.saturating_add(*want);
        }
    }

    #[inline]
    pub(crate) fn release(&mut self, held: &Want) {
        for (reserved, held) in self.reserved.0.iter_mut().zip(&held.units.0) {
            *reserved = reserved.saturating_sub(*held);
        }
    }

    #[inline]
    pub(crate) fn spend(&mut self, used: &Want) {
        for (spent, used) in self.spent.0.iter_mut().zip(&used.units.0) {
            *spent = spent.saturating_add(*used);
        }
    }
}

/// The dimensions that have a number, as bits.
pub(crate) fn touched(units: impl Fn(Dimension) -> Option<u64>) -> u8 {
    let bit = |(bit, dimension): (u8, Dimension)| units(dimension).map_or(0, |_| bit);
    [1_u8, 2, 4]
        .into_iter()
        .zip(Dimension::ALL)
        .fold(0, |all, pair| all | bit(pair))
}
