//! Whatever is done to an exported log, it shows: as an error, or as a part that is not covered.

use std::sync::LazyLock;

use audit_trail::{
    AuditReader, Checkpoint, Entry, Fault, Level, SigningKey, Verified, VerifierKey, VerifyError,
    verify_ndjson,
};
use proptest::prelude::*;

use crate::{fixed_log, log_of};

/// An exported log, the key that verifies it, and the checkpoint in it.
static EXPORT: LazyLock<(Vec<u8>, VerifierKey, Checkpoint)> = LazyLock::new(|| {
    let log = log_of(40);
    let mut file = Vec::new();
    let kept = log.export_ndjson(&mut file).unwrap().checkpoint.unwrap();
    (file, log.verifier_key().unwrap().clone(), kept)
});

/// The lines, newlines included.
fn lines(file: &[u8]) -> Vec<Vec<u8>> {
    file.split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// Whether a changed file passes as the whole log. With the kept checkpoint it may pass only with the same entries.
fn passes(file: &[u8]) -> bool {
    let (original, key, kept) = &*EXPORT;
    let entries = |file: &[u8]| -> Vec<Vec<u8>> {
        lines(file)
            .into_iter()
            .filter(|line| !line.starts_with(b"{\"checkpoint\""))
            .collect()
    };
    let complete = |verified: Verified| verified.fully_covered();
    if verify_ndjson(file, key, Some(kept)).is_ok_and(complete) {
        assert_eq!(entries(file), entries(original));
    }
    verify_ndjson(file, key, None).is_ok_and(complete)
}

#[test]
fn the_untouched_export_passes_at_every_level() {
    let (file, key, kept) = &*EXPORT;
    let verified = verify_ndjson(&file[..], key, None).unwrap();
    assert_eq!(
        (verified.level, verified.size, verified.covered_size),
        (Level::Signed, 41, 41)
    );
    assert_eq!(
        verified.to_string(),
        "signed: covered up to 41 of 41 entries"
    );
    assert!(verified.fully_covered());
    let verified = verify_ndjson(&file[..], key, Some(kept)).unwrap();
    assert_eq!(
        (verified.level, verified.pinned_size),
        (Level::Pinned, Some(41))
    );
    let (_, verified) = AuditReader::read_ndjson(&file[..], None, None).unwrap();
    assert_eq!(
        (
            verified.level,
            verified.covered_size,
            verified.fully_covered()
        ),
        (Level::Tree, 0, false)
    );
    assert_eq!(verified.root, *kept.root());
}

#[test]
fn every_bit_of_every_byte_counts() {
    let (file, key, _) = &*EXPORT;
    for at in 0..file.len() {
        let mut altered = file.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(
            verify_ndjson(&altered[..], key, None).is_err(),
            "bit {} of byte {at}",
            at % 8
        );
    }
}

#[test]
fn every_removed_line_shows() {
    let (file, key, kept) = &*EXPORT;
    let lines = lines(file);
    for at in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(at);
        let fewer = fewer.concat();
        assert!(!passes(&fewer), "line {at}");
        if at + 1 == lines.len() {
            // Only the checkpoint is gone: true, and covered by nothing, unless a checkpoint was kept.
            assert_eq!(
                verify_ndjson(&fewer[..], key, None).unwrap().level,
                Level::Tree
            );
            assert!(verify_ndjson(&fewer[..], key, Some(kept)).is_ok());
        } else {
            assert!(verify_ndjson(&fewer[..], key, None).is_err());
        }
    }
}

