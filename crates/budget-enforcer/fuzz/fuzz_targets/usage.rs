//! Fuzzes the reading of the providers' reports of usage: `cargo fuzz run usage`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::usage(bytes));
