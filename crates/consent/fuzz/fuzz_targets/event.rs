//! Fuzzes the reading of events and their replay: `cargo fuzz run event`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consent::fuzzing::event(bytes));
