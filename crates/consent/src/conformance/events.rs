//! What a store does with events, whatever they mean.

use super::stage::{START, Stage, history};
use super::{StoreFixture, append, done, end, ensure, has, replayed, same};
use crate::id::Revision;
use crate::store::StoreError;
use crate::{ManualClock, MemoryStore};

pub(super) fn events_come_back_in_order(fixture: &dyn StoreFixture) -> Result<(), String> {
    let (history, store) = (history(2_500, "a")?, fixture.open());
    has("new", &*store, &[])?;
    for (from, to) in [(0, 1), (1, 1), (1, 5), (5, 6), (6, 2_500)] {
        done("append", append(&*store, &history, from, to))?;
    }
    has("in the same store", &*store, &history)?;
    drop(store);
    has("in the next one", &*fixture.open(), &history)
}

pub(super) fn every_form_of_event_survives(fixture: &dyn StoreFixture) -> Result<(), String> {
    let (memory, clock) = (MemoryStore::default(), ManualClock::new(START));
    Stage::over(memory.clone(), &clock)?.work(&clock)?;
    let history = replayed(&memory, Revision::ZERO)?;
    let store = fixture.open();
    for from in 0..history.len() {
        let to = from.saturating_add(1);
        done("append", append(&*store, &history, from, to))?;
    }
    fixture.crash(store);
    has("of every form", &*fixture.open(), &history)
}

pub(super) fn replay_starts_after_a_revision(fixture: &dyn StoreFixture) -> Result<(), String> {
    let (history, store) = (history(9, "a")?, fixture.open());
    done("append", append(&*store, &history, 0, 9))?;
    for from in 0..=history.len() {
        let (before, rest) = history.split_at(from);
        let found = replayed(&*store, end(before))?;
        same(&format!("after {from}"), &found, rest)?;
    }
    Ok(())
}

pub(super) fn replay_stops_where_it_is_told_to(fixture: &dyn StoreFixture) -> Result<(), String> {
    let (history, store) = (history(9, "a")?, fixture.open());
    done("append", append(&*store, &history, 0, 9))?;
    let mut seen = 0_usize;
    let result = store.replay(Revision::ZERO, &mut |_| {
        seen = seen.saturating_add(1);
        if seen == 4 {
            return Err(StoreError::failed("planted"));
        }
        Ok(())
    });
    let planted =
        matches!(&result, Err(StoreError::Failed(error)) if error.to_string() == "planted");
    ensure(planted && seen == 4, || {
        format!("{result:?} after {seen} events, and the 4th was refused as \"planted\"")
    })
}

pub(super) fn a_wrong_revision_is_a_conflict_and_changes_nothing(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    let (history, store) = (history(8, "a")?, fixture.open());
    let refused = |from: usize, at: usize| {
        let answer = append(&*store, &history, from, from.saturating_add(2));
        let [asked, is] = [from, at].map(|at| end(history.get(..at).unwrap_or_default()));
        ensure(
            matches!(&answer, Err(StoreError::Conflict { expected, actual })
                if *expected == asked && *actual == is),
            || format!("append after {from} to a store at {at}: {answer:?}"),
        )
    };
    refused(1, 0)?;
    done("append", append(&*store, &history, 0, 3))?;
    for from in [0, 2, 4, 6] {
        refused(from, 3)?;
    }
    has(
        "after refusals",
        &*store,
        history.get(..3).unwrap_or_default(),
    )?;
    done("append", append(&*store, &history, 3, 5))?;
    drop(store);
    let five = history.get(..5).unwrap_or_default();
    has("in the next one", &*fixture.open(), five)
}

pub(super) fn a_store_goes_on_where_it_ended(fixture: &dyn StoreFixture) -> Result<(), String> {
    let history = history(40, "a")?;
    for from in [0_usize, 10, 20, 30] {
        let store = fixture.open();
        let (stale, to) = (from.max(1).saturating_sub(1), from.saturating_add(10));
        if stale < from {
            let answer = append(&*store, &history, stale, from);
            ensure(answer.is_err(), || {
                format!("{stale} was taken again after {from}")
            })?;
        }
        done("append", append(&*store, &history, from, to))?;
    }
    has("after four lives", &*fixture.open(), &history)
}

pub(super) fn what_was_appended_survives_a_crash(fixture: &dyn StoreFixture) -> Result<(), String> {
    let history = history(45, "a")?;
    let mut from = 0_usize;
    for to in [1, 3, 43, 44, 45] {
        let store = fixture.open();
        done("append", append(&*store, &history, from, to))?;
        fixture.crash(store);
        let kept = history.get(..to).unwrap_or_default();
        has("after a crash", &*fixture.open(), kept)?;
        from = to;
    }
    Ok(())
}
