//! Fuzzes the reading of extents and notices: `cargo fuzz run extent`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consent::fuzzing::extent(bytes));
