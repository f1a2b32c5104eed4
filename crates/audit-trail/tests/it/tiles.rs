//! The log as static files: other people's readers accept them, and whatever is done to them shows.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use audit_trail::note;
use audit_trail::tiles::{
    TileError, TilePath, decode_bundle, encode_bundle, in_directory, tiles_at, tiles_between,
    verify_tiles,
};
use audit_trail::tree::{empty_root, leaf_hash, root_of};
use audit_trail::{
    AuditError, AuditLog, AuditReader, Checkpoint, CosignerKey, Entry, Fault, Level, SigningKey,
    TlogPolicy, Verified, VerifierKey, VerifyError,
};
use proptest::prelude::*;
use time::macros::datetime;
use tlog_tiles::Tile;

use crate::log_of;

mod judged;
#[cfg(feature = "http")]
mod served;

type Files = BTreeMap<String, Vec<u8>>;

/// Everything that a log serves under `checkpoint`.
fn files_at(log: &AuditReader, checkpoint: &Checkpoint) -> Files {
    let mut files: Files = tiles_at(checkpoint.size())
        .map(|path| (path.to_string(), log.tile(path).unwrap()))
        .collect();
    files.insert("checkpoint".into(), checkpoint.to_string().into_bytes());
    files
}

fn files_of(log: &AuditReader) -> Files {
    files_at(log, &log.checkpoint().unwrap())
}

fn verify(
    files: &Files,
    key: &VerifierKey,
    pin: Option<&Checkpoint>,
) -> Result<Verified, VerifyError> {
    verify_tiles(|path| Ok(files.get(path).cloned()), key, pin, None)
}

/// A log of two full tiles and a partial one, its files and its key.
static SERVED: LazyLock<(AuditReader, Files, VerifierKey)> = LazyLock::new(|| {
    let log = log_of(600).reader();
    let (files, key) = (files_of(&log), log.verifier_key().unwrap().clone());
    (log, files, key)
});

#[test]
fn a_log_of_any_size_verifies_from_its_files() {
    let log = log_of(0);
    let key = log.verifier_key().unwrap().clone();
    for size in [1, 2, 3, 255, 256, 257, 511, 512, 513, 1000] {
        while log.size().unwrap() < size {
            log.log(Entry::event("more")).unwrap();
        }
        let files = files_of(&log.reader());
        let verified = verify(&files, &key, None).unwrap();
        assert_eq!(
            (verified.level, verified.size, verified.covered_size),
            (Level::Signed, size, size)
        );
        assert_eq!(verified.root, log.root(size).unwrap());
        assert!(verified.fully_covered());
    }
}

#[test]
fn every_byte_of_the_checkpoint_and_of_every_kind_of_tile_counts() {
    let (_, files, key) = &*SERVED;
    let mut files = files.clone();
    let paths: Vec<_> = files.keys().cloned().collect();
    for path in paths {
        let (step, bits) = if path == "checkpoint" {
            (1, &[0x01, 0x20, 0x80][..])
        } else {
            (997, &[0x01][..])
        };
        for at in (0..files[&path].len()).step_by(step) {
            for bit in bits {
                files.get_mut(&path).unwrap()[at] ^= bit;
                assert!(verify(&files, key, None).is_err(), "{path} byte {at}");
                files.get_mut(&path).unwrap()[at] ^= bit;
            }
        }
        let whole = files.get_mut(&path).unwrap();
        let last = whole.pop().unwrap();
        assert!(verify(&files, key, None).is_err(), "{path} cut");
        let whole = files.get_mut(&path).unwrap();
        whole.extend([last, b'\n']);
        assert!(verify(&files, key, None).is_err(), "{path} extended");
        files.get_mut(&path).unwrap().pop();
        let whole = files.remove(&path).unwrap();
        assert!(verify(&files, key, None).is_err(), "{path} removed");
        files.insert(path, whole);
    }
    assert!(verify(&files, key, None).is_ok());
}

