//! What tokens cost: exact integers per token, so that a ceiling in money is one.
//!
//! A [`PriceTable`] is loaded from the community's JSON file ([`CommunityPrices`]), from a file of one's own, or filled by hand. A
//! [`ModelPrice`] turns a [`TokenUsage`](crate::TokenUsage) into money, a request into what to reserve for it, and a hold into the
//! provider's `max_tokens`.

mod community;
mod decimal;
mod entry;
mod error;
mod layout;
mod listing;
mod model;
mod number;
mod rates;
mod table;
mod token_price;

pub use community::CommunityPrices;
pub use error::PriceError;
pub use model::ModelPrice;
pub use rates::Rates;
pub use table::PriceTable;
pub use token_price::TokenPrice;
