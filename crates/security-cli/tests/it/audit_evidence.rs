//! `audit verify`, `prove`, `check-proof` and `rotate`: yes names how far, no names where, and bad usage is neither.

use std::path::Path;

use crate::support::{Log, run};

fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status()
        .unwrap();
    assert!(done.success());
}

/// Changes one byte of a file, verifies, and puts the byte back.
fn with_flipped(log: &Log, file: &str, at: usize, see: impl FnOnce(Option<i32>, &str)) {
    let path = log.folder.path().join("log").join(file);
    let whole = std::fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let ran = log.verify(&[]);
    see(
        ran.status,
        &format!("{file} at {at}: {}{}", ran.out, ran.err),
    );
    std::fs::write(&path, whole).unwrap();
}

#[test]
fn a_whole_log_is_verified_up_to_its_end() {
    let log = Log::filled();
    let ran = log.verify(&[]);
    insta::assert_snapshot!(ran.out, @"VERIFIED  signed: covered up to 5 of 5 entries");
    let said = log.verify(&["--json"]).json();
    assert_eq!(
        (&said["verified"], &said["level"], &said["covered_size"]),
        (&true.into(), &"signed".into(), &5.into())
    );
}

#[test]
fn a_flipped_byte_is_found_and_its_place_named() {
    let log = Log::filled();
    let segment = "seg/00000000000000000000.seg";
    let bytes = std::fs::read(log.folder.path().join("log").join(segment)).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let entry = bytes
        .windows(13)
        .position(|part| part == b"trust_too_low")
        .unwrap();
    // In the first block, the genesis entry, an entry, and the newest checkpoint's signature.
    for at in [40, 4200, 4300, entry, end - 20] {
        with_flipped(&log, segment, at, |status, said| {
            assert_eq!(status, Some(1), "{said}");
            assert!(said.contains("NOT VERIFIED"), "{said}");
        });
    }
    with_flipped(&log, segment, entry, |_, said| {
        let (_, range) = said.split_once("bytes ").expect(said);
        let mut numbers = range
            .split([' ', ',', ':'])
            .filter_map(|word| word.parse::<usize>().ok());
        let (start, end) = (numbers.next().expect(said), numbers.next().expect(said));
        assert!((start..end).contains(&entry), "{entry}: {said}");
    });
    for (file, at) in [
        ("checkpoint", 20),
        ("checkpoint", 100),
        ("tile/0/000.p/5", 3),
        ("tile/entries/000.p/5", 60),
    ] {
        with_flipped(&log, file, at, |status, said| {
            assert_eq!(status, Some(1), "{said}");
        });
    }
    assert_eq!(log.verify(&[]).status, Some(0));
}

#[test]
fn a_log_without_its_entries_is_no_log_that_was_never_there() {
    let log = Log::filled();
    let file = log.folder.path().join("log/seg/00000000000000000000.seg");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[8192..].fill(0);
    std::fs::write(&file, bytes).unwrap();
    let ran = log.verify(&[]);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    assert!(ran.out.contains("covers 5 entries"), "{}", ran.out);
}

#[test]
fn another_key_says_no_and_a_key_of_another_log_is_bad_usage() {
    let (log, same_name) = (Log::filled(), Log::new());
    let ran = log.audit("verify", &["--vkey", &same_name.vkey]);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    let other = log.folder.file("other");
    let ran = run(["audit", "init", &other, "--origin", "example.com/other"]);
    let ran = log.audit("verify", &["--vkey", ran.out.trim()]);
    assert_eq!(ran.status, Some(2), "{}", ran.out);
    assert_eq!(log.audit("verify", &["--vkey", "nonsense"]).status, Some(2));
    assert_eq!(log.audit("verify", &[]).status, Some(2));
}

