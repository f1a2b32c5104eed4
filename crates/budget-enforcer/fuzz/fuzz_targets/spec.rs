//! Fuzzes the reading of budgets: `cargo fuzz run spec`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::spec(bytes));
