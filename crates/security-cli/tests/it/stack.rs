//! The operator's verbs on a stack's data directory: at its owner while one runs, and without one.

use std::fs;
use std::thread;

use security_bundle::{Guard, Permit, Seat, SecurityStackConfig, Usage};

use crate::stage::BY;
use crate::support::{Folder, Ran, run};

const RULES: &str = r#"
data_dir = "state"

[[trust.assignments]]
agent = "bot"
level = "L4"
assigned_by = "ops@example.com"

[[trust.tools]]
tool = "read_*"
required_level = "L1"
effect = "read_public"

[[trust.tools]]
tool = "send_*"
required_level = "L2"
effect = "write"
approval = "always"

[[budget.budgets]]
id = "org"
calls = 100
period = "lifetime"

[[budget.budgets]]
id = "team"
parent = "org"
calls = 2
period = "lifetime"

[[budget.tools]]
tool = "*"
budget = "team"

[[consent.grants]]
agent = "bot"
data_type = "profile"
purpose = "support"
granted_by = "ada"

[[consent.tools]]
tool = "read_profile"
data_type = "profile"
purpose = "support"
"#;

struct State(Folder);

impl State {
    fn new() -> Self {
        Self(Folder::with(RULES))
    }

    /// One in which an owner was and is no more.
    fn left() -> Self {
        let state = Self::new();
        drop(state.owner());
        state
    }

    fn dir(&self) -> String {
        self.0.file("state")
    }

    fn owner(&self) -> Seat {
        let config = SecurityStackConfig::from_path(self.0.file("gate.toml")).unwrap();
        Seat::take(config).unwrap()
    }

    /// Runs a verb: its first words, then the directory, then the rest.
    fn run(&self, words: &[&str], rest: &[&str]) -> Ran {
        let dir = self.dir();
        let mut arguments = words.to_vec();
        arguments.push(&dir);
        arguments.extend(rest);
        run(arguments)
    }

    fn ok(&self, words: &[&str], rest: &[&str]) -> String {
        let ran = self.run(words, rest);
        assert_eq!(
            ran.status,
            Some(0),
            "{words:?} {rest:?}: {} {}",
            ran.out,
            ran.err
        );
        ran.out
    }

    fn act(&self, words: &[&str], rest: &[&str]) -> String {
        self.ok(words, &[rest, &BY].concat())
    }

