//! Fuzzes the reading of policy files: `cargo fuzz run policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audit_trail::fuzzing::policy(bytes));
