//! What can be wrong with a price, or with asking for one.

use crate::error::Shown;

/// Why there is no price. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// The table has no such model, and no fallback.
    #[error(
        "no price for model `{model}` of provider `{provider}`: add it to the price table, or set a fallback"
    )]
    UnknownModel {
        /// The provider that was asked for, shortened.
        provider: String,
        /// The model that was asked for, shortened.
        model: String,
    },
    /// The model is known, but what it costs is not a matter of tokens alone. No fallback stands in for it.
    #[error("model `{model}` of provider `{provider}` is not priced by tokens: {why}")]
    Unpriced {
        /// The provider, shortened.
        provider: String,
        /// The model, shortened.
        model: String,
        /// What its price depends on.
        why: String,
    },
    /// The table has a price for the model already.
    #[error("model `{model}` of provider `{provider}` has a price already")]
    AlreadyPriced {
        /// The provider, shortened.
        provider: String,
        /// The model, shortened.
        model: String,
    },
    /// A provider or model without a name.
    #[error("a {what} needs a name")]
    NoName {
        /// `provider` or `model`.
        what: &'static str,
    },
    /// A price that cannot be held exactly.
    #[error("`{value}` is not a price in USD: {why}")]
    InvalidPrice {
        /// What was given, shortened.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A price without which nothing can be charged.
    #[error("a model needs a price for `{class}`: zero, where it is free")]
    MissingPrice {
        /// `input` or `output`.
        class: &'static str,
    },
    /// A tier that does not fit.
    #[error("the tier above {above} input tokens {why}")]
    InvalidTier {
        /// From which context length on.
        above: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More tokens or more money than can be counted.
    #[error(
        "the usage costs more than can be counted: 18446744073709551615 tokens or 18446744073.709551615 USD"
    )]
    TooLarge,
}

impl PriceError {
    pub(super) fn invalid(value: &str, why: &'static str) -> Self {
        Self::InvalidPrice {
            value: Shown(value).to_string(),
            why,
        }
    }

    pub(super) fn unknown(provider: &str, model: &str) -> Self {
        Self::UnknownModel {
            provider: Shown(provider).to_string(),
            model: Shown(model).to_string(),
        }
    }

    pub(super) fn unpriced(provider: &str, model: &str, why: &str) -> Self {
        Self::Unpriced {
            provider: Shown(provider).to_string(),
            model: Shown(model).to_string(),
            why: why.to_owned(),
        }
    }

    pub(super) fn already_priced(provider: &str, model: &str) -> Self {
        Self::AlreadyPriced {
            provider: Shown(provider).to_string(),
            model: Shown(model).to_string(),
        }
    }
}
