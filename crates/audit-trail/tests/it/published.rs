//! The C2SP view in a log's directory: complete at every published size, and no more than derived.

use std::path::Path;

use audit_trail::tiles::{in_directory, tiles_at, verify_tiles};
use audit_trail::{Acknowledgement, AuditLog, Entry, Level, SigningKey};

fn key() -> SigningKey {
    SigningKey::from_seed("test.example/log", &[42; 32]).unwrap()
}

fn at(dir: &Path) -> AuditLog {
    let log = AuditLog::builder()
        .signer(key())
        .directory(dir)
        .segment_size(1 << 20);
    log.acknowledge(Acknowledgement::Buffered).build().unwrap()
}

fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![dir.join("tile")];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn whatever_was_published_before_the_view_is_that_of_the_newest_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let mut size = 1;
    // Across the ends of bundles, of tiles of the next level, and of the steps in which a lot is published.
    for add in [0, 1, 253, 1, 1, 300, 17_000, 48_000, 1, 4_900] {
        let log = at(dir.path());
        for _ in 0..add {
            log.log(Entry::event("e")).unwrap();
            size += 1;
        }
        assert_eq!(log.publish_checkpoint().unwrap().size(), size);
        let verified =
            verify_tiles(in_directory(dir.path()), key().verifier_key(), None, None).unwrap();
        assert_eq!((verified.level, verified.size), (Level::Signed, size));
        let mut expected: Vec<String> = tiles_at(size).map(|path| path.to_string()).collect();
        expected.sort();
        // Incomplete tiles of earlier sizes stay until theirs is complete.
        let found: Vec<String> = files(dir.path())
            .into_iter()
            .filter(|name| !name.contains(".p/") || expected.contains(name))
            .collect();
        assert_eq!(found, expected, "size {size}");
        for stale in files(dir.path())
            .iter()
            .filter(|name| !expected.contains(name))
        {
            let whole = stale.rsplit_once(".p/").unwrap().0;
            assert!(
                !dir.path().join(whole).exists(),
                "{stale} stands beside the whole tile"
            );
        }
    }
}

#[test]
fn a_view_that_is_gone_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path());
    for _ in 0..1000 {
        log.log(Entry::event("e")).unwrap();
    }
    drop(log);
    std::fs::remove_dir_all(dir.path().join("tile")).unwrap();
    std::fs::remove_file(dir.path().join("checkpoint")).unwrap();
    drop(at(dir.path()));
    let mut expected: Vec<String> = tiles_at(1001).map(|path| path.to_string()).collect();
    expected.sort();
    assert_eq!(files(dir.path()), expected);
    let verified =
        verify_tiles(in_directory(dir.path()), key().verifier_key(), None, None).unwrap();
    assert_eq!(verified.size, 1001);
}

/// They are never synced, so that a power failure may have taken them, also where the log ends with a full bundle.
#[test]
fn incomplete_tiles_are_written_anew_at_every_opening() {
    let dir = tempfile::tempdir().unwrap();
    let log = at(dir.path());
    for _ in 0..255 {
        log.log(Entry::event("e")).unwrap();
    }
    drop(log);
    std::fs::remove_dir_all(dir.path().join("tile/1")).unwrap();
    drop(at(dir.path()));
    assert!(dir.path().join("tile/1/000.p/1").exists());
    let tiles = in_directory(dir.path());
    let verified = verify_tiles(tiles, key().verifier_key(), None, None).unwrap();
    assert_eq!(verified.size, 256);
}
