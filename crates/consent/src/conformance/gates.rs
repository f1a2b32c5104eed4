//! What a ledger and its gate get back from a store after their process died.

use std::time::Duration;

use super::stage::{HOUR, START, Shared, Stage, grant, id};
use super::{StoreFixture, done, ensure};
use crate::{ConsentError, Extent, ManualClock, MemoryStore, RecordFilter};

fn is(stage: &Stage, data_type: &str, expected: &str) -> Result<(), String> {
    let code = stage.code(data_type)?;
    ensure(code == expected, || {
        format!("`{data_type}` is {code} instead of {expected}")
    })
}

fn all_of(data_type: &str) -> Result<Extent, String> {
    Ok(Extent::new(id("bot")?, id(data_type)?))
}

/// Lets `act` do something with a ledger over the store of `fixture`, whose process then dies.
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

pub(super) fn a_ledger_is_restored_to_the_same_state(
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
        for data_type in ["user", "orders"] {
            stage.give(grant(data_type)?.expires_at(end))?;
        }
        is(stage, "user", "consent_granted")?;
        clock.set(end);
        is(stage, "user", "expired")
    })?;
    clock.set(START);
    let stage = Stage::over(Shared::open(fixture), &clock)?;
    is(&stage, "user", "expired")?;
    is(&stage, "orders", "expired")
}

pub(super) fn an_accepted_clock_stays_accepted(fixture: &dyn StoreFixture) -> Result<(), String> {
    let clock = ManualClock::new(START);
    crashed(fixture, &clock, |stage| {
        let end = START.saturating_add(time::Duration::minutes(10));
        stage.give(grant("user")?.expires_at(end))?;
        clock.set(end);
        is(stage, "user", "expired")?;
        clock.set(START);
        is(stage, "user", "expired")?;
        let accepted = stage
            .ledger
            .accept_clock(id("ops@example.com")?, "was ahead");
        done("accept", accepted)?;
        is(stage, "user", "consent_granted")
    })?;
    clock.advance(Duration::from_secs(1));
    let stage = Stage::over(Shared::open(fixture), &clock)?;
    is(&stage, "user", "consent_granted")
}

pub(super) fn acts_beside_each_other_are_all_kept(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    const EACH: usize = 6;
    let clock = ManualClock::new(START);
    let data_types = ["user", "orders", "mail", "health"];
    let work = |stage: &Stage, data_type: &str| -> Result<(), String> {
        for _ in 0..EACH {
            stage.give(grant(data_type)?)?;
            let withdrawn = stage.ledger.withdraw(all_of(data_type)?, None);
            done("withdraw", withdrawn)?;
        }
        stage.give(grant(data_type)?).map(drop)
    };
    crashed(fixture, &clock, |stage| {
        std::thread::scope(|threads| {
            let working = data_types.map(|name| threads.spawn(move || work(stage, name)));
            working.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .map_err(|_| "a thread panicked in the store".to_owned())?
            })
        })
    })?;
    let stage = Stage::over(Shared::open(fixture), &clock)?;
    let acts = stage.ledger.records(&RecordFilter::default()).len();
    ensure(acts == 52, || format!("{acts} acts are left of 52"))?;
    data_types
        .iter()
        .try_for_each(|data_type| is(&stage, data_type, "consent_granted"))
}

pub(super) fn what_cannot_be_stored_is_never_permitted(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    let (clock, store) = (ManualClock::new(START), Shared::open(fixture));
    let stage = Stage::over(store.clone(), &clock)?;
    let revision = stage.give(grant("orders")?)?;
    if !fixture.fail() {
        return Ok(());
    }
    let refused = stage.ledger.record(grant("user")?);
    ensure(matches!(refused, Err(ConsentError::Store(_))), || {
        format!("a store that fails was given a consent: {refused:?}")
    })?;
    is(&stage, "user", "no_record")?;
    ensure(stage.gate.revision() == revision, || {
        "the gate counts an act that was refused".into()
    })
}

pub(super) fn a_withdrawal_that_could_not_be_stored_is_stored_later(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    let (clock, store) = (ManualClock::new(START), Shared::open(fixture));
    let stage = Stage::over(store.clone(), &clock)?;
    for data_type in ["user", "orders"] {
        stage.give(grant(data_type)?)?;
    }
    if !fixture.fail() {
        return Ok(());
    }
    for act in [
        stage.ledger.withdraw(all_of("user")?, None),
        stage.ledger.refuse(all_of("orders")?, None),
    ] {
        ensure(matches!(act, Err(ConsentError::NotStored { .. })), || {
            format!("a store that fails was given a withdrawal: {act:?}")
        })?;
    }
    let codes = [("user", "withdrawn"), ("orders", "refused")];
    codes
        .iter()
        .try_for_each(|(name, code)| is(&stage, name, code))?;
    if !fixture.recover() {
        return Ok(());
    }
    done("flush", stage.ledger.flush())?;
    let before = stage.seen()?;
    drop(stage);
    store.crash(fixture)?;
    let stage = Stage::over(Shared::open(fixture), &clock)?;
    codes
        .iter()
        .try_for_each(|(name, code)| is(&stage, name, code))?;
    ensure(stage.seen()? == before, || {
        "after a restart it shows something else than before".into()
    })
}
