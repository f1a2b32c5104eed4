//! Fuzzes the reading of rules as TOML: `cargo fuzz run toml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    trust_gate::fuzzing::config_written(
        bytes,
        |text| toml::from_str(text).ok(),
        |config| toml::to_string(config).ok(),
    );
});
