//! The same promises without a fuzzer: on good bytes, on damaged ones, and on bytes that never were anything.

use std::fmt::Debug;

use super::*;
use proptest::prelude::*;

/// As many as take a few seconds; the fuzzers try more.
const CASES: u32 = 1_000;

/// What a piece is often replaced by: ends of ranges, and what numbers and texts turn into.
const PIECES: [&str; 20] = [
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
    "9999-12-31T23:59:59.999999999-23:59",
    "0000-01-01T00:00:00+23:59",
    "A",
    "*",
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
fn the_samples_are_read_to_their_ends() {
    assert!(seeds("token").iter().all(|seed| token::recognises(seed)));
    let recognised = seeds("jwt")
        .iter()
        .filter(|seed| jwt::recognises(seed))
        .count();
    assert_eq!(recognised, 4, "two payloads, and tokens of them");
    let set = seeds("jwks").remove(0);
    let set = std::str::from_utf8(&set).unwrap();
    let keys = crate::JwtKeys::from_jwks(set, &jwt::ALGORITHMS).unwrap();
    assert_eq!(keys.len(), seeds("jwk").len());
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
