//! Fuzzes the verification of receipts: `cargo fuzz run receipt`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consent::fuzzing::receipt(bytes));
