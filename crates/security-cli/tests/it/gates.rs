//! Several `secstack mcp` on one data directory: one budget, one log, one word of the operator, whoever of them goes.
#![cfg(unix)]

use std::collections::HashMap;
use std::fs;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use audit_trail::{AuditLog, AuditReader, Filter, Kind, Outcome, SigningKey};
use security_bundle::operator::{OperatorAnswer, OperatorRequest};
use security_bundle::{OperatorLine, SecurityStackConfig, create_security_stack};
use serde_json::{Value, json};

use crate::gate::Session;
use crate::support::{Folder, run};

const RULES: &str = r#"
data_dir = "state"

[[trust.assignments]]
agent = "desk-assistant"
level = "L4"
assigned_by = "ops@example.com"

[[trust.tools]]
tool = "delete_*"
required_level = "L5"
effect = "destructive"
[[trust.tools]]
tool = "write_note"
required_level = "L2"
effect = "write"
approval = "always"
[[trust.tools]]
tool = "*"
required_level = "L1"
effect = "read_public"

[[budget.budgets]]
id = "shared"
calls = 100
period = "lifetime"
[[budget.tools]]
tool = "*"
budget = "shared"
"#;

/// A folder with a configuration for each of these sessions, which is all in which they differ. The log is in files that are quickly
/// read: whoever takes over reads all of it, and calls wait for that.
fn folder(sessions: &[&str], more: &str) -> Folder {
    let folder = Folder::with("");
    let key = SigningKey::generate("example.com/gates").unwrap();
    fs::write(folder.file("log.key"), key.to_secret_text()).unwrap();
    let log = AuditLog::builder()
        .directory(folder.file("state"))
        .namespace("aumos.security-bundle")
        .segment_size(4 << 20)
        .signer(key);
    log.build().unwrap().publish_checkpoint().unwrap();
    for session in sessions {
        write(&folder, session, RULES, more);
    }
    folder
}

fn write(folder: &Folder, session: &str, rules: &str, more: &str) {
    let agent = format!("[agent]\nid = \"desk-assistant\"\nsession = \"{session}\"\n");
    let key = format!("[audit]\nkey = {:?}\n", folder.file("log.key"));
    let config = format!("{rules}\n{agent}{key}{more}");
    fs::write(folder.file(&format!("{session}.toml")), config).unwrap();
}

fn gate(folder: &Folder, session: &str) -> Session {
    Session::with(folder, &format!("{session}.toml"), &[])
}

/// The code with which a call was refused; `None` if it ran.
fn refused(answer: &Value) -> Option<&str> {
    if answer["result"]["isError"] == false {
        return None;
    }
    let code = answer["result"]["_meta"]["aumos/decision"]["code"].as_str();
    Some(code.unwrap_or_else(|| panic!("{answer}")))
}

/// What an operator asks at the control socket, done.
fn operate(folder: &Folder, request: Value) -> Value {
    let line = OperatorLine::connect(folder.file("state"), "test").unwrap();
    let request: OperatorRequest = serde_json::from_value(request).unwrap();
    let answer: OperatorAnswer = line.perform(&request).unwrap();
    serde_json::to_value(answer).unwrap()
}

/// The approvals that wait for an operator.
fn waiting(folder: &Folder) -> Vec<u64> {
    let told = operate(folder, json!({ "approvals": { "list": {} } }));
    let listed = told["approvals"]["listed"].as_array().unwrap();
    listed
        .iter()
        .map(|one| one["id"].as_u64().unwrap())
        .collect()
}

fn approve(folder: &Folder, id: u64) {
    let act = json!({ "id": id, "by": "ops@example.com", "reason": "known" });
    operate(folder, json!({ "approvals": { "approve": act } }));
}

