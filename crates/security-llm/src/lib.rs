#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// the handles
#[cfg(feature = "http")]
mod builder;
#[cfg(feature = "http")]
mod call;
#[cfg(feature = "http")]
mod client;
#[cfg(feature = "http")]
mod stream;

// what they speak of
#[cfg(feature = "http")]
mod answer;
mod end;
mod endpoint;
mod error;

// before: what a request may cost at most
mod bound;
mod plan;

// meanwhile and after: what it really used
#[cfg(feature = "http")]
mod meter;
mod observed;
mod refusal;
#[cfg(feature = "http")]
mod sse;
mod tally;

#[cfg(feature = "async-openai")]
mod typed;

#[cfg(feature = "http")]
pub use answer::{Answer, Event, Finished, Withheld};
#[cfg(feature = "http")]
pub use builder::GovernedHttpBuilder;
#[cfg(feature = "http")]
pub use call::Call;
#[cfg(feature = "http")]
pub use client::GovernedHttp;
pub use end::End;
pub use endpoint::Endpoint;
pub use error::LlmError;
pub use observed::Mark;
pub use plan::{Plan, Terms, Wishes};
#[cfg(feature = "http")]
pub use stream::LlmStream;
pub use tally::{Booking, Ending, Tally};
#[cfg(feature = "async-openai")]
pub use typed::TypedStream;

// What callers need to set a client up.
#[cfg(feature = "http")]
pub use reqwest;
pub use security_bundle;
