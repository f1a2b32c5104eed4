//! Fuzzes the reading of first blocks of segments: `cargo fuzz run segment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::segment(bytes));
