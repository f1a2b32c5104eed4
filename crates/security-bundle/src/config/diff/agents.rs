//! The levels of agents, at every time: compared on gates of which nobody is served.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trust_gate::{
    AgentId, Decay, EffectiveLevel, Grant, Scope, ScopeMode, TrustAdmin, TrustGate,
    TrustGateConfig, TrustLevel,
};

use super::{ConfigPart, Direction, Rows, both};
use crate::config::{ConfigError, SecurityStackConfig};

pub(super) fn compare(
    old: &SecurityStackConfig,
    new: &SecurityStackConfig,
    rows: &mut Rows,
) -> Result<(), ConfigError> {
    let kept: BTreeMap<_, _> = last_of_each(&old.assignments);
    let before = Levels::new(old, Grant::clone)?;
    let after = Levels::new(new, Grant::clone)?;
    // What agents have at most: a new grant may be young, and its agent active, whenever it is looked at.
    let at_most = Levels::new(new, |grant| {
        if kept.get(&(&grant.agent, &grant.scope)) == Some(&grant) {
            return grant.clone();
        }
        let mut lasting = grant.clone();
        if grant.assigned_at.is_none() || matches!(grant.decay, Decay::Inactivity { .. }) {
            lasting.decay = Decay::None;
        }
        lasting
    })?;

    for (subject, old, new) in [
        ("everyone else", before.default, after.default),
        ("trust.max_level", before.max, after.max),
    ] {
        if new > old {
            rows.raise(ConfigPart::Agent, subject, both(old, new));
        } else {
            rows.ordered(ConfigPart::Agent, subject, &old, &new);
        }
    }
    let (old_mode, new_mode) = (old.trust_gate.scope_mode, new.trust_gate.scope_mode);
    if old_mode != new_mode {
        let sides = both(mode_text(old_mode), mode_text(new_mode));
        rows.raise(ConfigPart::Agent, "trust.scope_mode", sides);
    }
    for (agent, scopes) in scopes_of_each(old, new) {
        for (scope, place) in scopes_to_look_at(&scopes, old_mode != new_mode) {
            let subject = format!("{agent}{place}");
            let of = |levels: &Levels| levels.of(agent, &scope);
            let (before, after, at_most) = (of(&before), of(&after), of(&at_most));
            let sides = both(before.text(), after.text());
            if at_most.is_above(&before) {
                rows.raise(ConfigPart::Agent, subject, sides);
            } else if before.is_above(&after) {
                rows.push(ConfigPart::Agent, subject, Direction::Tightens, sides);
            }
        }
    }
    Ok(())
}

/// An agent, and the scope where it is not everywhere.
pub(super) fn subject(agent: &AgentId, scope: &Scope) -> String {
    format!("{agent}{}", place(scope))
}

fn place(scope: &Scope) -> String {
    if scope.is_root() {
        String::new()
    } else {
        format!(" in {scope}")
    }
}

fn mode_text(mode: ScopeMode) -> &'static str {
    match mode {
        ScopeMode::Hierarchical => "hierarchical",
        ScopeMode::Exact => "exact",
    }
}

/// On each scope the last grant counts.
fn last_of_each(grants: &[Grant]) -> BTreeMap<(&AgentId, &Scope), &Grant> {
    grants
        .iter()
        .map(|grant| ((&grant.agent, &grant.scope), grant))
        .collect()
}

/// Every agent that either of the two names, with all scopes in which one of them gives it a level.
fn scopes_of_each<'a>(
    old: &'a SecurityStackConfig,
    new: &'a SecurityStackConfig,
) -> BTreeMap<&'a AgentId, BTreeSet<Scope>> {
    let mut found: BTreeMap<_, BTreeSet<Scope>> = BTreeMap::new();
    for grant in old.assignments.iter().chain(&new.assignments) {
        let scopes = found.entry(&grant.agent).or_default();
        scopes.insert(Scope::root());
        scopes.insert(grant.scope.clone());
    }
    found
}

/// These scopes; and, where another way of finding grants counts, one within each that nothing names. Every other scope is like one
/// of them.
fn scopes_to_look_at(scopes: &BTreeSet<Scope>, within: bool) -> Vec<(Scope, String)> {
    let mut found = Vec::new();
    for scope in scopes {
        found.push((scope.clone(), place(scope)));
        if within && let Some(unnamed) = unnamed_within(scope, scopes) {
            found.push((unnamed, format!(" within {scope}")));
        }
    }
    found
}

