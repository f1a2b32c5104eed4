//! Fuzzes the reading of rows of durable journals: `cargo fuzz run row`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::row(bytes));