/// The log of a directory that nobody has any more, verified as an auditor would.
fn verified(folder: &Folder, key: &str) -> AuditReader {
    let state = folder.file("state");
    let ran = run(["audit", "verify", &state, "--vkey", key]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
    AuditReader::open(&state, Some(&key.parse().unwrap())).unwrap()
}

/// How many calls each of the driven gates has under way at a time.
const AT_ONCE: u32 = 16;

/// Keeps calls under way until the budget is used up; how many ran.
fn drive(gate: &mut Session, name: &str, told: &Sender<()>) -> usize {
    let begin = |gate: &mut Session, id: u32| {
        let file = json!({ "name": format!("{name}-{id}"), "text": "x" });
        gate.begin(id, "write_file", &file);
    };
    let (mut ran, mut next, mut open, mut is_over) = (0, AT_ONCE, AT_ONCE, false);
    for id in 0..AT_ONCE {
        begin(gate, id);
    }
    while open > 0 {
        let answer = gate.answer();
        open -= 1;
        match refused(&answer) {
            None => {
                ran += 1;
                told.send(()).ok();
            }
            Some("exceeds_budget") => is_over = true,
            // Denied by the owner that was killed, which could not say so.
            Some("owner_gone") => {}
            Some(other) => panic!("{other}: {answer}"),
        }
        assert!(next < 1000, "the budget is never used up");
        if !is_over {
            begin(gate, next);
            next += 1;
            open += 1;
        }
    }
    ran
}

#[test]
fn three_gates_pass_exactly_as_many_calls_as_are_left_though_their_owner_is_killed() {
    let folder = folder(&["a", "b", "c"], "");
    let mut owner = gate(&folder, "a");
    let mut joined = [gate(&folder, "b"), gate(&folder, "c")];
    let write = |owner: &mut Session, id: u32| {
        let file = json!({ "name": format!("a-{id}"), "text": "x" });
        refused(&owner.call(id, "write_file", &file)).is_none()
    };
    assert!((0..8).all(|id| write(&mut owner, id)));
    let (told, heard) = channel();
    let (ran, key) = thread::scope(|scope| {
        let driven: Vec<_> = joined
            .iter_mut()
            .zip(["b", "c"])
            .map(|(gate, name)| {
                let told = told.clone();
                scope.spawn(move || drive(gate, name, &told))
            })
            .collect();
        let own = (8..10).filter(|id| write(&mut owner, *id)).count();
        // Those of the others are under way at any moment until the budget is used up.
        for _ in 0..10 {
            heard.recv().unwrap();
        }
        let key = owner.kill();
        let driven = driven.into_iter().map(|gate| gate.join().unwrap());
        let ran: HashMap<_, _> = ["b", "c"].into_iter().zip(driven).collect();
        (
            HashMap::from([("a", 8 + own), ("b", ran["b"]), ("c", ran["c"])]),
            key,
        )
    });
    for gate in joined {
        let (status, told) = gate.end();
        assert_eq!((status, &told), (Some(0), &key));
    }
    assert_eq!(ran.values().sum::<usize>(), 100, "{ran:?}");
    let files = fs::read_dir(folder.file("files")).unwrap().count();
    assert_eq!(files, 100, "what the servers did");

    let log = verified(&folder, &key);
    for (session, ran) in ran {
        let of = |kind| {
            let filter = Filter::new().kind(kind).session(session).limit(1000);
            log.query(&filter).unwrap().records
        };
        let mut permitted = of(Kind::Decision);
        permitted.retain(|intent| intent.outcome() != Some(Outcome::Deny));
        assert_eq!(permitted.len(), ran, "{session}");
        let mut ended = HashMap::new();
        for outcome in of(Kind::Outcome) {
            *ended.entry(outcome.id()).or_insert(0) += 1;
        }
        for intent in permitted {
            let outcomes = ended.remove(&intent.id()).unwrap_or(0);
            // The killed one may not have come to write how its last calls ended: they hold their amounts.
            let is_open = session == "a" && outcomes == 0;
            assert!(outcomes == 1 || is_open, "{session}: {outcomes}");
        }
        assert_eq!(ended, HashMap::new(), "{session}");
    }

    let mut again = gate(&folder, "a");
    let file = json!({ "name": "late", "text": "x" });
    let answer = again.call(1, "write_file", &file);
    assert_eq!(refused(&answer), Some("exceeds_budget"));
    assert_eq!(again.end(), (Some(0), key));
}

#[test]
fn a_call_that_runs_while_the_owner_is_killed_is_booked_once_where_it_was_held() {
    let folder = folder(&["a", "b", "c"], "");
    for session in ["a", "b", "c"] {
        let rules = RULES.replace("calls = 100", "calls = 5");
        write(&folder, session, &rules, "");
    }
    let owner = gate(&folder, "a");
    let mut joined = gate(&folder, "b");
    let mut third = gate(&folder, "c");
    joined.send(&json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "slow", "arguments": { "steps": 40 }, "_meta": { "progressToken": 7 } },
    }));
    // It was permitted, and runs.
    assert_eq!(joined.answer()["method"], "notifications/progress");
    let key = owner.kill();
    let answer = loop {
        let message = joined.answer();
        if message["id"] == 1 {
            break message;
        }
    };
    assert_eq!(refused(&answer), None, "{answer}");
    let codes: Vec<_> = (1..=5)
        .map(|id| refused(&third.call(id, "now", &json!({}))).map(str::to_owned))
        .collect();
    let over = Some("exceeds_budget".to_owned());
    assert_eq!(codes, [None, None, None, None, over]);
    for gate in [joined, third] {
        assert_eq!(gate.end(), (Some(0), key.clone()));
    }

    let log = verified(&folder, &key);
    let of = |kind| {
        let filter = Filter::new().kind(kind).session("b").limit(1000);
        log.query(&filter).unwrap().records
    };
    let (intents, outcomes) = (of(Kind::Decision), of(Kind::Outcome));
    let ([intent], [outcome]) = (&intents[..], &outcomes[..]) else {
        panic!("{intents:?} {outcomes:?}");
    };
    assert_eq!(intent.id(), outcome.id());
    assert_eq!(outcome.event(), Some("settled"));
    // The change of state that the outcome carries ends the reservation that the intent made.
    let held = intent.budget().and_then(|budget| budget.hold.clone());
    let held = held.expect("a hold");
    let carried = outcome.ext().unwrap().as_str();
    assert!(carried.contains(&format!("{held:?}")), "{held}: {carried}");
}

