//! Witnesses (C2SP tlog-witness): who sees a log's checkpoints, remembers the newest, and cosigns only what continues it.
//!
//! [`Witness`] holds the rules, a [`WitnessStore`] what it has seen; with the feature `http`, `serve_witness` puts it behind
//! any web server. With the feature `witness`, `WitnessClient` asks the witnesses of a policy for their cosignatures.

#[cfg(feature = "witness")]
mod client;
mod request;
mod rules;
mod store;

#[cfg(feature = "witness")]
pub use client::{Collected, WitnessClient, WitnessError};
pub use request::{AddCheckpoint, RequestError};
pub use rules::{Refusal, Witness};
#[cfg(any(feature = "http", feature = "witness"))]
pub(crate) use store::origin_hash;
pub use store::{WitnessDir, WitnessStore};