/// A scope right within another, of a name that is not taken; `None` where scopes go no deeper.
fn unnamed_within(scope: &Scope, taken: &BTreeSet<Scope>) -> Option<Scope> {
    (0..=taken.len()).find_map(|number| {
        let name = format!("any-{number}");
        let inner = Scope::from_segments(scope.segments().chain([name.as_str()])).ok()?;
        (!taken.iter().any(|taken| inner.contains(taken))).then_some(inner)
    })
}

/// The levels that a configuration gives.
struct Levels {
    gate: TrustGate,
    default: TrustLevel,
    max: TrustLevel,
}

impl Levels {
    fn new(
        config: &SecurityStackConfig,
        as_seen: impl Fn(&Grant) -> Grant,
    ) -> Result<Self, ConfigError> {
        let told = |error| ConfigError::at("trust", error);
        let rules = &config.trust_gate;
        let levels = |level| rules.tiers.resolve(level);
        let (default, max) = (
            levels(&rules.default_level).map_err(told)?,
            levels(&rules.max_level).map_err(told)?,
        );
        let (gate, admin) = gate(TrustGateConfig {
            tools: Vec::new(),
            ..rules.clone()
        })
        .map_err(told)?;
        for (index, grant) in config.assignments.iter().enumerate() {
            let mut grant = as_seen(grant);
            // Whoever has no date began whenever the stack was made.
            grant.assigned_at = Some(grant.assigned_at.unwrap_or_else(|| instant(i64::MIN)));
            admin
                .assign(grant)
                .map_err(|error| ConfigError::at(format!("trust.assignments[{index}]"), error))?;
        }
        Ok(Self { gate, default, max })
    }

    fn of(&self, agent: &AgentId, scope: &Scope) -> Course {
        Course::new(&self.gate.level(agent, scope), self.default)
    }
}

/// A gate at the end of time, so that no grant is dated ahead.
pub(super) fn gate(
    config: TrustGateConfig,
) -> Result<(TrustGate, TrustAdmin), trust_gate::TrustError> {
    TrustGate::builder()
        .config(config)
        .clock(|| instant(i64::MAX))
        .build()
}

/// A level over all of time: what it is at first, and from when on what else. It only falls.
struct Course(Vec<(i64, TrustLevel)>);

impl Course {
    fn new(level: &EffectiveLevel, default: TrustLevel) -> Self {
        let at = |nanos| {
            let base = level.base.as_ref();
            base.map_or(default, |base| base.level_at(instant(nanos), default))
                .min(level.cap)
        };
        let mut course = vec![(i64::MIN, at(i64::MIN))];
        let mut open = vec![(i64::MIN, i64::MAX)];
        // A level only falls, so where both ends are the same there is nothing between them.
        while let Some((from, to)) = open.pop() {
            if at(from) == at(to) {
                continue;
            }
            if from.checked_add(1) == Some(to) {
                course.push((to, at(to)));
                continue;
            }
            let middle = from.midpoint(to);
            open.extend([(from, middle), (middle, to)]);
        }
        course.sort_unstable();
        Self(course)
    }

    fn at(&self, nanos: i64) -> TrustLevel {
        let past = self.0.iter().rfind(|(since, _)| *since <= nanos);
        past.map(|(_, level)| *level).unwrap_or_default()
    }

    /// Whether it is higher at some time.
    fn is_above(&self, other: &Self) -> bool {
        let mut moments = self.0.iter().chain(&other.0).map(|(since, _)| *since);
        moments.any(|at| self.at(at) > other.at(at))
    }

    /// `L3, L1 from 2026-11-22T00:00:00Z`
    fn text(&self) -> String {
        let told = self.0.iter().map(|(since, level)| {
            let since = instant(*since).format(&Rfc3339).unwrap_or_default();
            format!("{level} from {since}")
        });
        let first = self.0.first().map(|(_, level)| level.to_string());
        let told: Vec<String> = first.into_iter().chain(told.skip(1)).collect();
        told.join(", ")
    }
}

fn instant(nanos: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
