//! A doctor says what is wrong with a data directory and what to do, and changes nothing.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::SystemTime;

use security_bundle::operator::{BudgetAnswer, OperatorAnswer, OperatorRequest};
use security_bundle::{
    Doctor, DoctorError, Finding, Permit, Report, Seat, SecurityStack, SecurityStackConfig, Usage,
    Verdict, create_security_stack, doctor,
};
use time::OffsetDateTime;

fn config(directory: &Path) -> SecurityStackConfig {
    let mut config = SecurityStackConfig::from_toml_str(
        r#"
        [[trust.assignments]]
        agent = "bot"
        level = "L4"
        assigned_by = "ops@example.com"

        [[trust.tools]]
        tool = "read_*"
        required_level = "L1"
        effect = "read_public"

        [budget.session]
        calls = 50

        [[budget.budgets]]
        id = "org"
        calls = 100
        period = "monthly"

        [[budget.budgets]]
        id = "team"
        parent = "org"
        calls = 50
        period = "lifetime"

        [[budget.tools]]
        tool = "*"
        budget = "team"

        [[consent.grants]]
        agent = "bot"
        data_type = "profile"
        purpose = "support"
        granted_by = "ada"
        "#,
    )
    .unwrap();
    config.data_dir = Some(directory.to_owned());
    config
}

fn open(directory: &Path) -> SecurityStack {
    create_security_stack(config(directory)).unwrap()
}

fn call(stack: &SecurityStack) -> Permit {
    let action = stack.action("bot").session("s").tool("read_file");
    let guard = stack.guard();
    guard.authorize_blocking(&action.build().unwrap()).unwrap()
}

/// A directory in which a few calls were made, by a stack that was closed.
fn used() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    for _ in 0..3 {
        call(&stack).settle_blocking(Usage::default()).unwrap();
    }
    dir
}

/// As a crash leaves it, while the process still has it open.
fn crashed(directory: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_all(directory, copy.path());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            fs::create_dir(&target).unwrap();
            let mode = entry.metadata().unwrap().permissions();
            fs::set_permissions(&target, mode).unwrap();
            copy_all(&entry.path(), &target);
        } else if kind.is_file() {
            // Some are renamed meanwhile.
            if let Err(error) = fs::copy(entry.path(), target) {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            }
        }
    }
}

/// Every file and folder, with its length and when it was written last.
fn all(directory: &Path) -> Vec<(String, u64, SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        let name = entry.path().display().to_string();
        found.push((name, metadata.len(), metadata.modified().unwrap()));
        if metadata.is_dir() {
            found.extend(all(&entry.path()));
        }
    }
    found.sort();
    found
}

fn examined(directory: &Path) -> Report {
    let before = all(directory);
    let report = doctor(directory).unwrap();
    assert!(before == all(directory), "it changed something");
    report
}

fn found<'a>(report: &'a Report, check: &str) -> &'a Finding {
    let mut of = report.findings.iter().filter(|found| found.check == check);
    let found = of.next().unwrap_or_else(|| panic!("{check}: {report:?}"));
    assert!(of.next().is_none(), "{check} twice");
    found
}

/// What it says of a check, without times and paths.
fn verdict(report: &Report, check: &str) -> Verdict {
    let found = found(report, check);
    assert_eq!(
        found.to_do.is_some(),
        found.verdict != Verdict::Good,
        "{found:?}"
    );
    found.verdict
}

#[test]
fn nothing_is_wrong_with_a_directory_that_was_closed() {
    let dir = used();
    let report = examined(dir.path());
    for found in &report.findings {
        assert!(
            found.verdict == Verdict::Good || found.check == "disk",
            "{found:?}"
        );
    }
    let checks: Vec<_> = report.findings.iter().map(|f| f.check.as_str()).collect();
    let mut expected = vec![
        "files",
        "leftovers",
        "disk",
        "socket",
        "owner",
        "key",
        "log",
        "clock",
        "snapshots",
        "replay",
        "books",
        "holds",
        "calls",
    ];
    if cfg!(not(all(unix, feature = "control"))) {
        expected.retain(|check| *check != "socket");
    }
    assert_eq!(checks, expected);
    assert!(
        found(&report, "replay")
            .found
            .ends_with("from the snapshot the same")
    );
}

