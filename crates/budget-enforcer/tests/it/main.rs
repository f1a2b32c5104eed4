//! Behaviour through the public API: one file a theme.

#![expect(
    clippy::unchecked_time_subtraction,
    reason = "the lengths of time in tests are constants"
)]

mod admin;
mod alerts;
mod arithmetic;
#[cfg(all(feature = "backend", feature = "conformance"))]
mod backend;
mod beside;
mod calendar;
mod charges;
mod clock;
mod concurrency;
#[cfg(feature = "conformance")]
mod conformance;
#[cfg(feature = "durable")]
mod crash;
mod decisions;
#[cfg(feature = "durable")]
mod durable;
mod ending;
mod exact;
mod expiry;
mod histories;
mod idempotency;
mod journal;
mod keeping;
mod ledger;
mod many_holds;
mod meters;
mod model;
mod overspending;
mod price_files;
mod price_properties;
mod prices;
mod raced_holds;
mod refusals;
mod rows;
mod script;
mod seed;
mod session_limits;
mod stage;
mod starting;
mod streaming;
mod texts;
mod usage;
mod windows;

/// The simple structure: trees that are always whole. `tests/lanes` runs the same tests on sliced ones.
const LANES: budget_enforcer::Lanes = budget_enforcer::Lanes::Never;
