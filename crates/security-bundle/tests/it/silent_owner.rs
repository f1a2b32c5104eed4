//! An owner that has stopped without going: who joined it is denied after a while, and nothing of what it asked for is left there.
//!
//! The owner is the test itself, run once more with its orders in the environment; it is stopped and goes on by signals.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use security_bundle::audit_trail::{AuditReader, Kind, Outcome};
use security_bundle::{Filter, Guard, Permit, Seat, SettleError, Usage};

use crate::seat::config;

const ORDERS: &str = "SECURITY_BUNDLE_OWNER";
const CALLS: usize = 10;
/// Longer than an owner that is well takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// A process that owns the directory.
struct Owner(Child);

impl Owner {
    fn of(directory: &Path, test: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(ORDERS, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut heard = BufReader::new(child.stderr.take().unwrap()).lines();
        assert_eq!(heard.next().unwrap().unwrap(), "owns it");
        Self(child)
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Returns once none of its threads runs any more.
    fn stop(&self) {
        self.signal("-STOP");
        let threads = format!("/proc/{}/task", self.0.id());
        let is_stopped = |thread: std::io::Result<fs::DirEntry>| {
            let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
            stat.rsplit_once(") ").unwrap().1.starts_with('T')
        };
        while !fs::read_dir(&threads).unwrap().all(is_stopped) {
            thread::yield_now();
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Owns the directory until standard input ends, where this is the child.
fn is_owner() -> bool {
    let Ok(directory) = std::env::var(ORDERS) else {
        return false;
    };
    let seat = Seat::take(config(&PathBuf::from(directory))).unwrap();
    assert!(seat.is_owner());
    eprintln!("owns it");
    std::io::stdin().lines().for_each(drop);
    true
}

fn call(guard: &Guard, tool: &str, waits: bool) -> Result<Permit, String> {
    let action = guard.action("bot").session("s").tool(tool).args_json("{}");
    let action = action.build().unwrap();
    let answer = if waits {
        guard.authorize_when_approved_blocking(&action)
    } else {
        guard.authorize_blocking(&action)
    };
    answer.map_err(|denied| denied.code().to_owned())
}

fn log(directory: &Path) -> AuditReader {
    AuditReader::open(directory, None).unwrap()
}

#[test]
fn a_stopped_owner_is_not_waited_for_for_ever_and_keeps_nothing() {
    if is_owner() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let test = "silent_owner::a_stopped_owner_is_not_waited_for_for_ever_and_keeps_nothing";
    let owner = Owner::of(dir.path(), test);
    let joined = Seat::take(config(dir.path())).unwrap();
    assert!(!joined.is_owner());
    let joined = joined.answer_within(LONG);
    let guard = joined.guard();
    let permit = call(&guard, "read_file", false).unwrap();
    let record = permit.decision().record_id().unwrap();

    owner.stop();
    let joined = joined.answer_within(Duration::from_millis(300));
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let guard = guard.clone();
            thread::spawn(move || call(&guard, "read_file", false).map(drop))
        })
        .collect();
    let settled = permit.settle_blocking(Usage::default());
    assert!(
        matches!(settled, Err(SettleError::Unconfirmed(_))),
        "{settled:?}"
    );
    for asking in asking {
        assert_eq!(asking.join().unwrap().unwrap_err(), "owner_silent");
    }
    // What is asked for later is not begun at all.
    for waits in [false, true] {
        let again = call(&guard, "read_file", waits).map(drop);
        assert_eq!(again.unwrap_err(), "owner_silent");
    }
    assert!(!guard.tool_visible(
        &"bot".parse().unwrap(),
        &"".parse().unwrap(),
        &"read_file".parse().unwrap()
    ));

    let joined = joined.answer_within(LONG);
    owner.signal("-CONT");
    let mut left = Vec::new();
    while let Ok(permit) = call(&guard, "read_file", false) {
        left.push(permit);
    }
    assert_eq!(left.len(), CALLS - 1, "all but the one that was settled");
    for permit in left {
        permit.settle_blocking(Usage::default()).unwrap();
    }
    drop((joined, owner));

    let log = log(dir.path());
    let of = |kind| {
        let filter = Filter::new().kind(kind).limit(1000);
        log.query(&filter).unwrap().records
    };
    let outcomes = of(Kind::Outcome);
    let ends = |id| outcomes.iter().filter(move |one| one.id() == id);
    assert_eq!(ends(record).count(), 1);
    assert_eq!(ends(record).next().unwrap().event(), Some("settled"));
    let mut permitted = of(Kind::Decision);
    permitted.retain(|intent| intent.outcome() != Some(Outcome::Deny));
    for intent in &permitted {
        assert_eq!(ends(intent.id()).count(), 1, "{intent:?}");
    }
    let settled = outcomes.iter().filter(|one| one.event() == Some("settled"));
    assert_eq!(settled.count(), CALLS);
}

#[test]
fn who_waits_for_an_approval_waits_on_while_the_owner_is_well_and_no_longer() {
    if is_owner() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let test =
        "silent_owner::who_waits_for_an_approval_waits_on_while_the_owner_is_well_and_no_longer";
    let owner = Owner::of(dir.path(), test);
    let joined = Seat::take(config(dir.path())).unwrap();
    let joined = joined.answer_within(Duration::from_secs(1));
    let guard = joined.guard();
    assert_eq!(
        call(&guard, "send_mail", false).map(drop),
        Err("needs_approval".to_owned())
    );
    let (told, heard) = std::sync::mpsc::channel();
    let waiting = guard.clone();
    thread::spawn(move || told.send(call(&waiting, "send_mail", true).map(drop)));
    // Longer than anybody is waited for who does not answer.
    assert!(heard.recv_timeout(Duration::from_secs(4)).is_err());
    owner.stop();
    let answer = heard.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(answer, Err("owner_silent".to_owned()));
    let joined = joined.answer_within(LONG);
    owner.signal("-CONT");
    drop(call(&joined.guard(), "read_file", false).unwrap());
}
