//! The amounts of a charge, line by line, apart from the envelopes that they are taken from.

use std::sync::Arc;

use crate::amounts::Amounts;
use crate::charge::Charge;
use crate::plain::Want;

/// One amount for each envelope named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lines {
    One(Amounts),
    Many(Arc<[Amounts]>),
}

/// The same, ready to be compared.
pub(crate) enum Wants {
    One(Want),
    Many(Lines),
}

impl Wants {
    /// Nothing, of each line.
    pub(crate) const NONE: Self = Self::One(Want::NONE);

    /// What a node is charged that is touched by the lines of `mask`.
    #[inline]
    pub(crate) fn at(&self, mask: u64) -> Want {
        match self {
            Self::One(want) => *want,
            Self::Many(lines) => Want::of(&lines.at(mask)),
        }
    }

    /// Whether every line touches anything, with numbers that can be counted.
    #[inline]
    pub(crate) fn are_plain(&self) -> bool {
        match self {
            Self::One(want) => want.is_plain(),
            Self::Many(lines) => lines
                .as_slice()
                .iter()
                .all(|line| Want::of(line).is_plain()),
        }
    }

    /// Whether no line is more than that of `other`, which has as many; one alone stands for each.
    #[inline]
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(own), Self::One(other)) => own.is_within(other),
            (Self::One(own), Self::Many(other)) => {
                let mut others = other.as_slice().iter();
                others.all(|other| own.is_within(&Want::of(other)))
            }
            (Self::Many(own), Self::Many(other)) => {
                let mut both = own.as_slice().iter().zip(other.as_slice());
                both.all(|(own, other)| Want::of(own).is_within(&Want::of(other)))
            }
            (Self::Many(_), Self::One(_)) => false,
        }
    }
}

impl Lines {
    pub(crate) fn of(charge: &Charge) -> Self {
        match charge.single() {
            Some((_, amounts)) => Self::One(*amounts),
            None => Self::Many(charge.lines().map(|(_, amounts)| *amounts).collect()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[Amounts] {
        match self {
            Self::One(amounts) => std::slice::from_ref(amounts),
            Self::Many(amounts) => amounts,
        }
    }

    /// What a node is charged that is touched by the lines of `mask`. A sum that cannot be counted stops at the largest number.
    pub(crate) fn at(&self, mask: u64) -> Amounts {
        match self {
            Self::One(amounts) => *amounts,
            Self::Many(amounts) => (0_u32..)
                .zip(amounts.iter())
                .filter(|(line, _)| mask.checked_shr(*line).unwrap_or(0) & 1 == 1)
                .fold(Amounts::NONE, |sum, (_, amounts)| {
                    sum.saturating_add(amounts)
                }),
        }
    }

    /// What each node is charged, ready to be compared.
    #[inline]
    pub(crate) fn wants(&self) -> Wants {
        self.wants_by(|amounts| *amounts)
    }

    /// [`wants`](Self::wants) of what `f` makes of each line.
    #[inline]
    pub(crate) fn wants_by(&self, f: impl Fn(&Amounts) -> Amounts) -> Wants {
        match self {
            Self::One(amounts) => Wants::One(Want::of(&f(amounts))),
            Self::Many(_) => Wants::Many(self.map(f)),
        }
    }

    /// Line by line; both have one for each envelope named.
    pub(crate) fn plus(&self, more: &Self) -> Self {
        match (self, more) {
            (Self::One(a), Self::One(b)) => Self::One(a.saturating_add(b)),
            (a, b) => {
                let sums = a
                    .as_slice()
                    .iter()
                    .zip(b.as_slice())
                    .map(|(a, b)| a.saturating_add(b));
                Self::Many(sums.collect())
            }
        }
    }

    /// In each dimension the least of the lines that have it.
    pub(crate) fn least(&self) -> Amounts {
        match self {
            Self::One(amounts) => *amounts,
            Self::Many(lines) => Amounts::from_units(|dimension| {
                lines.iter().filter_map(|line| line.units(dimension)).min()
            }),
        }
    }

    pub(crate) fn map(&self, f: impl Fn(&Amounts) -> Amounts) -> Self {
        match self {
            Self::One(amounts) => Self::One(f(amounts)),
            Self::Many(amounts) => Self::Many(amounts.iter().map(f).collect()),
        }
    }

    /// The same, sharing nothing.
    pub(crate) fn apart(&self) -> Self {
        self.map(|amounts| *amounts)
    }
}
