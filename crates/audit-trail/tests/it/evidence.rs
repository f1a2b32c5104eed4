//! The evidence bundle: a third party accepts it with tools that are not ours, and refuses it after any change.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use audit_trail::{AuditError, AuditLog, AuditReader, Entry, Filter, Receipt};
use sha2::{Digest, Sha256};

use crate::{fixed_log, log_of};

type Files = BTreeMap<String, Vec<u8>>;

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn bundle(log: &AuditReader, filter: &Filter) -> (Vec<u8>, Files) {
    let mut archive = Vec::new();
    let exported = log.export_evidence(&mut archive, filter).unwrap();
    let mut files = Files::new();
    for file in tar::Archive::new(&archive[..]).entries().unwrap() {
        let mut file = file.unwrap();
        let header = file.header();
        assert_eq!(
            (
                header.mtime().unwrap(),
                header.uid().unwrap(),
                header.mode().unwrap()
            ),
            (0, 0, 0o644)
        );
        let name = file.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert!(files.insert(name, bytes).is_none());
    }
    assert_eq!(files.len() as u64, exported.entries + 6);
    (archive, files)
}

fn unpack(files: &Files, into: &Path) {
    std::fs::create_dir_all(into.join("proofs")).unwrap();
    for (name, bytes) in files {
        std::fs::write(into.join(name), bytes).unwrap();
    }
}

/// Whether Python is here to judge. Where it is not, the tests that need it say so.
fn has_python() -> bool {
    let found = Command::new("python3")
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success());
    if !found {
        eprintln!("python3 is not here: not judged");
    }
    found
}

/// Exit status, standard output and error of the bundle's own verifier.
fn judge(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let out = Command::new("python3")
        .args(["-I", "-B"])
        .arg(dir.join("verify.py"))
        .arg(dir)
        .args(arguments)
        .output()
        .unwrap();
    let said = [out.stdout, out.stderr].concat();
    (out.status.code(), String::from_utf8(said).unwrap())
}

/// Whether the bundle's own verifier accepts each of some bundles: the functions behind its exit status, in one process.
fn accepts_each(bundles: &[Files]) -> Vec<bool> {
    const EACH: &str = "
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location('verify', sys.argv[1])
judge = importlib.util.module_from_spec(spec)
spec.loader.exec_module(judge)
for n in range(int(sys.argv[3])):
    try:
        judge.verify(pathlib.Path(sys.argv[2]) / str(n), None)
        print(1)
    except judge.Refused:
        print(0)
";
    let dir = tempfile::tempdir().unwrap();
    for (n, files) in bundles.iter().enumerate() {
        unpack(files, &dir.path().join(n.to_string()));
    }
    let verifier = concat!(env!("CARGO_MANIFEST_DIR"), "/src/export/evidence/verify.py");
    let out = Command::new("python3")
        .args(["-I", "-B", "-c", EACH, verifier])
        .arg(dir.path())
        .arg(bundles.len().to_string())
        .output()
        .unwrap();
    let problem = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success(), "{problem}");
    let said = String::from_utf8(out.stdout).unwrap();
    let accepted: Vec<bool> = said.lines().map(|line| line == "1").collect();
    assert_eq!(accepted.len(), bundles.len());
    accepted
}

fn accepts(files: &Files) -> bool {
    accepts_each(std::slice::from_ref(files))[0]
}

/// The manifest as a forger would make it fit.
fn with_fitting_manifest(mut files: Files) -> Files {
    let mut manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    for (name, digest) in manifest["files"].as_object_mut().unwrap() {
        let hex = sha256_hex(&files[name]);
        *digest = hex.into();
    }
    files.insert("manifest.json".into(), manifest.to_string().into_bytes());
    files
}

