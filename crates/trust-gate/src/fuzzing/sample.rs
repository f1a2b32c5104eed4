//! One history with an act of every kind, to begin with.

use std::error::Error;
use std::sync::LazyLock;
use std::time::Duration;

use super::signed::public;
use super::stage::{Journal, START, Stage, everything};
use crate::durable::row::Row;
use crate::{
    Arguments, ClockMark, Decay, Elevation, Grant, GrantSigner, Raise, Scope, ToolRequest,
    TrustLevel,
};

/// Of the operator `ada`.
pub(super) const SEED: [u8; 32] = [42; 32];
/// Signs nothing.
pub(super) const STRANGER: [u8; 32] = [43; 32];

pub(super) struct Sample {
    pub(super) journals: Vec<Vec<u8>>,
    pub(super) rows: Vec<Vec<u8>>,
    pub(super) signed: Vec<Vec<u8>>,
}

pub(super) static SAMPLE: LazyLock<Sample> =
    LazyLock::new(|| sample().unwrap_or_else(|_| std::process::abort()));

fn sample() -> Result<Sample, Box<dyn Error>> {
    let signer = GrantSigner::from_seed("ada".parse()?, "gate".parse()?, &SEED);
    let grant = Grant::new("a".parse()?, TrustLevel::Suggest, "ada".parse()?)
        .scope("x/y".parse()?)
        .reason("pilot")
        .assigned_at(START)
        .expires_at(START.saturating_add(time::Duration::DAY))
        .decay(Decay::cliff(Duration::from_secs(3600)));
    let text = signer.sign(grant, 1)?.to_string();
    let acts = [levels(&text)?, approvals()?, tables()?];
    let mut rows = Vec::new();
    for event in acts.iter().flat_map(Journal::events) {
        let revision = event.revision.as_u64();
        let row = Row::of(revision, &event)?;
        rows.push([&revision.to_le_bytes(), row.bytes()].concat());
    }
    let mark = ClockMark {
        epoch: crate::Revision::ZERO,
        at: START,
    };
    rows.push([&[0; 8], Row::of(0, &mark)?.bytes()].concat());
    let journals = acts.iter().map(lines).collect::<Result<_, _>>()?;
    let json = text.split('.').nth(1).unwrap_or_default();
    let json = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, json)?;
    Ok(Sample {
        journals,
        rows,
        signed: vec![text.into_bytes(), json],
    })
}

fn lines(journal: &Journal) -> Result<Vec<u8>, serde_json::Error> {
    let events = journal.events();
    let lines: Result<Vec<_>, _> = events.iter().map(serde_json::to_string).collect();
    Ok(lines?.join("\n").into_bytes())
}

/// What operators do to levels.
fn levels(signed: &str) -> Result<Journal, Box<dyn Error>> {
    let stage = Stage::open(everything()?, Journal::default())?;
    let (admin, second) = (&stage.admin, "ada".parse()?);
    let ops: crate::OperatorId = "ops@example.com".parse()?;
    let (a, x): (crate::AgentId, Scope) = ("a".parse()?, "x".parse()?);
    let root = Scope::root();
    let idle = Decay::Inactivity {
        gradual_days: 1,
        cliff_days: 2,
    };
    let grant = |scope: &Scope| {
        Grant::new(a.clone(), TrustLevel::ActAndReport, ops.clone()).scope(scope.clone())
    };
    admin.trust_key(&second, public(&SEED), &ops, "on call")?;
    admin.assign_signed(signed)?;
    admin.assign(grant(&root).decay(idle))?;
    stage.clock.advance(Duration::from_secs(3600));
    admin.touch(&a, &root, &ops, "")?;
    admin.assign(grant(&x).decay(Decay::step(Duration::from_secs(60), TrustLevel::Monitor)))?;
    admin.cap(&a, &x, TrustLevel::Suggest, &ops, "")?;
    admin.quarantine(&a, &x, &ops, "")?;
    admin.lift_quarantine(&a, &x, &ops, "")?;
    admin.lift_cap(&a, &x, &ops, "")?;
    admin.clear(&a, &x, &ops, "", Raise::Allow)?;
    admin.revoke(&a, &x, &ops, "")?;
    let minute = Duration::from_secs(60);
    let raise = Elevation::new(a.clone(), TrustLevel::Suggest, minute, ops.clone(), "why");
    admin.elevate(&raise.clone().scope(x.clone()))?;
    admin.end_elevation(&a, &x, &ops, "")?;
    let broken = admin.break_glass(&raise.scope(x), &second)?;
    stage.clock.advance(minute);
    admin.close_review(broken.revision, &second, "looked into")?;
    admin.accept_clock(&ops, "checked")?;
    admin.revoke_key(public(&SEED).id(), &ops, "")?;
    admin.configure(crate::TrustGateConfig::default(), &ops, "")?;
    Ok(stage.journal)
}

/// An approval that is used, one that is denied, one that is given up, one that waits.
fn approvals() -> Result<Journal, Box<dyn Error>> {
    let stage = Stage::open(everything()?, Journal::default())?;
    let (ops, second) = ("ops@example.com".parse()?, "ada".parse()?);
    let (queue, desk) = (stage.admin.approvals(), stage.gate.approvals());
    let agent: crate::AgentId = "a".parse()?;
    let grant = Grant::new(agent.clone(), TrustLevel::ActWithApproval, "ada".parse()?);
    stage.admin.assign(grant)?;
    let call =
        |tool: &str| Ok::<_, crate::TrustError>(ToolRequest::new(agent.clone(), tool.parse()?));
    let arguments = Arguments::of_json(r#"{"to":"ada"}"#)?;
    let (used, denied, given_up) = (call("send")?, call("delete")?, call("move")?);
    let asked = desk.request(&used, &arguments)?;
    queue.approve(asked.id, &ops, "known")?;
    queue.approve(asked.id, &second, "")?;
    drop(desk.consume(&used, &arguments)?);
    queue.deny(desk.request(&denied, &Arguments::none())?.id, &ops, "no")?;
    desk.cancel(desk.request(&given_up, &arguments)?.id)?;
    desk.request(&used, &arguments)?;
    Ok(stage.journal)
}

/// Rules with everything in them.
fn tables() -> Result<Journal, Box<dyn Error>> {
    let stage = Stage::open(everything()?, Journal::default())?;
    for json in super::rules::CONFIGS {
        let config = serde_json::from_str(json)?;
        stage.admin.configure(config, &"ada".parse()?, "")?;
    }
    Ok(stage.journal)
}
