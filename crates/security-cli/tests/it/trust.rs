//! `secstack trust` as operators use it: levels are given, taken and explained, and what is wrong changes nothing.

use insta::assert_snapshot;

use crate::stage::{BY, Desk, timeless};
use crate::support::{Folder, run};

const RULES: &str = r#"
[trust]
name = "desk"
[[trust.tools]]
tool = "delete_*"
required_level = "L4"
effect = "destructive"
[[trust.tools]]
tool = "get_*"
required_level = "L1"
effect = "read_public"
"#;

fn desk() -> Desk {
    Desk::trusted(RULES)
}

#[test]
fn only_init_makes_a_directory_and_only_once() {
    let folder = Folder::with("[[trust.tools]]\ntool = \"x\"\n");
    let dir = folder.file("desk");
    for verb in ["show", "history"] {
        let ran = run(["trust", verb, &dir]);
        assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""), "{verb}");
        assert_eq!(
            folder.plain(&ran.err),
            "error: there are no levels of trust in `DIR/desk`: if it is the right directory, begin with `secstack trust init`\n"
        );
    }
    let bad = folder.file("gate.toml");
    let ran = run(["trust", "init", &dir, "--config", &bad, "--by", "ops"]);
    assert_eq!(ran.status, Some(2));
    assert!(!std::path::Path::new(&dir).exists(), "rules come first");
    let made = run(["trust", "init", &dir, "--by", "ops", "--json"]);
    assert_eq!(made.json()["tools"], 0);
    let again = run(["trust", "init", &dir, "--by", "ops"]);
    assert_eq!(again.status, Some(2));
    assert_eq!(
        folder.plain(&again.err),
        "error: there are levels of trust in `DIR/desk` already\n"
    );
}

