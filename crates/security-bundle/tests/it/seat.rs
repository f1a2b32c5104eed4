//! Several processes at one data directory: one owns it, the others join, and whoever is left goes on.

use std::path::Path;
use std::thread;
use std::time::Duration;

use security_bundle::audit_trail::{AuditReader, Kind, Record};
use security_bundle::operator::{OperatorAnswer, OperatorRequest};
use security_bundle::{
    Guard, OperatorLine, OperatorLineError, Permit, Raises, Seat, SecurityStackConfig, StackError,
    Usage,
};

pub(crate) fn config(directory: &Path) -> SecurityStackConfig {
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

        [[trust.tools]]
        tool = "send_*"
        required_level = "L2"
        effect = "write"
        approval = "always"

        [[budget.budgets]]
        id = "shared"
        calls = 10
        period = "lifetime"

        [[budget.tools]]
        tool = "*"
        budget = "shared"
        "#,
    )
    .unwrap();
    config.data_dir = Some(directory.to_owned());
    config
}

fn call(guard: &Guard, tool: &str) -> Result<Permit, String> {
    let action = guard
        .action("bot")
        .session("s")
        .tool(tool)
        .args_json("{}")
        .build()
        .unwrap();
    guard
        .authorize_blocking(&action)
        .map_err(|denied| denied.code().to_owned())
}

fn settle(permit: Permit) {
    permit.settle_blocking(Usage::default()).unwrap();
}

fn operate(directory: &Path, request: &str) -> OperatorAnswer {
    let line = OperatorLine::connect(directory, "test").unwrap();
    let request: OperatorRequest = serde_json::from_str(request).unwrap();
    line.perform(&request).unwrap()
}

/// The log as it lies there, by the key that stands in it.
fn log(directory: &Path) -> AuditReader {
    AuditReader::open(directory, None).unwrap()
}

#[test]
fn two_gates_draw_on_one_budget_and_write_one_log() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Seat::take(config(dir.path())).unwrap();
    let joined = Seat::take(config(dir.path())).unwrap();
    assert!(owner.is_owner() && !joined.is_owner());
    let guards = [owner.guard(), joined.guard()];
    let mut permitted = 0;
    for guard in guards.iter().cycle().take(14) {
        match call(guard, "read_file") {
            Ok(permit) => {
                settle(permit);
                permitted += 1;
            }
            Err(code) => assert_eq!(code, "exceeds_budget"),
        }
    }
    assert_eq!(permitted, 10);
    drop((owner, joined));
    let log = log(dir.path());
    let count = |kind| {
        let filter = security_bundle::Filter::new().kind(kind).limit(1000);
        log.query(&filter).unwrap().records.len()
    };
    assert_eq!((count(Kind::Decision), count(Kind::Outcome)), (14, 10));
    drop(log.verify(None).unwrap());
}

#[test]
fn an_operators_act_is_in_force_in_every_gate_when_it_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Seat::take(config(dir.path())).unwrap();
    let joined = Seat::take(config(dir.path())).unwrap();
    settle(call(&joined.guard(), "read_file").unwrap());
    let _told = operate(
        dir.path(),
        r#"{"trust":{"revoke":{"agent":"bot","by":"ops@example.com","reason":"enough"}}}"#,
    );
    for guard in [owner.guard(), joined.guard()] {
        assert_eq!(call(&guard, "read_file").unwrap_err(), "trust_too_low");
        assert!(!guard.tool_visible(
            &"bot".parse().unwrap(),
            &"".parse().unwrap(),
            &"read_file".parse().unwrap()
        ));
    }
}

#[test]
fn an_approval_reaches_the_call_that_waits_for_it_in_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Seat::take(config(dir.path())).unwrap();
    let joined = Seat::take(config(dir.path())).unwrap();
    assert_eq!(
        call(&joined.guard(), "send_mail").unwrap_err(),
        "needs_approval"
    );
    let waiting = thread::spawn({
        let guard = joined.guard();
        move || {
            let action = guard
                .action("bot")
                .session("s")
                .tool("send_mail")
                .args_json("{}");
            guard.authorize_when_approved_blocking(&action.build().unwrap())
        }
    });
    let listed = operate(dir.path(), r#"{"approvals":{"list":{}}}"#);
    let listed = serde_json::to_value(&listed).unwrap();
    let id = listed
        .pointer("/approvals/list/0/id")
        .or(listed.pointer("/approvals/listed/0/id"));
    let id = id.unwrap_or_else(|| panic!("{listed}")).as_u64().unwrap();
    let approve = format!(
        r#"{{"approvals":{{"approve":{{"id":{id},"by":"ops@example.com","reason":"known"}}}}}}"#
    );
    let _told = operate(dir.path(), &approve);
    settle(waiting.join().unwrap().unwrap());
    assert_eq!(
        call(&joined.guard(), "send_mail").unwrap_err(),
        "needs_approval",
        "once"
    );
    drop(owner);
}

