//! What one configuration changes against another: who may do more, who less. Where that cannot be told it says more, for
//! whoever reads a difference must not overlook what it loosens.

mod agents;
mod budgets;
mod charges;
mod consents;
mod gates;
mod methods;
mod patterns;
mod table;
mod tools;

use std::fmt;

use serde::Serialize;
use trust_gate::{AgentId, Scope, TrustLevel};

use super::{ConfigError, SecurityStackConfig};

/// What a new configuration changes against an old one: see [`SecurityStackConfig::diff`].
///
/// Displayed, it is a table; serialized, a list of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[must_use = "a difference that nobody looks at warns nobody"]
pub struct ConfigDiff {
    changes: Vec<ConfigChange>,
}

/// One thing that is otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConfigChange {
    /// Which way it goes.
    pub direction: Direction,
    /// Whether it raises what agents are trusted with: their levels, what bounds these, or whether denials stop anything.
    pub raises: bool,
    /// What it is about.
    pub part: ConfigPart,
    /// An agent (and a scope), a tool's pattern, a budget's id, or the path of a key.
    pub subject: String,
    /// What held before; `None`: nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What is to hold; `None`: nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// Which way a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever guards against one of them must handle all"
)]
pub enum Direction {
    /// Some action may be let through, or go unrecorded, that was not before; others may be denied that were not.
    Loosens,
    /// Some actions are denied, or more is recorded; nothing is let through that was not before.
    Tightens,
    /// Neither.
    Changes,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Loosens => "loosens",
            Self::Tightens => "tightens",
            Self::Changes => "changes",
        })
    }
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConfigPart {
    /// An agent's level, or what bounds the levels of all.
    Agent,
    /// What a tool demands, or what operators are asked about it.
    Tool,
    /// A method of the MCP gate.
    Method,
    /// A budget, the sessions' one, or what a call charges.
    Budget,
    /// Consent given, or demanded.
    Consent,
    /// Whether gates are asked, and whether their denials count.
    Gate,
    /// How decisions are recorded.
    Audit,
    /// The process itself.
    Process,
}

impl fmt::Display for ConfigPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Method => "method",
            Self::Budget => "budget",
            Self::Consent => "consent",
            Self::Gate => "gate",
            Self::Audit => "audit",
            Self::Process => "process",
        })
    }
}

impl SecurityStackConfig {
    /// What `new` changes against `old`, and in which direction. Reads no file and no clock: a grant that wears out counts as worn
    /// out in the old configuration, and as fresh in the new one, where it is not the same grant.
    ///
    /// It may call something looser that is not, never the other way around: tools, methods and data are compared by patterns that
    /// may overlap in part, and of several limits each one is compared for itself.
    ///
    /// ```
    /// use security_bundle::SecurityStackConfig;
    ///
    /// let old = SecurityStackConfig::from_toml_str("budget = { session = { calls = 10 } }")?;
    /// let new = SecurityStackConfig::from_toml_str("
    ///     trust = { default_level = 1 }
    ///     budget = { session = { calls = 5 } }
    /// ")?;
    /// let diff = SecurityStackConfig::diff(&old, &new)?;
    /// let raises: Vec<&str> = diff.raises().map(|change| change.subject.as_str()).collect();
    /// assert_eq!(raises, ["everyone else"]);
    /// assert_eq!(diff.changes().len(), 2);
    /// # Ok::<(), security_bundle::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// One of the two does not hold: a level that no tier names, a grant that makes no sense.
    pub fn diff(old: &Self, new: &Self) -> Result<ConfigDiff, ConfigError> {
        let mut rows = Rows::default();
        if old != new {
            agents::compare(old, new, &mut rows)?;
            tools::compare(old, new, &mut rows)?;
            methods::compare(old, new, &mut rows)?;
            budgets::compare(old, new, &mut rows);
            charges::compare(old, new, &mut rows);
            consents::compare(old, new, &mut rows)?;
            gates::compare(old, new, &mut rows)?;
            rows.otherwise_written(old, new);
        }
        Ok(ConfigDiff { changes: rows.0 })
    }
}

impl ConfigDiff {
    /// Whether the two are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Every change, by part.
    #[must_use]
    pub fn changes(&self) -> &[ConfigChange] {
        &self.changes
    }

    /// What raises an agent's trust, which only an operator may do: a higher level at some time in some scope, a higher default or
    /// highest level, another way in which scopes find their grants, another agent or state to start from, denials that are
    /// recorded only. A reload refuses these unless an operator confirms them.
    pub fn raises(&self) -> impl Iterator<Item = &ConfigChange> {
        self.changes.iter().filter(|change| change.raises)
    }

    /// Every change by which something is let through that was not before; those that [raise](Self::raises) a level included.
    pub fn loosens(&self) -> impl Iterator<Item = &ConfigChange> {
        self.changes
            .iter()
            .filter(|change| change.direction == Direction::Loosens)
    }
}

