//! Fuzzes the reading of snapshots and what is restored from them: `cargo fuzz run snapshot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::snapshot(bytes));
