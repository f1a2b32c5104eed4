//! The tests of the simple structure, once more on trees that are sliced into lanes: callers must not be able to tell.
//!
//! Left out are those that never get to a tree, those with a journal that keeps spending (no lanes then), and the balances of ledger rows.

#[path = "../it/admin.rs"]
mod admin;
#[path = "../it/alerts.rs"]
mod alerts;
#[path = "../it/charges.rs"]
mod charges;
#[path = "../it/clock.rs"]
mod clock;
#[path = "../it/concurrency.rs"]
mod concurrency;
#[path = "../it/decisions.rs"]
mod decisions;
#[path = "../it/expiry.rs"]
mod expiry;
#[path = "../it/idempotency.rs"]
mod idempotency;
#[path = "../it/meters.rs"]
mod meters;
#[path = "../it/model.rs"]
mod model;
#[path = "../it/overspending.rs"]
mod overspending;
#[path = "../it/stage.rs"]
mod stage;
#[path = "../it/streaming.rs"]
mod streaming;
#[path = "../it/windows.rs"]
mod windows;

const LANES: budget_enforcer::Lanes =
    budget_enforcer::Lanes::Always(std::num::NonZeroUsize::new(3).expect("three"));
