//! System calls that fail under a log of the real file system: nothing is acknowledged falsely, and afterwards it opens and holds what was acknowledged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use audit_trail::{AuditReader, Entry, Level};
use tempfile::TempDir;

use crate::child::{Expected, Kill, Orders, Said, at, hear, key, rounds};

const ENTRIES: u64 = 90;
/// Long enough that a second segment is begun.
const LONGEST: usize = 50_000;

/// What `strace` saw of one child.
#[derive(Default)]
struct Trace {
    /// Calls of each thread, most first.
    calls: Vec<u64>,
    /// Whether the fault hit a segment that is in use.
    hit: bool,
    /// Entries acknowledged after that.
    after: Vec<String>,
}

impl Trace {
    fn read(path: &Path, call: &str) -> Self {
        let mut trace = Self::default();
        let mut calls = BTreeMap::<String, u64>::new();
        let mut begun = BTreeMap::<String, String>::new();
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let Some((thread, said)) = line.split_once(' ') else {
                continue;
            };
            let (thread, mut said) = (thread.to_owned(), said.trim_start().to_owned());
            if let Some(beginning) = said.strip_suffix(" <unfinished ...>") {
                begun.insert(thread, beginning.to_owned());
                continue;
            }
            if let Some((_, end)) = said.split_once(" resumed>") {
                said = begun.remove(&thread).unwrap_or_default() + end;
            }
            if said.starts_with(&format!("{call}(")) {
                *calls.entry(thread).or_default() += 1;
                trace.hit |=
                    said.contains("(INJECTED)") && said.contains("/seg/0") && said.contains(".seg");
            } else if trace.hit && said.starts_with("write(2") && said.contains("@durable") {
                trace.after.push(said);
            }
        }
        trace.calls = calls.into_values().collect();
        trace.calls.sort_unstable_by(|a, b| b.cmp(a));
        trace
    }
}

fn strace(call: &str, fault: Option<&str>, to: &Path) -> Vec<String> {
    let mut command: Vec<String> = ["strace", "-f", "-y", "--seccomp-bpf", "-s", "24", "-o"]
        .map(String::from)
        .into();
    command.push(to.display().to_string());
    command.push(format!("--trace=write,{call}"));
    command.extend(fault.map(|fault| format!("--inject={call}:{fault}")));
    command
}

/// Whether processes can be traced here.
fn can_trace() -> bool {
    let probe = [
        "-f",
        "--seccomp-bpf",
        "-o",
        "/dev/null",
        "--trace=pwrite64",
        "--inject=pwrite64:error=EIO",
        "true",
    ];
    let can = Command::new("strace")
        .args(probe)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !can {
        println!(
            "NOT RUN: faults in system calls, for which `strace` is needed and the right to trace"
        );
    }
    can
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp")
        .arg("-r")
        .arg(from.join("."))
        .arg(to)
        .status()
        .unwrap();
    assert!(status.success());
}

/// A log whose last commit is torn, and which has published less than it holds.
fn torn(test: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let orders = Orders {
        dir: dir.path().to_owned(),
        run: 1,
        threads: 1,
        lives: 1,
        entries: ENTRIES,
        longest: 4000,
    };
    hear(
        orders.start(test, &[]),
        Kill::AtLine(30, std::time::Duration::ZERO),
    );
    let segment = newest(dir.path());
    let mut bytes = std::fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|b| *b != 0).unwrap();
    bytes[end - 11..=end].fill(0);
    std::fs::write(&segment, bytes).unwrap();
    // It may tell of the commit that is torn now.
    drop(std::fs::remove_file(dir.path().join("checkpoint")));
    dir
}

fn newest(dir: &Path) -> PathBuf {
    let files = std::fs::read_dir(dir.join("seg"))
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .max()
        .unwrap()
}

