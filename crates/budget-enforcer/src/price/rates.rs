//! Prices by class of token, and what a class costs that has no price of its own: never less than it may turn out to.

use serde::{Deserialize, Serialize};

use super::token_price::TokenPrice;

/// A price for each class of token, as far as it has one of its own. The classes are those of [`TokenUsage`](crate::TokenUsage).
///
/// ```
/// # use budget_enforcer::Rates;
/// let rates = Rates::NONE.input("2.50".parse()?).output("10.00".parse()?).cached_input("1.25".parse()?);
/// assert_eq!(rates.reasoning, None);
/// # Ok::<(), budget_enforcer::PriceError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Of input that is neither read from nor written to a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<TokenPrice>,
    /// Of output that can be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<TokenPrice>,
    /// Of input read from a cache. `None`: as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<TokenPrice>,
    /// Of input written to a cache. `None`: as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<TokenPrice>,
    /// Of input written to a cache that keeps it for an hour. `None`: as `cache_write`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_long: Option<TokenPrice>,
    /// Of output that cannot be seen. `None`: as `output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<TokenPrice>,
}

macro_rules! with {
    ($($(#[$doc:meta])* $class:ident),*) => {
        $($(#[$doc])*
        #[must_use]
        pub const fn $class(mut self, price: TokenPrice) -> Self {
            self.$class = Some(price);
            self
        })*
    };
}

impl Rates {
    /// No price at all.
    pub const NONE: Self = Self {
        input: None,
        output: None,
        cached_input: None,
        cache_write: None,
        cache_write_long: None,
        reasoning: None,
    };

    with! {
        /// With this price of input.
        input,
        /// With this price of output.
        output,
        /// With this price of input read from a cache.
        cached_input,
        /// With this price of input written to a cache.
        cache_write,
        /// With this price of input written to a cache for an hour.
        cache_write_long,
        /// With this price of reasoning.
        reasoning
    }

    /// Whether no class has a price.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

/// What each class costs after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) input: TokenPrice,
    pub(super) output: TokenPrice,
    pub(super) cached_input: TokenPrice,
    pub(super) cache_write: TokenPrice,
    pub(super) cache_write_long: TokenPrice,
    pub(super) reasoning: TokenPrice,
}

impl Resolved {
    pub(super) fn base(input: TokenPrice, output: TokenPrice, own: &Rates) -> Self {
        let cache_write = own.cache_write.unwrap_or(input);
        Self {
            input,
            output,
            cached_input: own.cached_input.unwrap_or(input),
            cache_write,
            cache_write_long: own.cache_write_long.unwrap_or(cache_write),
            reasoning: own.reasoning.unwrap_or(output),
        }
    }

    /// These prices within a tier. A class that the tier does not name costs what it costs below it, or what it falls back to in the
    /// tier where that is dearer: a table that forgets a class must not make it cheap.
    pub(super) fn within(&self, tier: &Rates) -> Self {
        let input = tier.input.unwrap_or(self.input);
        let output = tier.output.unwrap_or(self.output);
        let cache_write = tier.cache_write.unwrap_or(self.cache_write.max(input));
        Self {
            input,
            output,
            cached_input: tier.cached_input.unwrap_or(self.cached_input.max(input)),
            cache_write,
            cache_write_long: tier
                .cache_write_long
                .unwrap_or(self.cache_write_long.max(cache_write)),
            reasoning: tier.reasoning.unwrap_or(self.reasoning.max(output)),
        }
    }

    pub(super) fn dearest_output(&self) -> TokenPrice {
        self.output.max(self.reasoning)
    }
}
