//! Fuzzes the reading of grants in files: `cargo fuzz run grant`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trust_gate::fuzzing::grant(bytes));