    /// What a verb says, one JSON object a line.
    fn json(&self, words: &[&str], rest: &[&str]) -> Vec<serde_json::Value> {
        let out = self.ok(words, &[rest, &["--json"]].concat());
        out.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// The log by its length: how many acts were recorded.
    fn size(&self) -> u64 {
        self.json(&["status"], &[])[0]["log_size"].as_u64().unwrap()
    }
}

fn call(guard: &Guard, tool: &str) -> Result<Permit, String> {
    let action = guard.action("bot").session("s").tool(tool).args_json("{}");
    guard
        .authorize_blocking(&action.build().unwrap())
        .map_err(|denied| denied.code().to_owned())
}

fn settle(permit: Permit) {
    permit.settle_blocking(Usage::default()).unwrap();
}

#[test]
fn acts_are_in_force_in_the_running_owner_when_they_are_told() {
    let state = State::new();
    let owner = state.owner();
    let guard = owner.guard();
    for _ in 0..2 {
        settle(call(&guard, "read_profile").unwrap());
    }
    assert_eq!(call(&guard, "read_profile").unwrap_err(), "exceeds_budget");
    state.act(&["budget", "update"], &["team", "--limit-calls", "50"]);
    settle(call(&guard, "read_profile").unwrap());

    state.ok(
        &["consent", "withdraw"],
        &["--agent", "bot", "--data", "profile", "--by", "ada"],
    );
    assert_eq!(call(&guard, "read_profile").unwrap_err(), "withdrawn");
    settle(call(&guard, "read_file").unwrap());

    let said = state.act(&["trust", "revoke"], &["bot"]);
    assert!(said.contains("now L0, was L4"), "{said}");
    assert_eq!(call(&guard, "read_file").unwrap_err(), "trust_too_low");
}

#[test]
fn an_approval_reaches_the_call_that_waits_for_it() {
    let state = State::new();
    let owner = state.owner();
    let guard = owner.guard();
    assert_eq!(call(&guard, "send_mail").unwrap_err(), "needs_approval");
    let waiting = thread::spawn(move || {
        let action = guard.action("bot").session("s").tool("send_mail");
        let action = action.args_json("{}").build().unwrap();
        guard.authorize_when_approved_blocking(&action)
    });
    let listed = state.json(&["approvals", "list"], &[]);
    let id = listed[0]["id"].to_string();
    state.act(&["approvals", "approve"], &[&id]);
    settle(waiting.join().unwrap().unwrap());
    drop(owner);
    assert!(state.json(&["approvals", "list"], &[]).is_empty());
}

#[test]
fn the_books_are_told_beside_the_owner_and_without_one_the_same() {
    let state = State::new();
    let owner = state.owner();
    settle(call(&owner.guard(), "read_file").unwrap());
    let asked: [(&[&str], &[&str]); 4] = [
        (&["budget", "list"], &["--sessions"]),
        (&["budget", "show"], &["team"]),
        (&["budget", "ledger"], &[]),
        (&["budget", "report"], &["--sessions"]),
    ];
    let told = || asked.map(|(words, rest)| state.json(words, rest));
    let beside = told();
    assert_eq!(beside[0][1]["parent"], "org");
    assert_eq!(beside[0][1]["created_by"], "configuration");
    assert!(beside[2].len() >= 4, "{:?}", beside[2]);
    drop(owner);
    assert_eq!(told(), beside);
}

#[test]
fn without_an_owner_the_directory_is_opened_for_the_time_of_the_verb() {
    let state = State::left();
    let before = state.size();
    assert_eq!(state.json(&["trust", "show"], &[])[0]["agent"], "bot");
    state.ok(&["trust", "explain"], &["bot", "read_file"]);
    state.ok(&["consent", "show"], &[]);
    state.ok(&["trust", "history"], &[]);
    assert_eq!(state.size(), before, "looking records nothing");

    state.act(&["trust", "cap"], &["bot", "--level", "L1"]);
    state.act(&["budget", "update"], &["team", "--limit-calls", "1"]);
    state.ok(
        &["consent", "withdraw"],
        &["--agent", "bot", "--data", "profile", "--by", "ada"],
    );
    assert_eq!(state.size(), before + 3);

    let owner = state.owner();
    let guard = owner.guard();
    assert_eq!(call(&guard, "send_mail").unwrap_err(), "trust_too_low");
    assert_eq!(call(&guard, "read_profile").unwrap_err(), "withdrawn");
    settle(call(&guard, "read_file").unwrap());
    assert_eq!(call(&guard, "read_file").unwrap_err(), "exceeds_budget");
}

#[test]
fn a_verb_waits_for_one_that_has_the_directory_open() {
    let state = State::left();
    thread::scope(|scope| {
        for agent in ["a", "b", "c", "d"] {
            let state = &state;
            scope.spawn(move || state.act(&["trust", "assign"], &[agent, "--level", "L1"]));
        }
    });
    assert_eq!(state.json(&["trust", "show"], &[]).len(), 5);
}

#[test]
fn the_status_says_who_owns_it() {
    let state = State::new();
    let owner = state.owner();
    let permit = call(&owner.guard(), "read_file").unwrap();
    let status = &state.json(&["status"], &[])[0];
    assert_eq!(status["owned"], true);
    assert_eq!(status["owner_pid"], std::process::id());
    assert_eq!(status["open_holds"], 1);
    let shown = state.ok(&["status"], &[]);
    assert!(shown.starts_with("OWNED  by process "), "{shown}");
    settle(permit);
    drop(owner);
    let status = &state.json(&["status"], &[])[0];
    assert_eq!(
        (&status["owned"], &status["open_holds"]),
        (&false.into(), &0.into())
    );
    assert!(status.get("owner_pid").is_none());
    assert!(state.ok(&["status"], &[]).starts_with("NO OWNER"));
    assert_eq!(
        run(["status", state.0.path().to_str().unwrap()]).status,
        Some(2)
    );
}

#[test]
fn refusals_name_what_was_wrong_with_and_without_an_owner() {
    let state = State::new();
    let owner = state.owner();
    let refused = || {
        let unknown = state.run(&["budget", "suspend"], &["nope", BY[0], BY[1]]);
        let unasked = state.run(&["approvals", "approve"], &[&["77"], &BY[..]].concat());
        assert_eq!((unknown.status, unasked.status), (Some(2), Some(2)));
        assert!(unknown.err.contains("nope"), "{}", unknown.err);
        assert!(unasked.err.contains("77"), "{}", unasked.err);
        (unknown.err, unasked.err)
    };
    let at_the_owner = refused();
    drop(owner);
    assert_eq!(refused(), at_the_owner);
}

#[test]
fn a_components_own_store_does_not_go_beside_the_log() {
    let state = State::left();
    let before = fs::read_dir(state.dir()).unwrap().count();
    let by = ["--by", "ops@example.com"];
    for (verb, more) in [("trust", &by[..]), ("budget", &[]), ("consent", &[])] {
        let ran = state.run(&[verb, "init"], more);
        assert_eq!(ran.status, Some(2), "{verb}");
        assert!(ran.err.contains("in its log"), "{}", ran.err);
    }
    assert_eq!(fs::read_dir(state.dir()).unwrap().count(), before);
}

#[test]
fn a_checked_configuration_says_that_its_log_is_kept() {
    let state = State::new();
    let told = run(["check-config", &state.0.file("gate.toml")]);
    assert_eq!(told.status, Some(0), "{}", told.err);
    assert!(
        told.out.contains("kept in the data directory"),
        "{}",
        told.out
    );
    assert!(told.out.contains("state/stack/log.key"), "{}", told.out);
    assert!(!told.out.contains("in memory"), "{}", told.out);
    assert!(!told.out.contains("fresh key"), "{}", told.out);
}

#[test]
fn nothing_is_begun_anew_where_the_log_has_gone() {
    let state = State::left();
    fs::remove_dir_all(format!("{}/seg", state.dir())).unwrap();
    let shown = state.run(&["trust", "show"], &[]);
    assert_eq!(shown.status, Some(2));
    assert!(!shown.err.contains("trust init"), "{}", shown.err);
    assert!(shown.err.contains("secstack doctor"), "{}", shown.err);
    let begun = state.run(&["trust", "init"], &["--by", "ops@example.com"]);
    assert_eq!(begun.status, Some(2), "{}", begun.out);
    assert_eq!(state.run(&["doctor"], &[]).status, Some(1));
}

#[test]
fn a_receipt_is_issued_and_checked_beside_the_owner() {
    let state = State::new();
    let _owner = state.owner();
    let record = state.json(&["consent", "show"], &[]);
    let record = record[0]["record_id"].as_str().unwrap();
    let controller = state.0.file("controller.toml");
    fs::write(
        &controller,
        "name = \"Example\"\ncontact = \"privacy@example.com\"\njurisdiction = \"DE\"\nprivacy_policy = \"https://example.com/privacy\"\n",
    )
    .unwrap();
    let (key, out) = (state.0.file("receipts.key"), state.0.file("receipt.json"));
    let rest = [
        record,
        "--controller",
        &controller,
        "--key",
        &key,
        "--out",
        &out,
    ];
    let issued = state.json(&["consent", "receipt"], &rest);
    let vkey = issued[0]["vkey"].as_str().unwrap();
    let dir = state.dir();
    let checked = run([
        "consent",
        "check-receipt",
        &out,
        "--vkey",
        vkey,
        "--dir",
        &dir,
    ]);
    assert_eq!(checked.status, Some(0), "{} {}", checked.out, checked.err);
    let withdrawn = ["--agent", "bot", "--data", "profile", "--by", "ada"];
    state.ok(&["consent", "withdraw"], &withdrawn);
    let checked = run([
        "consent",
        "check-receipt",
        &out,
        "--vkey",
        vkey,
        "--dir",
        &dir,
    ]);
    assert_eq!(
        checked.status,
        Some(0),
        "the record is still the same: {}",
        checked.err
    );
}

#[cfg(unix)]
#[test]
fn a_doctor_answers_with_its_exit_status() {
    use std::os::unix::fs::PermissionsExt as _;

    let state = State::new();
    let nothing = state.run(&["doctor"], &[]);
    assert_eq!((nothing.status, nothing.out.as_str()), (Some(2), ""));
    let owner = state.owner();
    let good = state.ok(&["doctor"], &[]);
    assert!(
        good.lines().all(|line| !line.starts_with("WRONG")),
        "{good}"
    );
    assert!(good.contains("GOOD   owner      process "), "{good}");
    drop(owner);
    let key = format!("{}/stack/log.key", state.dir());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let bad = state.run(&["doctor"], &["--json"]);
    assert_eq!(bad.status, Some(1));
    let findings = bad.json();
    let files = &findings["findings"][0];
    assert_eq!(
        (&files["check"], &files["verdict"]),
        (&"files".into(), &"wrong".into())
    );
    assert!(files["to_do"].as_str().unwrap().starts_with("chmod 600 "));
    let shown = state.run(&["doctor"], &[]).out;
    assert!(shown.starts_with("WRONG  files "), "{shown}");
}
