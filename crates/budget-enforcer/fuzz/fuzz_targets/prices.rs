//! Fuzzes the reading of price tables of one's own: `cargo fuzz run prices`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::prices(bytes));
