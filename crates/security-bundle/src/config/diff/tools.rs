//! What tools demand: every pair of rules that a name may pass between is judged by a gate, at each level and with each hint.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU8;

use trust_gate::{
    AgentId, ApprovalRule, Effect, Grant, ToolHints, ToolName, ToolPolicy, ToolRequest, TrustError,
    TrustGate, TrustGateConfig, TrustLevel, TrustOutcome,
};

use super::{ConfigPart, Direction, Rows, agents, direction, patterns};
use crate::config::{ConfigError, SecurityStackConfig};

pub(super) fn compare(
    old: &SecurityStackConfig,
    new: &SecurityStackConfig,
    rows: &mut Rows,
) -> Result<(), ConfigError> {
    let (before, after) = (demands(old)?, demands(new)?);
    if before == after {
        return Ok(());
    }
    let judge = Judge::new(before.iter().chain(&after).map(|(_, demand)| *demand))
        .map_err(|error| ConfigError::at("trust.tools", error))?;
    let (old_names, new_names) = (names(&before), names(&after));
    for (i, j) in patterns::pairs(&old_names, &new_names) {
        let (was, is) = (i.and_then(|i| before.get(i)), j.and_then(|j| after.get(j)));
        let demand = |rule: Option<&Rule>| rule.map(|(_, demand)| *demand);
        let (one, other) = (demand(was), demand(is));
        if let Some(direction) = direct(judge.freedoms(one), judge.freedoms(other)) {
            let name = |rule: Option<&Rule>| rule.map(|(tool, _)| tool.clone());
            let subject = patterns::overlap(name(was).as_deref(), name(is).as_deref());
            let sides = (Some(text(one)), Some(text(other)));
            rows.push(ConfigPart::Tool, subject, direction, sides);
        }
    }
    Ok(())
}

/// A pattern, and what tools that it matches ask for.
type Rule = (String, Demand);

fn names(rules: &[Rule]) -> Vec<&str> {
    rules.iter().map(|(tool, _)| tool.as_str()).collect()
}

/// What a rule asks for, its level looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Demand {
    level: TrustLevel,
    effect: Option<Effect>,
    approval: ApprovalRule,
    approvers: NonZeroU8,
}

fn demands(config: &SecurityStackConfig) -> Result<Vec<Rule>, ConfigError> {
    let rules = config.trust_in_force()?;
    let read = |rule: &ToolPolicy| {
        let demand = Demand {
            level: rules.tiers.resolve(&rule.required_level)?,
            effect: rule.effect,
            approval: rule.approval,
            approvers: rule.approvers,
        };
        Ok((rule.tool.to_string(), demand))
    };
    let read: Result<_, TrustError> = rules.tools.iter().map(read).collect();
    read.map_err(|error| ConfigError::at("trust.tools", error))
}

fn text(demand: Option<Demand>) -> String {
    let Some(demand) = demand else {
        return "no rule: denied, or by the level that code asks for".to_owned();
    };
    let effect = demand.effect.map_or("by level alone", Effect::code);
    let mut text = format!("{} {effect}", demand.level);
    if demand.approval == ApprovalRule::Always {
        text.push_str(", always asks");
    }
    if demand.approvers > NonZeroU8::MIN {
        text = format!("{text}, {} approvers", demand.approvers);
    }
    text
}

/// Looser wherever anybody may do more, whatever others may not.
fn direct(old: &[u16], new: &[u16]) -> Option<Direction> {
    let found = || {
        old.iter()
            .zip(new)
            .filter_map(|(old, new)| direction(old, new))
    };
    found()
        .find(|direction| *direction == Direction::Loosens)
        .or_else(|| found().next())
}

/// How far each demand lets a call go, and no rule does.
struct Judge(HashMap<Option<Demand>, Vec<u16>>);

impl Judge {
    /// Asks a gate that knows every demand as a tool, and an agent of each level.
    fn new(demands: impl Iterator<Item = Demand>) -> Result<Self, TrustError> {
        let demands: HashSet<Demand> = demands.collect();
        let (mut tools, mut rules) = (vec![(None, "unknown".parse()?)], Vec::new());
        for (number, demand) in demands.into_iter().enumerate() {
            let name = format!("tool-{number}");
            tools.push((Some(demand), ToolName::try_from(name.as_str())?));
            rules.push(ToolPolicy {
                tool: name.parse()?,
                required_level: demand.level.into(),
                effect: demand.effect,
                approval: demand.approval,
                approvers: demand.approvers,
            });
        }
        let (gate, admin) = agents::gate(TrustGateConfig {
            tools: rules,
            ..TrustGateConfig::default()
        })?;
        let mut agents = Vec::new();
        for level in TrustLevel::ALL {
            let agent: AgentId = format!("agent-{level}").parse()?;
            admin.assign(Grant::new(agent.clone(), level, "configuration".parse()?))?;
            agents.push(agent);
        }
        let judged = tools
            .into_iter()
            .map(|(demand, tool)| (demand, freedoms(&gate, &agents, &tool)));
        Ok(Self(judged.collect()))
    }

    fn freedoms(&self, demand: Option<Demand>) -> &[u16] {
        self.0.get(&demand).map_or(&[], Vec::as_slice)
    }
}

/// How far calls of a tool may go: for each agent, with each hint, and whatever level the code at the tool asks for.
fn freedoms(gate: &TrustGate, agents: &[AgentId], tool: &ToolName) -> Vec<u16> {
    let words = [None, Some(false), Some(true)];
    let hints = words.into_iter().flat_map(|read_only| {
        words.map(|destructive| ToolHints {
            read_only,
            destructive,
        })
    });
    let hints: Vec<ToolHints> = hints.collect();
    let asked = std::iter::once(None).chain(TrustLevel::ALL.map(Some));
    let asked: Vec<Option<TrustLevel>> = asked.collect();
    let mut found = Vec::new();
    for agent in agents {
        for hints in &hints {
            for level in &asked {
                let mut request = ToolRequest::new(agent.clone(), tool.clone()).hints(*hints);
                request.required_level = *level;
                found.push(freedom(gate.check(&request).outcome()));
            }
        }
    }
    found
}

/// Greater where a call goes further.
fn freedom(outcome: TrustOutcome) -> u16 {
    match outcome {
        TrustOutcome::Deny(_) => 0,
        TrustOutcome::ProposeOnly => 1,
        // The more operators must agree, the further off it is.
        TrustOutcome::NeedsApproval { approvers } => 257_u16.saturating_sub(approvers.get().into()),
        TrustOutcome::Permit { obligations } if !obligations.is_empty() => 257,
        TrustOutcome::Permit { .. } => 258,
    }
}
