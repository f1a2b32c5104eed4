//! The gate through its public API.

mod guarded;
mod listing;
mod model;
mod processes;
mod properties;
mod sdk;
mod support;
mod transcripts;
