//! Verifying a directory: what is whole passes, and whatever was changed is named.

use super::*;

#[test]
fn a_torn_commit_is_not_shown_and_verification_names_its_bytes() {
    let memory = varied(60);
    let (dir, scribe) = write(&memory, &[20]);
    let path = dir
        .path()
        .join("seg")
        .join(names(dir.path(), "seg").last().unwrap());
    let good = std::fs::read(&path).unwrap();
    let end = good.iter().rposition(|b| *b != 0).unwrap();
    let mut torn = good.clone();
    torn[end + 100..end + 700].fill(7);
    std::fs::write(&path, &torn).unwrap();
    let reader = open(dir.path());
    assert_eq!(reader.size().unwrap(), 61);
    let found = reader.verify(None).unwrap_err();
    let VerifyError::Segment {
        range, index: 61, ..
    } = &found
    else {
        panic!("{found}")
    };
    assert_eq!(*range, (end + 100) as u64..(end + 700) as u64);
    // The process that writes knows how far its commits go.
    assert_eq!(scribe.reader().verify(None).unwrap().size, 61);
    assert_eq!(std::fs::read(&path).unwrap(), torn, "nothing was rewritten");
}

#[test]
fn a_whole_directory_verifies_and_no_flipped_byte_goes_unseen() {
    let memory = varied(130);
    let (dir, scribe) = write(&memory, &[5, 1, 40]);
    let reader = open(dir.path());
    let mut last = None;
    let verified = reader
        .verify_with(None, &mut |progress| last = Some(progress))
        .unwrap();
    assert_eq!(
        (verified.level, verified.size, verified.covered_size),
        (Level::Signed, 131, 131)
    );
    assert_eq!(verified.root, memory.root(131).unwrap());
    let last = last.unwrap();
    assert_eq!((last.entries, Some(last.bytes)), (131, last.total_bytes));
    assert_eq!(
        AuditReader::open(dir.path(), None)
            .unwrap()
            .verify(None)
            .unwrap()
            .level,
        Level::Tree
    );
    let pin = memory.checkpoint().unwrap();
    assert_eq!(reader.verify(Some(&pin)).unwrap().level, Level::Pinned);
    assert!(scribe.reader().verify(None).unwrap().fully_covered());
    for name in names(dir.path(), "seg") {
        let path = dir.path().join("seg").join(&name);
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(797) {
            let mut bad = good.clone();
            bad[at] ^= 4;
            std::fs::write(&path, &bad).unwrap();
            match reader.verify(None).unwrap_err() {
                VerifyError::Segment { file, range, .. } => {
                    let first = format!("seg/{name}");
                    // Damage to the end of one segment may show as a gap before the next.
                    assert!(
                        file != first || range.contains(&(at as u64)) || range.start <= at as u64,
                        "{file} {range:?} {at}"
                    );
                }
                other => panic!("{other}"),
            }
            assert_eq!(std::fs::read(&path).unwrap(), bad, "nothing was rewritten");
        }
        std::fs::write(&path, &good).unwrap();
    }
    assert!(reader.verify(None).is_ok());
}

#[test]
fn a_rewritten_entry_shows_against_the_signed_checkpoints_although_its_checksums_are_right() {
    let memory = varied(100);
    let (dir, scribe) = write(&memory, &[30]);
    let (file, start) = scribe.catalog.start(0).unwrap().unwrap();
    let mut frames = Frames::new(file, &start).unwrap();
    let (at, frame) = frames.next().unwrap().unwrap();
    let mut payload = Vec::new();
    for (number, (_, entry)) in frame.entries().enumerate() {
        let mut entry = entry.to_vec();
        if number == 9 {
            let last = entry.len() - 2;
            entry[last] ^= 1;
        }
        payload.extend_from_slice(&u16::try_from(entry.len()).unwrap().to_be_bytes());
        payload.extend_from_slice(&entry);
    }
    let mut bytes = Vec::new();
    frame::encode(&frame.header, &payload, frame.note.as_bytes(), &mut bytes);
    let name = segment::name(0);
    let file = Disk::new(dir.path()).open(&name, true).unwrap().unwrap();
    file.write_at(&bytes, at).unwrap();
    let found = open(dir.path()).verify(None).unwrap_err();
    let range = at..at + bytes.len() as u64;
    insta::assert_snapshot!(
        found.to_string().replace(&format!("{} to {}", range.start, range.end), "[range]"),
        @"seg/00000000000000000000.seg, bytes [range], from entry 0 on: the entries up to here are not those that its checkpoint covers"
    );
}

#[test]
fn a_missing_segment_a_foreign_one_and_a_swapped_one_show() {
    let memory = varied(400);
    let (dir, _scribe) = write(&memory, &[25]);
    let other = write(&varied(401), &[25]).0;
    let reader = open(dir.path());
    let segments = names(dir.path(), "seg");
    let middle = dir.path().join("seg").join(&segments[1]);
    let good = std::fs::read(&middle).unwrap();
    std::fs::remove_file(&middle).unwrap();
    assert!(matches!(
        reader.verify(None),
        Err(VerifyError::Segment { .. })
    ));
    let foreign = names(other.path(), "seg");
    if let Some(same) = foreign.iter().find(|name| **name == segments[1]) {
        std::fs::copy(other.path().join("seg").join(same), &middle).unwrap();
        assert!(matches!(
            reader.verify(None),
            Err(VerifyError::Segment { .. })
        ));
    }
    std::fs::write(&middle, good).unwrap();
    assert!(reader.verify(None).is_ok());
}

