#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// The two handles, and how they come to be.
mod admin;
mod builder;
mod gate;
mod ledger;

// What is asked and answered.
mod args;
mod decision;
mod request;

// What operators are asked.
mod approval;

// What operators are told.
mod explain;
mod plain;
mod report;

// What operators write.
mod act;
mod assignment;
mod config;
mod decay;
mod elevation;
mod event;
mod grant;
mod keys;
mod policy;
#[cfg(feature = "signed")]
mod signed;

// Vocabulary.
mod effect;
mod error;
mod hex;
mod level;
mod name;
mod pattern;
mod scope;
mod span;
mod tier;

// Pure rules: no clock, no store, no lock.
mod agent;
mod judge;
mod ladder;
mod moment;
mod snapshot;

// What stores promise, and what readers do.
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(all(feature = "durable", feature = "signed", any(fuzzing, test)))]
#[doc(hidden)]
pub mod fuzzing;

// Time and storage.
mod clock;
#[cfg(feature = "durable")]
pub mod durable;
mod memory;
mod store;
mod timeline;

pub use act::{Act, ActKind};
pub use admin::{AssignmentFilter, TrustAdmin};
pub use approval::{
    Answer, Approval, ApprovalError, ApprovalFilter, ApprovalId, ApprovalQueue, ApprovalRules,
    ApprovalState, ApprovalStep, ApprovalWait, Approvals, Arguments,
};
pub use args::{ArgsDigest, ArgsError};
pub use assignment::{Assignment, AssignmentKind};
pub use builder::TrustGateBuilder;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{ScopeMode, TrustGateConfig};
pub use decay::Decay;
pub use decision::{Denied, DenyReason, Elevated, Obligations, TrustDecision, TrustOutcome};
pub use effect::{Effect, ToolHints};
pub use elevation::{BreakGlassRules, Elevation, ElevationRules};
pub use error::TrustError;
pub use event::{Event, HistoryFilter, Revision};
pub use explain::{
    ApprovalNeeded, AssignmentNow, Considered, DecidedBy, Explanation, MatchedPolicy, Part,
};
pub use gate::{EffectiveLevel, LevelChange, TrustGate};
pub use grant::Grant;
pub use keys::{GrantSignature, KeyId, OperatorKey, TrustedKey};
pub use ledger::Raise;
pub use level::TrustLevel;
pub use memory::MemoryStore;
pub use name::{AgentId, GateName, OperatorId, ToolName};
pub use pattern::ToolPattern;
pub use policy::{ApprovalRule, ToolPolicy};
pub use report::{
    ApprovalCounts, Distribution, LevelCount, ReportOptions, TimelineEntry, TrustReport,
};
pub use request::ToolRequest;
pub use scope::Scope;
#[cfg(feature = "signed")]
pub use signed::{GrantSigner, SignedGrant, SignedGrantError};
pub use store::{ClockMark, StoreError, TrustStore};
pub use tier::{LevelRef, Tier, Tiers};
