//! Fuzzes the reading of rules as JSON: `cargo fuzz run config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trust_gate::fuzzing::config(bytes));
