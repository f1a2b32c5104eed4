//! Fuzzes the reading of hash chains of older logs: `cargo fuzz run chain`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::chain(bytes));
