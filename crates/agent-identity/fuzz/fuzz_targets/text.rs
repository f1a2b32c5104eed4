//! Fuzzes the reading of names and keys: `cargo fuzz run text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_identity::fuzzing::text(bytes));
