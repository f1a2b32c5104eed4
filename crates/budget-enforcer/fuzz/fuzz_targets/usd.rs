//! Fuzzes the reading of amounts of money: `cargo fuzz run usd`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::usd(bytes));