#[test]
fn each_act_says_what_it_did() {
    let desk = desk();
    let said = [
        desk.act(&["trust", "assign", "bot", "--level", "L2"]),
        desk.act(&[
            "trust",
            "assign",
            "bot",
            "--scope",
            "payments/eu",
            "--level",
            "privileged",
            "--decay",
            "{ shape = \"step\", every = \"7d\", floor = \"L1\" }",
            "--expires-at",
            "2999-01-01T00:00:00Z",
        ]),
        desk.act(&["trust", "cap", "bot", "--scope", "payments", "--level", "3"]),
        desk.act(&["trust", "lift", "bot", "--scope", "payments"]),
        desk.act(&["trust", "revoke", "bot", "--scope", "payments/eu"]),
        desk.act(&[
            "trust",
            "clear",
            "bot",
            "--scope",
            "payments/eu",
            "--may-raise",
        ]),
        desk.act(&["trust", "quarantine", "bot"]),
        desk.act(&["trust", "release", "bot"]),
        desk.act(&["trust", "elevate", "bot", "--level", "L4", "--for", "2h"]),
        desk.act(&["trust", "end-elevation", "bot"]),
        desk.act(&["trust", "accept-clock"]),
    ];
    assert_snapshot!(timeless(&said.concat()), @r"
    ASSIGNED  bot  L2  now L2, was L0
    ASSIGNED  bot in payments/eu  L4  until TIME  decay step (every 1w, floor 1, grace 0s)  now L4, was L2
    CAPPED  bot in payments  at most L3  now L2, was L2
    LIFTED  bot in payments  now L2, was L2
    REVOKED  bot in payments/eu  now L0, was L4
    CLEARED  bot in payments/eu  now L2, was L0
    QUARANTINED  bot  now L0, was L2
    RELEASED  bot  now L2, was L0
    ELEVATED  bot  L4 until TIME  now L4, was L2
    ENDED  bot  now L2, was L4
    ACCEPTED  TIME, was TIME
    ");
    assert_snapshot!(timeless(&desk.ok(&["trust", "history"])), @r#"
    1  TIME  configure  2 tool policies  by root@example.com  "configuration at start"
    2  TIME  assign  bot  L2  L0 -> L2  by ops@example.com  "pilot"
    3  TIME  assign  bot in payments/eu  L4  until TIME  decay step (every 1w, floor 1, grace 0s)  L2 -> L4  by ops@example.com  "pilot"
    4  TIME  cap  bot in payments  at most L3  L2  by ops@example.com  "pilot"
    5  TIME  lift_cap  bot in payments  L2  by ops@example.com  "pilot"
    6  TIME  revoke  bot in payments/eu  L4 -> L0  by ops@example.com  "pilot"
    7  TIME  clear  bot in payments/eu  L0 -> L2  by ops@example.com  "pilot"
    8  TIME  quarantine  bot  L2 -> L0  by ops@example.com  "pilot"
    9  TIME  lift_quarantine  bot  L0 -> L2  by ops@example.com  "pilot"
    10  TIME  elevate  bot  L4 until TIME  L2 -> L4  by ops@example.com  "pilot"
    11  TIME  end_elevation  bot  L4 -> L2  by ops@example.com  "pilot"
    12  TIME  accept_clock  TIME, was TIME  by ops@example.com  "pilot"
    "#);
}

#[test]
fn an_act_as_json_is_the_event_that_is_stored() {
    let desk = desk();
    let said = desk.json(&[&["trust", "assign", "bot", "--level", "L2"], &BY[..]].concat());
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["act"]["kind"], "assign");
    assert_eq!(
        (&said[0]["before"], &said[0]["after"]),
        (&0.into(), &2.into())
    );
    assert_eq!(said[0]["by"], "ops@example.com");
    assert_eq!(desk.json(&["trust", "history", "--newest", "1"]), said);
}

#[test]
fn every_act_names_its_operator_and_its_reason() {
    let desk = desk();
    for verb in ["revoke", "lift", "quarantine", "release", "end-elevation"] {
        for left_out in [0, 2] {
            let mut by = BY.to_vec();
            by.drain(left_out..left_out + 2);
            let ran = desk.run(&[&["trust", verb, "bot"], &by[..]].concat());
            assert_eq!(ran.status, Some(2), "{verb}");
            assert!(ran.err.contains(BY[left_out]), "{verb}: {}", ran.err);
        }
    }
    assert_eq!(
        desk.json(&["trust", "history"]).len(),
        1,
        "nothing was done"
    );
}

#[test]
fn a_broken_glass_takes_two_and_has_to_be_reviewed() {
    let desk = desk();
    let broken = [
        "trust",
        "break-glass",
        "bot",
        "--level",
        "L4",
        "--for",
        "30m",
    ];
    let alone = desk.refused(&[&broken[..], &["--second", "ops@example.com"], &BY].concat());
    assert_snapshot!(alone, @r"
    error: `ops@example.com` cannot answer for both; breaking the glass needs a second operator
    ");
    let said = desk.act(&[&broken[..], &["--second", "ada@example.com"]].concat());
    assert_snapshot!(timeless(&said), @r"
    GLASS BROKEN  bot  L4 until TIME with ada@example.com  now L4, was L0
    ");
    let review = ["trust", "close-review", "2", "--reason", "nothing found"];
    let soon = desk.refused(&[&review[..], &["--by", "eve@example.com"]].concat());
    assert!(soon.contains("holds until"), "{soon}");
    desk.act(&["trust", "end-elevation", "bot"]);
    let own = desk.refused(&[&review[..], &["--by", "ops@example.com"]].concat());
    let again = desk.refused(&[&broken[..], &["--second", "ada@example.com"], &BY].concat());
    let other = desk.refused(&[
        "trust",
        "close-review",
        "9",
        "--reason",
        "x",
        "--by",
        "eve@example.com",
    ]);
    assert_snapshot!([own, again, other].join("\n"), @r"
    error: `ops@example.com` cannot answer for both; closing a review needs a second operator
    error: the glass broken at revision 2 was not reviewed; close that review first
    error: no review is open for revision 9; look at the history for the glass that was broken
    ");
    assert_snapshot!(desk.ok(&[&review[..], &["--by", "eve@example.com"]].concat()), @r"
    REVIEW CLOSED  of 2
    ");
    desk.act(&[&broken[..], &["--second", "ada@example.com"]].concat());
}

#[test]
fn one_agent_is_shown_with_what_decides() {
    let desk = desk();
    desk.act(&[
        "trust",
        "assign",
        "bot",
        "--level",
        "L4",
        "--expires-at",
        "2999-01-01T00:00:00Z",
    ]);
    desk.act(&[
        "trust", "cap", "bot", "--scope", "payments", "--level", "L2",
    ]);
    assert_snapshot!(timeless(&desk.ok(&["trust", "show", "bot", "--scope", "payments/eu"])), @r#"
    bot in payments/eu  L2
    grant  L4 until TIME, by ops@example.com at TIME "pilot"
    at most  L2
    falls  to L0 at TIME

    AGENT  SCOPE  WHAT  LEVEL  SINCE  UNTIL  BY
    bot  -  grant  L4  TIME  TIME  ops@example.com
    bot  payments  cap  L2  TIME  -  ops@example.com
    "#);
    let shown = &desk.json(&["trust", "show", "bot", "--scope", "payments/eu"])[0];
    assert_eq!((&shown["effective"], &shown["cap"]), (&2.into(), &2.into()));
    assert_eq!(shown["next_change"]["to"], 0);
    assert_eq!(shown["assignments"].as_array().unwrap().len(), 2);
    assert_snapshot!(timeless(&desk.ok(&["trust", "show", "nobody"])), @r"
    nobody  L0
    default  nobody assigned a level there
    at most  L5
    falls  never by itself
    ");
    assert_eq!(desk.json(&["trust", "show"]).len(), 2);
}

#[test]
fn a_call_is_explained_and_the_status_says_yes_or_no() {
    let desk = desk();
    desk.act(&["trust", "assign", "bot", "--level", "L2"]);
    let status = |tool: &str| desk.run(&["trust", "explain", "bot", tool]).status;
    assert_eq!(status("get_time"), Some(0));
    assert_eq!(status("delete_file"), Some(1));
    assert_eq!(status("format_disk"), Some(1));
    let said = &desk.json(&["trust", "explain", "bot", "delete_file"])[0];
    assert_eq!(
        (&said["code"], &said["allowed"]),
        (&"trust_too_low".into(), &false.into())
    );
    assert_eq!(said["decided_by"]["revision"], 2);
    assert_eq!(
        desk.json(&["trust", "explain", "bot", "get_time"])[0]["allowed"],
        true
    );
    let text = desk.run(&["trust", "explain", "bot", "delete_file"]).out;
    assert!(
        text.contains("trust level Suggest (2), which is below the required level"),
        "{text}"
    );
}

#[test]
fn a_report_is_a_document_or_an_object() {
    let desk = desk();
    desk.act(&["trust", "assign", "a|b", "--level", "L2"]);
    desk.act(&["trust", "assign", "zeta", "--level", "L2"]);
    let text = desk.ok(&["trust", "report", "--agent", "a|b"]);
    assert!(text.starts_with("# Trust report"), "{text}");
    assert!(
        text.contains("a&#124;b") && !text.contains("zeta"),
        "{text}"
    );
    let report = &desk.json(&["trust", "report"])[0];
    assert_eq!(report["timeline"].as_array().unwrap().len(), 3);
    let none = &desk.json(&["trust", "report", "--until", "2001-01-01T00:00:00Z"])[0];
    assert_eq!(none["timeline"].as_array().unwrap().len(), 0);
    assert_eq!(none["assignments"], report["assignments"]);
}

#[test]
fn rules_stay_until_they_are_configured() {
    let desk = desk();
    desk.act(&["trust", "assign", "bot", "--level", "L2"]);
    desk.ok(&["trust", "show"]);
    assert_eq!(
        desk.json(&["trust", "history", "--kind", "configure"])
            .len(),
        1
    );
    std::fs::write(
        desk.0.file("gate.toml"),
        "[[trust.tools]]\ntool = \"*\"\nrequired_level = \"L0\"\neffect = \"read_public\"\n[[trust.assignments]]\nagent = \"x\"\nlevel = 5\nassigned_by = \"x\"\n",
    )
    .unwrap();
    let config = desk.0.file("gate.toml");
    let ran = desk.run(&[&["trust", "configure", "--config", &config], &BY[..]].concat());
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert!(ran.err.contains("not taken: 1 assignments"), "{}", ran.err);
    assert_eq!(
        desk.run(&["trust", "explain", "nobody", "anything"]).status,
        Some(0)
    );
    assert_eq!(desk.json(&["trust", "show", "x"])[0]["effective"], 0);
    assert_eq!(desk.json(&["trust", "show", "bot"])[0]["effective"], 2);
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let desk = desk();
    desk.act(&["trust", "assign", "bot", "--level", "L3"]);
    desk.act(&["trust", "revoke", "bot", "--scope", "a"]);
    desk.act(&["trust", "cap", "bot", "--level", "L2"]);
    let before = desk.json(&["trust", "history"]);
    let long = "x".repeat(4097);
    let refused = [
        &["assign", "bot", "--level", "L6"][..],
        &["assign", "bot", "--level", "staff"],
        &["assign", " bot", "--level", "L1"],
        &["assign", "bot", "--scope", "a//b", "--level", "L1"],
        &["assign", "bot", "--level", "L1", "--expires-at", "tomorrow"],
        &[
            "assign",
            "bot",
            "--level",
            "L1",
            "--decay",
            "{ shape = \"step\", every = \"0s\" }",
        ],
        &[
            "assign",
            "bot",
            "--level",
            "L1",
            "--decay",
            "{ shape = \"step\", evry = \"7d\" }",
        ],
        &[
            "assign",
            "bot",
            "--level",
            "L1",
            "--decay",
            "\"none\"\nx = 1",
        ],
        &["clear", "bot", "--scope", "a"],
        &["cap", "bot", "--level", "L4"],
        &["lift", "bot", "--scope", "b"],
        &["release", "bot"],
        &["elevate", "bot", "--level", "L4", "--for", "9h"],
        &["elevate", "bot", "--level", "L4", "--for", "soon"],
        &["elevate", "bot", "--level", "L2", "--for", "1h"],
        &["end-elevation", "bot"],
        &["close-review", "1"],
    ];
    let refuse = |words: &[&str]| desk.refused(&[&["trust"], words, &BY].concat());
    let said = refused.map(refuse);
    let hidden = refuse(&["assign", "b\u{202e}ot", "--level", "L1"]);
    assert!(hidden.contains("`b\\u{202e}ot` contains a character that is not seen"));
    let control = refuse(&["assign", "bot\u{1b}[2J", "--level", "L1"]);
    assert!(control.contains("`bot\\u{1b}[2J` contains a control character"));
    let ended = [
        "assign",
        "bot",
        "--level",
        "L1",
        "--expires-at",
        "2001-01-01T00:00:00Z",
    ];
    assert!(refuse(&ended).contains("the grant ends at"));
    assert_snapshot!(timeless(&said.join("\n")), @r#"
    error: `L6` is neither a trust level nor a tier; the tiers are `privileged`, `public`, `verified`
    error: `staff` is neither a trust level nor a tier; the tiers are `privileged`, `public`, `verified`
    error: invalid value ' bot' for '<AGENT>': agent id ` bot` begins or ends with white space; write 1 to 256 bytes without control characters or surrounding white space
    error: invalid value 'a//b' for '--scope <SCOPE>': scope segment `` is empty; write segments of 1 to 256 bytes joined by `/`, or nothing for the root
    error: invalid value 'tomorrow' for '--expires-at <TIME>': `tomorrow` is no time; write it as TIME
    error: invalid decay: `every` is zero; give it a length
    error: invalid value '{ shape = "step", evry = "7d" }' for '--decay <SHAPE>': unknown field `evry`, expected one of `every`, `grace`, `floor`
    error: invalid value '"none"
    error: this would raise agent `bot` in scope `a` from L0 to L2; say so explicitly if you mean it
    error: agent `bot` is capped at L2 on the root; lift that cap before setting a looser one
    error: agent `bot` has no cap in scope `b`; look at the assignments of the agent
    error: agent `bot` has no quarantine on the root; look at the assignments of the agent
    error: an elevation may last more than nothing and at most 28800s, not 32400s; choose another time
    error: invalid value 'soon' for '--for <SPAN>': `soon` is not a span of time; write a whole number and a unit, such as `30m`, `36h` or `7d`
    error: agent `bot` has L2 on the root and would have no more; look for a cap or a quarantine, or elevate higher
    error: agent `bot` has no elevation on the root; look at the assignments of the agent
    error: no review is open for revision 1; look at the history for the glass that was broken
    "#);
    let long = desk.refused(&[
        "trust",
        "quarantine",
        "bot",
        "--by",
        "ops",
        "--reason",
        &long,
    ]);
    assert_snapshot!(long, @r"
    error: the reason is longer than 4096 bytes; write at most 4096 bytes without control characters
    ");
    assert_eq!(desk.json(&["trust", "history"]), before);
    assert!(
        desk.refused(&["trust", "history", "--kind", "assigned"])
            .contains("none of assign")
    );
}

#[test]
fn the_history_is_selected_from() {
    let desk = desk();
    desk.act(&["trust", "assign", "a", "--level", "L1"]);
    desk.act(&["trust", "assign", "b", "--scope", "x", "--level", "L1"]);
    desk.act(&["trust", "quarantine", "b"]);
    let count = |more: &[&str]| desk.json(&[&["trust", "history"], more].concat()).len();
    assert_eq!(count(&[]), 4);
    assert_eq!(count(&["--agent", "b"]), 2);
    assert_eq!(count(&["--agent", "b", "--scope", "x"]), 1);
    assert_eq!(count(&["--scope", ""]), 2);
    assert_eq!(count(&["--kind", "assign"]), 2);
    assert_eq!(count(&["--since", "2999-01-01T00:00:00Z"]), 0);
    assert_eq!(count(&["--until", "2999-01-01T00:00:00Z"]), 4);
    assert_eq!(count(&["--newest", "0"]), 0);
}

#[test]
fn what_is_stored_cannot_steer_the_terminal() {
    let desk = desk();
    let (gate, admin) = desk.service();
    let grant = trust_gate::Grant::new(
        "bot".parse().unwrap(),
        trust_gate::TrustLevel::Monitor,
        "ops".parse().unwrap(),
    );
    admin
        .assign(grant.reason("read \u{202e}this\u{200b}"))
        .unwrap();
    drop((gate, admin));
    for words in [&["trust", "history"][..], &["trust", "show", "bot"]] {
        let out = desk.ok(words);
        assert!(out.contains("read \u{fffd}this\u{fffd}"), "{out}");
        assert!(!out.contains(['\u{202e}', '\u{200b}', '\u{1b}']), "{out}");
    }
}
