//! `secstack approvals`: operators answer what an agent's side has asked for, in a process that is gone.

use insta::assert_snapshot;
use trust_gate::{Answer, ApprovalState, Arguments, ToolRequest};

use crate::stage::{BY, Desk, timeless};

/// Calls that wait: one that one operator answers, one that takes two, and one whose arguments are hostile.
fn desk() -> Desk {
    let desk = Desk::trusted(
        r#"
[trust.approvals]
ttl = "36500d"
[[trust.tools]]
tool = "pay"
required_level = "L3"
effect = "destructive"
approvers = 2
[[trust.tools]]
tool = "*"
required_level = "L1"
effect = "write"
"#,
    );
    desk.act(&["trust", "assign", "bot", "--level", "L3"]);
    let (gate, admin) = desk.service();
    for (tool, json) in [
        ("send", r#"{"to":"ada"}"#),
        ("pay", r#"{"sum":5}"#),
        ("send", "{\"to\":\"\u{202e}eve\"}"),
    ] {
        let arguments = Arguments::of_json(json).unwrap();
        gate.approvals().request(&call(tool), &arguments).unwrap();
    }
    drop((gate, admin));
    desk
}

fn call(tool: &str) -> ToolRequest {
    ToolRequest::new("bot".parse().unwrap(), tool.parse().unwrap())
}

#[test]
fn what_waits_is_listed_and_shown_with_its_arguments() {
    let desk = desk();
    assert_snapshot!(timeless(&desk.ok(&["approvals", "list"])), @r"
    ID  AGENT  SCOPE  TOOL  STATE  AGREED  UNTIL
      3  bot  -  send  pending  0 of 1  TIME
      4  bot  -  pay  pending  0 of 2  TIME
      5  bot  -  send  pending  0 of 1  TIME
    ");
    let listed = desk.json(&["approvals", "list"]);
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[1]["tool"], "pay");
    assert_eq!(
        desk.json(&["approvals", "list", "--agent", "other"]).len(),
        0
    );
    assert_snapshot!(timeless(&desk.ok(&["approvals", "show", "3"])), @r#"
    3  pending  bot  send
    asked  TIME
    until  TIME
    digest  1d2b11c60fa0363c0d803e42335ea9b6f8be985805e8a20f655cd04e936c0801
    arguments  {"to":"ada"}
    needs  1 to agree
    "#);
    let hostile = desk.ok(&["approvals", "show", "5"]);
    assert!(hostile.contains("{\"to\":\"\u{fffd}eve\"}"), "{hostile}");
    assert_eq!(desk.json(&["approvals", "show", "4"])[0]["approvers"], 2);
}

#[test]
fn an_approved_call_is_made_once_by_the_service() {
    let desk = desk();
    assert_snapshot!(desk.act(&["approvals", "approve", "3"]), @r"
    APPROVED  3  bot  send
    ");
    let once = desk.act(&["approvals", "approve", "4"]);
    assert_snapshot!(once, @r"
    APPROVED  4  bot  pay  1 of 2 have agreed: it waits for others
    ");
    let same = desk.refused(&[&["approvals", "approve", "4"], &BY[..]].concat());
    assert_snapshot!(same, @r"
    error: `ops@example.com` has approved 4 already; a second operator must
    ");
    let second = ["--by", "ada@example.com", "--reason", "seen"];
    desk.ok(&[&["approvals", "approve", "4"], &second[..]].concat());
    assert_eq!(desk.json(&["approvals", "list"]).len(), 1);
    let (gate, admin) = desk.service();
    let arguments = Arguments::of_json(r#"{ "sum": 5 }"#).unwrap();
    let consumed = gate.approvals().consume(&call("pay"), &arguments).unwrap();
    assert!(consumed.allowed());
    assert!(gate.approvals().consume(&call("pay"), &arguments).is_err());
    drop((gate, admin));
    let states = desk.json(&["approvals", "list", "--all"]);
    let states: Vec<_> = states.iter().map(|approval| &approval["state"]).collect();
    assert_eq!(states, ["approved", "consumed", "pending"]);
}

#[test]
fn a_denied_call_stays_denied_and_one_that_was_taken_back_can_be_asked_again() {
    let desk = desk();
    assert_snapshot!(desk.act(&["approvals", "deny", "3"]), @r"
    DENIED  3  bot  send
    ");
    assert_snapshot!(desk.act(&["approvals", "cancel", "4"]), @r"
    CANCELLED  4  bot  pay
    ");
    let late = desk.refused(&[&["approvals", "approve", "3"], &BY[..]].concat());
    let none = desk.refused(&[&["approvals", "approve", "99"], &BY[..]].concat());
    let shown = desk.refused(&["approvals", "show", "99"]);
    let id = desk.refused(&[&["approvals", "deny", "x"], &BY[..]].concat());
    assert_snapshot!([late, none, shown, id].join("\n"), @r"
    error: approval 3 is denied; only one that is pending can be approved
    error: there is no approval 99 in the queue; look into the history for it
    error: there is no approval 99 in the queue; look into the history for it
    error: invalid value 'x' for '<ID>': `x` is not the number of an approval; write digits
    ");
    let own = desk.refused(&[
        "approvals",
        "approve",
        "5",
        "--by",
        "bot",
        "--reason",
        "please",
    ]);
    assert!(own.contains("cannot approve it"), "{own}");
    assert_eq!(
        desk.json(&["approvals", "show", "3"])[0]["last"]["reason"],
        "pilot"
    );
    let (gate, _admin) = desk.service();
    let ask = |tool, json| {
        let arguments = Arguments::of_json(json).unwrap();
        gate.approvals().ask(&call(tool), &arguments).unwrap()
    };
    assert!(matches!(ask("send", r#"{"to":"ada"}"#), Answer::Refused(_)));
    let Answer::Pending(again) = ask("pay", r#"{"sum":5}"#) else {
        panic!("it can be asked for again");
    };
    assert_eq!(again.state, ApprovalState::Pending);
}

#[test]
fn other_rules_end_what_waits() {
    let desk = desk();
    let config = desk.0.file("gate.toml");
    desk.act(&["trust", "configure", "--config", &config]);
    let said = desk.refused(&[&["approvals", "approve", "3"], &BY[..]].concat());
    assert!(said.contains("under other rules"), "{said}");
}
