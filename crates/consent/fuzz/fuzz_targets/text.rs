//! Fuzzes the reading of names, hashes and keys: `cargo fuzz run text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consent::fuzzing::text(bytes));
