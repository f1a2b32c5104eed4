//! Fuzzes the reading of JSON Web Keys: `cargo fuzz run jwk`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_identity::fuzzing::jwk(bytes));