/// Lets `call` fail at one place after another, in an empty directory and in one that a crash has left.
fn fails(test: &str, call: &str, error: &str) {
    if let Some(orders) = Orders::given() {
        return orders.obey();
    }
    if !can_trace() {
        return;
    }
    let (mut failed, mut hit) = (0, 0);
    let expected = Expected::new(LONGEST);
    for base in [tempfile::tempdir().unwrap(), torn(test)] {
        let run = |fault: Option<&str>| {
            let dir = tempfile::tempdir().unwrap();
            copy(base.path(), dir.path());
            let trace = tempfile::NamedTempFile::new().unwrap();
            let orders = Orders {
                dir: dir.path().to_owned(),
                run: 2,
                threads: 1,
                lives: 1,
                entries: ENTRIES,
                longest: LONGEST,
            };
            let (said, status) = hear(
                orders.start(test, &strace(call, fault, trace.path())),
                Kill::Never,
            );
            assert!(status.success(), "{fault:?}: {status}, {said:?}");
            (dir, said, Trace::read(trace.path(), call))
        };
        let (_, said, clean) = run(None);
        assert!(
            !said
                .iter()
                .any(|said| matches!(said, Said::Failed(_) | Said::Else(_))),
            "{said:?}"
        );
        let calls = clean.calls.first().copied().unwrap();
        println!("{call}: {:?} calls", clean.calls);
        let step = calls.div_ceil(rounds(7)).max(1);
        let places = (1..=calls).step_by(usize::try_from(step).unwrap());
        let once = places.map(|n| format!("error={error}:when={n}"));
        for fault in once.chain([format!("error={error}:when={}+", calls / 2 + 1)]) {
            let (dir, said, trace) = run(Some(&fault));
            assert!(
                trace.after.is_empty(),
                "{fault}: acknowledged on a segment that failed: {:?}",
                trace.after
            );
            failed += u64::from(said.iter().any(|said| matches!(said, Said::Failed(_))));
            hit += u64::from(trace.hit);
            assert!(
                !trace.hit || said.iter().any(|said| matches!(said, Said::Failed(_))),
                "{fault}: nobody was told: {said:?}"
            );
            holds(dir.path(), &said, &expected, &fault);
        }
    }
    println!("{call}: {failed} children were told of a failure, {hit} faults hit a segment in use");
    assert!(
        failed > 0 && (hit > 0 || call.starts_with("rename") || call == "fsync"),
        "the faults hit nothing"
    );
}

/// Looks at what a child that met with a fault has left.
fn holds(dir: &Path, said: &[Said], expected: &Expected, fault: &str) {
    let log = at(dir)
        .build()
        .unwrap_or_else(|error| panic!("{fault}: the log does not open: {error}"));
    for said in said {
        match said {
            Said::Durable { index, key } => {
                assert_eq!(
                    log.entry(*index).unwrap().bytes(),
                    expected.bytes(*key),
                    "{fault}: entry {index}"
                );
            }
            Said::Else(text) => panic!("{fault}: the child says: {text}"),
            Said::Failed(_) | Said::Opening | Said::Open | Said::Closed | Said::Measured(_) => {}
        }
    }
    log.log(Entry::event("and on")).unwrap();
    let checkpoint = log.publish_checkpoint().unwrap();
    drop(log);
    let verified = AuditReader::open(dir, Some(key().verifier_key()))
        .unwrap()
        .verify(Some(&checkpoint))
        .unwrap();
    assert_eq!(
        (verified.level, verified.size),
        (Level::Pinned, checkpoint.size()),
        "{fault}"
    );
    let tiles = audit_trail::tiles::in_directory(dir);
    let verified =
        audit_trail::tiles::verify_tiles(tiles, key().verifier_key(), Some(&checkpoint), None);
    assert!(verified.is_ok(), "{fault}: {verified:?}");
}

#[test]
fn a_write_that_fails() {
    fails("faults::a_write_that_fails", "pwrite64", "EIO");
}

#[test]
fn a_write_for_which_there_is_no_room() {
    fails(
        "faults::a_write_for_which_there_is_no_room",
        "pwrite64",
        "ENOSPC",
    );
}

#[test]
fn a_sync_that_fails() {
    fails("faults::a_sync_that_fails", "fdatasync", "EIO");
}

#[test]
fn a_sync_of_a_directory_that_fails() {
    fails("faults::a_sync_of_a_directory_that_fails", "fsync", "EIO");
}

#[test]
fn a_rename_that_fails() {
    fails("faults::a_rename_that_fails", "rename", "EIO");
}
