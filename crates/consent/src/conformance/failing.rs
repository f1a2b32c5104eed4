//! What a store does when it cannot keep something.

use time::Duration;

use super::stage::{START, history};
use super::{StoreFixture, append, done, ensure, replayed, same};
use crate::id::Revision;
use crate::store::{ClockMark, StoreError};

pub(super) fn a_failure_is_told_and_leaves_no_part(
    fixture: &dyn StoreFixture,
) -> Result<(), String> {
    const STORED: usize = 3;
    const TRIED: usize = 6;
    let (history, store) = (history(8, "a")?, fixture.open());
    let mark = |minutes| ClockMark {
        epoch: Revision::ZERO,
        at: START.saturating_add(Duration::minutes(minutes)),
    };
    done("append", append(&*store, &history, 0, STORED))?;
    done("keep_mark", store.keep_mark(mark(1)))?;
    if !fixture.fail() {
        return Ok(());
    }
    for _ in 0..2 {
        let answer = append(&*store, &history, STORED, TRIED);
        ensure(matches!(answer, Err(StoreError::Failed(_))), || {
            format!("a store that fails was asked to append: {answer:?}")
        })?;
        let answer = store.keep_mark(mark(2));
        ensure(matches!(answer, Err(StoreError::Failed(_))), || {
            format!("a store that fails was asked to keep a mark: {answer:?}")
        })?;
    }
    fixture.crash(store);
    let store = fixture.open();
    let found = replayed(&*store, Revision::ZERO)?;
    // Whether the disk had it before it failed, no store can tell; a part of it there must not be.
    ensure([STORED, TRIED].contains(&found.len()), || {
        let found = found.len();
        format!("{STORED} were appended and the {TRIED} were tried, and {found} are there")
    })?;
    let kept = history.get(..found.len()).unwrap_or_default();
    same("after a failure", &found, kept)?;
    let kept = done("mark", store.mark())?;
    ensure([Some(mark(1)), Some(mark(2))].contains(&kept), || {
        format!("the mark after a failure is {kept:?}")
    })?;
    done(
        "append",
        append(&*store, &history, found.len(), history.len()),
    )
}
