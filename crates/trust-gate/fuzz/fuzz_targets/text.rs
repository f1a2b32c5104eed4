//! Fuzzes the reading of scopes, patterns, names, levels and keys: `cargo fuzz run text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trust_gate::fuzzing::text(bytes));
