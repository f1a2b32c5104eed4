//! Fuzzes the reading of JSON Web Key Sets: `cargo fuzz run jwks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_identity::fuzzing::jwks(bytes));
