//! `secstack budget` as an operator uses it: budgets are made, changed and looked at, and what is wrong changes nothing.

use insta::assert_snapshot;

use crate::budget_stage::{BY, Desk, timeless};
use crate::support::{Folder, run};

/// An organisation with a team under it.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.act(
        "create",
        &[
            "org",
            "--limit-cost",
            "1000",
            "--period",
            "monthly",
            "--zone",
            "Europe/Berlin",
        ],
    );
    let more = ["--rollover", "--also", "monthly cost=800"];
    desk.act(
        "create",
        &[
            &[
                "team-a",
                "--parent",
                "org",
                "--limit-cost",
                "12.5",
                "--limit-tokens",
                "1000000",
                "--period",
                "daily",
            ],
            &more[..],
        ]
        .concat(),
    );
    desk
}

#[test]
fn only_init_makes_a_directory_and_only_once() {
    let folder = Folder::with("");
    let dir = folder.file("desk");
    for verb in ["list", "report", "ledger"] {
        let ran = run(["budget", verb, &dir]);
        assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""), "{verb}");
        assert_eq!(
            folder.plain(&ran.err),
            "error: there are no budgets in `DIR/desk`: if it is the right directory, begin with `secstack budget init`\n"
        );
    }
    let ran = run([
        "budget",
        "create",
        &dir,
        "a",
        "--limit-calls",
        "1",
        BY[0],
        BY[1],
    ]);
    assert_eq!(ran.status, Some(2));
    assert!(!std::path::Path::new(&dir).exists());
    assert_eq!(
        run(["budget", "init", &dir, "--json"]).json()["dir"],
        dir.as_str()
    );
    let again = run(["budget", "init", &dir]);
    assert_eq!(again.status, Some(2));
    assert_eq!(
        folder.plain(&again.err),
        "error: there are budgets in `DIR/desk` already\n"
    );
    let empty = run(["budget", "list", &dir]);
    assert_eq!((empty.status, empty.out.as_str()), (Some(0), ""));
}