impl ConfigChange {
    /// An agent's level that is raised from where it stands.
    pub(crate) fn raised_level(
        agent: &AgentId,
        scope: &Scope,
        from: TrustLevel,
        to: TrustLevel,
    ) -> Self {
        Self {
            direction: Direction::Loosens,
            raises: true,
            part: ConfigPart::Agent,
            subject: agents::subject(agent, scope),
            old: Some(from.to_string()),
            new: Some(to.to_string()),
        }
    }

    /// Consent that is given, and did not stand.
    pub(crate) fn given_consent(grant: &consent::Grant) -> Self {
        Self {
            direction: Direction::Loosens,
            raises: false,
            part: ConfigPart::Consent,
            subject: "consent.grants".to_owned(),
            old: None,
            new: consents::text_of(grant),
        }
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Rows(Vec<ConfigChange>);

/// How the two sides of a change read.
type Sides = (Option<String>, Option<String>);

impl Rows {
    fn push(
        &mut self,
        part: ConfigPart,
        subject: impl fmt::Display,
        direction: Direction,
        (old, new): Sides,
    ) {
        self.0.push(ConfigChange {
            direction,
            raises: false,
            part,
            subject: subject.to_string(),
            old,
            new,
        });
    }

    /// A change that raises what agents are trusted with.
    fn raise(&mut self, part: ConfigPart, subject: impl fmt::Display, sides: Sides) {
        self.push(part, subject, Direction::Loosens, sides);
        if let Some(change) = self.0.last_mut() {
            change.raises = true;
        }
    }

    /// A change of something that is the looser the greater it is.
    fn ordered<T: PartialOrd + fmt::Display>(
        &mut self,
        part: ConfigPart,
        key: &str,
        old: &T,
        new: &T,
    ) {
        if let Some(direction) = direction(old, new) {
            self.push(part, key, direction, both(old, new));
        }
    }

    /// A change of something that holds back the more the greater it is.
    fn holding<T: PartialOrd + fmt::Display>(
        &mut self,
        part: ConfigPart,
        key: &str,
        old: &T,
        new: &T,
    ) {
        if let Some(direction) = direction(new, old) {
            self.push(part, key, direction, both(old, new));
        }
    }

    /// A change that lets nobody do more or less.
    fn neutral(&mut self, part: ConfigPart, key: &str, sides: Sides) {
        if sides.0 != sides.1 {
            self.push(part, key, Direction::Changes, sides);
        }
    }

    /// What is written in another way and was not found to count is not passed over.
    fn otherwise_written(&mut self, old: &SecurityStackConfig, new: &SecurityStackConfig) {
        let parts = [
            (
                ConfigPart::Agent,
                "trust.assignments",
                old.assignments != new.assignments,
            ),
            (
                ConfigPart::Tool,
                "trust.tools",
                old.trust_gate.tools != new.trust_gate.tools,
            ),
            (
                ConfigPart::Method,
                "mcp.methods",
                old.mcp.methods != new.mcp.methods,
            ),
            (
                ConfigPart::Budget,
                "budget",
                old.budget != new.budget
                    || old.budgets != new.budgets
                    || old.budget_tools != new.budget_tools,
            ),
            (
                ConfigPart::Consent,
                "consent",
                old.grants != new.grants
                    || old.consent_tools != new.consent_tools
                    || old.consent != new.consent,
            ),
            (ConfigPart::Gate, "shadow.tools", old.shadow != new.shadow),
        ];
        for (part, key, differs) in parts {
            let told = self.0.iter().any(|change| change.part == part);
            if differs && !told {
                self.push(
                    part,
                    key,
                    Direction::Changes,
                    (None, Some("written otherwise".to_owned())),
                );
            }
        }
        if self.0.is_empty() {
            self.push(
                ConfigPart::Process,
                "configuration",
                Direction::Changes,
                (None, Some("written otherwise".to_owned())),
            );
        }
    }
}

/// Looser where it is greater. What cannot be compared may be looser.
fn direction<T: PartialOrd>(old: &T, new: &T) -> Option<Direction> {
    match new.partial_cmp(old) {
        Some(std::cmp::Ordering::Equal) => None,
        Some(std::cmp::Ordering::Less) => Some(Direction::Tightens),
        Some(std::cmp::Ordering::Greater) | None => Some(Direction::Loosens),
    }
}

fn both(old: impl fmt::Display, new: impl fmt::Display) -> Sides {
    (Some(old.to_string()), Some(new.to_string()))
}

/// Both sides of something that may be left out.
fn optional<T: fmt::Display>(old: Option<&T>, new: Option<&T>) -> Sides {
    (old.map(T::to_string), new.map(T::to_string))
}