#[test]
fn a_bundle_holds_what_it_says_and_is_always_the_same() {
    let log = log_of(5);
    let filter = Filter::new().event("event-1").event("event-4");
    let (archive, files) = bundle(&log, &filter);
    assert_eq!(bundle(&log, &filter).0, archive);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    insta::assert_snapshot!(names.join("\n"), @r#"
README.md
checkpoint
entries.ndjson
manifest.json
proofs/2.tlog-proof
proofs/5.tlog-proof
verifier-key
verify.py
"#);
    let text = |name: &str| std::str::from_utf8(&files[name]).unwrap();
    assert_eq!(text("checkpoint"), log.checkpoint().unwrap().as_str());
    assert_eq!(
        text("verifier-key"),
        format!("{}\n", log.verifier_key().unwrap())
    );
    let (two, five) = (log.entry(2).unwrap(), log.entry(5).unwrap());
    assert_eq!(
        files["entries.ndjson"],
        [two.bytes(), b"\n", five.bytes(), b"\n"].concat()
    );
    for record in [two, five] {
        let receipt: Receipt = text(&format!("proofs/{}.tlog-proof", record.index()))
            .parse()
            .unwrap();
        let key = log.verifier_key().unwrap();
        assert!(receipt.verify(record.bytes(), key, None).is_ok());
    }
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["selected"]["entries"], 2);
    assert_eq!(manifest["log"]["size"], 6);
    assert_eq!(
        with_fitting_manifest(files.clone()).keys().count(),
        files.len()
    );
    for (name, digest) in manifest["files"].as_object().unwrap() {
        let hex = sha256_hex(&files[name]);
        assert_eq!(digest.as_str(), Some(&*hex), "{name}");
    }
}

#[test]
fn python_accepts_whole_logs_selections_and_both_orders() {
    if !has_python() {
        return;
    }
    let log = log_of(300);
    for filter in [
        Filter::new(),
        Filter::new().newest_first().offset(3).limit(17),
        Filter::new().event("event-7"),
        Filter::new().event("nothing"),
    ] {
        let (_, files) = bundle(&log, &filter);
        let dir = tempfile::tempdir().unwrap();
        unpack(&files, dir.path());
        let (status, said) = judge(dir.path(), &[]);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("The key came from the bundle"));
    }
    let (_, files) = bundle(&log_of(0), &Filter::new());
    assert!(accepts(&files));
}

#[test]
fn the_key_from_elsewhere_decides() {
    if !has_python() {
        return;
    }
    let log = log_of(2);
    let (_, files) = bundle(&log, &Filter::new());
    let dir = tempfile::tempdir().unwrap();
    unpack(&files, dir.path());
    let key = log.verifier_key().unwrap().to_string();
    let (status, said) = judge(dir.path(), &["--key", &key]);
    assert_eq!(status, Some(0), "{said}");
    assert!(!said.contains("came from the bundle"));
    // The same name, another key: as if everything had been written anew.
    let other = AuditLog::builder()
        .origin("test.example/log")
        .build()
        .unwrap();
    let other = other.verifier_key().unwrap().to_string();
    let (status, said) = judge(dir.path(), &["--key", &other]);
    assert_eq!(status, Some(1), "{said}");
}

#[test]
fn python_refuses_any_changed_byte_even_if_the_manifest_is_made_to_fit() {
    if !has_python() {
        return;
    }
    let (log, _) = fixed_log();
    for i in 0..4 {
        log.log(Entry::event(&format!("event-{i}")).agent("é"))
            .unwrap();
    }
    let (_, files) = bundle(&log, &Filter::new());
    assert!(accepts(&with_fitting_manifest(files.clone())));
    let (mut bundles, mut changes) = (Vec::new(), Vec::new());
    for name in [
        "entries.ndjson",
        "checkpoint",
        "verifier-key",
        "proofs/2.tlog-proof",
    ] {
        let len = files[name].len();
        // Every 17th byte and the last ones; each with its lowest and its highest bit flipped.
        for at in (0..len).step_by(17).chain(len - 3..len) {
            for flip in [1_u8, 0x80] {
                let mut forged = files.clone();
                forged.get_mut(name).unwrap()[at] ^= flip;
                bundles.push(with_fitting_manifest(forged));
                changes.push(format!("{name}: byte {at} of {len}, flipped by {flip}"));
            }
        }
    }
    for name in ["manifest.json", "README.md", "verify.py"] {
        let mut forged = files.clone();
        let bytes = forged.get_mut(name).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        bundles.push(forged);
        changes.push(name.to_owned());
    }
    for (accepted, change) in accepts_each(&bundles).into_iter().zip(changes) {
        assert!(!accepted, "{change}");
    }
}

