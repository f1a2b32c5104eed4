//! The price file that the community keeps, read as it is: which of its models can be charged by the token, and at what.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::entry::Entry;
use super::error::PriceError;
use super::listing::Listing;
use super::table::PriceTable;
use crate::error::Shown;

/// The entry that explains the layout and is no model.
const SAMPLE: &str = "sample_spec";

/// A table in the layout of `model_prices_and_context_window.json` of the `litellm` project, the widespread one: an object for each model, prices in USD
/// per token. Read it from a file of one's own choosing; none is built in.
///
/// # What is read
/// `litellm_provider`, `mode`, `max_output_tokens`, `tiered_pricing`, and the prices of text tokens at the standard service tier:
/// `input_cost_per_token`, `output_cost_per_token`, `cache_read_input_token_cost`, `cache_creation_input_token_cost` (also `_above_1hr`) and
/// `output_cost_per_reasoning_token`, each also `_above_200k_tokens` or any other number. Prices are numbers or text, and are exact as they are
/// written up to the 15 digits that every JSON reader keeps; text keeps all of its digits. Of these keys a wrong type, a negative number, or a
/// number too large or too fine is an error that names the model and the key, and so is a model or key that stands twice.
///
/// Other keys are skipped, unlike in files of one's own: the file has dozens, and new ones every month. Skipped with them is what comes on top of
/// tokens only if it is asked for: images, audio and video as input, web search and other tools, priority, flex and batch tiers. An
/// entry without a provider is no model.
///
/// # What is not priced
/// A model that is not for text (by its `mode`), has no price for input or for output tokens, or costs something else with every call (by request,
/// second, character, citation, or image): [`PriceTable::price`] says [`Unpriced`](super::PriceError::Unpriced), never zero. A price of
/// zero in the file is free by declaration.
///
/// # Names
/// `price(provider, model)` finds the entry whose key is `provider/model`, where `provider` ends at the first slash; else the entry whose key is
/// `model` and whose `litellm_provider` is `provider`. Nothing else is tried.
///
/// ```
/// # use budget_enforcer::{CommunityPrices, PriceTable};
/// let file = r#"{ "gpt-x": { "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05 } }"#;
/// let table: PriceTable = serde_json::from_str::<CommunityPrices>(file)?.into();
/// assert!(table.price("openai", "gpt-x").is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommunityPrices(PriceTable);

impl From<CommunityPrices> for PriceTable {
    fn from(prices: CommunityPrices) -> Self {
        prices.0
    }
}

impl<'de> Deserialize<'de> for CommunityPrices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FileVisitor).map(Self)
    }
}

struct FileVisitor;

impl<'de> Visitor<'de> for FileVisitor {
    type Value = PriceTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an entry for each model")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut file: A) -> Result<PriceTable, A::Error> {
        let mut names = BTreeSet::new();
        let mut models = Vec::new();
        while let Some(name) = file.next_key::<String>()? {
            if name == SAMPLE {
                file.next_value::<IgnoredAny>()?;
                continue;
            }
            let wrong = |why: &dyn fmt::Display| {
                A::Error::custom(format_args!("model `{}`: {why}", Shown(&name)))
            };
            if !names.insert(name.clone()) {
                return Err(wrong(&"it stands twice"));
            }
            let listing: Listing = file.next_value().map_err(|error| wrong(&error))?;
            if let Some((provider, entry)) = listing.into_entry().map_err(|error| wrong(&error))? {
                if name.is_empty() {
                    return Err(wrong(&PriceError::NoName { what: "model" }));
                }
                models.push((provider, name, entry));
            }
        }
        Ok(table(models))
    }
}

fn table(models: Vec<(String, String, Entry)>) -> PriceTable {
    let mut table = PriceTable::new();
    for (provider, name, entry) in &models {
        let is_prefixed = name
            .strip_prefix(&**provider)
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|model| !model.is_empty());
        if !is_prefixed {
            table.replace(provider, name, entry.clone());
        }
    }
    // Last, for a key that names its provider is meant more exactly than one that happens to be listed under it.
    for (_, name, entry) in models {
        let named = name.split_once('/');
        if let Some((provider, model)) =
            named.filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
        {
            table.replace(provider, model, entry);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_without_a_name_on_either_side_separates_nothing() {
        let read = |key: &str| {
            let file = format!(
                r#"{{ "{key}": {{ "litellm_provider": "p", "input_cost_per_token": 0, "output_cost_per_token": 0 }} }}"#
            );
            serde_json::from_str::<CommunityPrices>(&file)
        };
        for key in ["/m", "p/", "/"] {
            let CommunityPrices(table) = read(key).unwrap();
            assert!(table.price("p", key).is_ok(), "{key}");
            assert_eq!(table.len(), 1, "{key}");
        }
        let error = read("").unwrap_err().to_string();
        assert!(
            error.starts_with("model ``: a model needs a name"),
            "{error}"
        );
    }
}