#[test]
fn an_older_copy_put_back_shows_against_what_was_kept() {
    let log = Log::filled();
    let (dir, old) = (log.folder.path().join("log"), log.folder.path().join("old"));
    copy(&dir, &old);
    log.append(&[r#"{"event":"newest"}"#]);
    let (receipt, checkpoint) = (log.folder.file("kept.tlog-proof"), log.folder.file("kept"));
    assert_eq!(
        log.audit("prove", &["--index", "5", "--out", &receipt])
            .status,
        Some(0)
    );
    std::fs::copy(dir.join("checkpoint"), &checkpoint).unwrap();
    for pin in [&receipt, &checkpoint] {
        let ran = log.verify(&["--pin", pin]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.out, @"VERIFIED  pinned: covered up to 6 of 6 entries, pinned up to 6");
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
    std::fs::rename(&old, &dir).unwrap();
    // By itself an older copy is a good log.
    assert_eq!(log.verify(&[]).status, Some(0));
    for pin in [&receipt, &checkpoint] {
        let ran = log.verify(&["--pin", pin]);
        assert_eq!(ran.status, Some(1));
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.out, @"NOT VERIFIED  the log was cut off or rolled back: the kept checkpoint covers 6 entries, the log has 5");
        }
    }
    assert_eq!(
        log.verify(&["--pin", &log.folder.file("missing")]).status,
        Some(2)
    );
}

#[test]
fn tiles_alone_are_verified_too() {
    let log = Log::filled();
    let tiles = log.folder.path().join("tiles");
    std::fs::create_dir(&tiles).unwrap();
    for part in ["checkpoint", "tile"] {
        copy(&log.folder.path().join("log").join(part), &tiles.join(part));
    }
    let tiles = tiles.to_str().unwrap();
    let ran = run(["audit", "verify", tiles, "--vkey", &log.vkey]);
    insta::assert_snapshot!(ran.out, @"VERIFIED  signed: covered up to 5 of 5 entries");
    std::fs::remove_file(Path::new(tiles).join("tile/0/000.p/5")).unwrap();
    let ran = run(["audit", "verify", tiles, "--vkey", &log.vkey]);
    assert_eq!(ran.status, Some(1));
    insta::assert_snapshot!(ran.out, @"NOT VERIFIED  tile/0/000.p/5: is not there");
    assert_eq!(run(["audit", "query", tiles]).status, Some(2));
}

#[test]
fn a_receipt_proves_its_entry_and_no_other() {
    let log = Log::filled();
    let at = |name: &str| log.folder.file(name);
    let ran = log.audit(
        "prove",
        &["--index", "3", "--out", &at("r"), "--entry-out", &at("e")],
    );
    assert_eq!((ran.status, ran.out.as_str()), (Some(0), ""), "{}", ran.err);
    let check = |receipt: &str, entry: &str| {
        run([
            "audit",
            "check-proof",
            &at(receipt),
            "--vkey",
            &log.vkey,
            "--entry",
            &at(entry),
        ])
    };
    let good = check("r", "e");
    assert_eq!(good.status, Some(0), "{}", good.err);
    insta::assert_snapshot!(good.out, @"PROVEN  signed: this is entry 3 of the log example.com/desk, under its checkpoint of 5 entries");

    // As `query` prints it: with a newline.
    std::fs::write(
        at("line"),
        log.audit("query", &["--from", "3", "--to", "3", "--json"])
            .out,
    )
    .unwrap();
    assert_eq!(check("r", "line").status, Some(0));

    let entry = std::fs::read_to_string(at("e")).unwrap();
    std::fs::write(at("forged"), entry.replace("deny", "allow")).unwrap();
    let bad = check("r", "forged");
    assert_eq!(bad.status, Some(1));
    insta::assert_snapshot!(bad.out, @"NOT PROVEN  the entry is not shown to be in the log: the hashes lead to another root");

    let receipt = std::fs::read_to_string(at("r")).unwrap();
    for (from, to) in [
        ("index 3", "index 2"),
        ("\n5\n", "\n6\n"),
        ("index 3", "index x"),
    ] {
        assert!(receipt.contains(from));
        std::fs::write(at("changed"), receipt.replacen(from, to, 1)).unwrap();
        assert_eq!(check("changed", "e").status, Some(1), "{from}");
    }
    assert_eq!(check("e", "e").status, Some(2), "an entry is no receipt");
    assert_eq!(check("r", "missing").status, Some(2));
    assert_eq!(
        log.audit("prove", &["--index", "5"]).status,
        Some(2),
        "there is no entry 5"
    );
    assert_eq!(
        log.audit("prove", &["--index", "3", "--out", &at("r")])
            .status,
        Some(2),
        "nothing is overwritten"
    );
    assert_eq!(std::fs::read_to_string(at("r")).unwrap(), receipt);

    let said = log.audit("prove", &["--index", "3", "--json"]).json();
    assert_eq!(
        (said["receipt"].as_str(), said["entry"].as_str()),
        (Some(receipt.as_str()), Some(entry.as_str()))
    );
}

#[test]
fn a_new_key_signs_from_now_on_and_the_old_one_no_more() {
    let log = Log::filled();
    let new = log.folder.file("new.key");
    let rotate = |more: &[&str]| {
        let mut arguments = vec![
            "--new-key",
            &new,
            "--operator",
            "ops@example.com",
            "--reason",
            "yearly",
        ];
        arguments.extend(more);
        log.audit("rotate", &arguments)
    };
    let ran = rotate(&[]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let new_vkey = ran.out.trim().to_owned();
    assert_ne!(new_vkey, log.vkey);
    assert_eq!(
        rotate(&["--json"]).json()["index"],
        5,
        "done again, it does nothing"
    );
    assert_eq!(
        log.audit("query", &["--kind", "key_rotation", "--json"])
            .out
            .lines()
            .count(),
        1
    );

    let event = r#"{"event":"x"}"#;
    let ran = log.append(&[event]);
    assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""));
    let ran = log.append_with(&[event], &["--key", &new]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let other = log.folder.file("other.key");
    let ran = log.audit(
        "rotate",
        &[
            "--new-key",
            &other,
            "--operator",
            "ops@example.com",
            "--reason",
            "again",
        ],
    );
    assert_eq!(
        ran.status,
        Some(2),
        "the key that was succeeded names no successor"
    );
    assert!(!Path::new(&other).exists());

    // Whoever knows either key goes on to verify.
    assert_eq!(log.verify(&[]).status, Some(0));
    assert_eq!(log.audit("verify", &["--vkey", &new_vkey]).status, Some(0));
    let (receipt, entry) = (log.folder.file("r"), log.folder.file("e"));
    log.audit(
        "prove",
        &["--index", "6", "--out", &receipt, "--entry-out", &entry],
    );
    let check = |key: &str| {
        run([
            "audit",
            "check-proof",
            &receipt,
            "--vkey",
            key,
            "--entry",
            &entry,
        ])
        .status
    };
    assert_eq!((check(&new_vkey), check(&log.vkey)), (Some(0), Some(1)));
}
