//! Fuzzes the reading of index files: `cargo fuzz run index`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::index(bytes));
