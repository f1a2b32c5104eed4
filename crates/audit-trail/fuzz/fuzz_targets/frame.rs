//! Fuzzes the reading of commit frames: `cargo fuzz run frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::frame(bytes));
