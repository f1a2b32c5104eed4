//! Behaviour through the public API. One file, one theme.

mod allocations;
mod as_of;
mod check;
mod clock;
#[cfg(feature = "conformance")]
mod conformance;
#[cfg(feature = "durable")]
mod crash;
mod dominance;
#[cfg(feature = "durable")]
mod durable;
mod explain;
mod guardians;
mod ids;
mod ledger;
mod model;
mod notices;
mod odd_inputs;
mod proofs;
mod queries;
#[cfg(feature = "receipts")]
mod receipts;
mod renewals;
mod replay;
mod report;
mod store;
mod support;
mod surface;
mod texts;
mod threads;
