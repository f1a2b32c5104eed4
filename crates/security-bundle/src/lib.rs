#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// The two ways in.
mod action;
mod decision;
mod guard;
mod permit;
mod request;
mod stack;

// What it is made from.
mod config;
mod observer;
mod recorder;

// What operators ask of it, as data.
mod doctor;
pub mod operator;

// Inside.
mod blocking;
mod core;
mod entries;
mod far;
mod gate;
mod hex;
mod journal;
mod policy;
mod rules;

// What must hold whatever fails.
#[cfg(test)]
mod faults;
#[cfg(test)]
mod simulation;

// Between processes.
#[cfg(all(unix, feature = "control"))]
mod control;
#[cfg(all(unix, feature = "control"))]
mod seat;

pub use action::{Action, ActionBuilder, ActionError};
#[cfg(feature = "reload")]
pub use config::ConfigWatcher;
pub use config::{
    AgentIdentity, AuditConfig, AuditLevel, BudgetToolRule, ConfigChange, ConfigDiff, ConfigError,
    ConfigPart, ConsentToolRule, Direction, EnvironmentNote, Mandatory, McpConfig, MethodRule,
    Mode, SecurityStackConfig, ShadowConfig, Source,
};
pub use decision::{Decision, Denied, Obligation, Outcome, Reason, Stage};
pub use doctor::{Doctor, DoctorError, Finding, Report, Verdict, doctor};
pub use guard::Guard;
#[cfg(feature = "metrics")]
pub use observer::Metrics;
#[cfg(feature = "opentelemetry")]
pub use observer::OpenTelemetryMetrics;
pub use observer::{Asked, DecisionSeen, EndSeen, Gauges, Observer, Readings};
pub use permit::{Permit, SettleError, Settled, Usage};
pub use recorder::{RecordError, Recorded, Recorder};
pub use request::ToolRequest;
#[cfg(all(unix, feature = "control"))]
pub use seat::{OperatorLine, OperatorLineError, Seat};
pub use stack::{
    CONFIGURATION, Raises, ReloadError, Reloaded, SecurityStack, SecurityStackBuilder, StackAdmin,
    StackError, create_security_stack,
};

// The components, for their own APIs: a stack's parts are theirs.
pub use audit_trail::{self, AuditLog, Entry, Filter};
pub use budget_enforcer::{self, Amounts, BudgetEnforcerConfig, BudgetSpec, SessionId, Usd};
pub use consent::{self, ConsentConfig};
pub use trust_gate::{self, ArgsDigest, ArgsError, Scope, Tier, TrustGateConfig, TrustLevel};

/// Compiles and runs the quick starts of the workspace's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct TopReadme;