#[test]
fn each_act_says_what_it_did() {
    let desk = Desk::new();
    let said = [
        desk.act(
            "create",
            &[
                "org",
                "--limit-cost",
                "1000",
                "--period",
                "monthly",
                "--also",
                "every 36h calls=5 tokens=100",
            ],
        ),
        desk.act(
            "update",
            &["org", "--limit-cost", "900.000000001", "--limit-calls", "7"],
        ),
        desk.act(
            "update",
            &["org", "--window", "every 36h", "--unlimited", "tokens"],
        ),
        desk.act("suspend", &["org"]),
        desk.act("resume", &["org"]),
        desk.act("close", &["org", "--yes"]),
    ];
    assert_snapshot!(said.concat(), @r"
    CREATED  org  monthly cost 1000.00; every 36h tokens 100, calls 5
    UPDATED  org  monthly calls 7, cost 900.000000001 (was cost 1000.00)
    UPDATED  org  every 36h calls 5 (was tokens 100, calls 5)
    SUSPENDED  org
    RESUMED  org
    CLOSED  org
    ");
}

#[test]
fn each_act_says_the_same_as_json() {
    let desk = Desk::new();
    let said = [
        desk.act("create", &["org", "--limit-cost", "1000", "--json"]),
        desk.act("update", &["org", "--limit-calls", "7", "--json"]),
        desk.act("suspend", &["org", "--json"]),
        desk.act("resume", &["org", "--json"]),
        desk.act("close", &["org", "--yes", "--json"]),
    ];
    assert_snapshot!(said.concat(), @r#"
    {"created":{"id":"org","limits":{"cost":"1000.00"},"overdraft":false,"period":"lifetime","rollover":false,"zone":"UTC"},"revision":1}
    {"after":{"calls":7,"cost":"1000.00"},"before":{"cost":"1000.00"},"revision":2,"updated":"org","window":"lifetime"}
    {"revision":3,"suspended":{"budget":"org"}}
    {"resumed":{"budget":"org"},"revision":4}
    {"closed":{"budget":"org"},"revision":5}
    "#);
}

#[test]
fn a_list_shows_each_budget_under_its_parent() {
    let desk = desk();
    desk.act("create", &["lab", "--limit-calls", "10"]);
    desk.act("suspend", &["org"]);
    assert_snapshot!(desk.done("list", &[]), @r"
    BUDGET    STATE      PERIOD    OF        LIMIT  SPENT  RESERVED  AVAILABLE  USED
    lab       active     lifetime  calls        10      0         0         10    0%
    org       suspended  monthly   cost    1000.00   0.00      0.00    1000.00    0%
      team-a  active     daily     tokens  1000000      0         0    1000000    0%
                                   cost      12.50   0.00      0.00      12.50    0%
                         monthly   cost     800.00   0.00      0.00     800.00    0%
    ");
    let listed = desk.lines("list", &[]);
    let ids: Vec<_> = listed
        .iter()
        .map(|budget| &budget["envelope"]["budget"])
        .collect();
    assert_eq!(ids, ["lab", "org", "team-a"]);
    assert_eq!(listed[2]["parent"], "org");
    assert_eq!(listed[1]["state"], "suspended");
    assert_eq!(listed[2]["windows"][1]["cost"]["limit"], "800.00");
    assert_eq!(
        listed[0]["windows"][0]["resets_at"],
        serde_json::Value::Null
    );
}

#[test]
fn a_budget_is_shown_with_what_bears_on_it() {
    let desk = desk();
    desk.act("suspend", &["org"]);
    assert_snapshot!(timeless(&desk.done("show", &["team-a"])), @r"
    team-a  active, but org above it is not active
    created    TIME by ops@example.com
    under      org
    zone       UTC
    rollover   yes
    overdraft  no

    daily  since TIME, starts again TIME
    OF        LIMIT  ROLLED OVER  DEBT  SPENT  OVERSPENT  RESERVED  AVAILABLE  USED
    tokens  1000000            0     0      0          0         0    1000000    0%
    cost      12.50         0.00  0.00   0.00       0.00      0.00      12.50    0%

    monthly  since TIME, starts again TIME
    OF     LIMIT  ROLLED OVER  DEBT  SPENT  OVERSPENT  RESERVED  AVAILABLE  USED
    cost  800.00         0.00  0.00   0.00       0.00      0.00     800.00    0%
    ");
    let shown = desk.budget("show", &["team-a", "--json"]).json();
    assert_eq!(shown["blocked_by"]["budget"], "org");
    assert_eq!(
        desk.budget("show", &["org", "--json"]).json()["blocked_by"],
        serde_json::Value::Null
    );
}

#[test]
fn limits_that_are_not_given_stay() {
    let desk = desk();
    desk.act("update", &["team-a", "--limit-cost", "20"]);
    let shown = desk.budget("show", &["team-a", "--json"]).json();
    let daily = &shown["windows"][0];
    assert_eq!(
        (&daily["cost"]["limit"], &daily["tokens"]["limit"]),
        (&"20.00".into(), &1_000_000.into())
    );
    assert_eq!(shown["windows"][1]["cost"]["limit"], "800.00");
    desk.act(
        "update",
        &["team-a", "--window", "monthly", "--limit-cost", "1"],
    );
    let shown = desk.budget("show", &["team-a", "--json"]).json();
    assert_eq!(shown["windows"][0]["cost"]["limit"], "20.00");
    assert_eq!(shown["windows"][1]["cost"]["limit"], "1.00");
}

#[test]
fn what_operators_did_is_in_the_ledger_in_their_names() {
    let desk = desk();
    desk.act("update", &["team-a", "--limit-cost", "20"]);
    desk.done(
        "update",
        &[
            "team-a",
            "--window",
            "monthly",
            "--limit-cost",
            "5",
            "--operator",
            "b@example.com",
        ],
    );
    desk.act("suspend", &["team-a"]);
    desk.act("resume", &["team-a"]);
    desk.act("close", &["team-a", "--yes"]);
    assert_snapshot!(timeless(&desk.done("ledger", &[])), @r"
    TIME  create        -           org: monthly cost 1000.00  by ops@example.com
    TIME  create        -           team-a: daily tokens 1000000, cost 12.50; monthly cost 800.00  by ops@example.com
    TIME  adjust        t-0-0       team-a: daily tokens 1000000, cost 20.00  by ops@example.com
    TIME  adjust        t-0-1       team-a: monthly cost 5.00  by b@example.com
    TIME  suspend       -           team-a  by ops@example.com
    TIME  resume        -           team-a  by ops@example.com
    TIME  close         -           team-a  by ops@example.com
    ");
}

#[test]
fn an_act_carries_its_reason() {
    let desk = desk();
    desk.act("suspend", &["org", "--reason", "runaway loop"]);
    desk.act(
        "update",
        &["org", "--limit-cost", "5", "--reason", "until Monday"],
    );
    let notes: Vec<_> = desk.lines("ledger", &["--newest", "2"]);
    let notes: Vec<_> = notes.iter().map(|entry| &entry["note"]).collect();
    assert_eq!(notes, ["runaway loop", "until Monday"]);
    let long = "x".repeat(1025);
    let said = desk.refused("resume", &["org", "--reason", &long, BY[0], BY[1]]);
    assert_eq!(
        said,
        "error: the note is 1025 bytes long, and 1024 is the most"
    );
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let desk = desk();
    let before = (
        desk.done("list", &["--json"]),
        desk.done("ledger", &["--json"]),
    );
    let mut said = String::new();
    for amount in [
        "1e3",
        "NaN",
        "-5",
        "inf",
        "0.1234567890123",
        "1,5",
        "$5",
        "１",
        "",
        "18446744073.709551616",
    ] {
        said += &desk.refused("create", &["x", "--limit-cost", amount, BY[0], BY[1]]);
        said.push('\n');
    }
    for amount in ["1e3", "NaN", "-5", "1.5", "", "18446744073709551616"] {
        said += &desk.refused(
            "update",
            &["team-a", "--limit-tokens", amount, BY[0], BY[1]],
        );
        said.push('\n');
    }
    for (verb, more) in [
        ("create", &["x"][..]),
        ("create", &["org", "--limit-calls", "1"]),
        (
            "create",
            &["x", "--limit-calls", "1", "--parent", "nowhere"],
        ),
        (
            "create",
            &["x", "--limit-calls", "1", "--period", "fortnightly"],
        ),
        (
            "create",
            &["x", "--limit-calls", "1", "--zone", "Mars/Base"],
        ),
        (
            "create",
            &["x", "--limit-calls", "1", "--also", "lifetime calls=2"],
        ),
        (
            "create",
            &["x", "--limit-calls", "1", "--also", "daily calls"],
        ),
        (
            "create",
            &["x", "--limit-calls", "1", "--also", "daily price=1"],
        ),
        ("create", &[" x", "--limit-calls", "1"]),
        ("update", &["nowhere", "--limit-calls", "1"]),
        (
            "update",
            &["org", "--window", "weekly", "--limit-calls", "1"],
        ),
        ("update", &["org", "--unlimited", "cost"]),
        ("update", &["org"]),
        ("suspend", &["nowhere"]),
        ("resume", &["session:nowhere"]),
        ("close", &["org"]),
    ] {
        said += &desk.refused(verb, &[more, &BY].concat());
        said.push('\n');
    }
    for (verb, more) in [
        ("show", &["nowhere"][..]),
        ("show", &["session:nowhere"]),
        ("ledger", &["--envelope", "nowhere"]),
        ("ledger", &["--since", "yesterday"]),
        ("ledger", &["--kind", "spend"]),
        ("ledger", &["--reservation", "5"]),
        ("report", &["--envelope", "nowhere"]),
        ("create", &["x", "--limit-calls", "1"]),
        ("create", &["x", "--limit-calls", "1", "--operator", ""]),
    ] {
        said += &desk.refused(verb, more);
        said.push('\n');
    }
    assert_snapshot!(said, @r"
    error: invalid value '1e3' for '--limit-cost <USD>': `1e3` is not an amount in USD: write it as `12.50`, without sign, currency or exponent
    error: invalid value 'NaN' for '--limit-cost <USD>': `NaN` is not an amount in USD: write it as `12.50`, without sign, currency or exponent
    error: invalid value '-5' for '--limit-cost <USD>': `-5` is not an amount in USD: it is negative
    error: invalid value 'inf' for '--limit-cost <USD>': `inf` is not an amount in USD: write it as `12.50`, without sign, currency or exponent
    error: invalid value '0.1234567890123' for '--limit-cost <USD>': `0.1234567890123` is not an amount in USD: it has more than nine digits behind the point
    error: invalid value '1,5' for '--limit-cost <USD>': `1,5` is not an amount in USD: write it as `12.50`, without sign, currency or exponent
    error: invalid value '$5' for '--limit-cost <USD>': `$5` is not an amount in USD: write it as `12.50`, without sign, currency or exponent
    error: invalid value '１' for '--limit-cost <USD>': `１` is not an amount in USD: write it as `12.50`, without sign, currency or exponent
    error: invalid value '' for '--limit-cost <USD>': `` is not an amount in USD: write it as `12.50`, without sign, currency or exponent
    error: invalid value '18446744073.709551616' for '--limit-cost <USD>': `18446744073.709551616` is not an amount in USD: it is larger than 18446744073.709551615
    error: invalid value '1e3' for '--limit-tokens <N>': `1e3` is not a count: write digits alone, up to 18446744073709551615
    error: invalid value 'NaN' for '--limit-tokens <N>': `NaN` is not a count: write digits alone, up to 18446744073709551615
    error: invalid value '-5' for '--limit-tokens <N>': `-5` is not a count: write digits alone, up to 18446744073709551615
    error: invalid value '1.5' for '--limit-tokens <N>': `1.5` is not a count: write digits alone, up to 18446744073709551615
    error: invalid value '' for '--limit-tokens <N>': `` is not a count: write digits alone, up to 18446744073709551615
    error: invalid value '18446744073709551616' for '--limit-tokens <N>': `18446744073709551616` is not a count: write digits alone, up to 18446744073709551615
    error: budget `x` limits nothing: set tokens, calls or cost
    error: budget `org` exists already
    error: budget `nowhere` does not exist
    error: invalid value 'fortnightly' for '--period <PERIOD>': `fortnightly` is not a period: write hourly, daily, weekly, monthly, yearly, lifetime, or a length of at least a minute such as `every 36h`
    error: invalid value 'Mars/Base' for '--zone <ZONE>': `Mars/Base` is not a time zone: write an IANA name such as `Europe/Berlin`
    error: budget `x` cannot have another window of period `lifetime`: it may have eight windows, of different periods
    error: invalid value 'daily calls' for '--also <PERIOD LIMIT=N…>': `daily calls` is not a period: write hourly, daily, weekly, monthly, yearly, lifetime, or a length of at least a minute such as `every 36h`
    error: invalid value 'daily price=1' for '--also <PERIOD LIMIT=N…>': `price` is none of tokens, calls and cost
    error: invalid value ' x' for '<ID>': ` x` is not a valid budget id: it begins or ends with white space
    error: budget `nowhere` does not exist
    error: budget `org` has no window of period `weekly`
    error: budget `org` limits nothing: set tokens, calls or cost
    error: the following required arguments were not provided:
    error: budget `nowhere` does not exist
    error: session `nowhere` does not exist
    error: closing `org` is for good; say --yes if that is meant, or suspend it
    error: budget `nowhere` does not exist
    error: session `nowhere` does not exist
    error: budget `nowhere` does not exist
    error: invalid value 'yesterday' for '--since <TIME>': `yesterday` is no time; write it as 2026-01-31T12:00:00Z
    error: invalid value 'spend' for '--kind <KIND>'
    error: invalid value '5' for '--reservation <ID>': `5` is not a valid reservation id: write it as `r-0-1f`
    error: budget `nowhere` does not exist
    error: the following required arguments were not provided:
    error: invalid value '' for '--operator <WHO>': `` is not a valid operator id: it is empty
    ");
    assert_eq!(
        (
            desk.done("list", &["--json"]),
            desk.done("ledger", &["--json"])
        ),
        before
    );
}

#[test]
fn names_cannot_steer_the_terminal() {
    let desk = Desk::new();
    let said = desk.refused(
        "create",
        &["a\u{1b}[31m", "--limit-calls", "1", BY[0], BY[1]],
    );
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert!(!desk.refused("show", &["a\u{1b}[31m"]).contains('\u{1b}'));
}

#[test]
fn a_budget_whose_name_looks_like_a_session_is_named_in_full() {
    let desk = Desk::new();
    desk.act("create", &["session:a", "--limit-calls", "1"]);
    assert!(desk.done("list", &[]).contains("budget:session:a"));
    assert!(
        desk.done("show", &["budget:session:a"])
            .starts_with("budget:session:a  active\n")
    );
    assert!(
        desk.refused("show", &["session:a"])
            .contains("session `a` does not exist")
    );
}
