//! What a gate gets back from a store after its process died.

use std::time::Duration;

use super::stage::{HOUR, START, Shared, Stage, agent, arguments, call};
use super::{StoreFixture, done, ensure};
use crate::{Answer, Approval, ManualClock, MemoryStore, Scope, TrustError, TrustLevel};

fn is(stage: &Stage, name: &str, expected: TrustLevel) -> Result<(), String> {
    let level = stage.level(name)?;
    ensure(level == expected, || {
        format!("`{name}` has level {level} instead of {expected}")
    })
}

/// Lets `act` do something with a gate over the store of `fixture`, whose process then dies.
fn crashed(
    fixture: &dyn StoreFixture,
    clock: &ManualClock,
    act: impl FnOnce(&Stage) -> Result<(), String>,
) -> Result<(), String> {
    let store = Shared::open(fixture);
    let stage = Stage::over(store.clone(), clock)?;
    act(&stage)?;
    drop(stage);
    store.crash(fixture)
}

pub(super) fn a_gate_is_restored_to_the_same_state(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    let (clock, other) = (ManualClock::new(START), ManualClock::new(START));
    let reference = Stage::over(MemoryStore::default(), &other)?;
    reference.work(&other)?;
    crashed(fixture, &clock, |stage| stage.work(&clock))?;
    let again = Stage::over(Shared::open(fixture), &clock)?;
    for wait in [0, 1, 2, 24, 2_400] {
        clock.advance(HOUR.saturating_mul(wait));
        other.advance(HOUR.saturating_mul(wait));
        let (found, expected) = (again.seen()?, reference.seen()?);
        let mut lines = found.iter().zip(&expected);
        let differs = lines.find(|(found, expected)| found != expected);
        ensure(found == expected, || match differs {
            Some((found, expected)) => format!("{found} instead of {expected}"),
            None => "one has more to show than the other".into(),
        })?;
    }
    Ok(())
}

pub(super) fn what_lapsed_stays_lapsed_under_an_older_clock(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    let clock = ManualClock::new(START);
    crashed(fixture, &clock, |stage| {
        let end = START.saturating_add(time::Duration::minutes(10));
        for name in ["ada", "bee"] {
            let grant = stage.grant(name, TrustLevel::Suggest)?.expires_at(end);
            done("assign", stage.admin.assign(grant))?;
        }
        is(stage, "ada", TrustLevel::Suggest)?;
        clock.set(end);
        is(stage, "ada", TrustLevel::Observer)
    })?;
    clock.set(START);
    let stage = Stage::over(Shared::open(fixture), &clock)?;
    is(&stage, "ada", TrustLevel::Observer)?;
    is(&stage, "bee", TrustLevel::Observer)
}

pub(super) fn an_accepted_clock_stays_accepted(fixture: &dyn StoreFixture) -> Result<(), String> {
    let clock = ManualClock::new(START);
    crashed(fixture, &clock, |stage| {
        let end = START.saturating_add(time::Duration::minutes(10));
        let grant = stage.grant("ada", TrustLevel::Suggest)?.expires_at(end);
        done("assign", stage.admin.assign(grant))?;
        clock.set(end);
        is(stage, "ada", TrustLevel::Observer)?;
        clock.set(START);
        is(stage, "ada", TrustLevel::Observer)?;
        done("accept", stage.admin.accept_clock(&stage.ops, "was ahead"))?;
        is(stage, "ada", TrustLevel::Suggest)
    })?;
    clock.advance(Duration::from_secs(1));
    let stage = Stage::over(Shared::open(fixture), &clock)?;
    is(&stage, "ada", TrustLevel::Suggest)
}

pub(super) fn acts_beside_each_other_are_all_kept(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    const EACH: usize = 6;
    let clock = ManualClock::new(START);
    let names = ["ada", "bee", "cee", "dee"];
    let work = |stage: &Stage, name: &str| -> Result<(), String> {
        let (agent, root) = (agent(name)?, Scope::root());
        for _ in 0..EACH {
            let grant = stage.grant(name, TrustLevel::Autonomous)?;
            done("assign", stage.admin.assign(grant))?;
            let revoked = stage.admin.revoke(&agent, &root, &stage.ops, "");
            done("revoke", revoked)?;
        }
        let last = stage.grant(name, TrustLevel::Suggest)?;
        done("assign", stage.admin.assign(last)).map(drop)
    };
    crashed(fixture, &clock, |stage| {
        std::thread::scope(|threads| {
            let working = names.map(|name| threads.spawn(move || work(stage, name)));
            working.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .map_err(|_| "a thread panicked in the store".to_owned())?
            })
        })
    })?;
    let stage = Stage::over(Shared::open(fixture), &clock)?;
    let acts = stage.gate.revision().as_u64();
    // With the configuration at start.
    ensure(acts == 53, || format!("{acts} acts are left of 53"))?;
    names
        .iter()
        .try_for_each(|name| is(&stage, name, TrustLevel::Suggest))
}

