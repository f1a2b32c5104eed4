//! Fuzzes the reading of add-checkpoint requests: `cargo fuzz run request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::request(bytes));
