//! Fuzzes the reading of JSON Web Tokens: `cargo fuzz run jwt`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_identity::fuzzing::jwt(bytes));