#[test]
fn what_no_stack_has_made_is_no_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let refused = doctor(dir.path()).unwrap_err();
    assert!(matches!(refused, DoctorError::NotADataDir { .. }));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn it_looks_beside_a_running_owner_and_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Seat::take(config(dir.path())).unwrap();
    let guard = owner.guard();
    let action = guard.action("bot").session("s").tool("read_file");
    let permit = guard.authorize_blocking(&action.build().unwrap()).unwrap();
    let report = doctor(dir.path()).unwrap();
    assert!(report.is_good(), "{report:?}");
    let told = &found(&report, "owner").found;
    assert!(told.contains(&std::process::id().to_string()), "{told}");
    assert_eq!(verdict(&report, "socket"), Verdict::Good);
    assert_eq!(
        found(&report, "holds").found,
        "1 are open, of calls under way"
    );
    permit.settle_blocking(Usage::default()).unwrap();
    drop(owner);
}

#[test]
fn an_owner_without_a_socket_is_seen_by_its_lock() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    assert_eq!(
        verdict(&doctor(dir.path()).unwrap(), "owner"),
        Verdict::Note
    );
    drop(stack);
    assert_eq!(
        verdict(&doctor(dir.path()).unwrap(), "owner"),
        Verdict::Good
    );
}

#[cfg(unix)]
#[test]
fn rights_of_others_are_wrong() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = used();
    for (name, mode) in [("stack", 0o750), ("stack/log.key", 0o640), ("", 0o777)] {
        let path = dir.path().join(name);
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let report = examined(dir.path());
        assert_eq!(verdict(&report, "files"), Verdict::Wrong, "{name}");
        assert!(!report.is_good());
        let to_do = found(&report, "files").to_do.clone().unwrap();
        assert!(
            to_do.starts_with("chmod 7") || to_do.starts_with("chmod 6"),
            "{to_do}"
        );
        fs::set_permissions(&path, before).unwrap();
        assert!(examined(dir.path()).is_good());
    }
}

#[test]
fn a_key_that_is_gone_or_another_ones_is_wrong() {
    let dir = used();
    let key = dir.path().join("stack/log.key");
    let aside = dir.path().join("kept.key");
    fs::rename(&key, &aside).unwrap();
    let report = examined(dir.path());
    assert_eq!(verdict(&report, "key"), Verdict::Wrong);
    assert_eq!(
        verdict(&report, "log"),
        Verdict::Good,
        "it holds all the same"
    );
    let named = Doctor::at(dir.path()).key(&aside).examine().unwrap();
    assert!(named.is_good(), "{named:?}");

    let other = used();
    fs::copy(other.path().join("stack/log.key"), &key).unwrap();
    let report = examined(dir.path());
    assert_eq!(verdict(&report, "key"), Verdict::Wrong);
    assert_eq!(verdict(&report, "log"), Verdict::Good, "nor is it lost");
    fs::write(&key, "half").unwrap();
    assert_eq!(verdict(&examined(dir.path()), "key"), Verdict::Wrong);
}

#[test]
fn a_byte_that_was_changed_in_the_log_is_wrong() {
    let dir = used();
    let (segment, at) = fs::read_dir(dir.path().join("seg"))
        .unwrap()
        .map(|segment| segment.unwrap().path())
        .find_map(|segment| {
            let bytes = fs::read(&segment).unwrap();
            let at = bytes.windows(9).position(|part| part == b"read_file")?;
            Some((segment, at))
        })
        .unwrap();
    let mut file = fs::File::options().write(true).open(segment).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(b"R").unwrap();
    let report = examined(dir.path());
    assert_eq!(verdict(&report, "log"), Verdict::Wrong, "{report:?}");
    assert!(!report.findings.iter().any(|found| found.check == "replay"));
}

#[test]
fn a_log_that_is_gone_is_wrong() {
    let dir = used();
    for name in ["seg", "checkpoint"] {
        let path = dir.path().join(name);
        fs::rename(&path, dir.path().join(format!("{name}.away"))).unwrap();
    }
    let report = examined(dir.path());
    assert_eq!(verdict(&report, "log"), Verdict::Wrong, "{report:?}");
}

#[test]
fn a_damaged_snapshot_is_wrong_and_the_one_before_counts() {
    let dir = used();
    drop(open(dir.path()));
    let newest = dir.path().join("stack/snapshot.json");
    let text = fs::read_to_string(&newest).unwrap();
    fs::write(&newest, text.replacen("\"version\":1", "\"version\":1 ", 1)).unwrap();
    let report = examined(dir.path());
    assert_eq!(verdict(&report, "snapshots"), Verdict::Wrong, "{report:?}");
    let replay = found(&report, "replay");
    assert!(
        replay.found.ends_with("from the snapshot the same"),
        "{replay:?}"
    );
    assert!(!report.is_good());
}