#[test]
fn faults_are_named_with_their_path_or_entry() {
    let (_, files, key) = &*SERVED;
    let said = |path: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut files = files.clone();
        change(files.get_mut(path).unwrap());
        verify(&files, key, None).unwrap_err().to_string()
    };
    let flip = |at: usize| move |bytes: &mut Vec<u8>| bytes[at] ^= 1;
    insta::assert_snapshot!(said("tile/0/001", &flip(7)), @"tile/0/001: does not hold the hashes of the entries below it");
    insta::assert_snapshot!(said("tile/1/000.p/2", &flip(7)), @"tile/1/000.p/2: does not hold the hashes of the entries below it");
    insta::assert_snapshot!(said("tile/entries/001", &|bytes| bytes.truncate(bytes.len() - 1)), @"tile/entries/001: the bundle ends within entry 255 of 256");
    insta::assert_snapshot!(said("checkpoint", &|bytes| bytes.clear()), @"checkpoint: malformed note: it has no blank line before its signatures");
    insta::assert_snapshot!(said("checkpoint", &|bytes| bytes.push(0xff)), @"checkpoint: malformed note: it is not UTF-8");
    let mut missing = files.clone();
    missing.remove("tile/entries/002.p/89");
    insta::assert_snapshot!(verify(&missing, key, None).unwrap_err(), @"tile/entries/002.p/89: is not there");
}

#[test]
fn entries_exchanged_with_their_hashes_show_at_the_root() {
    let (_, files, key) = &*SERVED;
    let other = log_of(600).reader();
    let others = files_of(&other);
    let mut mixed = others.clone();
    mixed.insert("checkpoint".into(), files["checkpoint"].clone());
    let found = verify(&mixed, key, None).unwrap_err();
    assert!(
        matches!(&found, VerifyError::Tile { path, fault: Fault::CheckpointRoot } if path == "checkpoint"),
        "{found}"
    );
    assert!(verify(&others, key, None).is_ok());
}

/// The files of a log of any entries at all, with a right tree and a right signature.
fn forged(entries: &[&[u8]]) -> Files {
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let key = SigningKey::from_seed("test.example/log", &[42; 32]).unwrap();
    let (size, root) = (entries.len(), root_of(&leaves));
    let text = format!("test.example/log\n{size}\n{root}\n");
    let hashes = leaves.iter().flat_map(|hash| *hash.as_bytes()).collect();
    Files::from([
        (
            "checkpoint".into(),
            note::sign(&text, &[&key]).unwrap().into_bytes(),
        ),
        (format!("tile/0/000.p/{size}"), hashes),
        (
            format!("tile/entries/000.p/{size}"),
            encode_bundle(entries.iter().copied()).unwrap(),
        ),
    ])
}

#[test]
fn what_is_no_log_of_this_kind_is_refused_although_its_tree_is_right() {
    let (log, _, key) = &*SERVED;
    let [genesis, event] = [0, 1].map(|index| log.entry(index).unwrap().bytes().to_vec());
    assert!(verify(&forged(&[&genesis, &event]), key, None).is_ok());
    let other = AuditLog::builder().origin("else.example").build().unwrap();
    let foreign = other.entry(0).unwrap().bytes().to_vec();
    for (entries, at) in [
        (vec![&event[..], &event], 0),
        (vec![&genesis, &genesis], 1),
        (vec![&foreign, &event], 0),
        (vec![&genesis, b"{}"], 1),
        (vec![&genesis, b""], 1),
    ] {
        let found = verify(&forged(&entries), key, None).unwrap_err();
        assert!(
            matches!(found, VerifyError::Entry { index, .. } if index == at),
            "{found}"
        );
    }
    let text = format!("test.example/log\n0\n{}\n", empty_root());
    let signer = SigningKey::from_seed("test.example/log", &[42; 32]).unwrap();
    let empty = note::sign(&text, &[&signer]).unwrap().into_bytes();
    let empty = Files::from([("checkpoint".into(), empty)]);
    assert!(matches!(verify(&empty, key, None), Err(VerifyError::Empty)));
    assert!(verify(&Files::new(), key, None).is_err());
}

