//! Fuzzes the reading of ids and idempotency keys: `cargo fuzz run id`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| budget_enforcer::fuzzing::id(bytes));
