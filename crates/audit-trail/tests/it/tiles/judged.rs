//! A log of 70 000 entries, read by another implementation and by this one.

use super::*;
use tlog_tiles::{TileHashReader, TileReader};

#[test]
fn a_log_of_70_000_entries_is_accepted_here_and_by_another_reader_until_a_byte_is_flipped() {
    let log = log_of(69_999).reader();
    let checkpoint = log.checkpoint().unwrap();
    let mut files = files_at(&log, &checkpoint);
    assert_eq!(files.len(), 2 * 274 + 2 + 1 + 1);
    let key = log.verifier_key().unwrap().clone();
    let verified = verify(&files, &key, Some(&checkpoint)).unwrap();
    assert_eq!(
        (verified.level, verified.size),
        (Level::Pinned, checkpoint.size())
    );
    let indexes = [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999];
    for index in indexes {
        assert!(theirs_finds(&files, &checkpoint, index), "{index}");
    }
    for path in [
        "checkpoint",
        "tile/0/000",
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/2/000.p/1",
        "tile/entries/000",
        "tile/entries/128",
        "tile/entries/273.p/112",
    ] {
        let at = files[path].len() / 2;
        files.get_mut(path).unwrap()[at] ^= 1;
        assert!(verify(&files, &key, None).is_err(), "{path}");
        let seen = indexes
            .iter()
            .all(|index| theirs_finds(&files, &checkpoint, *index));
        // Entry 128 × 256 is none of those that are looked up; the other reader trusts the checkpoint it is given.
        assert_eq!(
            seen,
            ["checkpoint", "tile/entries/128"].contains(&path),
            "{path}"
        );
        files.get_mut(path).unwrap()[at] ^= 1;
    }
}

/// The files as the other implementation reads them.
struct Theirs<'a>(&'a Files);

impl TileReader for Theirs<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let found = tiles.iter().map(|tile| self.0.get(&theirs_path(tile)));
        Ok(found.map(|bytes| bytes.unwrap().clone()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// Whether the other implementation finds every entry in the middle of its bundle, and proves it from the tiles.
fn theirs_finds(files: &Files, checkpoint: &Checkpoint, index: u64) -> bool {
    let theirs = Theirs(files);
    let size = checkpoint.size();
    let root = tlog_tiles::Hash(*checkpoint.root().as_bytes());
    let reader = TileHashReader::new(size, root, &theirs);
    let Ok(proof) = tlog_tiles::prove_record(size, index, &reader) else {
        return false;
    };
    let path = tiles_at(size).find(|p| p.level().is_none() && p.index() == index / 256);
    let path = path.unwrap();
    let bundle = &files[&path.to_string()];
    let Ok(entries) = decode_bundle(bundle, path.width()) else {
        return false;
    };
    // Each entry of the bundle must stand in the tree that the tiles prove.
    let first = path.index() * 256;
    tlog_tiles::check_record(
        &proof,
        size,
        root,
        index,
        tlog_tiles::record_hash(entries[usize::try_from(index - first).unwrap()]),
    )
    .is_ok()
        && tlog_tiles::HashReader::read_hashes(
            &reader,
            &(first..)
                .take(entries.len())
                .map(|index| tlog_tiles::stored_hash_index(0, index))
                .collect::<Vec<_>>(),
        )
        .is_ok_and(|hashes| {
            hashes
                .into_iter()
                .eq(entries.into_iter().map(tlog_tiles::record_hash))
        })
}
