//! Fuzzes the reading of exported files: `cargo fuzz run ndjson`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::ndjson(bytes));
