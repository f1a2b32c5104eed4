//! A disk that is full for real: the log says so while it can, refuses what does not fit, and goes on by itself when there is room.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use audit_trail::{AuditError, AuditReader, Filter, Kind, Level, Record};

use crate::child::{Expected, at, entry, key};

const ORDERS: &str = "AUDIT_TRAIL_SMALL_DISK";
const LONGEST: usize = 4000;
/// Nothing depends on it but how long a test that fails takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the log has said so much of its own: it does in a thread of its own.
fn told(log: &AuditReader, expected: &[&str]) -> Vec<Record> {
    let begun = Instant::now();
    loop {
        let gaps = log.query(&Filter::new().kind(Kind::Gap)).unwrap().records;
        if gaps.len() >= expected.len() || begun.elapsed() > PATIENCE {
            assert_eq!(
                gaps.iter()
                    .map(|gap| gap.event().unwrap())
                    .collect::<Vec<_>>(),
                expected
            );
            return gaps;
        }
        std::thread::yield_now();
    }
}

/// Fills the file system at `disk`, which holds a few segments.
fn fill(disk: &Path) {
    let dir = disk.join("log");
    let ballast = disk.join("ballast");
    let reserve = disk.join("reserve");
    std::fs::write(&ballast, vec![1; 3 << 20]).unwrap();
    std::fs::write(&reserve, vec![1; 5 << 20]).unwrap();
    let expected = Expected::new(LONGEST);
    let log = at(&dir).build().unwrap();
    let mut acknowledged = Vec::new();
    let mut append = |log: &audit_trail::AuditLog, n: u64| match log.log(entry(n, LONGEST)) {
        Ok(appended) => {
            acknowledged.push((appended.index, n));
            true
        }
        Err(AuditError::DiskFull) => false,
        Err(other) => panic!("{other}"),
    };
    let full = (0..50_000)
        .find(|n| !append(&log, *n))
        .expect("the disk never was full");
    let mut refused = 1;
    for n in 1..100 {
        refused += u64::from(!append(&log, full + n));
    }
    told(&log, &["disk_full"]);
    assert_eq!(refused, 100, "something got in while the disk was full");

    std::fs::remove_file(&ballast).unwrap();
    let begun = Instant::now();
    while !append(&log, full + 1000) {
        refused += 1;
        assert!(begun.elapsed() < PATIENCE, "the log does not go on");
        std::thread::sleep(Duration::from_millis(20));
    }
    let told = told(&log, &["disk_full", "disk_has_room"]);
    assert_eq!(told[1].ext().unwrap().to_value()["refused"], refused);

    // Full once more, and opened while it is.
    drop(std::fs::write(&ballast, vec![1; 14 << 20]));
    assert!(
        (0..50_000).any(|n| !append(&log, full + 2000 + n)),
        "the disk never was full again"
    );
    drop(log);
    let log = at(&dir).build().unwrap();
    let size = log.size().unwrap();
    append(&log, full + 60_000);
    assert!(log.size().unwrap() >= size);
    drop(log);
    std::fs::remove_file(&ballast).unwrap();
    std::fs::remove_file(&reserve).unwrap();
    let log = at(&dir).build().unwrap();
    assert!(log.log(entry(full + 70_000, LONGEST)).is_ok());
    for (index, n) in acknowledged {
        assert_eq!(
            log.entry(index).unwrap().bytes(),
            expected.bytes(n),
            "entry {index}"
        );
    }
    log.publish_checkpoint().unwrap();
    drop(log);
    let verified = AuditReader::open(&dir, Some(key().verifier_key()))
        .unwrap()
        .verify(None)
        .unwrap();
    assert_eq!(verified.level, Level::Signed);
    println!("{} entries, {refused} refused at first", verified.size);
}

#[test]
fn a_full_disk_is_told_and_when_there_is_room_the_log_goes_on() {
    if let Some(disk) = std::env::var_os(ORDERS) {
        return fill(&PathBuf::from(disk));
    }
    // In namespaces of its own, so that the file system is gone with the process, whatever happens.
    let apart = ["--user", "--map-root-user", "--mount", "sh", "-c"];
    let can = Command::new("unshare")
        .args(apart)
        .arg("mount -t tmpfs -o size=1m none /mnt")
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !can {
        println!(
            "NOT RUN: a full disk, for which a small file system must be mounted (`unshare --user --map-root-user --mount`)"
        );
        return;
    }
    let disk = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(apart)
        .arg("mount -t tmpfs -o size=14m none \"$0\" && exec \"$@\"")
        .arg(disk.path())
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "full::a_full_disk_is_told_and_when_there_is_room_the_log_goes_on",
            "--nocapture",
        ])
        .env(ORDERS, disk.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    println!("{told}");
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{}",
        output.status
    );
}
