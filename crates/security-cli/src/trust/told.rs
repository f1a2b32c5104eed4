//! How acts are told: what was done, to whom, and what it did to the level.

use serde_json::Value;
use trust_gate::{Act, AgentId, Decay, Event, Scope, TrustLevel};

use crate::{paint, times};

/// Says that an act was done, in words or as the event itself.
pub(crate) fn tell(done: &str, event: &Event, json: bool) -> Result<(), serde_json::Error> {
    if json {
        anstream::println!("{}", serde_json::to_string(event)?);
        return Ok(());
    }
    let good = paint::GOOD;
    let mut parts = words(&event.act);
    if let (Some(before), Some(after)) = (event.before, event.after) {
        parts.push(format!("now {after}, was {before}"));
    }
    anstream::println!("{good}{done}{good:#}  {}", parts.join("  "));
    Ok(())
}

/// One line of a history.
pub(super) fn line(event: &Event) -> String {
    let mut parts = words(&event.act);
    parts.extend(change(event.before, event.after));
    let by = event.by.as_ref();
    parts.extend(by.map(|by| format!("by {}", paint::plain(by.as_str()))));
    if !event.reason.is_empty() {
        parts.push(format!("\"{}\"", paint::cut(&event.reason, 120)));
    }
    let dim = paint::DIM;
    format!(
        "{dim}{:>6}  {:<30}{dim:#}  {:<16}  {}",
        event.revision,
        times::shown(event.at),
        event.act.kind().code(),
        parts.join("  ")
    )
}

/// `desk-assistant in payments/eu`
pub(crate) fn place(agent: &AgentId, scope: &Scope) -> String {
    let agent = paint::plain(agent.as_str());
    if scope.is_root() {
        agent
    } else {
        format!("{agent} in {}", paint::plain(scope.as_str()))
    }
}

/// `decay step (every 1w, floor 1, grace 0s)`
pub(super) fn decay(decay: &Decay) -> Option<String> {
    let written = serde_json::to_value(decay).ok()?;
    let written = written.as_object().filter(|_| *decay != Decay::None)?;
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let (shape, rest): (Vec<_>, Vec<_>) = written.iter().partition(|(key, _)| *key == "shape");
    let shape = shape.first().map(|(_, shape)| text(shape))?;
    let rest = rest
        .iter()
        .map(|(key, value)| format!("{key} {}", text(value)));
    Some(format!(
        "decay {shape} ({})",
        rest.collect::<Vec<_>>().join(", ")
    ))
}

fn change(before: Option<TrustLevel>, after: Option<TrustLevel>) -> Option<String> {
    let (before, after) = before.zip(after)?;
    Some(if before == after {
        after.to_string()
    } else {
        format!("{before} -> {after}")
    })
}

/// About whom and what.
fn words(act: &Act) -> Vec<String> {
    let subject = act.subject().map(|(agent, scope)| place(agent, scope));
    let detail = match act {
        Act::Assign {
            level,
            expires_at,
            decay: wears,
            signed,
            ..
        } => {
            let until = expires_at.map(|end| format!("until {}", times::shown(end)));
            let signed = signed
                .map(|signed| format!("signed with {}, serial {}", signed.key_id, signed.serial));
            [Some(level.to_string()), until, decay(wears), signed]
                .into_iter()
                .flatten()
                .collect()
        }
        Act::Cap { level, .. } => vec![format!("at most {level}")],
        Act::Elevate { level, until, .. } => {
            vec![format!("{level} until {}", times::shown(*until))]
        }
        Act::BreakGlass {
            level,
            until,
            second,
            ..
        } => vec![format!(
            "{level} until {} with {}",
            times::shown(*until),
            paint::plain(second.as_str())
        )],
        Act::CloseReview { opened } => vec![format!("of {opened}")],
        Act::RequestApproval {
            tool,
            approvers,
            expires_at,
            ..
        } => vec![format!(
            "{} by {approvers} until {}",
            paint::plain(tool.as_str()),
            times::shown(*expires_at)
        )],
        Act::Approve { approval, tool, .. }
        | Act::DenyApproval { approval, tool, .. }
        | Act::CancelApproval { approval, tool, .. }
        | Act::ConsumeApproval { approval, tool, .. } => {
            vec![format!("{approval} {}", paint::plain(tool.as_str()))]
        }
        Act::TrustKey { operator, key } => {
            vec![format!(
                "{} of {}",
                key.id(),
                paint::plain(operator.as_str())
            )]
        }
        Act::RevokeKey { key_id } => vec![key_id.to_string()],
        Act::Configure { config } => vec![format!("{} tool policies", config.tools.len())],
        Act::AcceptClock { from, to } => {
            vec![format!(
                "{}, was {}",
                times::shown(*to),
                times::shown(*from)
            )]
        }
        // Those that are told by whom they are about, and what a later version may bring.
        _ => Vec::new(),
    };
    subject.into_iter().chain(detail).collect()
}
