//! Fuzzes the reading of rows of durable stores: `cargo fuzz run row`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consent::fuzzing::row(bytes));