#[test]
fn every_cut_shows_against_a_kept_checkpoint() {
    let (file, key, kept) = &*EXPORT;
    let entries_end = file.len() - lines(file).last().unwrap().len();
    // At every line's end and beginning, everywhere in the last lines, and here and there.
    let telling = |length: &usize| {
        let at_line = file[*length] == b'\n' || *length > 0 && file[length - 1] == b'\n';
        at_line || *length + 600 > entries_end || length.is_multiple_of(11)
    };
    for length in (0..file.len()).filter(telling) {
        let verified = verify_ndjson(&file[..length], key, Some(kept));
        if length == entries_end {
            assert_eq!(verified.unwrap().covered_size, 41, "all entries are there");
        } else {
            assert!(verified.is_err(), "cut at {length}");
        }
        let plain = verify_ndjson(&file[..length], key, None);
        assert!(
            plain.is_err() || !plain.unwrap().fully_covered(),
            "cut at {length}"
        );
    }
    let cut = lines(file)[..20].concat();
    assert!(matches!(
        verify_ndjson(&cut[..], key, Some(kept)),
        Err(VerifyError::Truncated {
            pinned: 41,
            size: 20
        })
    ));
}

#[test]
fn a_log_rewritten_by_the_holder_of_the_key_shows_against_a_kept_checkpoint() {
    let (_, key, kept) = &*EXPORT;
    let (log, _) = fixed_log();
    for i in 0..60 {
        log.log(Entry::event(&format!("other-{i}"))).unwrap();
    }
    let mut file = Vec::new();
    log.export_ndjson(&mut file).unwrap();
    assert!(verify_ndjson(&file[..], key, None).unwrap().fully_covered());
    assert!(matches!(
        verify_ndjson(&file[..], key, Some(kept)),
        Err(VerifyError::PinMismatch { size: 41 })
    ));
    assert!(matches!(
        log.verify(Some(kept)),
        Err(VerifyError::PinMismatch { size: 41 })
    ));
}

#[test]
fn somebody_elses_key_does_not_pass() {
    let (file, _, kept) = &*EXPORT;
    let same_name = SigningKey::from_seed("test.example/log", &[1; 32]).unwrap();
    let other_name = SigningKey::from_seed("else.example/log", &[42; 32]).unwrap();
    let found = verify_ndjson(&file[..], same_name.verifier_key(), None).unwrap_err();
    assert!(
        matches!(
            found,
            VerifyError::Line {
                line: 42,
                fault: Fault::Checkpoint(_)
            }
        ),
        "{found}"
    );
    let found = verify_ndjson(&file[..], other_name.verifier_key(), None).unwrap_err();
    assert!(
        matches!(
            found,
            VerifyError::Line {
                line: 1,
                fault: Fault::Genesis
            }
        ),
        "{found}"
    );
    let found = verify_ndjson(&file[..], other_name.verifier_key(), Some(kept)).unwrap_err();
    assert!(matches!(found, VerifyError::PinOrigin { .. }), "{found}");
}

#[test]
fn faults_are_named_with_their_line() {
    let (file, key, _) = &*EXPORT;
    let good = lines(file);
    let fault = |lines: &[Vec<u8>]| match verify_ndjson(&lines.concat()[..], key, None) {
        Err(VerifyError::Line { line, fault }) => (line, fault),
        other => panic!("{other:?}"),
    };
    let with = |at: usize, line: &[u8]| {
        let mut lines = good.clone();
        lines[at] = line.to_vec();
        fault(&lines)
    };
    let text = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
    assert_eq!(with(7, b"\n").0, 8);
    assert_eq!(with(7, b"{}\n").0, 8);
    assert!(matches!(with(7, &good[0]), (8, Fault::Genesis)));
    assert!(matches!(with(0, &good[1]), (1, Fault::Genesis)));
    assert!(matches!(
        with(7, text(&good[7]).replace("event-6", "event-7").as_bytes()),
        (42, Fault::CheckpointRoot)
    ));
    assert!(matches!(with(7, &vec![b'x'; 70_000]), (8, Fault::TooLong)));
    assert!(matches!(
        with(
            7,
            text(&good[7])
                .replace("\"kind\"", "\"kind\":\"event\",\"kind\"")
                .as_bytes()
        ),
        (8, Fault::Entry(_))
    ));
    assert!(matches!(
        with(7, &good[41]),
        (
            8,
            Fault::CheckpointSize {
                covers: 41,
                before: 7
            }
        )
    ));
    let mut twice = good.clone();
    twice.push(good[41].clone());
    assert!(matches!(fault(&twice), (43, Fault::CheckpointSize { .. })));
    let mut extract = good.clone();
    extract.insert(
        0,
        b"{\"extract\":{\"origin\":\"test.example/log\",\"size\":41}}\n".to_vec(),
    );
    assert!(matches!(fault(&extract), (1, Fault::Extract)));
    let mut pruned = good.clone();
    pruned.insert(
        3,
        format!(
            "{{\"pruned\":{{\"peaks\":[\"{}\"],\"size\":256}}}}\n",
            audit_trail::tree::empty_root()
        )
        .into_bytes(),
    );
    assert!(matches!(fault(&pruned), (4, Fault::Mark)));
    let mut crlf = good.clone();
    crlf[7].pop();
    crlf[7].extend(*b"\r\n");
    assert!(matches!(fault(&crlf), (42, Fault::CheckpointRoot)));
    assert!(matches!(
        verify_ndjson(&b""[..], key, None),
        Err(VerifyError::Empty)
    ));
}

