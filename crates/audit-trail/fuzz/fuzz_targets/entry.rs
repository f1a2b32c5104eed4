//! Fuzzes the reading of entries and their ext: `cargo fuzz run entry`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::entry(bytes));
