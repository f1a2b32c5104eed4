//! `secstack consent` as an operator uses it: what people agreed to, took back, and what follows from it.

use std::path::Path;

use insta::assert_snapshot;

use crate::stage::{Desk, give, timeless};
use crate::support::run;

fn desk() -> Desk {
    Desk::agreed()
}

fn is_allowed(desk: &Desk, agent: &str, data: &str, purpose: &str) -> bool {
    let words = [
        "consent",
        "as-of",
        "2999-01-01T00:00:00Z",
        "--agent",
        agent,
        "--data",
        data,
        "--purpose",
        purpose,
    ];
    let ran = desk.run(&words);
    assert!(matches!(ran.status, Some(0 | 1)), "{}", ran.err);
    ran.status == Some(0)
}

#[test]
fn only_init_makes_a_directory_and_only_once() {
    let desk = desk();
    assert_eq!(
        desk.refused(&["consent", "init"]),
        "error: there are records of consent in `DIR/desk` already"
    );
    let other = desk.0.file("other");
    for words in [
        &["consent", "show", &other][..],
        &[
            "consent", "withdraw", &other, "--agent", "bot", "--by", "ada",
        ],
    ] {
        let ran = run(words);
        assert_eq!(ran.status, Some(2));
        assert!(
            ran.err.contains("begin with `secstack consent init`"),
            "{}",
            ran.err
        );
    }
    assert!(!Path::new(&other).exists());
}

