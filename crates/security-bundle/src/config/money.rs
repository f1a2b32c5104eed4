//! Amounts of money in a configuration: decimal text or whole dollars, exact.

use budget_enforcer::Usd;
use serde::{Deserialize, Deserializer, de};

/// Reads `cost_usd = "5.00"`. A number with a point never gets here: in a file it would be a double, and `0.1` is none.
pub(super) fn deserialize_option<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<Usd>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Whole(u64),
        Other(de::IgnoredAny),
    }
    let text = match Written::deserialize(source)? {
        Written::Text(text) => text,
        Written::Whole(dollars) => dollars.to_string(),
        Written::Other(_) => {
            return Err(de::Error::custom(
                "money is written as text, such as \"5.00\", so that it is exact",
            ));
        }
    };
    text.parse().map(Some).map_err(de::Error::custom)
}
