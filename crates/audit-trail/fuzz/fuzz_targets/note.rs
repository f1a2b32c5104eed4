//! Fuzzes the reading of notes, checkpoints and verifier keys: `cargo fuzz run note`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::note(bytes));
