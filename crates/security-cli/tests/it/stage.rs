//! Trust and consent in a folder of their own, made by the command, or by a service with a clock that stands still.

use std::time::Duration;

use crate::support::{Folder, Ran, run};
use trust_gate::durable::DurableStore;
use trust_gate::{ManualClock, TrustAdmin, TrustGate};

/// On whose word and why, as most acts here are done.
pub(crate) const BY: [&str; 4] = ["--by", "ops@example.com", "--reason", "pilot"];

pub(crate) struct Desk(pub(crate) Folder);

impl Desk {
    /// A directory of trust under these rules, written as in a stack's configuration.
    pub(crate) fn trusted(rules: &str) -> Self {
        let desk = Self(Folder::with(rules));
        let config = desk.0.file("gate.toml");
        desk.ok(&[
            "trust",
            "init",
            "--config",
            &config,
            "--by",
            "root@example.com",
        ]);
        desk
    }

    /// A directory of consent.
    pub(crate) fn agreed() -> Self {
        let desk = Self(Folder::with(""));
        desk.ok(&["consent", "init"]);
        desk
    }

    pub(crate) fn dir(&self) -> String {
        self.0.file("desk")
    }

    /// Runs a verb: its first words, then the directory, then the rest.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let dir = self.dir();
        let at = if words[1] == "key" { 3 } else { 2 };
        let mut arguments = words[..at].to_vec();
        arguments.push(&dir);
        arguments.extend(&words[at..]);
        run(arguments)
    }

    /// One that must be done.
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!(ran.status, Some(0), "{words:?}: {}", ran.err);
        ran.out
    }

    /// An act of the operator that must be done.
    pub(crate) fn act(&self, words: &[&str]) -> String {
        self.ok(&[words, &BY].concat())
    }

    /// The JSON objects that a verb prints, one a line.
    pub(crate) fn json(&self, words: &[&str]) -> Vec<serde_json::Value> {
        let ran = self.run(&[words, &["--json"]].concat());
        assert!(
            ran.status.is_some_and(|status| status < 2),
            "{words:?}: {}",
            ran.err
        );
        ran.out.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// What a verb says that must be refused as bad usage, in one line.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""), "{words:?}");
        self.0.plain(ran.err.lines().next().unwrap_or_default())
    }

    /// A service on the directory, long ago.
    pub(crate) fn service(&self) -> (TrustGate, TrustAdmin) {
        let clock = ManualClock::new(time::macros::datetime!(2024-01-31 22:00 UTC));
        clock.advance(Duration::from_secs(1));
        TrustGate::builder()
            .clock(clock)
            .store(DurableStore::open(self.dir()).unwrap())
            .build()
            .unwrap()
    }
}

/// Gives consent and returns the record's id.
pub(crate) fn give(desk: &Desk, agent: &str, data: &str, purpose: &str, more: &[&str]) -> String {
    let words = [
        "consent",
        "give",
        "--agent",
        agent,
        "--data",
        data,
        "--purpose",
        purpose,
        "--by",
        "ada",
    ];
    let said = desk.json(&[&words[..], more].concat());
    said[0]["record_id"].as_str().unwrap().to_owned()
}

/// With every time and every UUID replaced, so that the rest can be compared.
pub(crate) fn timeless(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let word = rest
            .find(|c: char| !(c.is_ascii_hexdigit() || "-:.TZ".contains(c)))
            .unwrap_or(rest.len());
        let (token, behind) = rest.split_at(word);
        let is_time = token.len() >= 20 && token.find('T') == Some(10);
        let is_uuid = token.len() == 36 && token.matches('-').count() == 4;
        if is_time || is_uuid {
            out.push_str(if is_time { "TIME" } else { "UUID" });
            rest = behind;
        } else if word > 0 {
            out.push_str(token);
            rest = behind;
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    // Columns are as wide as their times, which leave zeros out.
    let lines = out.lines().map(|line| {
        let cells = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        let indent = if line.starts_with(' ') { "  " } else { "" };
        indent.to_owned() + &cells.collect::<Vec<_>>().join("  ") + "\n"
    });
    lines.collect()
}
