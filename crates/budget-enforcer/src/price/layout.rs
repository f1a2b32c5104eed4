//! How prices stand in files of one's own, where a field that nobody knows is a mistake.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::error::PriceError;
use super::model::{ModelPrice, Tier};
use super::rates::Rates;
use super::table::PriceTable;
use crate::error::Shown;

/// The first field that no other took. Flattening takes the check for unknown fields away from serde, so it is made here.
#[derive(Default)]
struct Rest(Option<String>);

/// Of a [`ModelPrice`].
#[derive(Serialize, Deserialize)]
pub(super) struct Layout {
    #[serde(flatten)]
    rates: Rates,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tiers: Vec<TierLayout>,
    #[serde(flatten, skip_serializing)]
    rest: Rest,
}

#[derive(Serialize, Deserialize)]
struct TierLayout {
    above: u64,
    #[serde(flatten)]
    rates: Rates,
    #[serde(flatten, skip_serializing)]
    rest: Rest,
}

/// Of a [`PriceTable`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableLayout {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fallback: Option<ModelPrice>,
    #[serde(default)]
    models: Vec<Row>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unpriced: Vec<Unpriced>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    provider: String,
    model: String,
    #[serde(flatten)]
    price: Layout,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unpriced {
    provider: String,
    model: String,
    why: String,
}

impl Rest {
    fn refuse(&self) -> Result<(), String> {
        match &self.0 {
            Some(field) => Err(format!("unknown field `{}`", Shown(field))),
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for Rest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RestVisitor;

        impl<'de> Visitor<'de> for RestVisitor {
            type Value = Rest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rest, A::Error> {
                let mut rest = Rest::default();
                while let Some((field, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                    rest.0.get_or_insert(field);
                }
                Ok(rest)
            }
        }

        deserializer.deserialize_map(RestVisitor)
    }
}

impl TryFrom<Layout> for ModelPrice {
    type Error = String;

    fn try_from(layout: Layout) -> Result<Self, String> {
        layout.rest.refuse()?;
        let mut price = Self::new(layout.rates).map_err(|error| error.to_string())?;
        price.max_output_tokens = layout.max_output_tokens;
        layout.tiers.into_iter().try_fold(price, |price, tier| {
            tier.rest.refuse()?;
            price
                .tier(tier.above, tier.rates)
                .map_err(|error| error.to_string())
        })
    }
}

impl From<ModelPrice> for Layout {
    fn from(price: ModelPrice) -> Self {
        let tier = |Tier { above, rates }| TierLayout {
            above,
            rates,
            rest: Rest::default(),
        };
        Self {
            rates: price.own,
            max_output_tokens: price.max_output_tokens,
            tiers: price.tiers.into_iter().map(tier).collect(),
            rest: Rest::default(),
        }
    }
}

impl TryFrom<TableLayout> for PriceTable {
    type Error = String;

    fn try_from(layout: TableLayout) -> Result<Self, String> {
        let said = |error: PriceError| error.to_string();
        let mut table = Self::new();
        for Row {
            provider,
            model,
            price,
        } in layout.models
        {
            let price = ModelPrice::try_from(price).map_err(|why| {
                format!(
                    "model `{}` of provider `{}`: {why}",
                    Shown(&model),
                    Shown(&provider)
                )
            })?;
            table.insert(&provider, &model, price).map_err(said)?;
        }
        for Unpriced {
            provider,
            model,
            why,
        } in layout.unpriced
        {
            table
                .add(&provider, &model, Entry::Unpriced(why))
                .map_err(said)?;
        }
        Ok(match layout.fallback {
            Some(price) => table.fallback(price),
            None => table,
        })
    }
}

impl From<PriceTable> for TableLayout {
    fn from(table: PriceTable) -> Self {
        let (mut models, mut unpriced) = (Vec::new(), Vec::new());
        for (provider, model, entry) in table.entries() {
            let (provider, model) = (provider.to_owned(), model.to_owned());
            match entry {
                Entry::Priced(price) => models.push(Row {
                    provider,
                    model,
                    price: ModelPrice::clone(price).into(),
                }),
                Entry::Unpriced(why) => unpriced.push(Unpriced {
                    provider,
                    model,
                    why: why.clone(),
                }),
            }
        }
        Self {
            fallback: table.into_fallback(),
            models,
            unpriced,
        }
    }
}
