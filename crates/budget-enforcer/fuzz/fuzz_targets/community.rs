//! Fuzzes the reading of the community's price file: `cargo fuzz run community`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::community(bytes));
