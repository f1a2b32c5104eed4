//! A door for fuzzers to everything that reads what others wrote: each function takes any bytes and panics where a promise is broken.
//!
//! What is promised: nothing panics, hangs, or takes memory without bound; what was read is written so that it reads as the same again;
//! what is computed from it is exact or an error. In tests the same functions run on good bytes, damaged ones, and bytes that never were anything.

mod costs;
mod files;
mod history;
mod texts;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use costs::{community, prices, usage};
pub use files::{charge, config, spec};
pub use history::{event, row, snapshot};
pub use texts::{id, settings, usd};

/// What a fuzzer calls.
pub type Target = fn(&[u8]);

/// Every target and its name.
pub const TARGETS: [(&str, Target); 12] = [
    ("usd", usd),
    ("settings", settings),
    ("id", id),
    ("config", config),
    ("spec", spec),
    ("charge", charge),
    ("event", event),
    ("snapshot", snapshot),
    ("row", row),
    ("community", community),
    ("prices", prices),
    ("usage", usage),
];

/// Good bytes for the target of that name, to begin with.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = match target {
        "usd" => texts::USD,
        "settings" => texts::SETTINGS,
        "id" => texts::ID,
        "config" => files::CONFIG,
        "spec" => files::SPEC,
        "charge" => files::CHARGE,
        "event" => {
            let twice = include_bytes!("fuzzing/reserved_twice.jsonl");
            return vec![history::SAMPLE.events.clone(), twice.to_vec()];
        }
        "snapshot" => return vec![history::SAMPLE.snapshot.clone()],
        "row" => return history::SAMPLE.rows.clone(),
        "community" => costs::COMMUNITY,
        "prices" => costs::PRICES,
        "usage" => costs::USAGE,
        _ => &[],
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// What the JSON says, if it is a `T`, after seeing that it is written as what it was read as.
fn read<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(json).ok()?;
    let again = serde_json::to_vec(&value).ok();
    let again: Option<T> = again.and_then(|json| serde_json::from_slice(&json).ok());
    assert_eq!(
        again.as_ref(),
        Some(&value),
        "it is read otherwise than it was written"
    );
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As many as take a second or two; the fuzzers try more.
    const CASES: u32 = 2_000;

    /// What a piece is often replaced by: ends of ranges, and what numbers and texts turn into.
    const PIECES: [&str; 16] = [
        "0",
        "1",
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775807",
        "-9223372036854775808",
        "-1",
        "0.1",
        "1e300",
        "null",
        "true",
        "\"\"",
        "{}",
        "[]",
        "\u{661}",
        "9999-12-31T23:59:59Z",
    ];

    /// Shown as text when a promise is broken.
    #[derive(Clone)]
    struct Bytes(Vec<u8>);

    impl Debug for Bytes {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Debug::fmt(&String::from_utf8_lossy(&self.0), f)
        }
    }

    /// A good sample with numbers and other pieces replaced; or bytes that never were anything.
    fn bytes(target: &'static str) -> impl Strategy<Value = Bytes> {
        let piece = || {
            let put = prop_oneof![
                2 => prop::sample::select(&PIECES[..]).prop_map(|text| text.as_bytes().to_vec()),
                1 => prop::collection::vec(any::<u8>(), 0..9),
            ];
            (any::<prop::sample::Index>(), any::<bool>(), 0_usize..9, put)
        };
        let damaged = (
            any::<prop::sample::Index>(),
            prop::collection::vec(piece(), 0..4),
        )
            .prop_map(move |(seed, pieces)| {
                let seeds = seeds(target);
                let mut bytes = seed.get(&seeds).clone();
                for (at, is_number, cut, put) in pieces {
                    let range = if is_number {
                        number(&bytes, at)
                    } else {
                        let at = at.index(bytes.len() + 1);
                        at..(at + cut).min(bytes.len())
                    };
                    bytes.splice(range, put);
                }
                bytes
            });
        prop_oneof![9 => damaged, 1 => prop::collection::vec(any::<u8>(), 0..200)].prop_map(Bytes)
    }

    /// Where one of the numbers in `bytes` stands; nowhere, if there is none.
    fn number(bytes: &[u8], which: prop::sample::Index) -> std::ops::Range<usize> {
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let starts: Vec<usize> = (0..bytes.len())
            .filter(|at| is_digit(*at) && !at.checked_sub(1).is_some_and(is_digit))
            .collect();
        if starts.is_empty() {
            return 0..0;
        }
        let start = *which.get(&starts);
        let end = (start..bytes.len()).find(|at| !is_digit(*at));
        start..end.unwrap_or(bytes.len())
    }

    #[test]
    fn every_target_has_seeds_and_keeps_its_promises_on_them() {
        for (name, target) in TARGETS {
            let seeds = seeds(name);
            assert!(!seeds.is_empty(), "{name}");
            for seed in &seeds {
                target(seed);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn promises_are_kept_on_damaged_and_arbitrary_bytes((number, bytes) in (0..TARGETS.len()).prop_flat_map(|number| (Just(number), bytes(TARGETS[number].0)))) {
            TARGETS[number].1(&bytes.0);
        }
    }
}