pub(super) fn an_approval_is_used_once_whatever_crashes(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    let (clock, call, arguments) = (ManualClock::new(START), call()?, arguments(1)?);
    let ask = |stage: &Stage, expected: &str| -> Result<Option<Approval>, String> {
        let answer = done("ask", stage.gate.approvals().ask(&call, &arguments))?;
        let (is, approval) = match answer {
            Answer::Decided(decision) | Answer::Approved(decision) => (decision.code(), None),
            Answer::Pending(approval) | Answer::Refused(approval) => {
                (approval.state.code(), Some(approval))
            }
        };
        ensure(is == expected, || {
            format!("the call is {is} instead of {expected}")
        })?;
        Ok(approval)
    };
    let mut asked = None;
    crashed(fixture, &clock, |stage| {
        let grant = stage.grant("eve", TrustLevel::ActWithApproval)?;
        done("assign", stage.admin.assign(grant))?;
        asked = ask(stage, "pending")?.map(|approval| approval.id);
        Ok(())
    })?;
    let asked = asked.ok_or("nobody was asked")?;
    crashed(fixture, &clock, |stage| {
        ask(stage, "pending")?;
        let queue = stage.admin.approvals();
        done("approve", queue.approve(asked, &stage.ops, "known")).map(drop)
    })?;
    crashed(fixture, &clock, |stage| ask(stage, "approved").map(drop))?;
    let stage = Stage::over(Shared::open(fixture), &clock)?;
    let again = stage.gate.approvals().consume(&call, &arguments);
    ensure(again.is_err(), || format!("it was used twice: {again:?}"))?;
    let next = ask(&stage, "pending")?.map(|approval| approval.id);
    ensure(next != Some(asked), || {
        "an approval that was used waits for operators".into()
    })
}

pub(super) fn what_cannot_be_stored_never_gives_a_level(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    let (clock, store) = (ManualClock::new(START), Shared::open(fixture));
    let stage = Stage::over(store.clone(), &clock)?;
    done(
        "assign",
        stage.admin.assign(stage.grant("ada", TrustLevel::Monitor)?),
    )?;
    let revision = stage.gate.revision();
    if !fixture.fail() {
        return Ok(());
    }
    let refused = stage
        .admin
        .assign(stage.grant("ada", TrustLevel::Autonomous)?);
    ensure(matches!(refused, Err(TrustError::Store(_))), || {
        format!("a store that fails was given a grant: {refused:?}")
    })?;
    is(&stage, "ada", TrustLevel::Monitor)?;
    ensure(stage.gate.revision() == revision, || {
        "the gate counts an act that was refused".into()
    })
}

pub(super) fn narrowing_that_could_not_be_stored_is_stored_later(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    let (clock, store) = (ManualClock::new(START), Shared::open(fixture));
    let stage = Stage::over(store.clone(), &clock)?;
    let (ops, root) = (stage.ops.clone(), Scope::root());
    for name in ["ada", "bee"] {
        let grant = stage.grant(name, TrustLevel::Autonomous)?;
        done("assign", stage.admin.assign(grant))?;
    }
    if !fixture.fail() {
        return Ok(());
    }
    let (ada, bee) = (agent("ada")?, agent("bee")?);
    for act in [
        stage.admin.revoke(&ada, &root, &ops, "not to be trusted"),
        stage
            .admin
            .quarantine(&bee, &root, &ops, "not to be trusted"),
    ] {
        ensure(matches!(act, Err(TrustError::NotStored { .. })), || {
            format!("a store that fails was given a narrowing act: {act:?}")
        })?;
    }
    is(&stage, "ada", TrustLevel::Observer)?;
    is(&stage, "bee", TrustLevel::Observer)?;
    if !fixture.recover() {
        return Ok(());
    }
    done("flush", stage.admin.flush())?;
    let before = stage.seen()?;
    drop(stage);
    store.crash(fixture)?;
    let stage = Stage::over(Shared::open(fixture), &clock)?;
    is(&stage, "ada", TrustLevel::Observer)?;
    is(&stage, "bee", TrustLevel::Observer)?;
    ensure(stage.seen()? == before, || {
        "after a restart it shows something else than before".into()
    })
}
