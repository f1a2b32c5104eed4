//! Usage that arrives in pieces, each of which counts from the beginning.

use crate::amounts::Amounts;
use crate::price::{ModelPrice, PriceError};

use super::error::UsageError;
use super::tokens::TokenUsage;

/// A provider's report of what a call used.
pub trait ProviderUsage: Clone {
    /// The tokens, each in one class.
    ///
    /// # Errors
    /// [`UsageError`], where the report is incomplete or contradicts itself.
    fn token_usage(&self) -> Result<TokenUsage, UsageError>;

    /// Of each of the provider's counters the larger. Counters count from the beginning of the call and may be left out, but do not go back.
    fn keep_larger(&mut self, newer: &Self);
}

/// What a stream has used so far, from the reports in its events.
///
/// Anthropic reports in `message_start` (in its `message`) and in each `message_delta`; OpenAI in the last chunk, if the request asked for
/// `stream_options.include_usage`, and null before; others in every chunk. [`observe`](Self::observe) each report that is there, and hand each
/// [`delta`](Self::delta) to [`Running::consume`](crate::Running::consume). At the end settle with the price's
/// [`amounts`](ModelPrice::amounts) of what `observe` gave last.
///
/// A stream that breaks before its last report has used more than it said: settle it with [`Amounts::NONE`], which is what was held.
///
/// ```
/// # use budget_enforcer::{Amounts, AnthropicUsage, ModelPrice, Rates, StreamUsage};
/// let price = ModelPrice::new(Rates::NONE.input("3".parse()?).output("15".parse()?))?;
/// let mut stream = StreamUsage::new();
/// assert_eq!(stream.delta(&price)?, Amounts::NONE);
/// let start: AnthropicUsage = serde_json::from_str(r#"{ "input_tokens": 1000, "output_tokens": 1 }"#)?;
/// stream.observe(&start)?;
/// assert_eq!(stream.delta(&price)?, Amounts::NONE.tokens(1001).cost("0.003015".parse()?));
/// let delta: AnthropicUsage = serde_json::from_str(r#"{ "output_tokens": 101 }"#)?;
/// assert_eq!(stream.observe(&delta)?.tokens(), 1101);
/// assert_eq!(stream.delta(&price)?, Amounts::NONE.tokens(100).cost("0.0015".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamUsage<U> {
    report: Option<U>,
    so_far: Option<TokenUsage>,
    told: Amounts,
}

impl<U> Default for StreamUsage<U> {
    fn default() -> Self {
        Self {
            report: None,
            so_far: None,
            told: Amounts::NONE,
        }
    }
}

impl<U: ProviderUsage> StreamUsage<U> {
    /// A stream that has reported nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the report of an event, and returns what the call has used so far. One that repeats an older one, or comes too late, changes nothing.
    ///
    /// # Errors
    /// [`UsageError`], where what is known so far is incomplete or contradicts itself. The report is not taken.
    pub fn observe(&mut self, report: &U) -> Result<TokenUsage, UsageError> {
        let report = match self.report.clone() {
            Some(mut known) => {
                known.keep_larger(report);
                known
            }
            None => report.clone(),
        };
        let usage = report.token_usage()?;
        self.report = Some(report);
        self.so_far = Some(usage);
        Ok(usage)
    }

    /// What the call has used so far. `None`: nothing was reported, which is not zero.
    #[must_use]
    pub fn so_far(&self) -> Option<TokenUsage> {
        self.so_far
    }

    /// What has come since the last time that this was asked: [`Amounts::NONE`] before the first report. All of them add up to the
    /// price's [`amounts`](ModelPrice::amounts) of the whole, unless a report moved tokens into a cheaper class after they were told: then they are more.
    ///
    /// # Errors
    /// [`PriceError::TooLarge`]. Nothing counts as told.
    pub fn delta(&mut self, price: &ModelPrice) -> Result<Amounts, PriceError> {
        let Some(usage) = self.so_far else {
            return Ok(Amounts::NONE);
        };
        let all = price.amounts(&usage)?.larger(&self.told);
        let delta = Amounts::from_units(|dimension| {
            let told = self.told.units(dimension).unwrap_or(0);
            Some(all.units(dimension)?.saturating_sub(told))
        });
        self.told = all;
        Ok(delta)
    }
}