#[test]
fn a_beginning_that_was_replaced_by_its_hashes_is_never_fully_covered() {
    let log = log_of(600);
    let mut whole = Vec::new();
    log.export_ndjson(&mut whole).unwrap();
    let range = {
        let mut range = audit_trail::tree::CompactRange::default();
        for line in &lines(&whole)[..512] {
            range.push(audit_trail::tree::leaf_hash(&line[..line.len() - 1]));
        }
        range
    };
    let peaks: Vec<String> = range.peaks().iter().map(ToString::to_string).collect();
    let mut file = format!("{{\"pruned\":{{\"peaks\":{peaks:?},\"size\":512}}}}\n").into_bytes();
    file.extend(lines(&whole)[512..].concat());
    let verified = verify_ndjson(&file[..], log.verifier_key().unwrap(), None).unwrap();
    assert_eq!(
        (verified.level, verified.first_index, verified.covered_size),
        (Level::Signed, 512, 601)
    );
    assert!(!verified.fully_covered());
    assert_eq!(
        verified.to_string(),
        "signed: covered up to 601 of 601 entries; the first 512 were not there to be read"
    );
    let old = log_of(5).checkpoint().unwrap();
    let found = verify_ndjson(&file[..], log.verifier_key().unwrap(), Some(&old));
    assert!(matches!(
        found,
        Err(VerifyError::PinUnreachable {
            pinned: 6,
            first_index: 512
        })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_changed_byte_shows(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut file = EXPORT.0.clone();
        let at = at.index(file.len());
        prop_assume!(file[at] != to);
        file[at] = to;
        prop_assert!(!passes(&file));
        prop_assert!(verify_ndjson(&file[..], &EXPORT.1, None).is_err());
    }

    #[test]
    fn any_removed_byte_shows(at in any::<prop::sample::Index>(), count in 1_usize..600) {
        let mut file = EXPORT.0.clone();
        let at = at.index(file.len());
        let end = (at + count).min(file.len());
        file.drain(at..end);
        prop_assert!(!passes(&file));
    }

    #[test]
    fn any_inserted_bytes_show(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b' '), Just(b'\n'), Just(b'\t')], 1..4)) {
        let mut file = EXPORT.0.clone();
        let at = at.index(file.len() + 1);
        file.splice(at..at, bytes);
        prop_assert!(!passes(&file));
        prop_assert!(verify_ndjson(&file[..], &EXPORT.1, None).is_err());
    }

    #[test]
    fn any_inserted_line_shows(at in any::<prop::sample::Index>(), copy in any::<prop::sample::Index>()) {
        let mut lines = lines(&EXPORT.0);
        let line = lines[copy.index(lines.len())].clone();
        lines.insert(at.index(lines.len() + 1), line);
        prop_assert!(!passes(&lines.concat()));
    }

    #[test]
    fn any_reordering_shows(a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let mut lines = lines(&EXPORT.0);
        let (a, b) = (a.index(lines.len()), b.index(lines.len()));
        prop_assume!(a != b);
        lines.swap(a, b);
        prop_assert!(!passes(&lines.concat()));
    }
}
