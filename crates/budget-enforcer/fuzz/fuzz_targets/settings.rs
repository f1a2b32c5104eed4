//! Fuzzes the reading of periods, zones, thresholds and lengths of time: `cargo fuzz run settings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::settings(bytes));
