//! What a model's usage costs, what to reserve for a request, and how much output a hold can pay for.

use serde::{Deserialize, Serialize};

use crate::amounts::Amounts;
use crate::usage::TokenUsage;
use crate::usd::Usd;

use super::error::PriceError;
use super::layout::Layout;
use super::rates::{Rates, Resolved};
use super::token_price::TokenPrice;

/// A nano-dollar in the units of [`TokenPrice`].
const UNITS_PER_NANO: u128 = 10_u128.pow(18);

/// The prices of a model, by class of token and by length of context.
///
/// A tier applies to the *whole* request, output included, once its input of all classes is longer than the tier's threshold: that is how the
/// providers bill, and why output never moves a request into another tier. A class without a price of its own costs as much as the one that it is
/// a part of ([`Rates`]); in a tier that does not name it, as much as below the tier or as that one in the tier, whichever is dearer.
///
/// In files: the fields of [`Rates`] in USD per million tokens, `max_output_tokens`, and `tiers` with the same fields and `above`, the
/// number of input tokens. Unknown fields are errors.
///
/// ```
/// # use budget_enforcer::{ModelPrice, Rates, TokenUsage};
/// let price = ModelPrice::new(Rates::NONE.input("2.50".parse()?).output("10.00".parse()?).cached_input("1.25".parse()?))?;
/// let usage = TokenUsage::NONE.input(1000).cached_input(500).output(200);
/// assert_eq!(price.cost(&usage)?, "0.005125".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Layout", into = "Layout")]
pub struct ModelPrice {
    input: TokenPrice,
    output: TokenPrice,
    pub(super) own: Rates,
    /// Ascending, each threshold once.
    pub(super) tiers: Vec<Tier>,
    pub(super) max_output_tokens: Option<u64>,
}

/// Other prices for requests with more input than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tier {
    pub(super) above: u64,
    pub(super) rates: Rates,
}

impl ModelPrice {
    /// A model with these prices for requests of any length.
    ///
    /// # Errors
    /// [`PriceError::MissingPrice`] without a price for input and one for output.
    pub fn new(rates: Rates) -> Result<Self, PriceError> {
        let missing = |class| PriceError::MissingPrice { class };
        Ok(Self {
            input: rates.input.ok_or(missing("input"))?,
            output: rates.output.ok_or(missing("output"))?,
            own: rates,
            tiers: Vec::new(),
            max_output_tokens: None,
        })
    }

    /// With other prices for requests with more than `above` input tokens.
    ///
    /// # Errors
    /// [`PriceError::InvalidTier`] for a threshold of zero, one that there is already, or no price at all.
    pub fn tier(mut self, above: u64, rates: Rates) -> Result<Self, PriceError> {
        let refuse = |why| Err(PriceError::InvalidTier { above, why });
        if above == 0 {
            return refuse("holds for every request: write its prices as the model's own");
        }
        if rates.is_none() {
            return refuse("names no price");
        }
        match self.tiers.binary_search_by_key(&above, |tier| tier.above) {
            Ok(_) => refuse("is there already"),
            Err(place) => {
                self.tiers.insert(place, Tier { above, rates });
                Ok(self)
            }
        }
    }

    /// With the most output tokens that the model can give: what [`max_output_tokens`](Self::max_output_tokens) never exceeds.
    #[must_use]
    pub fn output_limit(mut self, tokens: u64) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// What the usage costs: exact, and rounded up to a nano-dollar once, on the total.
    ///
    /// # Errors
    /// [`PriceError::TooLarge`].
    pub fn cost(&self, usage: &TokenUsage) -> Result<Usd, PriceError> {
        self.units(usage)
            .and_then(to_usd)
            .ok_or(PriceError::TooLarge)
    }

    /// What the usage takes from a budget: its tokens and its [`cost`](Self::cost). Calls are the caller's to add.
    ///
    /// # Errors
    /// [`PriceError::TooLarge`].
    pub fn amounts(&self, usage: &TokenUsage) -> Result<Amounts, PriceError> {
        self.worst_case(usage, 0)
    }

    /// What to reserve for a request with this input and the provider's `max_tokens` set to `max_output`: the input at its classes' prices,
    /// the output at the dearer of output and reasoning. Whatever part of that output comes, as whichever of the two, costs at most this.
    /// Input that may be written to a cache belongs into `cache_write`: written as plain `input` it may cost more than was reserved.
    ///
    /// # Errors
    /// [`PriceError::TooLarge`].
    pub fn worst_case(&self, input: &TokenUsage, max_output: u64) -> Result<Amounts, PriceError> {
        let amounts = || {
            let output = self.at(input)?.dearest_output();
            let units = self.units(input)?.checked_add(times(output, max_output)?)?;
            let tokens = input.checked_tokens()?.checked_add(max_output)?;
            Some(Amounts::NONE.tokens(tokens).cost(to_usd(units)?))
        };
        amounts().ok_or(PriceError::TooLarge)
    }

    /// The most output tokens that `within` can pay for after `input`, for the provider's `max_tokens`: one more would cost more money or more
    /// tokens than that, or is more than the model can give. Zero where nothing fits. A dimension that is absent does not bound it.
    #[must_use]
    pub fn max_output_tokens(&self, input: &TokenUsage, within: &Amounts) -> u64 {
        let most = || {
            let by_tokens = within
                .tokens
                .unwrap_or(u64::MAX)
                .checked_sub(input.checked_tokens()?)?;
            let by_cost = match within.cost {
                Some(cost) => {
                    let left = u128::from(cost.nanos())
                        .checked_mul(UNITS_PER_NANO)?
                        .checked_sub(self.units(input)?)?;
                    let price = self.at(input)?.dearest_output().units();
                    left.checked_div(price)
                        .map_or(u64::MAX, |most| u64::try_from(most).unwrap_or(u64::MAX))
                }
                None => u64::MAX,
            };
            Some(
                by_tokens
                    .min(by_cost)
                    .min(self.max_output_tokens.unwrap_or(u64::MAX)),
            )
        };
        most().unwrap_or(0)
    }

    fn units(&self, usage: &TokenUsage) -> Option<u128> {
        let price = self.at(usage)?;
        [
            (price.input, usage.input),
            (price.cached_input, usage.cached_input),
            (price.cache_write, usage.cache_write),
            (price.cache_write_long, usage.cache_write_long),
            (price.output, usage.output),
            (price.reasoning, usage.reasoning),
        ]
        .into_iter()
        .try_fold(0_u128, |sum, (price, tokens)| {
            sum.checked_add(times(price, tokens)?)
        })
    }

    /// The prices for a request with this input.
    fn at(&self, usage: &TokenUsage) -> Option<Resolved> {
        let context = usage.checked_context()?;
        let base = Resolved::base(self.input, self.output, &self.own);
        let tier = self.tiers.iter().rev().find(|tier| tier.above < context);
        Some(tier.map_or(base, |tier| base.within(&tier.rates)))
    }
}

fn times(price: TokenPrice, tokens: u64) -> Option<u128> {
    price.units().checked_mul(u128::from(tokens))
}

fn to_usd(units: u128) -> Option<Usd> {
    u64::try_from(units.div_ceil(UNITS_PER_NANO))
        .ok()
        .map(Usd::from_nanos)
}