/// The bundle with another note in the place of the checkpoint, everywhere.
fn with_note(files: &Files, forged: &str) -> Files {
    let note = std::str::from_utf8(&files["checkpoint"])
        .unwrap()
        .to_owned();
    let replaced = files.iter().map(|(name, bytes)| {
        let text = std::str::from_utf8(bytes).unwrap();
        (name.clone(), text.replace(&note, forged).into_bytes())
    });
    with_fitting_manifest(replaced.collect())
}

#[test]
fn python_refuses_forgeries_that_fit_together() {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    if !has_python() {
        return;
    }
    let log = log_of(3);
    let (_, files) = bundle(&log, &Filter::new());
    let note = log.checkpoint().unwrap().to_string();
    let (body, line) = note.rsplit_once("\n\n").unwrap();
    let (name, signature) = line.trim_end().rsplit_once(' ').unwrap();
    let bytes = BASE64_STANDARD.decode(signature).unwrap();
    let signed = |body: &str, bytes: &[u8]| {
        with_note(
            &files,
            &format!("{body}\n\n{name} {}\n", BASE64_STANDARD.encode(bytes)),
        )
    };
    let mut bundles = vec![signed(body, &bytes)];
    // A signature that was not made by the key: any of R and S flipped, one of another note, and S + L for S (RFC 8032 §5.1.7).
    for at in [4, 35, 36, 66, 67] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        bundles.push(signed(body, &flipped));
    }
    bundles.push(signed(&body.replacen("\n4\n", "\n5\n", 1), &bytes));
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let (mut malleable, mut carry) = (bytes.clone(), 0);
    for (i, byte) in malleable[36..].iter_mut().enumerate() {
        let sum =
            u16::from(*byte) + u16::from_str_radix(&order[2 * i..2 * i + 2], 16).unwrap() + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    bundles.push(signed(body, &malleable));
    // Base64 of the same bytes with other spare bits.
    let spare = signature.strip_suffix('=').unwrap();
    let last = spare.bytes().last().unwrap();
    let other = format!("{}{}=", &spare[..spare.len() - 1], char::from(last + 1));
    bundles.push(with_note(&files, &format!("{body}\n\n{name} {other}\n")));
    // The right key under a checkpoint of a log with another name.
    let key = audit_trail::SigningKey::from_seed("test.example/log", &[42; 32]).unwrap();
    let renamed = body.replacen("test.example/log", "other.example/log", 1) + "\n";
    bundles.push(with_note(
        &files,
        &audit_trail::note::sign(&renamed, &[&key]).unwrap(),
    ));
    bundles.push(with_note(
        &files,
        &audit_trail::note::sign(&format!("{body}\nmore\n"), &[&key]).unwrap(),
    ));
    // Entries and receipts that fit each other under exchanged names.
    let mut exchanged = files.clone();
    let (one, two) = ("proofs/1.tlog-proof", "proofs/2.tlog-proof");
    exchanged.insert(one.into(), files[two].clone());
    exchanged.insert(two.into(), files[one].clone());
    let mut lines: Vec<&[u8]> = files["entries.ndjson"]
        .split_inclusive(|b| *b == b'\n')
        .collect();
    lines.swap(1, 2);
    exchanged.insert("entries.ndjson".into(), lines.concat());
    bundles.push(with_fitting_manifest(exchanged));
    let accepted = accepts_each(&bundles);
    assert!(accepted[0]);
    for (n, accepted) in accepted.into_iter().enumerate().skip(1) {
        assert!(!accepted, "forgery {n}");
    }
}