#[test]
fn each_act_says_what_it_did() {
    let desk = desk();
    let said = [
        desk.ok(&[
            "consent",
            "give",
            "--agent",
            "bot",
            "--data",
            "user",
            "--purpose",
            "support",
            "--by",
            "ada",
            "--expires-at",
            "2999-01-01T00:00:00Z",
            "--method",
            "web-form",
        ]),
        desk.ok(&[
            "consent",
            "give",
            "--agent",
            "bot",
            "--data",
            "user.mail",
            "--blanket",
            "--subject",
            "ada",
            "--operation",
            "read",
            "--by",
            "ada",
        ]),
        desk.ok(&[
            "consent",
            "withdraw",
            "--agent",
            "bot",
            "--data",
            "user.mail",
            "--by",
            "ada",
        ]),
        desk.ok(&["consent", "withdraw", "--agent", "other", "--by", "ada"]),
        desk.ok(&[
            "consent",
            "refuse",
            "--purpose",
            "marketing",
            "--subject",
            "ada",
            "--by",
            "ada",
        ]),
        desk.ok(&[
            "consent",
            "withdraw",
            "--subject",
            "child",
            "--authority",
            "parental",
            "--by",
            "ada",
        ]),
    ];
    assert_snapshot!(timeless(&said.concat()), @r"
    GIVEN  UUID  bot: user for support  until TIME
    GIVEN  UUID  bot: user.mail of ada to read for every purpose
    WITHDRAWN  UUID  bot: user.mail for every purpose
      takes from  UUID  bot: user for support
      takes from  UUID  bot: user.mail of ada to read for every purpose
    REFUSED  UUID  other: all data for every purpose
    REFUSED  UUID  every agent: all data for marketing of ada
    WITHDRAWN  UUID  every agent: all data of child for every purpose
      takes from  UUID  bot: user for support
    ");
    assert_snapshot!(timeless(&desk.ok(&["consent", "show"])), @r"
    RECORD  KIND  NOW  UNTIL  BY  WHAT
    UUID  given  narrowed  TIME  ada  bot: user for support
    UUID  given  withdrawn  -  ada  bot: user.mail of ada to read for every purpose
    UUID  withdrawn  withdrawn  -  ada  bot: user.mail for every purpose
    UUID  refused  refused  -  ada  other: all data for every purpose
    UUID  refused  refused  -  ada  every agent: all data for marketing of ada
    UUID  withdrawn  withdrawn  -  ada  every agent: all data of child for every purpose
    ");
}

#[test]
fn a_withdrawal_is_in_force_and_a_later_consent_gives_back_what_it_names() {
    let desk = desk();
    let id = give(&desk, "bot", "user", "support", &[]);
    assert!(is_allowed(&desk, "bot", "user.mail", "support"));
    desk.ok(&[
        "consent",
        "withdraw",
        "--agent",
        "bot",
        "--data",
        "user.mail",
        "--by",
        "ada",
    ]);
    assert!(!is_allowed(&desk, "bot", "user.mail", "support"));
    assert!(is_allowed(&desk, "bot", "user.name", "support"));
    give(&desk, "bot", "user.mail", "support", &[]);
    assert!(is_allowed(&desk, "bot", "user.mail", "support"));
    assert!(!is_allowed(&desk, "bot", "user.mail", "marketing"));
    assert_snapshot!(timeless(&desk.ok(&["consent", "show", &id])), @r"
    UUID  narrowed  bot: user for support
    given  TIME by ada

    TIME  recorded
    TIME  withdrawn in part  UUID  bot: user.mail for support
    ");
    let proof = &desk.json(&["consent", "show", &id])[0];
    assert_eq!(proof["state"], "narrowed");
    assert_eq!(proof["chain"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let desk = desk();
    give(&desk, "bot", "user", "support", &[]);
    let before = desk.json(&["consent", "show"]);
    let give = ["consent", "give", "--agent", "bot", "--data", "user"];
    let refused = [
        [&give[..], &["--purpose", "p", "--by", "bot"]].concat(),
        [&give[..], &["--by", "ada"]].concat(),
        [&give[..], &["--purpose", "p"]].concat(),
        [&give[..], &["--purpose", "p", "--blanket", "--by", "ada"]].concat(),
        [&give[..], &["--purpose", "p..q", "--by", "ada"]].concat(),
        [
            &give[..],
            &[
                "--purpose",
                "p",
                "--by",
                "ada",
                "--valid-from",
                "2030-01-01T00:00:00Z",
                "--expires-at",
                "2030-01-01T00:00:00Z",
            ],
        ]
        .concat(),
        [
            &give[..],
            &["--purpose", "p", "--by", "ada", "--notice", "privacy"],
        ]
        .concat(),
        vec!["consent", "withdraw", "--by", "ada"],
        vec!["consent", "refuse", "--agent", "bot"],
        vec![
            "consent",
            "withdraw",
            "--agent",
            "bot",
            "--authority",
            "parental",
            "--by",
            "ada",
        ],
        vec![
            "consent",
            "renew",
            "00000000-0000-7000-8000-000000000000",
            "--by",
            "ada",
        ],
        vec!["consent", "renew", "1", "--by", "ada"],
        vec!["consent", "show", "00000000-0000-7000-8000-000000000000"],
        vec!["consent", "as-of", "yesterday"],
        vec![
            "consent",
            "publish-notice",
            "privacy",
            "v1",
            "--sha256",
            "00",
            "--by",
            "ops",
            "--reason",
            "x",
        ],
        vec!["consent", "accept-clock", "--by", "ops", "--reason", " "],
    ];
    let said = refused.map(|words| desk.refused(&words));
    let hidden = desk.refused(&[&give[..], &["--purpose", "p\u{202e}", "--by", "ada"]].concat());
    assert!(hidden.contains("holds an invisible character"), "{hidden}");
    assert_snapshot!(said.join("\n"), @r"
    error: agent `bot` cannot give consent to itself; name whoever gave it
    error: the following required arguments were not provided:
    error: the following required arguments were not provided:
    error: the argument '--purpose <PURPOSE>' cannot be used with '--blanket'
    error: invalid value 'p..q' for '--purpose <PURPOSE>': purpose `p..q` has an empty segment; write segments of at least one character, separated by single dots
    error: a grant must expire after it becomes valid; move `expires_at` after `valid_from`
    error: the following required arguments were not provided:
    error: the following required arguments were not provided:
    error: the following required arguments were not provided:
    error: the following required arguments were not provided:
    error: consent `00000000-0000-7000-8000-000000000000` cannot be renewed: there is no such record
    error: invalid value '1' for '<RECORD>': it is no record's id, which is a UUID as `secstack consent show` prints it
    error: there is no record 00000000-0000-7000-8000-000000000000
    error: invalid value 'yesterday' for '<AT>': `yesterday` is no time; write it as 2026-01-31T12:00:00Z
    error: invalid value '00' for '--sha256 <HEX>': a notice's hash is 64 hexadecimal digits (SHA-256)
    error: the reason is empty; say why
    ");
    assert_eq!(desk.json(&["consent", "show"]), before);
}

#[test]
fn what_was_permitted_once_can_be_asked_later() {
    let desk = desk();
    give(&desk, "bot", "user", "support", &["--subject", "ada"]);
    let at = desk.json(&["consent", "show"])[0]["at"]
        .as_str()
        .unwrap()
        .to_owned();
    desk.ok(&["consent", "withdraw", "--subject", "ada", "--by", "ada"]);
    let asked = [
        "--agent",
        "bot",
        "--data",
        "user",
        "--purpose",
        "support",
        "--subject",
        "ada",
    ];
    let ask = |at: &str| desk.run(&[&["consent", "as-of", at], &asked[..]].concat());
    let then = ask(&at);
    assert_eq!(then.status, Some(0), "{}", then.err);
    assert_snapshot!(then.out, @r"
    consent_granted  Consent granted for agent 'bot' to access 'user' for purpose 'support' (granted by 'ada').
    ");
    let later = ask("2999-01-01T00:00:00Z");
    assert_eq!(later.status, Some(1));
    assert_snapshot!(timeless(&later.out), @r"
    withdrawn  No valid consent record found for agent 'bot' accessing 'user' for purpose 'support' (withdrawn by 'ada' at TIME). Defaulting to deny.
    ");
    assert_eq!(ask("2001-01-01T00:00:00Z").status, Some(1));
    let agreed = |at: &str| {
        desk.json(&["consent", "as-of", at, "--subject", "ada"])
            .len()
    };
    assert_eq!((agreed(&at), agreed("2999-01-01T00:00:00Z")), (1, 0));
    assert_eq!(desk.json(&["consent", "as-of", &at]).len(), 1);
    let who = |more: &[&str]| {
        desk.json(
            &[
                &[
                    "consent",
                    "who-may",
                    "--data",
                    "user",
                    "--purpose",
                    "support",
                    "--subject",
                    "ada",
                ],
                more,
            ]
            .concat(),
        )
    };
    assert_eq!(who(&["--at", &at])[0]["agent"], "bot");
    assert_eq!(who(&[]).len(), 0);
}

#[test]
fn consents_that_end_soon_are_listed_until_they_are_renewed() {
    let desk = desk();
    let id = give(
        &desk,
        "bot",
        "user",
        "support",
        &["--expires-at", "2999-01-01T00:00:00Z"],
    );
    give(&desk, "bot", "user", "research", &[]);
    let ending = |within: &str| {
        desk.json(&["consent", "expiring", "--within", within])
            .len()
    };
    assert_eq!((ending("30d"), ending("999999d")), (0, 1));
    desk.ok(&["consent", "renew", &id, "--by", "ada"]);
    assert_eq!(ending("999999d"), 0);
}

#[test]
fn a_notice_that_is_published_ends_what_was_given_under_earlier_ones() {
    let desk = desk();
    let (one, two) = ("11".repeat(32), "22".repeat(32));
    give(
        &desk,
        "bot",
        "user",
        "support",
        &[
            "--notice",
            "privacy",
            "--notice-version",
            "v1",
            "--notice-sha256",
            &one,
        ],
    );
    let publish = |more: &[&str]| {
        let words = [
            "consent",
            "publish-notice",
            "privacy",
            "v2",
            "--sha256",
            &two,
            "--by",
            "ops",
            "--reason",
            "a new processor",
        ];
        desk.ok(&[&words[..], more].concat())
    };
    assert_snapshot!(publish(&["--earlier-stay-good"]), @r"
    PUBLISHED  privacy v2
    ");
    assert!(is_allowed(&desk, "bot", "user", "support"));
    assert_snapshot!(timeless(&publish(&[])), @r"
    PUBLISHED  privacy v2
      ends  UUID  bot: user for support
    ");
    assert!(!is_allowed(&desk, "bot", "user", "support"));
}

#[test]
fn a_directory_that_a_service_has_open_is_left_alone() {
    let desk = desk();
    let store = consent::durable::DurableStore::open(desk.dir()).unwrap();
    for words in [
        &["consent", "show"][..],
        &["consent", "report"],
        &["consent", "withdraw", "--agent", "bot", "--by", "ada"],
    ] {
        let said = desk.refused(words);
        assert_eq!(
            said,
            "error: `DIR/desk` is in use by another process; stop it or ask it"
        );
    }
    drop(store);
    desk.ok(&["consent", "withdraw", "--agent", "bot", "--by", "ada"]);
}
