//! Budgets in a folder of their own: made by the command, or by a service with a clock that can be set.

use std::time::Duration;

use budget_enforcer::durable::DurableJournal;
use budget_enforcer::{
    BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetId, BudgetSpec, ManualClock, SessionId,
};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::support::{Folder, Ran, run};

/// In the past, so that no clock is ahead of what the service wrote.
pub(crate) const START: OffsetDateTime = datetime!(2024-01-31 22:00 UTC);
pub(crate) const BY: [&str; 2] = ["--operator", "ops@example.com"];

pub(crate) struct Desk(pub(crate) Folder);

impl Desk {
    /// A directory without budgets.
    pub(crate) fn new() -> Self {
        let desk = Self(Folder::with(""));
        let ran = desk.budget("init", &[]);
        assert_eq!(ran.status, Some(0), "{}", ran.err);
        desk
    }

    pub(crate) fn dir(&self) -> String {
        self.0.file("desk")
    }

    /// Runs a verb of `secstack budget` on the directory.
    pub(crate) fn budget(&self, verb: &str, more: &[&str]) -> Ran {
        let dir = self.dir();
        let mut arguments = vec!["budget", verb, &dir];
        arguments.extend(more);
        run(arguments)
    }

    /// One that must be done.
    pub(crate) fn done(&self, verb: &str, more: &[&str]) -> String {
        let ran = self.budget(verb, more);
        assert_eq!(ran.status, Some(0), "{verb} {more:?}: {}", ran.err);
        ran.out
    }

    /// An act of the operator that must be done.
    pub(crate) fn act(&self, verb: &str, more: &[&str]) -> String {
        self.done(verb, &[more, &BY].concat())
    }

    /// What a verb says that must be refused, in one line.
    pub(crate) fn refused(&self, verb: &str, more: &[&str]) -> String {
        let ran = self.budget(verb, more);
        assert_eq!(
            (ran.status, ran.out.as_str()),
            (Some(2), ""),
            "{verb} {more:?}"
        );
        self.0.plain(ran.err.lines().next().unwrap_or_default())
    }

    /// The JSON objects that a verb prints, one a line.
    pub(crate) fn lines(&self, verb: &str, more: &[&str]) -> Vec<serde_json::Value> {
        let out = self.done(verb, &[more, &["--json"]].concat());
        out.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// A service that keeps its budgets in the directory.
    pub(crate) fn service(&self) -> Service {
        let clock = ManualClock::new(START);
        let (enforcer, admin) = BudgetEnforcer::builder()
            .config(BudgetEnforcerConfig {
                // Holds that a test of today still finds open.
                max_ttl: Duration::from_secs(36_500 * 86_400),
                ..BudgetEnforcerConfig::per_session().tokens(1000).calls(10)
            })
            .clock(clock.clone())
            .journal(DurableJournal::open(self.dir()).unwrap())
            .build()
            .unwrap();
        let admin = admin.acting_as("ops@example.com".parse().unwrap());
        Service {
            enforcer,
            admin,
            clock,
        }
    }

    /// The bytes of the journal.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(std::path::Path::new(&self.dir()).join("budget.redb")).unwrap()
    }
}

pub(crate) struct Service {
    pub(crate) enforcer: BudgetEnforcer,
    pub(crate) admin: BudgetAdmin,
    pub(crate) clock: ManualClock,
}

impl Service {
    pub(crate) fn create(&self, spec: BudgetSpec) {
        self.admin.create_budget(spec).unwrap();
    }

    pub(crate) fn wait(&self, hours: u64) {
        self.clock.advance(Duration::from_secs(3600 * hours));
    }
}

pub(crate) fn id(text: &str) -> BudgetId {
    text.parse().unwrap()
}

pub(crate) fn session(text: &str) -> SessionId {
    text.parse().unwrap()
}

/// With every time that is not of 2024 replaced, and the padding behind it.
pub(crate) fn timeless(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("20") {
        out.push_str(before);
        let is_year = after.as_bytes().get(2) == Some(&b'-') && !after.starts_with("24");
        let end = after
            .find('Z')
            .filter(|end| is_year && (17..=27).contains(end));
        rest = if let Some(end) = end {
            out.push_str("TIME");
            let padded = &after[end + 1..];
            let behind = padded.trim_start_matches(' ');
            out.push_str(if padded.len() - behind.len() > 1 {
                "  "
            } else {
                ""
            });
            if padded.len() - behind.len() > 1 {
                behind
            } else {
                padded
            }
        } else {
            out.push_str("20");
            after
        };
    }
    out + rest
}
