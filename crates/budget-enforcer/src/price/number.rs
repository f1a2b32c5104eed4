//! Numbers of the community's file: written as integers, floats or text, and integers all the same.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::decimal;
use super::token_price::TokenPrice;

/// USD per token.
pub(super) struct Price(pub(super) TokenPrice);

/// A number of tokens, which some entries write as `8192.0`.
pub(super) struct Count(pub(super) u64);

trait Number: Sized {
    const WHAT: &'static str;

    fn read(text: &str) -> Result<Self, String>;
}

impl Number for Price {
    const WHAT: &'static str = "a price in USD, as a number or text";

    fn read(text: &str) -> Result<Self, String> {
        TokenPrice::per_token(text)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

impl Number for Count {
    const WHAT: &'static str = "a number of tokens";

    fn read(text: &str) -> Result<Self, String> {
        let count = decimal::scientific(text, 0)
            .ok()
            .and_then(|count| u64::try_from(count).ok());
        count
            .map(Self)
            .ok_or_else(|| format!("`{}` is not {}", crate::error::Shown(text), Self::WHAT))
    }
}

struct NumberVisitor<T>(PhantomData<T>);

impl<T: Number> Visitor<'_> for NumberVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    /// Through the shortest text that reads back as the same float: the digits that were written, not those of the nearest binary fraction.
    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::Error;

    use super::*;

    #[test]
    fn floats_are_read_by_the_digits_that_were_written() {
        let read =
            |number: f64| Price::deserialize(IntoDeserializer::<Error>::into_deserializer(number));
        for (number, text) in [
            (2.5e-8, "2.5e-8"),
            (0.1, "0.1"),
            (3.125e-8, "3.125e-8"),
            (0.0, "0"),
        ] {
            assert_eq!(
                read(number).map(|Price(price)| price).ok(),
                TokenPrice::per_token(text).ok()
            );
        }
        for number in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1e-9,
            -0.0,
            1e300,
            1e-300,
        ] {
            assert!(read(number).is_err(), "{number}");
        }
    }

    #[test]
    fn counts_are_whole() {
        let read =
            |number: f64| Count::deserialize(IntoDeserializer::<Error>::into_deserializer(number));
        assert_eq!(read(8192.0).map(|Count(count)| count).ok(), Some(8192));
        for number in [0.5, -1.0, f64::NAN, 1e20] {
            assert!(read(number).is_err(), "{number}");
        }
    }
}
