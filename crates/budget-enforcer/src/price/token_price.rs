//! The price of a token as an integer, fine enough for every price that is published.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::decimal;
use super::error::PriceError;

/// 10^-27 USD per token: a price of 10^-8 USD still has the 17 digits that a float can have.
const PLACES: u32 = 27;
/// The same, seen from a million tokens.
const PLACES_PER_MILLION: u32 = 21;
const PLACES_SHOWN: usize = 21;
const UNITS_PER_USD_PER_MILLION: u128 = 10_u128.pow(PLACES_PER_MILLION);
/// As many USD per million tokens as [`Usd`](crate::Usd) can hold.
const MOST: u128 = 18_446_744_073_709_551_615 * 10_u128.pow(12);

/// What one token costs, exactly, in units of 10^-27 USD.
///
/// Read and shown as it is published, in USD per million tokens, with up to 21 digits behind the point. From 0 to 18446744073.709551615 USD
/// per million. Serialised as that text.
///
/// ```
/// # use budget_enforcer::TokenPrice;
/// let price: TokenPrice = "2.50".parse()?;
/// assert_eq!(price, TokenPrice::per_token("2.5e-6")?);
/// assert_eq!(price.to_string(), "2.50");
/// # Ok::<(), budget_enforcer::PriceError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenPrice(u128);

impl TokenPrice {
    /// Nothing: by declaration, never for want of a price.
    pub const FREE: Self = Self(0);

    /// From USD per token, with or without exponent: `0.0000025`, `2.5e-06`. The community's file counts so.
    ///
    /// # Errors
    /// [`PriceError::InvalidPrice`] for anything that is no decimal number, negative, too large, or finer than 10^-27 USD.
    pub fn per_token(text: &str) -> Result<Self, PriceError> {
        Self::within(text, decimal::scientific(text, PLACES))
    }

    /// In units of 10^-27 USD.
    pub(super) const fn units(self) -> u128 {
        self.0
    }

    fn within(text: &str, units: Result<u128, &'static str>) -> Result<Self, PriceError> {
        match units {
            Ok(units) if units <= MOST => Ok(Self(units)),
            Ok(_) => Err(PriceError::invalid(text, decimal::TOO_LARGE)),
            Err(why) => Err(PriceError::invalid(text, why)),
        }
    }
}

impl FromStr for TokenPrice {
    type Err = PriceError;

    /// Reads USD per million tokens: `2.50`, digits and at most 21 of them behind a point.
    fn from_str(text: &str) -> Result<Self, PriceError> {
        Self::within(text, decimal::plain(text, PLACES_PER_MILLION))
    }
}

impl TryFrom<String> for TokenPrice {
    type Error = PriceError;

    fn try_from(text: String) -> Result<Self, PriceError> {
        text.parse()
    }
}

impl From<TokenPrice> for String {
    fn from(price: TokenPrice) -> Self {
        price.to_string()
    }
}

impl fmt::Display for TokenPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / UNITS_PER_USD_PER_MILLION;
        let all = format!("{:0PLACES_SHOWN$}", self.0 % UNITS_PER_USD_PER_MILLION);
        let short = all.trim_end_matches('0');
        write!(f, "{whole}.{short:0<2}")
    }
}

impl fmt::Debug for TokenPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenPrice({self} USD per million)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_token_and_per_million_are_the_same_price() {
        for (per_token, per_million) in [
            ("0", "0.00"),
            ("2.5e-08", "0.025"),
            ("1.25e-7", "0.125"),
            ("3.125e-8", "0.03125"),
            ("3.0001999999999996E-7", "0.30001999999999996"),
            ("0.000005", "5.00"),
            ("1", "1000000.00"),
            ("1e-27", "0.000000000000000000001"),
        ] {
            let price = TokenPrice::per_token(per_token).unwrap();
            assert_eq!(price.to_string(), per_million);
            assert_eq!(per_million.parse::<TokenPrice>().unwrap(), price);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let said = |text: &str| text.parse::<TokenPrice>().unwrap_err().to_string();
        insta::assert_snapshot!(said("2.5e-6"), @"`2.5e-6` is not a price in USD: write it as `2.50`, without sign, currency or exponent");
        insta::assert_snapshot!(said("-1"), @"`-1` is not a price in USD: it is negative");
        insta::assert_snapshot!(said("18446744073.709551616"), @"`18446744073.709551616` is not a price in USD: it is too large");
        insta::assert_snapshot!(said("0.0000000000000000000001"), @"`0.0000000000000000000001` is not a price in USD: it has more digits behind the point than can be held exactly");
        assert!("18446744073.709551615".parse::<TokenPrice>().is_ok());
        assert!(TokenPrice::per_token("1e-28").is_err());
    }

    #[test]
    fn is_text_in_files_never_a_float() {
        let price: TokenPrice = serde_json::from_str(r#""0.15""#).unwrap();
        assert_eq!(serde_json::to_string(&price).unwrap(), r#""0.15""#);
        assert!(serde_json::from_str::<TokenPrice>("0.15").is_err());
    }
}
