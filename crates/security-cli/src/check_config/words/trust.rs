//! The trust gate's part: levels, how they wear out, and what each tool needs.

use std::collections::BTreeMap;

use security_bundle::trust_gate::{ApprovalRule, Decay, Grant, ScopeMode};
use security_bundle::{SecurityStackConfig, TrustLevel};

use crate::times;

pub(super) fn told(config: &SecurityStackConfig) -> Vec<String> {
    let gate = &config.trust_gate;
    let mut lines = vec![format!(
        "an agent that nobody assigned a level has {}; nobody gets more than {}",
        gate.default_level, gate.max_level
    )];
    if let Some(name) = &gate.name {
        lines.push(format!(
            "grants that are signed elsewhere are for this gate where they name `{name}`"
        ));
    }
    if let Some(level) = &config.minimum_level {
        lines.push(format!(
            "every action needs {level} at least, whatever its rule says"
        ));
    }
    lines.push(format!("tiers: {}", tiers(config)));
    lines.push(format!(
        "an operator may elevate up to {} for at most {}; two may break the glass up to {} for at most {}",
        gate.elevation.max_level,
        times::length(gate.elevation.max_duration),
        gate.break_glass.max_level,
        times::length(gate.break_glass.max_duration)
    ));
    lines.push(format!(
        "a request for approval is good for {}; at most {} of one agent and {} in all may wait",
        times::length(gate.approvals.ttl),
        gate.approvals.max_pending_per_agent,
        gate.approvals.max_pending
    ));
    if gate.scope_mode == ScopeMode::Exact {
        lines.push(
            "a level counts in exactly its scope, and everywhere when it is global".to_owned(),
        );
    }
    for grant in &config.assignments {
        let scope = if grant.scope.is_root() {
            "everywhere".to_owned()
        } else {
            format!("in `{}`", grant.scope)
        };
        lines.push(format!(
            "`{}` has {} {scope}, given by {}{}",
            grant.agent,
            grant.level,
            grant.assigned_by,
            lasting(grant)
        ));
    }
    for (position, rule) in gate.tools.iter().enumerate() {
        let effect = rule.effect.map_or_else(
            || "compared by level alone".to_owned(),
            |effect| effect.to_string(),
        );
        let approval = match rule.approval {
            ApprovalRule::Always => format!(", always after {} approval(s)", rule.approvers),
            ApprovalRule::ByLevel if rule.approvers.get() > 1 => {
                format!(
                    ", after {} approvals where the level asks for one",
                    rule.approvers
                )
            }
            ApprovalRule::ByLevel => String::new(),
        };
        lines.push(format!(
            "rule {}: `{}` needs {} ({effect}){approval}",
            position.saturating_add(1),
            rule.tool.as_str(),
            rule.required_level
        ));
    }
    lines.push("a tool that no rule names is denied and hidden".to_owned());
    super::mandatory(&mut lines, config.mandatory, |mandatory| mandatory.trust);
    lines
}

fn tiers(config: &SecurityStackConfig) -> String {
    let tiers: BTreeMap<String, TrustLevel> = config.trust_gate.tiers.clone().into();
    let tiers = tiers
        .iter()
        .map(|(name, level)| format!("`{name}` is {level}"));
    tiers.collect::<Vec<_>>().join(", ")
}

/// Since when, until when, how it wears out and why.
fn lasting(grant: &Grant) -> String {
    let since = grant
        .assigned_at
        .map(|at| format!(", since {}", times::shown(at)));
    let until = grant
        .expires_at
        .map(|at| format!(", until {}", times::shown(at)));
    let worn = match grant.decay {
        Decay::None => None,
        Decay::Cliff { ttl, to } => Some(format!(", {to} after {}", times::length(ttl))),
        Decay::Step {
            every,
            grace,
            floor,
        } => {
            let grace = if grace.is_zero() {
                String::new()
            } else {
                format!(" after {}", times::length(grace))
            };
            Some(format!(
                ", one level down each {}{grace}, to {floor}",
                times::length(every)
            ))
        }
        Decay::Inactivity {
            gradual_days,
            cliff_days,
        } => Some(format!(
            ", one level down once idle for {} day(s)",
            gradual_days.min(cliff_days)
        )),
        _ => Some(format!(", with decay {:?}", grant.decay)),
    };
    let why = (!grant.reason.is_empty()).then(|| format!(" ({})", grant.reason));
    [since, until, worn, why].into_iter().flatten().collect()
}