#[test]
fn python_refuses_what_was_left_out_added_or_swapped() {
    if !has_python() {
        return;
    }
    let (_, files) = bundle(&log_of(4), &Filter::new());
    let lines: Vec<&[u8]> = files["entries.ndjson"]
        .split_inclusive(|b| *b == b'\n')
        .collect();
    let with_lines = |lines: Vec<&[u8]>| {
        let mut forged = files.clone();
        forged.insert("entries.ndjson".into(), lines.concat());
        with_fitting_manifest(forged)
    };
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    let mut bundles = vec![
        with_lines(lines.clone()),
        with_lines(lines[..4].to_vec()),
        with_lines(lines[1..].to_vec()),
        with_lines([&lines[..], &lines[4..]].concat()),
        with_lines(swapped),
    ];
    for missing in [
        "checkpoint",
        "verifier-key",
        "manifest.json",
        "proofs/3.tlog-proof",
        "README.md",
    ] {
        let mut forged = files.clone();
        forged.remove(missing);
        bundles.push(forged);
    }
    let mut forged = files.clone();
    forged.insert("more".into(), b"x".to_vec());
    bundles.push(forged);
    // A receipt under another checkpoint of the same log is one of another state.
    let (_, later) = bundle(&log_of(5), &Filter::new());
    let mut forged = files.clone();
    forged.insert(
        "proofs/1.tlog-proof".into(),
        later["proofs/1.tlog-proof"].clone(),
    );
    bundles.push(with_fitting_manifest(forged));
    let accepted = accepts_each(&bundles);
    assert!(accepted[0]);
    for (n, accepted) in accepted.into_iter().enumerate().skip(1) {
        assert!(!accepted, "change {n}");
    }
}

#[test]
fn openssl_verifies_the_signature_as_the_readme_says() {
    let found = |tool: &str| {
        let out = Command::new("sh")
            .args(["-c", &format!("command -v {tool}")])
            .output();
        out.is_ok_and(|out| out.status.success())
    };
    if !["openssl", "base64", "sha256sum"].into_iter().all(found) {
        eprintln!("openssl or a tool beside it is not here: not judged");
        return;
    }
    let log = log_of(3);
    let (_, files) = bundle(&log, &Filter::new());
    let readme = std::str::from_utf8(&files["README.md"]).unwrap();
    let commands: String = readme
        .lines()
        .filter_map(|line| line.strip_prefix("        "))
        .flat_map(|line| [line, "\n"])
        .collect();
    let run = |files: &Files| {
        let dir = tempfile::tempdir().unwrap();
        unpack(files, dir.path());
        let out = Command::new("sh")
            .args(["-ec", &commands])
            .current_dir(dir.path())
            .output()
            .unwrap();
        (out.status.success(), String::from_utf8(out.stdout).unwrap())
    };
    let (good, said) = run(&files);
    let key = log.verifier_key().unwrap();
    let leaf = *log.entry(0).unwrap().leaf();
    assert!(good, "{said}");
    assert_eq!(
        said.lines().skip(1).collect::<Vec<_>>(),
        [format!("{:08x}", key.id()), leaf.to_string()]
    );
    let mut forged = files;
    forged.get_mut("checkpoint").unwrap()[20] ^= 1;
    assert!(!run(&forged).0);
}

#[test]
fn what_no_checkpoint_covers_is_no_evidence() {
    let log = log_of(3);
    let mut file = Vec::new();
    log.export_ndjson(&mut file).unwrap();
    let (unsigned, _) = AuditReader::read_ndjson(&file[..], None, None).unwrap();
    let mut out = Vec::new();
    let refused = unsigned.export_evidence(&mut out, &Filter::new());
    assert!(matches!(refused, Err(AuditError::NoCheckpoint)));
    assert!(out.is_empty());

    log.log(Entry::event("later")).unwrap();
    file.extend([log.entry(4).unwrap().bytes(), b"\n"].concat());
    let (partly, _) = AuditReader::read_ndjson(&file[..], log.verifier_key(), None).unwrap();
    let refused = partly.export_evidence(&mut out, &Filter::new());
    assert!(
        matches!(refused, Err(AuditError::OutOfRange { index: 4, size: 4 })),
        "{refused:?}"
    );
    let covered = partly.export_evidence(&mut Vec::new(), &Filter::new().indexes(..4));
    assert_eq!(covered.unwrap().entries, 4);
}

#[test]
fn a_log_in_a_directory_gives_the_same_kind_of_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let key = audit_trail::SigningKey::from_seed("test.example/log", &[42; 32]).unwrap();
    let log = AuditLog::builder()
        .directory(dir.path().join("log"))
        .segment_size(1 << 20)
        .signer(key)
        .build()
        .unwrap();
    for i in 0..300 {
        drop(log.submit(Entry::event(&format!("event-{i}"))).unwrap());
    }
    log.flush().unwrap();
    let (archive, files) = bundle(&log, &Filter::new().indexes(250..));
    assert_eq!(bundle(&log, &Filter::new().indexes(250..)).0, archive);
    assert!(!has_python() || accepts(&files));
}
