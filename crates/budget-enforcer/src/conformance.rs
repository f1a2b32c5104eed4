//! Suites that say whether a store of somebody's own keeps the promises that an enforcer stands on.

#[cfg(feature = "backend")]
pub mod backend;
pub mod journal;
