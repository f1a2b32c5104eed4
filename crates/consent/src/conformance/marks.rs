//! What a store does with the time that a gate has reached.

use time::Duration;

use super::stage::{START, history};
use super::{StoreFixture, append, done, end, ensure, has};
use crate::id::Revision;
use crate::store::{ClockMark, ConsentStore};

/// The mark of an epoch, so many nanoseconds after the start.
fn mark(epoch: Revision, nanos: i64) -> ClockMark {
    ClockMark {
        epoch,
        at: START.saturating_add(Duration::nanoseconds(nanos)),
    }
}

fn is(store: &dyn ConsentStore, expected: Option<ClockMark>) -> Result<(), String> {
    let found = done("mark", store.mark())?;
    ensure(found == expected, || {
        format!("the mark is {found:?} instead of {expected:?}")
    })
}

/// Marks in the order in which they are offered, each with the one that is then kept.
fn offers(history: &[crate::Event]) -> [(ClockMark, ClockMark); 7] {
    let (zero, one) = (Revision::ZERO, end(history.get(..1).unwrap_or_default()));
    let two = end(history.get(..2).unwrap_or_default());
    [
        (mark(zero, 5), mark(zero, 5)),
        (mark(zero, 4), mark(zero, 5)),
        (mark(zero, 6), mark(zero, 6)),
        (mark(one, 1), mark(one, 1)),
        (mark(zero, 9), mark(one, 1)),
        (mark(two, -3_600_000_000_001), mark(two, -3_600_000_000_001)),
        (mark(one, 7), mark(two, -3_600_000_000_001)),
    ]
}

pub(super) fn a_mark_never_goes_back(fixture: &dyn StoreFixture) -> Result<(), String> {
    let (history, store) = (history(3, "a")?, fixture.open());
    is(&*store, None)?;
    for (offer, kept) in offers(&history) {
        done("keep_mark", store.keep_mark(offer))?;
        is(&*store, Some(kept))?;
        done("keep_mark again", store.keep_mark(offer))?;
        is(&*store, Some(kept))?;
    }
    has("beside marks", &*store, &[])
}

pub(super) fn a_mark_survives_a_crash(fixture: &dyn StoreFixture) -> Result<(), String> {
    let history = history(8, "a")?;
    for (at, (offer, kept)) in offers(&history).into_iter().enumerate() {
        let store = fixture.open();
        done(
            "append",
            append(&*store, &history, at, at.saturating_add(1)),
        )?;
        done("keep_mark", store.keep_mark(offer))?;
        if at % 2 == 0 {
            fixture.crash(store);
        } else {
            drop(store);
        }
        let store = fixture.open();
        is(&*store, Some(kept))?;
        let so_far = history.get(..=at).unwrap_or_default();
        has("beside marks", &*store, so_far)?;
    }
    Ok(())
}

pub(super) fn of_the_marks_of_many_threads_the_latest_stays(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    let (history, store) = (history(20, "a")?, fixture.open());
    let keep = |thread: i64| -> Result<(), String> {
        for step in 0..15_i64 {
            let nanos = step.saturating_mul(4).saturating_add(thread);
            done("keep_mark", store.keep_mark(mark(Revision::ZERO, nanos)))?;
            let kept = done("mark", store.mark())?;
            ensure(kept >= Some(mark(Revision::ZERO, nanos)), || {
                format!("{nanos} was kept, and the mark is {kept:?}")
            })?;
        }
        Ok(())
    };
    std::thread::scope(|threads| {
        let marking = [0, 1, 2, 3].map(|thread| threads.spawn(move || keep(thread)));
        for from in 0..history.len() {
            let to = from.saturating_add(1);
            done("append", append(&*store, &history, from, to))?;
        }
        marking.into_iter().try_for_each(|thread| {
            thread
                .join()
                .map_err(|_| "a thread panicked in the store".to_owned())?
        })
    })?;
    fixture.crash(store);
    let store = fixture.open();
    is(&*store, Some(mark(Revision::ZERO, 59)))?;
    has("beside marks", &*store, &history)
}