#[test]
fn a_revocation_is_in_force_in_every_gate_when_the_operator_hears_of_it() {
    let folder = folder(&["a", "b", "c"], "");
    let mut gates = ["a", "b", "c"].map(|session| gate(&folder, session));
    for gate in &mut gates {
        assert_eq!(refused(&gate.call(1, "now", &json!({}))), None);
    }
    let revoke = json!({ "agent": "desk-assistant", "by": "ops@example.com", "reason": "enough" });
    operate(&folder, json!({ "trust": { "revoke": revoke } }));
    for gate in &mut gates {
        let answer = gate.call(2, "now", &json!({}));
        assert_eq!(answer["error"]["message"], "Unknown tool: now", "{answer}");
        let listed = gate.ask(&json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" }));
        assert_eq!(listed["result"]["tools"], json!([]));
    }
}

#[test]
fn an_approval_reaches_the_call_that_waits_for_it_in_another_gate() {
    let folder = folder(&["a", "b"], "[mcp]\napproval_wait = \"10m\"\n");
    let _owner = gate(&folder, "a");
    let mut joined = gate(&folder, "b");
    let note = |name: &str| json!({ "name": name, "text": "x" });
    joined.begin(1, "write_note", &note("one"));
    assert_eq!(refused(&joined.call(2, "now", &json!({}))), None);
    let [id] = waiting(&folder)[..] else {
        panic!("{:?}", waiting(&folder));
    };
    approve(&folder, id);
    let answer = joined.answer();
    assert_eq!((&answer["id"], refused(&answer)), (&json!(1), None));

    joined.begin(3, "write_note", &note("two"));
    assert_eq!(refused(&joined.call(4, "now", &json!({}))), None);
    let cancelled = json!({ "requestId": 3 });
    joined.send(
        &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled }),
    );
    // Once this is answered the call has been given up.
    assert_eq!(refused(&joined.call(5, "now", &json!({}))), None);
    approve(&folder, waiting(&folder)[0]);
    let read = joined.call(6, "read_note", &json!({ "name": "two" }));
    assert_eq!(
        read["result"]["isError"], true,
        "a call given up has run: {read}"
    );
    assert_eq!(refused(&joined.call(7, "write_note", &note("two"))), None);
    let read = joined.call(8, "read_note", &json!({ "name": "two" }));
    assert_eq!(refused(&read), None);
}

#[test]
fn a_call_that_nobody_has_approved_yet_says_what_to_do() {
    let folder = folder(&["a", "b"], "");
    let mut gates = ["a", "b"].map(|session| gate(&folder, session));
    let note = json!({ "name": "one", "text": "x" });
    let told = gates
        .each_mut()
        .map(|gate| gate.call(1, "write_note", &note));
    let [id] = waiting(&folder)[..] else {
        panic!("the same call is asked for once: {told:?}");
    };
    for answer in told {
        assert_eq!(refused(&answer), Some("needs_approval"));
        let result = &answer["result"];
        assert_eq!(
            result["_meta"]["aumos/decision"]["approval"], id,
            "{answer}"
        );
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(&format!("approval `{id}`")), "{text}");
        assert!(text.contains("make the same call again"), "{text}");
    }
    approve(&folder, id);
    assert_eq!(refused(&gates[1].call(2, "write_note", &note)), None);
    let again = gates[0].call(2, "write_note", &note);
    assert_eq!(refused(&again), Some("needs_approval"), "once");
}