#[test]
fn a_partial_tile_may_be_read_from_the_full_one() {
    let log = log_of(299);
    let old = log.checkpoint().unwrap();
    let mut files = files_at(&log.reader(), &old);
    for _ in 0..300 {
        log.log(Entry::event("more")).unwrap();
    }
    for path in ["tile/entries/001", "tile/0/001"] {
        files.remove(&format!("{path}.p/44")).unwrap();
        assert!(verify(&files, log.verifier_key().unwrap(), None).is_err());
        let full = log.tile(path.parse().unwrap()).unwrap();
        files.insert(path.to_owned(), full);
    }
    let verified = verify(&files, log.verifier_key().unwrap(), None).unwrap();
    assert_eq!(verified.size, 300);
}

#[test]
fn a_log_that_was_cut_off_rewritten_or_exchanged_shows_against_a_pin() {
    let log = log_of(300);
    let key = log.verifier_key().unwrap().clone();
    let early = files_of(&log.reader());
    for _ in 0..300 {
        log.log(Entry::event("more")).unwrap();
    }
    let pin = log.checkpoint().unwrap();
    assert!(verify(&early, &key, None).is_ok());
    assert!(matches!(
        verify(&early, &key, Some(&pin)),
        Err(VerifyError::Truncated {
            pinned: 601,
            size: 301
        })
    ));
    let rewritten = files_of(&log_of(700).reader());
    assert!(verify(&rewritten, &key, None).is_ok());
    assert!(matches!(
        verify(&rewritten, &key, Some(&pin)),
        Err(VerifyError::PinMismatch { size: 601 })
    ));
    let stranger = SigningKey::from_seed("other.example", &[7; 32]).unwrap();
    assert!(matches!(
        verify(&early, stranger.verifier_key(), Some(&pin)),
        Err(VerifyError::PinOrigin { .. })
    ));
    assert!(verify(&early, stranger.verifier_key(), None).is_err());
}

#[test]
fn the_level_is_witnessed_where_a_quorum_has_cosigned_and_an_error_where_not() {
    let (log, files, key) = &*SERVED;
    let witness = CosignerKey::from_seed("w", &[9; 32]).unwrap();
    let policy: TlogPolicy = format!("witness w {}\nquorum w\n", witness.verifier_key())
        .parse()
        .unwrap();
    let none: TlogPolicy = "quorum none\n".parse().unwrap();
    let ask = |files: &Files, policy| {
        verify_tiles(|path| Ok(files.get(path).cloned()), key, None, Some(policy))
    };
    assert!(matches!(
        ask(files, &policy),
        Err(VerifyError::NotWitnessed(w)) if (w.signed, w.known) == (0, 1)
    ));
    assert_eq!(ask(files, &none).unwrap().level, Level::Signed);
    let cosigned = witness
        .cosign(&log.checkpoint().unwrap(), datetime!(2026-11-22 12:00 UTC))
        .unwrap();
    let mut files = files.clone();
    files.insert("checkpoint".into(), cosigned.to_string().into_bytes());
    let verified = ask(&files, &policy).unwrap();
    assert_eq!(verified.level, Level::Witnessed);
    assert_eq!(
        verified.to_string(),
        "witnessed(1/1): covered up to 601 of 601 entries"
    );
    assert!(verified.fully_covered());
}

#[test]
fn a_directory_of_tiles_verifies_and_grows_by_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_of(0);
    let key = log.verifier_key().unwrap().clone();
    let mut written = 0;
    for size in [1, 200, 256, 300, 513] {
        while log.size().unwrap() < size {
            log.log(Entry::event("more")).unwrap();
        }
        for path in tiles_between(written, size) {
            let file = dir.path().join(path.to_string());
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            assert!(!file.exists(), "{path} was written before");
            std::fs::write(file, log.tile(path).unwrap()).unwrap();
        }
        let checkpoint = log.checkpoint().unwrap().to_string();
        std::fs::write(dir.path().join("checkpoint"), checkpoint).unwrap();
        let verified = verify_tiles(in_directory(dir.path()), &key, None, None).unwrap();
        assert_eq!(verified.size, size);
        written = size;
    }
}

