//! How decisions count and how much of them is written down.

use std::fmt;

use serde::{Deserialize, Serialize};
use trust_gate::ToolPattern;

/// Whether a denial stops the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "configuration: a denial stops the action, or is only recorded"
)]
pub enum Mode {
    /// A denied action does not happen (the default).
    #[default]
    Enforce,
    /// Every action is decided and recorded, and let through: what would be denied is marked, not stopped.
    Shadow,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
        })
    }
}

/// What is let through although it would be denied, while everything else is enforced.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "plain configuration, written with `..Default::default()`"
)]
pub struct ShadowConfig {
    /// The tools that are in shadow mode, by name or pattern, where [`Mode`] is [`Enforce`](Mode::Enforce).
    pub tools: Vec<ToolPattern>,
}

/// How much of a decision stands in its entry.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "configuration: these are the three the design knows"
)]
pub enum AuditLevel {
    /// Who, what, and how it was decided.
    Minimal,
    /// What each gate said as well (the default).
    #[default]
    Standard,
    /// With the figures and rules behind it.
    Detailed,
}

impl fmt::Display for AuditLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Minimal => "minimal",
            Self::Standard => "standard",
            Self::Detailed => "detailed",
        })
    }
}
