//! Fuzzes the reading of charges: `cargo fuzz run charge`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::charge(bytes));
