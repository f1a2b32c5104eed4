//! The tests of the simple structure, once more on trees that are sliced into lanes: callers must not be able to tell.
//!
//! Left out are those that never get to a tree, those with a journal that keeps spending (no lanes then), and the balances of ledger rows.

#![expect(
    clippy::unchecked_time_subtraction,
    reason = "the lengths of time in tests are constants"
)]

#[path = "../it/admin.rs"]
mod admin;
#[path = "../it/alerts.rs"]
mod alerts;
#[path = "../it/beside.rs"]
mod beside;
#[path = "../it/charges.rs"]
mod charges;
#[path = "../it/clock.rs"]
mod clock;
#[path = "../it/concurrency.rs"]
mod concurrency;
#[path = "../it/decisions.rs"]
mod decisions;
#[path = "../it/exact.rs"]
mod exact;
#[path = "../it/expiry.rs"]
mod expiry;
#[path = "../it/histories.rs"]
mod histories;
#[path = "../it/idempotency.rs"]
mod idempotency;
#[path = "../it/keeping.rs"]
mod keeping;
#[path = "../it/many_holds.rs"]
mod many_holds;
#[path = "../it/meters.rs"]
mod meters;
#[path = "../it/model.rs"]
mod model;
#[path = "../it/overspending.rs"]
mod overspending;
#[path = "../it/raced_holds.rs"]
mod raced_holds;
#[path = "../it/refusals.rs"]
mod refusals;
#[path = "../it/script.rs"]
mod script;
#[path = "../it/stage.rs"]
mod stage;
#[path = "../it/starting.rs"]
mod starting;
#[path = "../it/streaming.rs"]
mod streaming;
#[path = "../it/windows.rs"]
mod windows;

const LANES: budget_enforcer::Lanes =
    budget_enforcer::Lanes::Always(std::num::NonZeroUsize::new(3).expect("three"));
