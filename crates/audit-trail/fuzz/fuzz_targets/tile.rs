//! Fuzzes the reading of entry bundles and tile paths: `cargo fuzz run tile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::tile(bytes));
