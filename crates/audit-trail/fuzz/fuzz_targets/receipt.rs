//! Fuzzes the reading of receipts: `cargo fuzz run receipt`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::receipt(bytes));
