//! Behaviour through the public API. One file, one theme.

mod as_of;
mod check;
mod clock;
mod dominance;
mod ids;
mod ledger;
mod model;
mod store;
mod support;
mod surface;
mod texts;
mod threads;
