//! Token counts in classes that do not overlap, for overlapping ones are charged twice or not at all.

use serde::{Deserialize, Serialize};

/// The tokens of a call. Every token is in exactly one class; what providers report is brought into this form by
/// [`ProviderUsage`](super::ProviderUsage).
///
/// ```
/// # use budget_enforcer::TokenUsage;
/// let usage = TokenUsage::NONE.input(200).cached_input(800).output(50);
/// assert_eq!((usage.context(), usage.tokens()), (1000, 1050));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenUsage {
    /// Input that is neither read from nor written to a cache.
    pub input: u64,
    /// Input read from a cache.
    pub cached_input: u64,
    /// Input written to a cache.
    pub cache_write: u64,
    /// Input written to a cache that keeps it for an hour.
    pub cache_write_long: u64,
    /// Output, reasoning apart.
    pub output: u64,
    /// Output that cannot be seen.
    pub reasoning: u64,
}

macro_rules! with {
    ($($(#[$doc:meta])* $class:ident),*) => {
        $($(#[$doc])*
        #[must_use]
        pub const fn $class(mut self, tokens: u64) -> Self {
            self.$class = tokens;
            self
        })*
    };
}

impl TokenUsage {
    /// No tokens.
    pub const NONE: Self = Self {
        input: 0,
        cached_input: 0,
        cache_write: 0,
        cache_write_long: 0,
        output: 0,
        reasoning: 0,
    };

    with! {
        /// With this much input that is neither read from nor written to a cache.
        input,
        /// With this much input read from a cache.
        cached_input,
        /// With this much input written to a cache.
        cache_write,
        /// With this much input written to a cache for an hour.
        cache_write_long,
        /// With this much output, reasoning apart.
        output,
        /// With this much reasoning.
        reasoning
    }

    /// All of them. Stops at the largest number there is.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.checked_tokens().unwrap_or(u64::MAX)
    }

    /// The input of all classes, which is what tiers go by. Stops at the largest number there is.
    #[must_use]
    pub fn context(&self) -> u64 {
        self.checked_context().unwrap_or(u64::MAX)
    }

    pub(crate) fn checked_tokens(&self) -> Option<u64> {
        self.checked_context()?
            .checked_add(self.output)?
            .checked_add(self.reasoning)
    }

    pub(crate) fn checked_context(&self) -> Option<u64> {
        self.input
            .checked_add(self.cached_input)?
            .checked_add(self.cache_write)?
            .checked_add(self.cache_write_long)
    }
}