#[test]
fn what_is_only_watched_passes_in_every_gate_and_is_marked() {
    let folder = folder(&["a", "b"], "[shadow]\ntools = [\"delete_*\"]\n");
    let mut gates = ["a", "b"].map(|session| gate(&folder, session));
    for (gate, name) in gates.iter_mut().zip(["one", "two"]) {
        fs::write(folder.path().join("files").join(name), "x").unwrap();
        let listed = gate.ask(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
        let tools = listed["result"]["tools"].as_array().unwrap();
        assert!(
            tools.iter().any(|tool| tool["name"] == "delete_file"),
            "{listed}"
        );
        let answer = gate.call(2, "delete_file", &json!({ "name": name }));
        assert_eq!(refused(&answer), None, "{answer}");
        assert!(!folder.path().join("files").join(name).exists());
    }
    let [owner, joined] = gates;
    let (_, key) = joined.end();
    assert_eq!(owner.end(), (Some(0), key.clone()));
    let state = folder.file("state");
    drop(verified(&folder, &key));
    let ran = run([
        "audit", "query", &state, "--vkey", &key, "--kind", "decision", "--json",
    ]);
    let decided: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(decided.len(), 2, "{}{}", ran.out, ran.err);
    for intent in decided {
        assert_eq!(intent["decision"]["enforced"], false, "{intent}");
    }
}

#[test]
fn a_gate_with_other_rules_is_refused_and_one_for_another_agent_is_not() {
    let folder = folder(&["a"], "");
    let _owner = gate(&folder, "a");
    write(
        &folder,
        "b",
        &RULES.replace("calls = 100", "calls = 100_000"),
        "",
    );
    let ran = run(["mcp", "--config", &folder.file("b.toml"), "--", "false"]);
    assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    assert!(ran.err.contains("another configuration"), "{}", ran.err);
    let config = folder.file("a.toml");
    let ran = run(["mcp", "--config", &config, "--agent", "other", "--", "true"]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
}

#[test]
fn a_file_that_changes_while_the_gate_still_waits_for_its_directory_is_in_force() {
    let folder = folder(&["a"], "");
    let config = SecurityStackConfig::from_path(folder.file("a.toml")).unwrap();
    // Owned, and by nobody who could be joined.
    let owner = create_security_stack(config).unwrap();
    let mut gate = thread::scope(|scope| {
        let gate = scope.spawn(|| gate(&folder, "a"));
        // It has read the file by now, or else nothing is tested.
        thread::sleep(Duration::from_secs(1));
        write(&folder, "a", &RULES.replace("\"L1\"", "\"L5\""), "");
        drop(owner);
        gate.join().unwrap()
    });
    let mut ids = 1..600;
    let is_denied = ids.any(|id| {
        let answer = gate.call(id, "now", &json!({}));
        thread::sleep(Duration::from_millis(100));
        answer["error"]["message"] == "Unknown tool: now"
    });
    assert!(is_denied);
}

#[test]
fn a_directory_named_on_the_command_line_is_the_one_that_counts() {
    let folder = folder(&["a"], "");
    let elsewhere = folder.file("elsewhere");
    let (status, key) = Session::with(&folder, "a.toml", &["--data-dir", &elsewhere]).end();
    assert_eq!(status, Some(0));
    assert!(!folder.path().join("state/stack").exists());
    let ran = run(["audit", "verify", &elsewhere, "--vkey", &key]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
}

#[test]
fn a_log_file_beside_a_directory_is_refused() {
    let folder = folder(&["a"], "");
    let (config, log) = (folder.file("a.toml"), folder.file("log.ndjson"));
    let ran = run([
        "mcp",
        "--config",
        &config,
        "--audit-out",
        &log,
        "--",
        "true",
    ]);
    assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    assert!(ran.err.contains("leave out --audit-out"), "{}", ran.err);
    assert!(!folder.path().join("log.ndjson").exists());
    assert!(!folder.path().join("state/stack").exists());
}
