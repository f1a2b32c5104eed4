//! Which model costs what, and that an unknown one is refused rather than free.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::error::PriceError;
use super::layout::TableLayout;
use super::model::ModelPrice;

/// Prices by provider and model. Names are compared as they are written: no patterns, no guessing, no newest version of anything.
///
/// In a file of one's own, prices are USD per million tokens as text, exact; `input` and `output` are needed, unknown fields and models that
/// stand twice are errors. As TOML (or the same in JSON):
/// ```toml
/// [[models]]
/// provider = "openai"
/// model = "gpt-4o"
/// input = "2.50"
/// output = "10.00"
/// cached_input = "1.25"
/// max_output_tokens = 16384
///
/// [[models]]
/// provider = "gemini"
/// model = "gemini-2.5-pro"
/// input = "1.25"
/// output = "10.00"
/// tiers = [{ above = 200000, input = "2.50", output = "15.00" }]
///
/// [fallback]                  # leave it out: unknown models are refused
/// input = "20.00"
/// output = "100.00"
/// ```
///
/// ```
/// # use budget_enforcer::{ModelPrice, PriceError, PriceTable, Rates, TokenUsage};
/// let mut table = PriceTable::new();
/// table.insert("openai", "gpt-4o", ModelPrice::new(Rates::NONE.input("2.50".parse()?).output("10.00".parse()?))?)?;
/// let cost = table.price("openai", "gpt-4o")?.cost(&TokenUsage::NONE.input(100).output(20))?;
/// assert_eq!(cost.exact().to_string(), "0.00045");
/// assert!(matches!(table.price("openai", "gpt-4o-2024-08-06"), Err(PriceError::UnknownModel { .. })));
/// # Ok::<(), PriceError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TableLayout", into = "TableLayout")]
pub struct PriceTable {
    models: BTreeMap<String, BTreeMap<String, Entry>>,
    fallback: Option<ModelPrice>,
}

impl PriceTable {
    /// A table that refuses every model.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The price of a model. Does not block or allocate, unless there is none.
    ///
    /// # Errors
    /// [`PriceError::UnknownModel`] where the table has neither the model nor a fallback; [`PriceError::Unpriced`] where what the model costs
    /// is not a matter of tokens alone, fallback or not.
    pub fn price(&self, provider: &str, model: &str) -> Result<&ModelPrice, PriceError> {
        match self
            .models
            .get(provider)
            .and_then(|models| models.get(model))
        {
            Some(Entry::Priced(price)) => Ok(price),
            Some(Entry::Unpriced(why)) => Err(PriceError::unpriced(provider, model, why)),
            None => self
                .fallback
                .as_ref()
                .ok_or_else(|| PriceError::unknown(provider, model)),
        }
    }

    /// Adds a model.
    ///
    /// # Errors
    /// [`PriceError::AlreadyPriced`] where the table has it: see [`overlaid_with`](Self::overlaid_with). [`PriceError::NoName`].
    pub fn insert(
        &mut self,
        provider: &str,
        model: &str,
        price: ModelPrice,
    ) -> Result<(), PriceError> {
        self.add(provider, model, Entry::Priced(Box::new(price)))
    }

    /// With a price for every model that the table does not have. Choose one that none of them exceeds.
    #[must_use]
    pub fn fallback(mut self, price: ModelPrice) -> Self {
        self.fallback = Some(price);
        self
    }

    /// With the models and the fallback of `over` in place of its own, where both have them: one's own prices over the community's.
    #[must_use]
    pub fn overlaid_with(mut self, over: Self) -> Self {
        for (provider, models) in over.models {
            self.models.entry(provider).or_default().extend(models);
        }
        self.fallback = over.fallback.or(self.fallback);
        self
    }

    /// How many names have a price. A model that goes by two names counts twice.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries()
            .filter(|(_, _, entry)| matches!(entry, Entry::Priced(_)))
            .count()
    }

    /// Whether no model has a price.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn add(
        &mut self,
        provider: &str,
        model: &str,
        entry: Entry,
    ) -> Result<(), PriceError> {
        for (what, name) in [("provider", provider), ("model", model)] {
            if name.is_empty() {
                return Err(PriceError::NoName { what });
            }
        }
        let models = self.models.entry(provider.to_owned()).or_default();
        if models.contains_key(model) {
            return Err(PriceError::already_priced(provider, model));
        }
        models.insert(model.to_owned(), entry);
        Ok(())
    }

    pub(super) fn replace(&mut self, provider: &str, model: &str, entry: Entry) {
        self.models
            .entry(provider.to_owned())
            .or_default()
            .insert(model.to_owned(), entry);
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &str, &Entry)> {
        self.models.iter().flat_map(|(provider, models)| {
            models
                .iter()
                .map(move |(model, entry)| (&**provider, &**model, entry))
        })
    }

    pub(super) fn into_fallback(self) -> Option<ModelPrice> {
        self.fallback
    }
}
