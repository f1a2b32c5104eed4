//! One entry of the community's file, before it is judged whether tokens alone decide what it costs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::entry::Entry;
use super::error::PriceError;
use super::model::ModelPrice;
use super::number::{Count, Price};
use super::rates::Rates;
use super::token_price::TokenPrice;
use crate::error::Shown;

/// The modes whose calls are text in and text, or vectors, out.
const TEXT_MODES: [&str; 4] = ["chat", "completion", "responses", "embedding"];

/// Prices that come with every call, or with output that is not text. (Prices of other input come only with such input.)
const BEYOND_TOKENS: [&str; 11] = [
    "citation_cost_per_token",
    "input_cost_per_character",
    "input_cost_per_query",
    "input_cost_per_request",
    "input_cost_per_second",
    "output_cost_per_character",
    "output_cost_per_image",
    "output_cost_per_image_token",
    "output_cost_per_second",
    "output_cost_per_video_per_second",
    "output_cost_per_video_token",
];

/// Tokens up to and with the threshold are in the lower tier, except with this provider, who counts the threshold to the higher one.
const INCLUSIVE_THRESHOLDS: &str = "xai";

type Slot = fn(&mut Rates) -> &mut Option<TokenPrice>;

/// The longer of two keys first, where one begins with the other.
const CLASSES: [(&str, Slot); 6] = [
    ("input_cost_per_token", |rates| &mut rates.input),
    ("output_cost_per_token", |rates| &mut rates.output),
    ("output_cost_per_reasoning_token", |rates| {
        &mut rates.reasoning
    }),
    ("cache_read_input_token_cost", |rates| {
        &mut rates.cached_input
    }),
    ("cache_creation_input_token_cost_above_1hr", |rates| {
        &mut rates.cache_write_long
    }),
    ("cache_creation_input_token_cost", |rates| {
        &mut rates.cache_write
    }),
];

#[derive(Default)]
pub(super) struct Listing {
    provider: Option<String>,
    mode: Option<String>,
    max_output_tokens: Option<Count>,
    rates: Rates,
    tiers: BTreeMap<u64, Rates>,
    ranges: Option<Vec<TierRow>>,
    /// A key by which it costs more than its tokens, or that cannot be understood.
    beyond_tokens: Option<String>,
}

/// A row of `tiered_pricing`: the prices of a request whose input is in this range.
#[derive(Deserialize)]
struct TierRow {
    /// From (not with) the first number of tokens to the second.
    #[serde(default)]
    range: Option<Vec<Count>>,
    #[serde(default)]
    input_cost_per_token: Option<Price>,
    #[serde(default)]
    output_cost_per_token: Option<Price>,
    #[serde(default)]
    cache_read_input_token_cost: Option<Price>,
    #[serde(default)]
    cache_creation_input_token_cost: Option<Price>,
    #[serde(default)]
    output_cost_per_reasoning_token: Option<Price>,
}

enum Meaning {
    Base(Slot),
    Above(u64, Slot),
    Unclear,
}

impl Listing {
    /// Its provider, and what it costs. `None`: it is no model.
    pub(super) fn into_entry(mut self) -> Result<Option<(String, Entry)>, PriceError> {
        let Some(provider) = self.provider.take() else {
            return Ok(None);
        };
        if provider.is_empty() {
            return Err(PriceError::NoName { what: "provider" });
        }
        let entry = match self.why_unpriced() {
            Some(why) => Entry::Unpriced(why),
            None => Entry::Priced(Box::new(self.into_price(provider == INCLUSIVE_THRESHOLDS)?)),
        };
        Ok(Some((provider, entry)))
    }

    fn why_unpriced(&mut self) -> Option<String> {
        if let Some(mode) = self
            .mode
            .as_deref()
            .filter(|mode| !TEXT_MODES.contains(mode))
        {
            return Some(format!("its mode is `{}`", Shown(mode)));
        }
        if let Some(key) = &self.beyond_tokens {
            return Some(format!("it has a price `{}`", Shown(key)));
        }
        if !self.take_ranges() {
            return Some("its `tiered_pricing` has no prices from zero tokens on".to_owned());
        }
        let missing = match (self.rates.input, self.rates.output) {
            (None, _) => "input_cost_per_token",
            (_, None) => "output_cost_per_token",
            _ => return None,
        };
        Some(format!("it has no `{missing}`"))
    }

