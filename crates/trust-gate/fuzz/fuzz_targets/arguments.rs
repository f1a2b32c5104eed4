//! Fuzzes the canonical form of arguments: `cargo fuzz run arguments`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trust_gate::fuzzing::arguments(bytes));
