//! A directory with 70 000 entries, judged from its files by other people's code; and a byte flipped anywhere in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use audit_trail::tiles::{in_directory, verify_tiles};
use audit_trail::{
    Acknowledgement, AuditLog, AuditReader, Entry, Filter, Kind, Level, VerifyError,
};
use signed_note::{StandardVerifier, VerifierList};
use tempfile::TempDir;
use tlog_tiles::{Hash, HashReader, Tile};

use crate::child::{Dice, at, key};

const SIZE: u64 = 70_000;
/// A few segments.
const SMALL: u64 = 15_000;

fn large(size: u64) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path())
        .acknowledge(Acknowledgement::Buffered)
        .build()
        .unwrap();
    for n in 1..size {
        // Now and then a commit of its own.
        let appended = log
            .log(
                Entry::event("step")
                    .session(&format!("s-{}", n / 100))
                    .reason(n),
            )
            .unwrap();
        if n % 1000 < 3 {
            log.flush().unwrap();
        }
        assert_eq!(appended.index, n);
    }
    drop(log);
    dir
}

/// The judge: `tlog_tiles` and `signed_note`, reading files.
///
/// Their `TileHashReader` leaves some of the tiles unauthenticated that it reads besides those of the right edge, so that here every hash is made anew
/// from the entries, and every tile compared with what it must be.
struct Theirs {
    size: u64,
    hashes: Vec<Hash>,
}

impl HashReader for Theirs {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        Ok(indexes
            .iter()
            .map(|index| self.hashes[*index as usize])
            .collect())
    }
}

impl Theirs {
    /// The tree of the entries in the bundles; `None` if they are no bundles.
    fn read(dir: &Path, size: u64) -> Option<Self> {
        let mut theirs = Self {
            size: 0,
            hashes: Vec::new(),
        };
        for bundle in 0..size.div_ceil(256) {
            let width = (size - bundle * 256).min(256);
            let path = Tile::new(8, 0, bundle, width as u32, true).path();
            let bytes = fs::read(dir.join(path.replace("tile/8/data/", "tile/entries/"))).unwrap();
            let mut rest = &bytes[..];
            for _ in 0..width {
                let (len, tail) = rest.split_first_chunk::<2>()?;
                let (entry, tail) = tail.split_at_checked(u16::from_be_bytes(*len).into())?;
                let new = tlog_tiles::stored_hashes(theirs.size, entry, &theirs).ok()?;
                theirs.hashes.extend(new);
                theirs.size += 1;
                rest = tail;
            }
            if !rest.is_empty() {
                return None;
            }
        }
        Some(theirs)
    }

    /// Whether checkpoint and tiles are those of the entries.
    fn accepts(&self, dir: &Path) -> bool {
        let tiles = Tile::new_tiles(8, 0, self.size);
        let fits = |tile: &Tile| {
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            fs::read(dir.join(path)).unwrap() == tile.read_data(self).unwrap()
        };
        let root = tlog_tiles::tree_hash(self.size, self).unwrap();
        published(dir) == Some((self.size, root)) && tiles.iter().all(fits)
    }
}

/// Size and root of the published checkpoint, if the key has signed it.
fn published(dir: &Path) -> Option<(u64, Hash)> {
    let note = fs::read(dir.join("checkpoint")).unwrap();
    let note = signed_note::Note::from_bytes(&note).ok()?;
    let verifier = StandardVerifier::new(&key().verifier_key().to_string()).unwrap();
    note.verify(&VerifierList::new(vec![Box::new(verifier)]))
        .ok()?;
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).ok()?;
    Some((checkpoint.size(), *checkpoint.hash()))
}

/// Flips bits of a file in place, and back.
fn flipped<T>(file: &Path, at: usize, mask: u8, then: impl FnOnce() -> T) -> T {
    let flip = || {
        let mut bytes = fs::read(file).unwrap();
        bytes[at] ^= mask;
        // Not replaced: whoever has it open must see it.
        fs::write(file, bytes).unwrap();
    };
    flip();
    let result = then();
    flip();
    result
}

#[test]
fn others_accept_70_000_entries_and_reject_them_after_any_flipped_byte() {
    let dir = large(SIZE);
    let dir = dir.path();
    let theirs = Theirs::read(dir, SIZE).unwrap();
    assert_eq!(published(dir).unwrap().0, SIZE);
    assert!(theirs.accepts(dir));
    let ours = || verify_tiles(in_directory(dir), key().verifier_key(), None, None);
    assert_eq!(ours().unwrap().covered_size, SIZE);

    let hashes = [
        "tile/0/000",
        "tile/0/077",
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ];
    let bundles = [
        "tile/entries/000",
        "tile/entries/128",
        "tile/entries/273.p/112",
    ];
    let mut dice = Dice::new();
    for name in ["checkpoint"].into_iter().chain(hashes).chain(bundles) {
        let file = dir.join(name);
        let len = fs::metadata(&file).unwrap().len();
        for (sample, place) in [0, len - 1, dice.below(len)].into_iter().enumerate() {
            let (at, mask) = (place as usize, 1 << dice.below(8));
            flipped(&file, at, mask, || {
                let accepted = if bundles.contains(&name) {
                    Theirs::read(dir, SIZE).is_some_and(|theirs| theirs.accepts(dir))
                } else {
                    theirs.accepts(dir)
                };
                assert!(
                    !accepted,
                    "others accept {name} with byte {place} changed by {mask:#x}"
                );
                assert!(
                    sample < 2 || ours().is_err(),
                    "{name} is accepted with byte {place} changed by {mask:#x}"
                );
            });
        }
    }
    assert!(theirs.accepts(dir) && ours().is_ok());
}

