//! Fuzzes the reading of cursors: `cargo fuzz run cursor`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::cursor(bytes));