#[test]
fn who_joined_takes_over_and_ends_what_it_was_permitted_once() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Seat::take(config(dir.path())).unwrap();
    let joined = Seat::take(config(dir.path())).unwrap();
    let guard = joined.guard();
    let permit = call(&guard, "read_file").unwrap();
    let record = permit.decision().record_id().unwrap();
    drop(owner);
    settle(permit);
    for _ in 0..9 {
        settle(call(&guard, "read_file").unwrap());
    }
    assert!(joined.is_owner());
    assert_eq!(call(&guard, "read_file").unwrap_err(), "exceeds_budget");
    let entries = joined.stack().unwrap().audit.get(record).unwrap();
    let outcomes = entries.iter().filter(|entry| entry.kind() == Kind::Outcome);
    assert_eq!(outcomes.count(), 1);
}

#[test]
fn a_gate_that_goes_abandons_what_it_was_permitted() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Seat::take(config(dir.path())).unwrap();
    let joined = Seat::take(config(dir.path())).unwrap();
    let permit = call(&joined.guard(), "read_file").unwrap();
    let record = permit.decision().record_id().unwrap();
    drop(permit);
    let stack = owner.stack().unwrap();
    let ending = || {
        let entries = stack.audit.get(record).unwrap();
        let outcome = entries
            .into_iter()
            .find(|entry| entry.kind() == Kind::Outcome)?;
        outcome.event().map(str::to_owned)
    };
    while ending().is_none() {
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(ending().unwrap(), "abandoned");
}

#[test]
fn another_configuration_is_not_let_in_and_another_agents_is() {
    let dir = tempfile::tempdir().unwrap();
    let _owner = Seat::take(config(dir.path())).unwrap();
    let mut other = config(dir.path());
    other.budgets[0].limits.calls = Some(1_000_000);
    let refused = Seat::take(other).unwrap_err();
    assert!(matches!(refused, StackError::DataDir { .. }), "{refused}");
    assert!(
        refused.to_string().contains("another configuration"),
        "{refused}"
    );

    let mut agents = config(dir.path());
    agents.mcp.child_env.push("TERM".to_owned());
    Seat::take(agents).unwrap();
}

#[test]
fn who_comes_after_a_reload_must_have_the_configuration_that_is_in_force_now() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Seat::take(config(dir.path())).unwrap();
    let mut tighter = config(dir.path());
    tighter.budgets[0].limits.calls = Some(5);
    let by = "ops@example.com".parse().unwrap();
    let stack = owner.stack().unwrap();
    let reloaded = stack.reload(tighter.clone(), &by, "review", Raises::Refuse);
    reloaded.unwrap();
    drop(stack);

    let refused = Seat::take(config(dir.path())).unwrap_err();
    assert!(
        refused.to_string().contains("another configuration"),
        "{refused}"
    );
    let joined = Seat::take(tighter).unwrap();
    assert!(!joined.is_owner());
    settle(call(&joined.guard(), "read_file").unwrap());
}

#[test]
fn nobody_to_ask_is_told_apart_from_one_who_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let none = OperatorLine::connect(dir.path(), "test");
    assert!(matches!(none, Err(OperatorLineError::NoOwner)));
    let _owner = Seat::take(config(dir.path())).unwrap();
    let line = OperatorLine::connect(dir.path(), "test").unwrap();
    let request: OperatorRequest = serde_json::from_str(
        r#"{"trust":{"lift_quarantine":{"agent":"nobody","by":"ops@example.com","reason":""}}}"#,
    )
    .unwrap();
    assert_eq!(line.perform(&request).unwrap_err().code, "refused");
}

#[test]
fn an_owner_that_does_not_answer_is_waited_for_as_long_as_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let stuck = security_bundle::create_security_stack(config(dir.path())).unwrap();
    let socket = dir.path().join("stack/control.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&socket, private).unwrap();
    let (told, heard) = std::sync::mpsc::channel();
    let config = config(dir.path());
    thread::spawn(move || told.send(Seat::take(config).map(drop)));
    let taken = heard.recv_timeout(Duration::from_secs(40));
    assert!(
        matches!(taken, Ok(Err(StackError::DataDir { .. }))),
        "{taken:?}"
    );
    drop((stuck, listener));
}

#[test]
fn a_call_that_is_given_up_has_one_outcome_and_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Seat::take(config(dir.path())).unwrap();
    let joined = Seat::take(config(dir.path())).unwrap();
    let guard = joined.guard();
    let action = guard
        .action("bot")
        .session("s")
        .tool("read_file")
        .args_json("{}")
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for turn in 0..200_u64 {
            let patience = Duration::from_micros(turn * 37 % 6000);
            if let Ok(Ok(permit)) = tokio::time::timeout(patience, guard.authorize(&action)).await {
                permit.cancel().await.unwrap();
            }
        }
    });
    // Whatever was given up has been told by now, or is before the end of this.
    thread::sleep(Duration::from_secs(1));
    let mut left = Vec::new();
    while let Ok(permit) = call(&guard, "read_file") {
        left.push(permit);
    }
    assert_eq!(left.len(), 10, "something is still held");
    drop((left, joined, owner));
    let log = log(dir.path());
    let filter = security_bundle::Filter::new()
        .kind(Kind::Outcome)
        .limit(1000);
    let mut ids: Vec<_> = log
        .query(&filter)
        .unwrap()
        .records
        .iter()
        .map(Record::id)
        .collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(
        all,
        ids.len(),
        "{} outcomes are second ones",
        all - ids.len()
    );
}
