//! Fuzzes the reading of compact tokens: `cargo fuzz run token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_identity::fuzzing::token(bytes));
