//! `secstack explain`: why a call would be permitted or denied, gate by gate.

use std::path::PathBuf;

use clap::Args;
use security_bundle::{Decision, SecurityStack, SecurityStackConfig, Stage, create_security_stack};
use serde_json::json;

use crate::{Answer, GOOD, no, paint};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Who would call
    #[arg(long)]
    agent: String,
    /// Which tool
    #[arg(long)]
    tool: String,
    /// In which scope, such as `payments/eu`
    #[arg(long, default_value = "")]
    scope: String,
    /// Which data the call would use, besides what the configuration says of the tool
    #[arg(long)]
    data: Option<String>,
    /// What for
    #[arg(long, requires = "data")]
    purpose: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let mut config = SecurityStackConfig::from_path(&arguments.config)?;
    // Nothing is recorded, so the key is not needed and whoever asks need not be able to read it.
    config.audit.key = None;
    let stack = create_security_stack(config)?;
    let mut action = stack
        .action(&arguments.agent)
        .tool(&arguments.tool)
        .scope(&arguments.scope)
        .session("explained");
    if let Some(data) = &arguments.data {
        action = action.data(data, arguments.purpose.as_deref());
    }
    let action = action.build()?;
    let decision = stack.guard().preview(&action);
    if arguments.json {
        anstream::println!("{}", as_json(&decision));
    } else {
        show(&decision);
        why_trust(&stack, &decision);
    }
    Ok(if decision.allowed() { GOOD } else { no() })
}

fn as_json(decision: &Decision) -> serde_json::Value {
    json!({
        "allowed": decision.allowed(),
        "outcome": decision.outcome().as_str(),
        "code": decision.code(),
        "stage": decision.stage().map(Stage::as_str),
        "reasons": decision
            .reasons()
            .map(|reason| json!({ "stage": reason.stage().as_str(), "text": reason.to_string() }))
            .collect::<Vec<_>>(),
    })
}

fn show(decision: &Decision) {
    let outcome = decision.outcome().as_str();
    let (style, dim) = (paint::outcome(outcome), paint::DIM);
    anstream::println!("{style}{outcome}{style:#}  {}", decision.code());
    let closed = decision.stage();
    for reason in decision.reasons() {
        let (mark, style) = if Some(reason.stage()) == closed {
            ("no", paint::BAD)
        } else {
            ("yes", paint::GOOD)
        };
        anstream::println!(
            "  {:<8} {style}{mark:<4}{style:#} {}",
            reason.stage(),
            paint::plain(&reason.to_string())
        );
    }
    for stage in [Stage::Trust, Stage::Budget, Stage::Consent] {
        let asked = decision.reasons().any(|reason| reason.stage() == stage);
        if !asked {
            let why = if closed == Some(Stage::Trust)
                || (closed, stage) == (Some(Stage::Budget), Stage::Consent)
            {
                "not asked: an earlier gate closed"
            } else {
                "not asked: the call names nothing for it"
            };
            anstream::println!("  {stage:<8} {dim}{why}{dim:#}");
        }
    }
}

/// The level's origin, and when it will next drop.
fn why_trust(stack: &SecurityStack, decision: &Decision) {
    let Some(trust) = decision.trust() else {
        return;
    };
    let level = stack.trust_gate.level(trust.agent(), trust.scope());
    let dim = paint::DIM;
    let origin = level.base.as_ref().map_or_else(
        || "the default level: nobody assigned one".to_owned(),
        |base| {
            format!(
                "assigned by {} at {}{}",
                base.assigned_by,
                base.assigned_at,
                if base.reason.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", base.reason)
                }
            )
        },
    );
    anstream::println!(
        "  {dim}level {}: {}{dim:#}",
        level.effective,
        paint::plain(&origin)
    );
    if let Some(change) = stack.trust_gate.next_change(trust.agent(), trust.scope()) {
        anstream::println!("  {dim}drops to {} at {}{dim:#}", change.to, change.at);
    }
}
