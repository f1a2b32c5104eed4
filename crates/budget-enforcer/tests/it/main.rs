//! Behaviour through the public API: one file a theme.

#![expect(
    clippy::unchecked_time_subtraction,
    reason = "the lengths of time in tests are constants"
)]

mod admin;
mod charges;
mod clock;
mod concurrency;
mod decisions;
mod expiry;
mod idempotency;
mod journal;
mod ledger;
mod model;
mod overspending;
mod seed;
mod stage;
mod streaming;
mod texts;
mod windows;