    /// Takes the prices by range, where there are any, in place of the others.
    fn take_ranges(&mut self) -> bool {
        let Some(ranges) = self.ranges.take() else {
            return true;
        };
        let (mut base, mut tiers) = (None, BTreeMap::new());
        for row in ranges {
            let rates = row.rates();
            let from = row.range.as_ref().and_then(|range| range.first());
            let before = match from {
                Some(Count(0)) => base.replace(rates),
                Some(Count(from)) => tiers.insert(*from, rates),
                None => return false,
            };
            if before.is_some() {
                return false;
            }
        }
        self.rates = base.unwrap_or_default();
        self.tiers = tiers;
        base.is_some()
    }

    fn into_price(self, is_inclusive: bool) -> Result<ModelPrice, PriceError> {
        let mut price = ModelPrice::new(self.rates)?;
        for (above, rates) in self.tiers {
            // Every price of it was null.
            if rates.is_none() {
                continue;
            }
            let above = if is_inclusive {
                above.saturating_sub(1)
            } else {
                above
            };
            price = price.tier(above, rates)?;
        }
        Ok(match self.max_output_tokens {
            Some(Count(limit)) => price.output_limit(limit),
            None => price,
        })
    }

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let is_repeated = match key {
            "litellm_provider" => set(&mut self.provider, map.next_value()?),
            "mode" => set(&mut self.mode, map.next_value()?),
            "max_output_tokens" => set(&mut self.max_output_tokens, map.next_value()?),
            "tiered_pricing" => set(&mut self.ranges, map.next_value()?),
            _ if BEYOND_TOKENS.contains(&key) => {
                let price: Option<Price> = map.next_value()?;
                if price.is_some_and(|Price(price)| price != TokenPrice::FREE) {
                    self.beyond_tokens = Some(key.to_owned());
                }
                false
            }
            _ => {
                let slot = match meaning(key) {
                    Some(Meaning::Base(slot)) => slot(&mut self.rates),
                    Some(Meaning::Above(tokens, slot)) => {
                        slot(self.tiers.entry(tokens).or_default())
                    }
                    Some(Meaning::Unclear) => {
                        self.beyond_tokens = Some(key.to_owned());
                        map.next_value::<IgnoredAny>()?;
                        return Ok(());
                    }
                    None => {
                        map.next_value::<IgnoredAny>()?;
                        return Ok(());
                    }
                };
                let price: Option<Price> = map.next_value()?;
                set(slot, price.map(|Price(price)| price))
            }
        };
        if is_repeated {
            Err(A::Error::custom("it stands twice"))
        } else {
            Ok(())
        }
    }
}

impl TierRow {
    fn rates(&self) -> Rates {
        let price = |price: &Option<Price>| price.as_ref().map(|Price(price)| *price);
        Rates {
            input: price(&self.input_cost_per_token),
            output: price(&self.output_cost_per_token),
            cached_input: price(&self.cache_read_input_token_cost),
            cache_write: price(&self.cache_creation_input_token_cost),
            cache_write_long: None,
            reasoning: price(&self.output_cost_per_reasoning_token),
        }
    }
}

/// Whether there was something already.
fn set<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    match value {
        Some(value) => place.replace(value).is_some(),
        None => false,
    }
}

/// What a key says of the price of a class of text tokens, if it does.
fn meaning(key: &str) -> Option<Meaning> {
    let (rest, slot) = CLASSES
        .iter()
        .find_map(|(name, slot)| Some((key.strip_prefix(name)?, *slot)))?;
    if rest.is_empty() {
        return Some(Meaning::Base(slot));
    }
    let above = rest.strip_prefix("_above_")?.strip_suffix("_tokens")?;
    let (digits, unit) = match (above.strip_suffix('k'), above.strip_suffix('m')) {
        (Some(thousands), _) => (thousands, 1_000),
        (_, Some(millions)) => (millions, 1_000_000),
        _ => (above, 1),
    };
    let tokens = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    Some(match tokens {
        Some(tokens) => Meaning::Above(tokens, slot),
        None => Meaning::Unclear,
    })
}

impl<'de> Deserialize<'de> for Listing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListingVisitor;

        impl<'de> Visitor<'de> for ListingVisitor {
            type Value = Listing;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with what is known of the model")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Listing, A::Error> {
                let mut listing = Listing::default();
                while let Some(key) = map.next_key::<String>()? {
                    listing.read(&key, &mut map).map_err(|error| {
                        A::Error::custom(format_args!("`{}`: {error}", Shown(&key)))
                    })?;
                }
                Ok(listing)
            }
        }

        deserializer.deserialize_map(ListingVisitor)
    }
}