#[test]
fn a_snapshot_that_says_other_than_the_log_is_wrong() {
    // Of a directory that went another way, in the name of this one: signed by the same key, and bound to the same beginning.
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    let copy = crashed(dir.path());
    drop(stack);
    let other = open(copy.path());
    let by = "ops@example.com".parse().unwrap();
    let root = security_bundle::Scope::root();
    let admin = other.admin().trust();
    admin
        .quarantine(&"bot".parse().unwrap(), &root, &by, "odd")
        .unwrap();
    drop(other);
    let from = copy.path().join("stack/snapshot.json");
    fs::copy(from, dir.path().join("stack/snapshot.json")).unwrap();
    let report = examined(dir.path());
    assert_eq!(verdict(&report, "snapshots"), Verdict::Wrong, "{report:?}");
}

#[test]
fn holds_that_a_crash_left_are_told_with_their_age() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    let permit = call(&stack);
    let copy = crashed(dir.path());
    permit.settle_blocking(Usage::default()).unwrap();
    drop(stack);

    let report = examined(copy.path());
    assert!(report.is_good(), "{report:?}");
    assert_eq!(verdict(&report, "holds"), Verdict::Note);
    let told = &found(&report, "holds").found;
    assert!(
        told.starts_with("1 open") && told.contains(" s ago"),
        "{told}"
    );
    assert_eq!(verdict(&report, "calls"), Verdict::Good);

    // Once its time is up it was settled by it.
    let later = OffsetDateTime::now_utc() + time::Duration::days(2);
    let report = Doctor::at(copy.path())
        .clock(move || later)
        .examine()
        .unwrap();
    assert_eq!(verdict(&report, "holds"), Verdict::Good);
    assert_eq!(verdict(&report, "calls"), Verdict::Note);
    assert!(report.is_good(), "{report:?}");
}

#[test]
fn a_clock_behind_the_log_is_wrong() {
    let dir = used();
    let earlier = OffsetDateTime::now_utc() - time::Duration::hours(1);
    let report = Doctor::at(dir.path()).clock(move || earlier).examine();
    assert_eq!(verdict(&report.unwrap(), "clock"), Verdict::Wrong);
}

#[cfg(unix)]
#[test]
fn what_was_left_half_made_and_a_dead_socket_are_told() {
    let dir = used();
    fs::write(dir.path().join("stack/snapshot.new"), "").unwrap();
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("stack/control.sock")).unwrap());
    let socket = dir.path().join("stack/control.sock");
    fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let report = examined(dir.path());
    assert_eq!(verdict(&report, "leftovers"), Verdict::Note);
    assert_eq!(verdict(&report, "socket"), Verdict::Note);
    assert!(report.is_good(), "{report:?}");
}

#[test]
fn a_report_is_read_back_as_it_was_written() {
    let dir = used();
    let report = examined(dir.path());
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

fn budgets(stack: &SecurityStack, request: &str) -> BudgetAnswer {
    let request: OperatorRequest = serde_json::from_str(request).unwrap();
    match stack.perform(&request, None).unwrap() {
        OperatorAnswer::Budget(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_running_stack_tells_its_ledger_its_sessions_and_who_made_its_budgets_from_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    call(&stack).settle_blocking(Usage::default()).unwrap();
    let open_call = call(&stack);
    let BudgetAnswer::Listed(listed) = budgets(&stack, r#"{"budget":{"list":{"sessions":true}}}"#)
    else {
        panic!();
    };
    assert_eq!(listed.len(), 3);
    assert!(listed[0].set_up.as_ref().unwrap().created_by.is_some());
    assert_eq!(
        listed[1].set_up.as_ref().unwrap().parent,
        Some("org".parse().unwrap())
    );
    assert!(listed[2].opened_at.is_some());
    let BudgetAnswer::Ledger(entries) = budgets(&stack, r#"{"budget":{"ledger":{}}}"#) else {
        panic!();
    };
    assert!(entries.len() >= 5, "{entries:?}");
    let BudgetAnswer::Report(windows) = budgets(&stack, r#"{"budget":{"report":{}}}"#) else {
        panic!();
    };
    assert_eq!(windows.len(), 2);
    open_call.settle_blocking(Usage::default()).unwrap();
}