/// Where a segment's frames and their parts stand, by the layout in its documentation.
fn regions(bytes: &[u8]) -> BTreeMap<&'static str, Vec<std::ops::Range<usize>>> {
    let mut regions = BTreeMap::<_, Vec<_>>::new();
    let number = |at: usize| u32::from_be_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    let mut add = |name, range: std::ops::Range<usize>| {
        if !range.is_empty() {
            regions.entry(name).or_default().push(range);
        }
    };
    add("first block", 0..200);
    add("padding of the first block", 4000..8188);
    add("checksum of the first block", 8188..8192);
    let mut at = 8192;
    while bytes[at..].starts_with(b"ATF1") {
        let (payload, note) = (at + 52, at + 52 + number(at + 4));
        let crc = note + number(at + 12);
        add("header", at..payload);
        add("payload", payload..note);
        add("note", note..crc);
        add("checksum", crc..crc + 4);
        at = (crc + 4).next_multiple_of(8);
        add("padding", crc + 4..at);
    }
    add("what is empty", at..bytes.len());
    regions
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("seg"))
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .collect();
    files.sort();
    files
}

#[test]
fn a_byte_flipped_anywhere_in_a_segment_is_found_and_named() {
    let dir = large(SMALL);
    let open = || AuditReader::open(dir.path(), Some(key().verifier_key()));
    let pin = open().unwrap().checkpoint().unwrap();
    let files = segments(dir.path());
    assert!(files.len() > 2, "{} segments", files.len());
    let mut dice = Dice::new();
    let mut seen = 0;
    for file in [&files[0], &files[files.len() / 2], files.last().unwrap()] {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        for (region, places) in regions(&fs::read(file).unwrap()) {
            for place in [
                &places[0],
                &places[dice.below(places.len() as u64) as usize],
                places.last().unwrap(),
            ] {
                let at = place.start + dice.below(place.len() as u64) as usize;
                let found = flipped(file, at, 1 << dice.below(8), || {
                    open().map(|reader| reader.verify(Some(&pin)))
                });
                seen += 1;
                match found {
                    Ok(Err(VerifyError::Segment {
                        file,
                        range,
                        problem,
                        ..
                    })) => {
                        assert!(
                            file.ends_with(&name),
                            "{region} of {name}, byte {at}: {file}: {problem}"
                        );
                        let named = range.start..range.end.next_multiple_of(8);
                        assert!(
                            named.contains(&(at as u64)),
                            "{region} of {name}, byte {at}: {range:?}: {problem}"
                        );
                    }
                    Err(_) | Ok(Err(_)) => {}
                    Ok(Ok(verified)) => panic!("{region} of {name}, byte {at}: {verified}"),
                }
            }
        }
    }
    assert!(seen > 40, "{seen}");
    let verified = open().unwrap().verify(Some(&pin)).unwrap();
    assert_eq!((verified.level, verified.size), (Level::Pinned, SMALL));
}

#[test]
fn a_log_with_a_flipped_byte_is_not_written_to_as_if_nothing_were() {
    let dir = large(SMALL);
    let files = segments(dir.path());
    let mut dice = Dice::new();
    let before = |file: &Path| fs::read(file).unwrap();
    for file in [&files[0], &files[files.len() / 2], files.last().unwrap()] {
        for (region, places) in regions(&before(file)) {
            let place = &places[dice.below(places.len() as u64) as usize];
            let at_byte = place.start + dice.below(place.len() as u64) as usize;
            flipped(file, at_byte, 1 << dice.below(8), || {
                let damaged = before(file);
                let opened: Result<AuditLog, _> = at(dir.path()).build();
                let Ok(log) = opened else {
                    assert!(before(file) == damaged, "{region}: refused and yet changed");
                    return;
                };
                if file == files.last().unwrap() {
                    // As a crash would have left it: cut off, kept, and told.
                    assert_eq!(
                        region, "what is empty",
                        "of the newest segment, byte {at_byte}"
                    );
                    let told = log
                        .query(&Filter::new().kind(Kind::Recovery))
                        .unwrap()
                        .records;
                    assert_eq!(
                        told.len(),
                        1,
                        "{:?}",
                        told.iter()
                            .map(|r| String::from_utf8_lossy(r.bytes()).into_owned())
                            .collect::<Vec<_>>()
                    );
                    return;
                }
                // Older segments are read when they are asked for, or verified; nothing may become of them meanwhile.
                drop(log);
                assert!(
                    before(file) == damaged,
                    "{region}: an older segment was changed"
                );
            });
        }
    }
}
