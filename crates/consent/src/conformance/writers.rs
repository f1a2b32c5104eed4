//! What a store does when several write at once.

use super::stage::history;
use super::{StoreFixture, append, done, ensure, has};
use crate::event::Event;
use crate::store::{ConsentStore, StoreError};

pub(super) fn of_many_writers_one_gets_each_revision(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    const EACH: usize = 12;
    let store = fixture.open();
    let offers = ["a", "b", "c", "d"].map(|variant| history(EACH, variant));
    let offers = offers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut kept: Vec<Event> = Vec::new();
    for at in 0..EACH {
        // Each offers an event of its own. That the ones before are others' makes no difference to the store.
        let race = |mine: &[Event]| match append(&*store, mine, at, at.saturating_add(1)) {
            Ok(()) => Ok(mine.get(at).cloned()),
            Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(format!("append: {error:?}")),
        };
        let winners = std::thread::scope(|threads| {
            let racing: Vec<_> = offers
                .iter()
                .map(|mine| threads.spawn(|| race(mine)))
                .collect();
            let joined = racing.into_iter().map(|thread| {
                thread
                    .join()
                    .map_err(|_| "a thread panicked in the store".to_owned())?
            });
            joined.collect::<Result<Vec<_>, String>>()
        })?;
        let count = winners.iter().flatten().count();
        ensure(count == 1, || {
            format!(
                "{count} of {} writers were the first after revision {at}",
                offers.len()
            )
        })?;
        kept.extend(winners.into_iter().flatten());
    }
    fixture.crash(store);
    has("what was acknowledged", &*fixture.open(), &kept)
}

pub(super) fn a_second_handle_conflicts_or_is_refused(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    let (ours, theirs) = (history(6, "a")?, history(6, "b")?);
    let first = fixture.open();
    done("append", append(&*first, &ours, 0, 2))?;
    let Some(second) = fixture.open_beside() else {
        return Ok(());
    };
    done("append", append(&*first, &ours, 2, 4))?;
    let conflict = |store: &dyn ConsentStore| {
        let answer = append(store, &theirs, 2, 4);
        ensure(matches!(answer, Err(StoreError::Conflict { .. })), || {
            format!("two writers at one revision: {answer:?}")
        })
    };
    conflict(&*second)?;
    done("append", append(&*second, &ours, 4, 6))?;
    conflict(&*first)?;
    has("by the first", &*first, &ours)?;
    has("by the second", &*second, &ours)
}
