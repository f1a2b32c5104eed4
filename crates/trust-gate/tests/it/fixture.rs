//! A gate with a clock that stands still, and short ways to say what tests say often.

use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;
use trust_gate::{
    AgentId, Grant, ManualClock, MemoryStore, OperatorId, Scope, ToolName, ToolRequest, TrustAdmin,
    TrustError, TrustGate, TrustGateConfig, TrustLevel,
};

pub(crate) const NOON: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) struct Fixture {
    pub(crate) gate: TrustGate,
    pub(crate) admin: TrustAdmin,
    pub(crate) clock: ManualClock,
    pub(crate) store: MemoryStore,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(TrustGateConfig::default())
    }

    pub(crate) fn with(config: TrustGateConfig) -> Self {
        Self::open(config, ManualClock::new(NOON), MemoryStore::default())
    }

    pub(crate) fn open(config: TrustGateConfig, clock: ManualClock, store: MemoryStore) -> Self {
        let (gate, admin) = TrustGate::builder()
            .config(config)
            .clock(clock.clone())
            .store(store.clone())
            .build()
            .unwrap();
        Self {
            gate,
            admin,
            clock,
            store,
        }
    }

    /// The gate as a new process finds it.
    pub(crate) fn restart(self) -> Self {
        Self::open(self.admin.config(), self.clock, self.store)
    }

    pub(crate) fn level(&self, name: &str, path: &str) -> TrustLevel {
        let told = self.gate.level(&agent(name), &scope(path)).effective;
        let judged = self
            .gate
            .check_level(&agent(name), &scope(path), TrustLevel::Observer)
            .effective();
        assert_eq!(told, judged, "both ways of asking agree");
        told
    }

    pub(crate) fn grant(&self, name: &str, path: &str, level: TrustLevel) {
        self.admin
            .assign(grant(name, level).scope(scope(path)))
            .unwrap();
    }
}

pub(crate) fn grant(name: &str, level: TrustLevel) -> Grant {
    Grant::new(agent(name), level, ops()).reason("test")
}

pub(crate) fn agent(name: &str) -> AgentId {
    name.parse().unwrap()
}

pub(crate) fn scope(path: &str) -> Scope {
    path.parse().unwrap()
}

pub(crate) fn tool(name: &str) -> ToolName {
    name.parse().unwrap()
}

pub(crate) fn request(name: &str, called: &str) -> ToolRequest {
    ToolRequest::new(agent(name), tool(called))
}

pub(crate) fn ops() -> OperatorId {
    "ops@example.com".parse().unwrap()
}

/// An error with all its causes, as a log would show it.
pub(crate) fn chain(error: &TrustError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
