#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// the handles
mod builder;
mod call;
mod client;
mod stream;

// what they speak of
mod answer;
mod endpoint;
mod error;

// before: what a request may cost at most
mod bound;
mod plan;

// meanwhile and after: what it really used
mod meter;
mod observed;
mod refusal;
mod sse;

#[cfg(feature = "async-openai")]
mod typed;

pub use answer::{Answer, End, Event, Finished, Withheld};
pub use builder::GovernedHttpBuilder;
pub use call::Call;
pub use client::GovernedHttp;
pub use endpoint::Endpoint;
pub use error::LlmError;
pub use stream::LlmStream;
#[cfg(feature = "async-openai")]
pub use typed::TypedStream;

// What callers need to set a client up.
pub use reqwest;
pub use security_bundle;
