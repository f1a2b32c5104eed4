//! What the gate promises, through its public API. One file a theme.

mod acts;
mod allocations;
mod approvals;
mod approvals_model;
mod arguments;
mod clock;
mod concurrency;
mod config;
#[cfg(feature = "conformance")]
mod conformance;
#[cfg(feature = "durable")]
mod crash;
mod decay;
mod decisions;
#[cfg(feature = "durable")]
mod durable;
mod elevation;
mod explain;
mod fixture;
mod levels;
mod model;
mod names;
mod no_rise;
mod report;
mod scopes;
#[cfg(feature = "signed")]
mod signed;
#[cfg(feature = "signed")]
mod signed_text;
mod store;
mod surface;
