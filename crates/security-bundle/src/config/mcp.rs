//! The `[mcp]` part of the configuration: what the gate in front of a server lets through besides tools.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use trust_gate::LevelRef;

/// What the MCP gate passes on, and what the server's process inherits (design: faces, The MCP gate).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpConfig {
    /// The names of environment variables that the server's process inherits; nothing else of the environment reaches it.
    pub child_env: Vec<String>,
    /// What a method other than `tools/*` needs, by exact name or by a pattern such as `resources/*`. The most specific
    /// pattern counts: an exact name before a pattern, a longer pattern before a shorter one. Unknown methods are denied.
    pub methods: BTreeMap<String, MethodRule>,
    /// How long a call that needs an approval is held open for the operator's answer, in whole seconds in a file. Without it
    /// such a call is answered at once, and asked again later.
    #[serde(with = "super::span", skip_serializing_if = "Option::is_none")]
    pub approval_wait: Option<Duration>,
}

impl Default for McpConfig {
    fn default() -> Self {
        Self {
            child_env: ["PATH", "HOME", "LANG"].map(str::to_owned).to_vec(),
            methods: BTreeMap::new(),
            approval_wait: None,
        }
    }
}

/// What one method needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MethodRule {
    /// The agent's effective level must be at least this.
    Level(LevelRef),
    /// Nobody may use it.
    Deny,
    /// It passes whatever the level.
    Pass,
}

impl fmt::Display for MethodRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => write!(f, "{level}"),
            Self::Deny => f.write_str("deny"),
            Self::Pass => f.write_str("pass"),
        }
    }
}

impl Serialize for MethodRule {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        target.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MethodRule {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = String::deserialize(source)?;
        match text.as_str() {
            "deny" => Ok(Self::Deny),
            "pass" => Ok(Self::Pass),
            level => level.parse().map(Self::Level).map_err(|_| {
                de::Error::custom(format!(
                    "`{level}` is no rule for a method; write a level such as `L1`, `deny` or `pass`"
                ))
            }),
        }
    }
}
