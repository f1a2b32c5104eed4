//! What can be limited — tokens, calls, money — and amounts and limits in those dimensions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::usd::Usd;

/// What is counted.
#[expect(
    clippy::exhaustive_enums,
    reason = "amounts, limits and texts name each dimension: a new one must break them"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Tokens of a language model.
    Tokens,
    /// Calls of tools or models.
    Calls,
    /// Money.
    Cost,
}

impl Dimension {
    /// All of them, in the order in which they are judged.
    pub const ALL: [Self; 3] = [Self::Tokens, Self::Calls, Self::Cost];

    /// `tokens`, `calls` or `cost`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Calls => "calls",
            Self::Cost => "cost",
        }
    }

    /// An amount in this dimension alone.
    #[cfg(all(feature = "backend", feature = "conformance"))]
    pub(crate) const fn amount(self, units: u64) -> Amounts {
        match self {
            Self::Tokens => Amounts::NONE.tokens(units),
            Self::Calls => Amounts::NONE.calls(units),
            Self::Cost => Amounts::NONE.cost(Usd::from_nanos(units)),
        }
    }

    pub(crate) const fn quantity(self, units: u64) -> Quantity {
        match self {
            Self::Tokens => Quantity::Tokens(units),
            Self::Calls => Quantity::Calls(units),
            Self::Cost => Quantity::Cost(Usd::from_nanos(units)),
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number with its unit. [`Display`](fmt::Display) shows the number alone, money with four digits.
#[expect(clippy::exhaustive_enums, reason = "one for each dimension")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Tokens.
    Tokens(u64),
    /// Calls.
    Calls(u64),
    /// Money.
    Cost(Usd),
}

impl Quantity {
    /// The bare number: tokens, calls or nano-dollars.
    #[must_use]
    pub const fn units(self) -> u64 {
        match self {
            Self::Tokens(units) | Self::Calls(units) => units,
            Self::Cost(usd) => usd.nanos(),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokens(units) | Self::Calls(units) => units.fmt(f),
            Self::Cost(usd) => usd.fmt(f),
        }
    }
}

macro_rules! triple {
    ($(#[$doc:meta])* $name:ident, $absent:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            #[doc = concat!("Tokens. `None`: ", $absent, ".")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub tokens: Option<u64>,
            #[doc = concat!("Calls. `None`: ", $absent, ".")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub calls: Option<u64>,
            #[doc = concat!("Money. `None`: ", $absent, ".")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub cost: Option<Usd>,
        }

        impl $name {
            /// None of the three.
            pub const NONE: Self = Self { tokens: None, calls: None, cost: None };

            /// With this many tokens.
            #[must_use]
            pub const fn tokens(mut self, tokens: u64) -> Self {
                self.tokens = Some(tokens);
                self
            }

            /// With this many calls.
            #[must_use]
            pub const fn calls(mut self, calls: u64) -> Self {
                self.calls = Some(calls);
                self
            }

            /// With this much money.
            #[must_use]
            pub const fn cost(mut self, cost: Usd) -> Self {
                self.cost = Some(cost);
                self
            }

            /// Whether no dimension is given.
            #[must_use]
            pub const fn is_none(&self) -> bool {
                self.tokens.is_none() && self.calls.is_none() && self.cost.is_none()
            }

            /// The units in one dimension (nano-dollars for money).
            #[must_use]
            pub const fn units(&self, dimension: Dimension) -> Option<u64> {
                match dimension {
                    Dimension::Tokens => self.tokens,
                    Dimension::Calls => self.calls,
                    Dimension::Cost => match self.cost {
                        Some(usd) => Some(usd.nanos()),
                        None => None,
                    },
                }
            }

            pub(crate) fn from_units(mut units: impl FnMut(Dimension) -> Option<u64>) -> Self {
                Self {
                    tokens: units(Dimension::Tokens),
                    calls: units(Dimension::Calls),
                    cost: units(Dimension::Cost).map(Usd::from_nanos),
                }
            }
        }
    };
}

triple! {
    /// What an action uses. A dimension that it does not touch is absent, which is not the same as zero.
    ///
    /// ```
    /// # use budget_enforcer::Amounts;
    /// let used = Amounts::NONE.tokens(420).calls(1);
    /// assert_eq!(used.tokens, Some(420));
    /// assert_eq!(used.cost, None);
    /// ```
    Amounts, "not touched, or not known"
}
triple! {
    /// How much an envelope allows in one window. Zero allows nothing.
    Limits, "unlimited"
}

impl Amounts {
    /// Dimension by dimension; absent stays absent only where both are. Stops at the largest number there is.
    pub(crate) fn saturating_add(&self, other: &Self) -> Self {
        Self::from_units(
            |dimension| match (self.units(dimension), other.units(dimension)) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
            },
        )
    }

    /// Dimension by dimension the larger; absent where both are.
    #[inline]
    pub(crate) fn larger(&self, other: &Self) -> Self {
        Self::from_units(|dimension| self.units(dimension).max(other.units(dimension)))
    }

    /// `self` where it is given, else `other`.
    #[inline]
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self::from_units(|dimension| self.units(dimension).or(other.units(dimension)))
    }
}

impl Amounts {
    /// What a hold of `held` comes to when this was used: what is not known, what was held; and with `at_least_hold`, what is less too.
    #[inline]
    pub(crate) fn settled(&self, held: &Self, at_least_hold: bool) -> Self {
        if at_least_hold {
            self.larger(held)
        } else {
            self.or(held)
        }
    }
}

impl Limits {
    /// In every dimension the lower of the two.
    pub(crate) fn tighter(&self, other: &Self) -> Self {
        Self::from_units(
            |dimension| match (self.units(dimension), other.units(dimension)) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        )
    }
}

/// One value for each dimension, in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PerDimension<T>(pub(crate) [T; 3]);

impl<T> PerDimension<T> {
    pub(crate) fn from_fn(f: impl FnMut(Dimension) -> T) -> Self {
        Self(Dimension::ALL.map(f))
    }

    pub(crate) const fn get(&self, dimension: Dimension) -> &T {
        let [tokens, calls, cost] = &self.0;
        match dimension {
            Dimension::Tokens => tokens,
            Dimension::Calls => calls,
            Dimension::Cost => cost,
        }
    }

    pub(crate) const fn get_mut(&mut self, dimension: Dimension) -> &mut T {
        let [tokens, calls, cost] = &mut self.0;
        match dimension {
            Dimension::Tokens => tokens,
            Dimension::Calls => calls,
            Dimension::Cost => cost,
        }
    }
}