#[test]
fn cut_off_ends_show_against_a_pin_and_the_published_checkpoint() {
    let memory = varied(100);
    let (dir, _scribe) = write(&memory, &[101]);
    let longer = varied(110);
    let pin = longer.checkpoint().unwrap();
    let reader = open(dir.path());
    assert!(matches!(
        reader.verify(Some(&pin)),
        Err(VerifyError::Truncated {
            pinned: 111,
            size: 101
        })
    ));
    let published = dir.path().join("checkpoint");
    std::fs::write(&published, pin.as_str()).unwrap();
    assert!(matches!(
        reader.verify(None),
        Err(VerifyError::Published { covered: 111, .. })
    ));
    std::fs::write(&published, memory.checkpoint().unwrap().as_str()).unwrap();
    assert!(reader.verify(None).is_ok());
    let mut forged = std::fs::read(&published).unwrap();
    let last = forged.len() - 20;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    std::fs::write(&published, &forged).unwrap();
    assert!(matches!(
        reader.verify(None),
        Err(VerifyError::Published { .. })
    ));
    std::fs::write(&published, b"nonsense").unwrap();
    assert!(matches!(
        reader.verify(None),
        Err(VerifyError::Published { covered: 0, .. })
    ));
}

/// The entry that names `key` as the next one.
fn rotation(index: u64, key: &SigningKey) -> Record {
    let clock = ManualClock::new(datetime!(2026-11-22 12:00 UTC));
    let log = AuditLog::builder()
        .namespace("test")
        .signer(self::key())
        .clock(clock)
        .build()
        .unwrap();
    let ext = serde_json::json!({ "key": key.verifier_key().to_string() });
    log.say(&Entry::admin(Kind::KeyRotation, "ops@example.com").ext(Ext::encode(&ext).unwrap()))
        .unwrap();
    Record::parse(index, log.entry(1).unwrap().bytes()).unwrap()
}

#[test]
fn a_rotated_key_is_known_from_the_old_one_and_the_old_entries_from_the_new() {
    let second = SigningKey::from_seed("test.example/log", &[43; 32]).unwrap();
    let third = SigningKey::from_seed("test.example/log", &[44; 32]).unwrap();
    let stranger = SigningKey::from_seed("test.example/log", &[45; 32]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = Scribe::begin(dir.path());
    let records = all(&varied(300));
    scribe.commit(&records[..90], None);
    let again = SigningKey::from_seed("test.example/log", &[43; 32]).unwrap();
    scribe.commit(&[rotation(90, &second)], Some(again));
    scribe.commit(&records[90..200], None);
    let again = SigningKey::from_seed("test.example/log", &[44; 32]).unwrap();
    scribe.commit(&[rotation(201, &third)], Some(again));
    scribe.commit(&records[200..], None);
    for key in [key(), second, third] {
        let reader = AuditReader::open(dir.path(), Some(key.verifier_key())).unwrap();
        assert_eq!(reader.checkpoint().unwrap().size(), 303);
        let verified = reader.verify(None).unwrap();
        assert_eq!(
            (verified.level, verified.covered_size),
            (Level::Signed, 303)
        );
    }
    let reader = AuditReader::open(dir.path(), Some(stranger.verifier_key())).unwrap();
    assert!(reader.checkpoint().is_err());
    assert!(matches!(reader.verify(None), Err(VerifyError::Key { .. })));
}

#[test]
fn a_rotation_that_the_old_key_has_not_signed_is_refused() {
    let thief = || SigningKey::from_seed("test.example/log", &[66; 32]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = Scribe::begin(dir.path());
    let records = all(&varied(30));
    scribe.commit(&records[..20], None);
    // As somebody would who can write to the files and has no key: their own signs, twice so that it looks like a rotation.
    let (thief, other) = (
        thief(),
        SigningKey::from_seed("test.example/log", &[67; 32]).unwrap(),
    );
    let (file, start) = scribe.catalog.start(0).unwrap().unwrap();
    let mut frames = Frames::new(file, &start).unwrap();
    while frames.next().unwrap().is_some() {}
    let entry = rotation(20, &thief);
    let mut payload = u16::try_from(entry.bytes().len())
        .unwrap()
        .to_be_bytes()
        .to_vec();
    payload.extend_from_slice(entry.bytes());
    assert_eq!(scribe.catalog.current().unwrap(), 20);
    let mut tree = scribe.catalog.range(20).unwrap();
    tree.push(*entry.leaf());
    let note = Checkpoint::sign_with(&[&thief, &other], 21, tree.root()).unwrap();
    let note = note.as_str().as_bytes();
    let header = Header {
        payload: payload.len(),
        count: 1,
        note: note.len(),
        first: 20,
        time: 7,
        segment: start.id,
    };
    let mut bytes = Vec::new();
    frame::encode(&header, &payload, note, &mut bytes);
    let storage = Disk::new(dir.path());
    let file = storage
        .open("seg/00000000000000000000.seg", true)
        .unwrap()
        .unwrap();
    file.write_at(&bytes, frames.at()).unwrap();
    let reader = open(dir.path());
    assert!(reader.checkpoint().is_err());
    assert!(matches!(
        reader.verify(None),
        Err(VerifyError::Segment { index: 20, .. })
    ));
}

/// As whoever holds the old key would, who takes the new one's signature away and goes on.
#[test]
fn a_retired_key_cannot_come_back() {
    let second = SigningKey::from_seed("test.example/log", &[43; 32]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = Scribe::begin(dir.path());
    let records = all(&varied(30));
    scribe.commit(&records[..20], None);
    scribe.commit(&[rotation(20, &second)], None);
    scribe.commit(&records[20..], None);
    let reader = AuditReader::open(dir.path(), Some(key().verifier_key())).unwrap();
    let found = reader.verify(None);
    assert!(
        matches!(found, Err(VerifyError::Segment { index: 20, .. })),
        "{found:?}"
    );
}