#[test]
fn tiles_that_the_log_does_not_have_are_errors() {
    let log = log_of(9).reader();
    let tile = |path: &str| log.tile(path.parse().unwrap());
    assert_eq!(tile("tile/0/000.p/10").unwrap().len(), 320);
    for path in [
        "tile/0/000.p/11",
        "tile/0/000",
        "tile/1/000.p/1",
        "tile/0/001.p/1",
        "tile/entries/000.p/11",
        "tile/entries/001.p/1",
        "tile/63/000.p/1",
        "tile/7/x018/x446/x744/x073/x709/x551/615.p/1",
        "tile/entries/x018/x446/x744/x073/x709/x551/615",
    ] {
        let found = tile(path);
        assert!(
            matches!(found, Err(AuditError::OutOfRange { .. })),
            "{path}"
        );
    }
    let small = AuditLog::builder().max_records(1).build().unwrap();
    for _ in 0..600 {
        small.log(Entry::event("more")).unwrap();
    }
    let gone = small.tile("tile/entries/000".parse().unwrap());
    assert!(matches!(gone, Err(AuditError::Evicted { .. })));
    assert!(small.tile("tile/1/000.p/2".parse().unwrap()).is_ok());
}

/// Their paths begin with the height of the tile, which is always 8 here.
fn theirs_path(tile: &Tile) -> String {
    tile.path()
        .replace("tile/8/", "tile/")
        .replace("tile/data/", "tile/entries/")
}

/// Paths, and what is nearly one.
fn paths() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "(tile/)?([0-9]{1,3}|entries|data)/(x?[0-9]{1,4}/){0,4}[0-9]{2,4}(\\.p/[0-9]{0,4})?",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_path_that_is_read_is_written_to_the_same_text(text in paths()) {
        if let Ok(path) = text.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn every_tile_has_a_path_of_its_own_as_others_write_it(level in prop::option::of(0_u8..64), index: u64, width in 1_u16..=256) {
        let path = match level {
            Some(level) => TilePath::hashes(level, index, width),
            None => TilePath::entries(index, width),
        }.unwrap();
        prop_assert_eq!(path.to_string().parse::<TilePath>(), Ok(path));
        let theirs = Tile::new(8, level.unwrap_or(0), index, u32::from(width), level.is_none());
        prop_assert_eq!(path.to_string(), theirs_path(&theirs));
    }

    #[test]
    fn what_is_new_between_two_sizes_is_what_others_say(old in 0_u64..200_000, more in 0_u64..70_000) {
        let ours: Vec<_> = tiles_between(old, old + more).filter(|p| p.level().is_some()).map(|p| p.to_string()).collect();
        let theirs: Vec<_> = Tile::new_tiles(8, old, old + more).iter().map(theirs_path).collect();
        prop_assert_eq!(&ours, &theirs);
        let bundles: Vec<_> = tiles_between(old, old + more).filter(|p| p.level().is_none()).map(|p| p.to_string().replace("entries", "0")).collect();
        let leaves: Vec<_> = ours.into_iter().filter(|p| p.starts_with("tile/0/")).collect();
        prop_assert_eq!(bundles, leaves);
    }

    #[test]
    fn bundles_hold_what_was_put_in(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..257)) {
        let bundle = encode_bundle(entries.iter().map(Vec::as_slice)).unwrap();
        let width = u16::try_from(entries.len()).unwrap();
        prop_assert_eq!(decode_bundle(&bundle, width).unwrap(), entries);
        let cut = decode_bundle(&bundle[..bundle.len() - 1], width);
        let is_short = matches!(cut, Err(TileError::Short { .. }));
        prop_assert!(is_short);
    }

    #[test]
    fn any_bytes_are_a_bundle_in_one_way_or_none(bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(2), any::<u8>()], 0..60), width in 0_u16..300) {
        if let Ok(entries) = decode_bundle(&bytes, width) {
            prop_assert_eq!(entries.len(), usize::from(width));
            prop_assert_eq!(encode_bundle(entries).unwrap(), bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_flipped_bit_in_any_file_shows(file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (_, files, key) = &*SERVED;
        let mut files = files.clone();
        let path = files.keys().nth(file.index(files.len())).unwrap().clone();
        let bytes = files.get_mut(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(verify(&files, key, None).is_err());
    }
}
