//! Fuzzes the reading of signed grants: `cargo fuzz run signed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trust_gate::fuzzing::signed(bytes));
