//! What a call does to the world: the operator's word for it, which a tool server's own word can only make stricter.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a tool does, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "a row of the level × effect table each: a new one must break enforcers"
)]
pub enum Effect {
    /// Reads what anybody may see.
    ReadPublic,
    /// Reads what not everybody may see.
    ReadSensitive,
    /// Changes something that can be changed back.
    Write,
    /// Changes something for good.
    Destructive,
}

impl Effect {
    /// Every effect, mildest first.
    pub const ALL: [Self; 4] = [
        Self::ReadPublic,
        Self::ReadSensitive,
        Self::Write,
        Self::Destructive,
    ];

    /// The snake-case name, as configuration writes it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ReadPublic => "read_public",
            Self::ReadSensitive => "read_sensitive",
            Self::Write => "write",
            Self::Destructive => "destructive",
        }
    }

    /// The effect once a tool server's own hints are heard. They can make it stricter, never milder.
    ///
    /// A tool that calls itself destructive is; one that says it is not read-only writes, and destroys unless it says
    /// otherwise (the default of the Model Context Protocol's tool annotations).
    ///
    /// ```
    /// # use trust_gate::{Effect, ToolHints};
    /// let hints = ToolHints { read_only: Some(false), destructive: Some(false) };
    /// assert_eq!(Effect::ReadPublic.tightened_by(hints), Effect::Write);
    /// assert_eq!(Effect::Destructive.tightened_by(hints), Effect::Destructive);
    /// ```
    #[must_use]
    #[inline]
    pub fn tightened_by(self, hints: ToolHints) -> Self {
        let hinted = match (hints.read_only, hints.destructive) {
            (_, Some(true)) | (Some(false), None) => Self::Destructive,
            (Some(false), Some(false)) => Self::Write,
            (Some(true) | None, _) => Self::ReadPublic,
        };
        self.max(hinted)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// What a tool server declares about its own tool. Believed only where it asks for more care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "plain input: the two hints the protocol gives about effects"
)]
pub struct ToolHints {
    /// The tool says that it changes nothing.
    pub read_only: Option<bool>,
    /// The tool says that what it changes cannot be changed back.
    pub destructive: Option<bool>,
}
