//! Fuzzes the reading of configurations: `cargo fuzz run config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::config(bytes));
